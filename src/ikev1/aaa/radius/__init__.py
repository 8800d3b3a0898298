"""RADIUS (RFC 2865, RFC 2866), over UDP.

`attributes` are the numbers and values, `servers` sends a request to the servers in order, `backend` checks users,
`accounting` tells about their sessions. Packets are made and checked by pyrad.

A request for access has a Message-Authenticator, and an answer without one is no answer: otherwise somebody on the way
could turn a rejection into an acceptance (CVE-2024-3596).
"""
