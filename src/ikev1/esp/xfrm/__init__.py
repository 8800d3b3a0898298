"""XFRM: the kernel's IPsec, by netlink. Structures are those of <linux/xfrm.h>; pyroute2 does not know them.

| file         | what it is                                                                       |
|--------------|----------------------------------------------------------------------------------|
| layout       | structures and numbers                                                           |
| algorithms   | what the kernel calls the suites                                                 |
| state policy | one SA, one policy: records and their messages                                   |
| requests     | the requests themselves: allocate, add, update, delete, get, dump                |
| events       | what the kernel says by itself: EXPIRE, ACQUIRE, MAPPING                         |
| translate    | a `ChildSa` as states, templates and selectors                                   |
| guard        | policies that several pairs share, and the routes that bring packets to them     |
| owner        | the file in which a gateway notes what is its own                                |
| sockets      | what the IKE sockets need                                                        |
| probe        | whether there is any of this here                                                |
| statistics   | /proc/net/xfrm_stat                                                              |
"""
