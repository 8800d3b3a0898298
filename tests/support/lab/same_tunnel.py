"""One configuration, read by another program and by us: the tunnel that the other end sees is the same."""

from __future__ import annotations

from typing import Any

OURS, THEIRS = ("192.0.2.1", "10.1.0.0/16"), ("198.51.100.7", "10.2.0.0/16")  # address and network of `Network.sites`

_OF_IKE = ("version", "local-id", "remote-id", "encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group")
_OF_USERS = ("local-xauth-id", "remote-xauth-id", "local-vips", "remote-vips")
_OF_CHILD = ("mode", "protocol", "encr-alg", "encr-keysize", "integ-alg", "dh-group", "esn", "local-ts", "remote-ts")


def seen(sa: dict[str, Any]) -> dict[str, Any]:
    """What list-sas says of an ISAKMP SA and its pair of IPsec SAs, apart from what differs each time."""
    (child,) = sa["child-sas"].values()
    found = {key: sa.get(key) for key in (*_OF_IKE, *_OF_USERS)}
    return found | {f"child {key}": child.get(key) for key in _OF_CHILD}
