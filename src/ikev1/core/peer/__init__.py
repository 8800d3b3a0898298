"""The peer: its identity and authentication, its addresses, and the traffic that it may use.

`connection_lookup` finds the connections that match an address; `authentication` derives SKEYID and selects the
connection; `phase1_auth` builds and verifies HASH and SIG payloads, `rsa_encrypted_payloads` those of the two methods
with public key encryption. `identity` compares identities. `reflection` rejects our own messages and values that come
back as the peer's. `nat_traversal`, `vendor_ids` and `path_changes` are about NAT and addresses. `traffic_selectors`,
`selector_payload` and `selector_conflicts` are about the selectors of Quick Mode. `xauth_role` decides which peer must
authenticate its user, `inherited_user` whether an ISAKMP SA inherits the user of an older one. `diagnosis` explains
failures.
"""
