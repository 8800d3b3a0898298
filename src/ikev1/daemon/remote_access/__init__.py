"""Remote users: their passwords, their virtual addresses, and our own as client.

As gateway, `users` checks them by the backends of `ikev1.aaa`, and `accounting` reports their sessions. `address_desk`
answers the engine's question for the addresses of a client. `pools` decides which address it gets, `address_supply`
finds a free one, `saved_leases` keeps the leases for the next process. As client, `client_addresses` gives the data
plane the addresses that gateways assigned to us.

`updown` runs the hook of a tunnel when it comes up and goes down (`updown_environment`, `updown_journal`, `hook`); it
serves all tunnels.
"""
