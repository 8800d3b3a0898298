"""What other implementations send as initiators, written down as they send it, and played against our gateway.

- `facts`: an offer, vendor IDs and identities as data; each fact says how surely it is known.
- `vendor_ids`: the octets of vendor IDs by the names that peers use.
- `site_to_site`, `remote_access`: the peers.
- `caller`, `channel`, `config_mode`: an initiator without an engine, which sends exactly what a peer sends.
- `recipes`: the configurations of ``docs/recipes``.
"""
