"""A SOCKS5 proxy whose connections go through the tunnels, without privileges.

`process` starts a child process and gives the data plane that goes with it. The child (`child`) enters a user and a
network namespace of its own (`namespace`), creates a TUN device there, and sends its descriptor to the data plane of
the parent. It follows the parent's `orders`: routes, addresses, name servers. It serves the proxy (`server`,
`handshake`) on a listening socket of the parent, which still belongs to the namespace in which it was made; its own
connections are made by the kernel's TCP in the namespace of the tunnel. Names are resolved by the name servers of the
received configuration (`resolver`, `dns`).

The child has no key and no secret of IKE.
"""
