"""Remote access: users, virtual addresses, accounting, name servers, and the updown hooks.

As gateway, `users` checks them by the backends of `ikev1.aaa`, and `accounting` reports their sessions. `address_desk`
answers the engine's request for the addresses of a client. `pools` selects the address, `address_supply` finds a free
one, `saved_leases` keeps the leases for the next process. As client, `client_addresses` configures the addresses that
gateways assigned to this host, `client_routes` decides what is routed into their tunnels, and `name_servers` has the
program of `resolver` install what the gateway says about names.

`updown` runs the hook of a tunnel when it comes up and goes down (`updown_environment`, `hook`); it serves all tunnels.
"""
