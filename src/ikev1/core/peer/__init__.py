"""Who the peer is, what it has proved, where it is, and which traffic it may have.

`connection_lookup` finds the connections that an address allows; `authentication` derives SKEYID and settles the
connection; `phase1_auth` makes and checks HASH and SIG payloads; `rsa_encrypted_payloads` those of the two methods with
public key encryption. `identity` compares identities. `reflection` refuses our own words as the peer's.
`nat_traversal`, `vendor_ids` and `path_changes` are about NAT and addresses. `traffic_selectors`, `selector_payload`
and `selector_conflicts` are about the selectors of Quick Mode. `diagnosis` explains failures.
"""
