"""Remote users: their virtual addresses, and our own as client.

As gateway, `address_desk` answers the engine's question for the addresses of a client. `pools` decides which address it
gets, `address_supply` finds a free one, `saved_leases` keeps the leases for the next process. As client,
`client_addresses` gives the data plane the addresses that gateways assigned to us.
"""
