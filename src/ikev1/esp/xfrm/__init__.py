"""XFRM: the kernel's IPsec, by netlink. Structures are those of <linux/xfrm.h>; pyroute2 does not know them.

| file           | what it is                                                                     |
|----------------|--------------------------------------------------------------------------------|
| `layout`       | structures and numbers                                                         |
| `algorithms`   | what the kernel calls the suites                                               |
| `state`        | one SA: what to install, what the kernel tells of it, the octets of both       |
| `policy`       | one policy, likewise                                                           |
| `requests`     | what can be asked: allocate, add, update, delete, find, all of it              |
| `events`       | what the kernel says by itself: EXPIRE, ACQUIRE, MAPPING                       |
| `spd`          | all our policies: what is protected, what passes, what is dropped              |
| `translate`    | a `ChildSa` or a trap as states, templates and selectors                       |
| `guard`        | policies that several pairs share, and the routes that bring packets to them   |
| `pairs`        | the states of each pair: installed, counted, moved, removed, resumed           |
| `herald`       | events of the kernel as events of the data plane                               |
| `owner`        | the file in which a gateway notes what is its own                              |
| `legacy`       | what a killed gateway left, and nobody took over                               |
| `sockets`      | what the IKE sockets need                                                      |
| `probe`        | whether there is any of this here                                              |
| `statistics`   | /proc/net/xfrm_stat                                                            |
"""
