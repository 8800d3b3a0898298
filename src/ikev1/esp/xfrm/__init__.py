"""XFRM: the kernel's IPsec, by netlink. Structures are those of <linux/xfrm.h>; pyroute2 does not know them.

| file           | what it is                                                                     |
|----------------|--------------------------------------------------------------------------------|
| `layout`       | structures and numbers                                                         |
| `algorithms`   | the kernel's names of the suites                                               |
| `state`        | one SA: its parameters, the kernel's report of it, and the encoding of both    |
| `policy`       | one policy: its parameters, the kernel's report of it, and their encoding      |
| `requests`     | the requests: allocate, add, update, delete, find, list                        |
| `events`       | the kernel's notifications: EXPIRE, ACQUIRE, MAPPING                           |
| `spd`          | all policies of this gateway: PROTECT, BYPASS, DISCARD                         |
| `translate`    | a `ChildSa` or a trap as states, templates and selectors                       |
| `policy_sets`  | policies that several pairs share, and the routes that lead packets to them    |
| `pairs`        | the states of each pair: install, count, move, remove, resume                  |
| `idleness`     | the time since the last packet of a state                                      |
| `event_translation` | events of the kernel as events of the data plane                          |
| `ownership_file` | the file in which a gateway records its kernel state                         |
| `sockets`      | options of the IKE sockets                                                     |
| `probe`        | whether the kernel supports ESP                                                |
| `statistics`   | /proc/net/xfrm_stat                                                            |
"""
