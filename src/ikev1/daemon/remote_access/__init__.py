"""Remote users: their virtual addresses.

`pools` decides which address a client gets, `address_supply` finds a free one, `saved_leases` keeps them for the next
process.
"""
