"""The octets of vendor IDs, by the names that `clients.facts.Peer` lists."""

from __future__ import annotations

from hashlib import md5


def _text(text: str) -> bytes:
    return md5(text.encode(), usedforsecurity=False).digest()


_FRAGMENTATION = _text("FRAGMENTATION")
_NT5 = bytes.fromhex("1e2b516905991c7d7c96fcbfb587e461")

OCTETS: dict[str, bytes] = {
    "XAUTH": bytes.fromhex("09002689dfd6b712"),
    "DPD": bytes.fromhex("afcad71368a1f1c96b8696fc77570100"),
    "Unity": bytes.fromhex("12f5f28c457168a9702d9fe274cc0100"),
    "FRAGMENTATION": _FRAGMENTATION,
    "FRAGMENTATION 80000000": _FRAGMENTATION + bytes.fromhex("80000000"),
    "FRAGMENTATION c0000000": _FRAGMENTATION + bytes.fromhex("c0000000"),
    "RFC 3947": bytes.fromhex("4a131c81070358455c5728f20e95452f"),
    "draft-08": _text("draft-ietf-ipsec-nat-t-ike-08"),
    "draft-07": _text("draft-ietf-ipsec-nat-t-ike-07"),
    "draft-06": _text("draft-ietf-ipsec-nat-t-ike-06"),
    "draft-05": _text("draft-ietf-ipsec-nat-t-ike-05"),
    "draft-04": _text("draft-ietf-ipsec-nat-t-ike-04"),
    "draft-03": bytes.fromhex("7d9419a65310ca6f2c179d9215529d56"),
    "draft-02 with newline": bytes.fromhex("90cb80913ebb696e086381b5ec427b1f"),
    "draft-02": bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448"),
    "draft-01": _text("draft-ietf-ipsec-nat-t-ike-01"),
    "draft-00": _text("draft-ietf-ipsec-nat-t-ike-00"),
    "MS NT5 ISAKMPOAKLEY 8": _NT5 + bytes.fromhex("00000008"),
    "MS NT5 ISAKMPOAKLEY 9": _NT5 + bytes.fromhex("00000009"),
    "01528bbb 1": bytes.fromhex("01528bbbc00696121849ab9a1c5b2a5100000001"),
    "MS-Negotiation Discovery Capable": _text("MS-Negotiation Discovery Capable"),
    "Vid-Initial-Contact": _text("Vid-Initial-Contact"),
    "IKE CGA version 1": _text("IKE CGA version 1"),
    "VPN concentrator": bytes.fromhex("1f07f70eaa6514d3b0fa96542a500100"),
    "FortiGate": bytes.fromhex("1d6e178f6c2c0be284985465450fe9d4"),
}
