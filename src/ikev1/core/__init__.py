"""The protocol, sans-IO: datagrams, commands and the time go in, actions come out (RFC 2407, 2408, 2409).

`engine` is the door. Behind it are five rooms; imports between them point downwards only:

- `machine`: which SA, which exchange, which timer; the life of an ISAKMP SA and of its pairs of IPsec SAs.
- `exchanges`: the exchanges as tables, and the interpreter that runs them.
- `peer`: who the peer is, by what it proves that, where it is, and which traffic it may have.
- `negotiation`: proposals and lifetimes, offered, chosen and checked.
- `records`: the immutable values that all the others work on.

To follow Main Mode as initiator, read `machine.commands` (`begin_phase1`), `exchanges.main_mode`,
`exchanges.phase1_steps`, `exchanges.interpreter`, `exchanges.protection`, `peer.authentication`, `peer.phase1_auth` and
`machine.receive`.
"""
