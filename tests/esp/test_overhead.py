"""The largest inner packet fits the path to the octet, and one more would not."""

from __future__ import annotations

import os

import pytest

from esp_packets import PATH, all_suites, child, udp
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.esp.overhead import inner_mtu
from ikev1.esp.sa_pair import SaPair


@pytest.mark.parametrize(("suite", "key_size", "mac_size"), all_suites(), ids=str)
@pytest.mark.parametrize("encapsulated", [True, False])
@pytest.mark.parametrize("host", ["192.0.2.2", "2001:db8::2"])
def test_fits_to_the_octet(suite: IpsecSuite, key_size: int, mac_size: int, encapsulated: bool, host: str) -> None:
    keys = bytes(i % 251 for i in range(key_size)), bytes(mac_size)
    one = child(suite, keys, path=PATH._replace(remote_host=host), udp_encapsulation=encapsulated)
    mtu = inner_mtu(one, 1500)
    pair = SaPair(one, mtu, os.urandom, print)
    pair.sends = True
    outer = (40 if ":" in host else 20) + (8 if encapsulated else 0)
    sizes = []
    for size in (mtu, mtu + 1):
        (sealed,) = pair.seal([udp("10.1.0.1", "10.2.0.1", data=bytes(size - 28))], 0.0)
        sizes.append(outer + len(sealed))
    assert sizes[0] <= 1500 < sizes[1]


def test_known_value() -> None:
    """AES-GCM in UDP over IPv4: 1500 - 20 - 8 - 8 - 8 - 16 = 1440, a multiple of 4, less pad length and next header."""
    assert inner_mtu(child(), 1500) == 1438
