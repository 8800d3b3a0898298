"""Vendor IDs: how peers announce extensions (RFC 2408 §3.16)."""

from __future__ import annotations

from collections.abc import Iterable

from ikev1.core.records.path import NatTraversalVersion
from ikev1.core.records.settings import Connection, Fragmentation, NatTraversal
from ikev1.wire.payloads import VendorId

# RFC 3706 §5.1: the dead peer detection vendor ID, with major version 1 and minor version 0
DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")

# draft-beaulieu-ike-xauth-02 §4
XAUTH = bytes.fromhex("09002689dfd6b712")

# Of Cisco's clients and gateways, which exchange its attributes of mode config; the last two octets are a version
_UNITY = bytes.fromhex("12f5f28c457168a9702d9fe274cc")
UNITY = _UNITY + bytes.fromhex("0100")

# Of this program as client: MD5 of "ikev1: accepts client IDs within those requested". Its gateway answers others with
# the client IDs that they requested, because racoon and iPhones accept no others
ACCEPTS_LESS = bytes.fromhex("da1585330f437f4f6b39eb4f74300a3b")

# MD5 of "strongSwan", which takes numbers for private use, such as those of Serpent and Twofish, only of peers that
# send it: to others they may mean something else
STRONGSWAN = bytes.fromhex("882fe56d6fd20dbc2251613b2ebe5beb")
_PRIVATE_CIPHERS, _PRIVATE_TRANSFORMS = 65001, 249  # from these numbers on (RFC 2409 Appendix A, RFC 2407 §4.4.4)

# MS-IKEE §1.7: MD5 of "FRAGMENTATION"; then, as in racoon, strongSwan and Cisco's products, the exchanges in which the
# sender accepts fragments, of which the first bit is Main Mode. MS-IKEE itself has only the first 16 octets.
_FRAGMENTATION = bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3")
FRAGMENTATION = _FRAGMENTATION + bytes.fromhex("80000000")

# Newest first; draft-02 was hashed with and without a line feed, and peers send either hash.
VERSIONS: dict[bytes, NatTraversalVersion] = {
    bytes.fromhex("4a131c81070358455c5728f20e95452f"): NatTraversalVersion.RFC_3947,  # RFC 3947 §3.1: MD5 of "RFC 3947"
    bytes.fromhex(
        "7d9419a65310ca6f2c179d9215529d56"
    ): NatTraversalVersion.DRAFT_03,  # MD5 of "draft-ietf-ipsec-nat-t-ike-03"
    bytes.fromhex(
        "90cb80913ebb696e086381b5ec427b1f"
    ): NatTraversalVersion.DRAFT_02,  # MD5 of "draft-ietf-ipsec-nat-t-ike-02\n"
    bytes.fromhex(
        "cd60464335df21f87cfdb2fc68b6a448"
    ): NatTraversalVersion.DRAFT_02,  # MD5 of "draft-ietf-ipsec-nat-t-ike-02"
}

_OF_NAT_TRAVERSAL = tuple(VendorId(data) for data in VERSIONS)


def announced(connection: Connection) -> tuple[VendorId, ...]:
    """The vendor IDs that an initiator sends for ``connection``."""
    natt = () if connection.nat_traversal is NatTraversal.OFF else _OF_NAT_TRAVERSAL
    fragments = (VendorId(FRAGMENTATION),) if _announces_fragments(connection) else ()
    xauth = () if connection.xauth is None else (VendorId(XAUTH),)
    unity = (VendorId(UNITY),) if _uses_unity(connection) else ()
    less = (VendorId(ACCEPTS_LESS),) if connection.vips else ()
    return (*natt, VendorId(DPD), *xauth, *unity, *fragments, *less, *_of_private_numbers(connection))


def accepted(payloads: Iterable[VendorId], traversal: NatTraversal) -> tuple[bytes, ...]:
    """The vendor IDs of the peer that are to be regarded: without those of NAT traversal if that is off."""
    found = (payload.data for payload in payloads)
    return tuple(data for data in found if traversal is not NatTraversal.OFF or data not in VERSIONS)


def _announces_fragments(connection: Connection) -> bool:
    return connection.fragmentation is not Fragmentation.NO


def takes_fragments(vendors: tuple[bytes, ...]) -> bool:
    """Whether a peer with these vendor IDs accepts messages in IKE fragments."""
    return any(data.startswith(_FRAGMENTATION) for data in vendors)


def version_of(vendors: tuple[bytes, ...]) -> NatTraversalVersion | None:
    """The newest version of NAT traversal among the vendor IDs of a peer, None if there is none."""
    for data, version in VERSIONS.items():
        if data in vendors:
            return version
    return None


def answer_to(vendors: tuple[bytes, ...], connection: Connection) -> tuple[VendorId, ...]:
    """The vendor IDs that a responder sends in response to ``vendors``: for NAT traversal only the selected version,
    and IKE fragmentation, XAUTH and Unity only to a peer that announced it.
    """
    answer = [VendorId(data) for data in VERSIONS if data in vendors][:1]
    answer.append(VendorId(DPD))
    if connection.xauth is not None and XAUTH in vendors:
        answer.append(VendorId(XAUTH))
    if _uses_unity(connection) and speaks_unity(vendors):
        answer.append(VendorId(UNITY))
    if _announces_fragments(connection) and takes_fragments(vendors):
        answer.append(VendorId(FRAGMENTATION))
    return (*answer, *_of_private_numbers(connection))


def _of_private_numbers(connection: Connection) -> tuple[VendorId, ...]:
    """What tells strongSwan that numbers for private use mean the same here; only where the connection has some."""
    ciphers = any(policy.suite.encryption >= _PRIVATE_CIPHERS for policy in connection.policies)
    transforms = (proposal.suite.encryption for tunnel in connection.tunnels for proposal in tunnel.proposals)
    return (VendorId(STRONGSWAN),) if ciphers or any(each >= _PRIVATE_TRANSFORMS for each in transforms) else ()


def speaks_unity(vendors: tuple[bytes, ...]) -> bool:
    """Whether a peer with these vendor IDs uses Cisco's attributes of mode config."""
    return any(data.startswith(_UNITY) for data in vendors)


def is_vpnc(vendors: tuple[bytes, ...]) -> bool:
    """Whether a peer with these vendor IDs is vpnc: XAUTH is its first, Unity its second. Cisco's client begins so,
    too, but has dead peer detection second; racoon and this program begin with NAT traversal, strongSwan sends dead
    peer detection between the two.

    vpnc has only the newest pair of IPsec SAs. A Delete for any pair has it negotiate another one, with which it then
    uses the old keys. It derives the keys of a pair that the gateway negotiates from 20 octets of its nonce. When
    it has renewed phase 1, it deletes the new ISAKMP SA, and means the old one.
    """
    return vendors[:2] == (XAUTH, UNITY)


def _uses_unity(connection: Connection) -> bool:
    return connection.xauth is not None or bool(connection.pools or connection.vips)
