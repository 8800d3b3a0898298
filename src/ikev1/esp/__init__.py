"""The data plane: ESP (RFC 4303) for the pairs of IPsec SAs that the core negotiates.

`plane` is the interface that the daemon uses. `userspace` and `kernel` implement it.

In user space, a packet to the peer passes `UserspacePlane._send`, which finds the pair of its flow
(`outbound_policies`, `nat_clients`) and lowers the maximum segment size of TCP (`mss`), then `SaPair.seal` (sequence
number, padding, limits) and the suite in `transforms` (`combined`, or `ciphers` and a hash). One from the peer passes
`UserspacePlane.receive` and `SaPair.open`, with the window in `replay`. `transport_pair` is the pair of transport mode.
`tunnel_pair` is that of tunnel mode: it processes runs of packets at once, by `tcp_runs` and `run_ciphers`. `offload`
and `segments` let the kernel pass runs.

`xfrm` is the kernel's IPsec. `clear_traffic` and `nft` drop what must not pass outside of tunnels. `surroundings` has
what the userspace plane uses of the host: `tun`, `raw_sockets`, and routes (`routes`, `device_routes`, `reach`,
`virtual_addresses`). `netlink`, `rtnetlink` and `network_news` speak with the kernel.
"""
