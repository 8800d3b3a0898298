"""RADIUS (RFC 2865, RFC 2866), over UDP.

`attributes` are the numbers and values, `servers` sends a request to the servers in order, `backend` checks users,
`accounting` reports their sessions. Packets are made and checked by pyrad.

An Access-Request has a Message-Authenticator, and a response without one is ignored: otherwise an attacker on the path
could turn an Access-Reject into an Access-Accept (CVE-2024-3596). `eap` has the messages of EAP-MD5.
"""
