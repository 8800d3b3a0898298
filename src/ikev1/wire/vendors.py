"""Known vendor IDs (RFC 2408 §3.16): extensions and implementations of peers.

Many are the MD5 of a text that names an extension, and are computed from it here. The others are known from the vendor
ID list of ike-scan, from Wireshark and from the products. Products append versions and features to their vendor ID, so
only its beginning is compared.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import md5


def _digest(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()


_EXTENSIONS: dict[bytes, str] = {
    _digest("RFC 3947"): "NAT-T RFC 3947",
    **{_digest(f"draft-ietf-ipsec-nat-t-ike-0{number}"): f"NAT-T draft-0{number}" for number in range(10)},
    _digest("draft-ietf-ipsec-nat-t-ike-02\n"): "NAT-T draft-02",
    bytes.fromhex("afcad71368a1f1c96b8696fc7757"): "DPD",  # RFC 3706 §5.1; two octets of version follow
    bytes.fromhex("09002689dfd6b712"): "XAUTH",  # draft-beaulieu-ike-xauth-02 §4
    _digest("FRAGMENTATION"): "FRAGMENTATION",  # MS-IKEE §1.7
    _digest("IKE CGA version 1"): "IKE CGA",
    _digest("A GSS-API Authentication Method for IKE"): "GSS-API",
    bytes.fromhex("fb1de3cdf341b7ea16b7e5be0855f120"): "MS negotiation discovery",
    bytes.fromhex("214ca4faffa7f32d6748e5303395ae83"): "MS authenticated IP",
    bytes.fromhex("4865617274426561745f4e6f74696679"): "HeartBeat_Notify",
    bytes.fromhex("12f5f28c457168a9702d9fe274cc"): "Cisco Unity",
    _digest("ikev1: accepts client IDs within those requested"): "ikev1 narrowed client IDs",
}

# The most specific first: implementations derived from others send both vendor IDs.
_MAKERS: dict[bytes, str] = {
    _digest("strongSwan"): "strongSwan",
    bytes.fromhex("4f454e"): "libreswan",
    bytes.fromhex("4f53"): "Openswan",
    bytes.fromhex("4f45"): "Openswan",
    bytes.fromhex("1d6e178f6c2c0be284985465450fe9d4"): "FortiGate",
    bytes.fromhex("8299031757a36082c6a621de"): "FortiGate",
    bytes.fromhex("f4ed19e0c114eb516faaac0ee37daf2807b4381f"): "Check Point",
    bytes.fromhex("1f07f70eaa6514d3b0fa96542a"): "Cisco VPN concentrator or ASA",
    bytes.fromhex("bdb41038a7ec5e5534dd004d0f91f927"): "Cisco IOS",
    bytes.fromhex("404bf439522ca3f6"): "SonicWall",
    bytes.fromhex("5b362bc820f6"): "SonicWall",
    bytes.fromhex("5b362bc820f7"): "SonicWall",
    bytes.fromhex("da8e9378"): "SonicWall or WatchGuard",
    bytes.fromhex("1e2b516905991c7d7c96fcbfb587e461"): "Windows",
    bytes.fromhex("7003cbc1097dbe9c2600ba6983bc8b35"): "racoon",
    bytes.fromhex("424e455300"): "Nortel Contivity",
    bytes.fromhex("4d6163204f53582031302e78"): "macOS",
    bytes.fromhex("4df37928e9fc4fd1b3262170d515c662"): "Apple",
    **{
        bytes.fromhex(netscreen): "Juniper NetScreen"
        for netscreen in (
            "299ee8289f40a8973bc78687e2e7226b532c3b76",
            "3a15e1f3cf2a63582e3ac82d1c64cbe3b6d779e7",
            "47d2b126bfcd83489760e2cf8c5d4d5a03497c15",
            "4a4340b543e02b84c88a8b96a8af9ebe77d9accc",
            "64405f46f03b7660a23be116a1975058e69e8387",
            "699369228741c6d4ca094c93e242c9de19e7b7c6",
            "166f932d55eb64d8e4df4fd37e2313f0d0fd8451",
        )
    },
}

# These implementations send no vendor ID of their own, but a characteristic combination of others.
_VPNC = frozenset({"XAUTH", "Cisco Unity"})


@lru_cache(maxsize=256)
def vendor_name(data: bytes) -> str | None:
    """The name of a vendor ID; None if unknown."""
    for known in (_EXTENSIONS, _MAKERS):
        for beginning, name in known.items():
            if data.startswith(beginning):
                return name
    return None


@lru_cache(maxsize=256)
def maker_of(vendors: tuple[bytes, ...]) -> str | None:
    """The implementation of a peer that sent these vendor IDs; None if unknown."""
    for beginning, maker in _MAKERS.items():
        if any(data.startswith(beginning) for data in vendors):
            return maker
    names = {vendor_name(data) for data in vendors}
    return "Cisco, or a client of its kind" if names >= _VPNC else None
