"""Packets and records for the tests of ESP, made without the code under test."""

from __future__ import annotations

import ipaddress
import struct

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

LOCAL, REMOTE = "10.1.0.0/16", "10.2.0.0/16"
LOCAL6, REMOTE6 = "fd01::/64", "fd02::/64"
PATH = UdpPath("192.0.2.1", 4500, "192.0.2.2", 4500)

# (transform, key length in bits, octets of its keying material)
CIPHERS = [
    (EspTransform.DES, 0, 8),
    (EspTransform.TRIPLE_DES, 0, 24),
    (EspTransform.AES_CBC, 128, 16),
    (EspTransform.AES_CBC, 192, 24),
    (EspTransform.AES_CBC, 256, 32),
    (EspTransform.CAMELLIA, 128, 16),
    (EspTransform.CAMELLIA, 256, 32),
    (EspTransform.BLOWFISH, 128, 16),
    (EspTransform.BLOWFISH, 256, 32),
    (EspTransform.CAST, 128, 16),
    (EspTransform.AES_CTR, 128, 20),
    (EspTransform.AES_CTR, 256, 36),
    (EspTransform.NULL, 0, 0),
]
# (algorithm, octets of key, octets of ICV, name in hashlib)
MACS = [
    (IntegrityAlgorithm.HMAC_MD5, 16, 12, "md5"),
    (IntegrityAlgorithm.HMAC_SHA1, 20, 12, "sha1"),
    (IntegrityAlgorithm.HMAC_SHA2_256, 32, 16, "sha256"),
    (IntegrityAlgorithm.HMAC_SHA2_384, 48, 24, "sha384"),
    (IntegrityAlgorithm.HMAC_SHA2_512, 64, 32, "sha512"),
]
AES_KEY_SIZES = [16, 24, 32]
# (transform, octets of salt)
COMBINED = [
    *((gcm, 4) for gcm in (EspTransform.AES_GCM_8, EspTransform.AES_GCM_12, EspTransform.AES_GCM_16)),
    *((ccm, 3) for ccm in (EspTransform.AES_CCM_8, EspTransform.AES_CCM_12, EspTransform.AES_CCM_16)),
    (EspTransform.NULL_AUTH_AES_GMAC, 4),
]


def all_suites() -> list[tuple[IpsecSuite, int, int]]:
    """Every suite, with the octets of its encryption key and of its integrity key."""
    suites = [
        (IpsecSuite(cipher, bits, mac), size, mac_size)
        for cipher, bits, size in CIPHERS
        for mac, mac_size in [*((mac, size) for mac, size, _, _ in MACS), (IntegrityAlgorithm.AES_XCBC_MAC, 16)]
    ]
    return suites + [
        (IpsecSuite(combined, size * 8), size + salt, 0) for combined, salt in COMBINED for size in AES_KEY_SIZES
    ]


def child(
    suite: IpsecSuite | None = None,
    keys: tuple[bytes, bytes] = (bytes(range(20)), b""),
    *,
    local: str = LOCAL,
    remote: str = REMOTE,
    path: UdpPath = PATH,
    inbound_spi: int = 0x1001,
    outbound_spi: int = 0x2002,
    udp_encapsulation: bool = True,
    replay_window: int = 64,
    lifetime_kilobytes: int = 0,
) -> ChildSa:
    """A pair of IPsec SAs with the same keys in both directions, AES-128-GCM unless told otherwise."""
    return ChildSa(
        unique_id=1,
        name="net",
        connection="peer",
        suite=suite or IpsecSuite(EspTransform.AES_GCM_16, 128),
        inbound=IpsecKeys(inbound_spi, *keys),
        outbound=IpsecKeys(outbound_spi, *keys),
        local=Selector.parse(local),
        remote=Selector.parse(remote),
        path=path,
        udp_encapsulation=udp_encapsulation,
        initiator=True,
        created_at=0.0,
        replay_window=replay_window,
        lifetime_kilobytes=lifetime_kilobytes,
    )


def mirrored(one: ChildSa) -> ChildSa:
    """The same pair as the peer sees it."""
    path = UdpPath(one.path.remote_host, one.path.remote_port, one.path.local_host, one.path.local_port)
    return child(
        one.suite,
        (one.inbound.encryption_key, one.inbound.integrity_key),
        local=str(one.remote),
        remote=str(one.local),
        path=path,
        inbound_spi=one.outbound.spi,
        outbound_spi=one.inbound.spi,
        udp_encapsulation=one.udp_encapsulation,
        replay_window=one.replay_window,
        lifetime_kilobytes=one.lifetime_kilobytes,
    )


def ones_complement(data: bytes) -> int:
    """RFC 1071 word by word; 0xFFFF means that a checksum inside ``data`` is right."""
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ip(source: str, destination: str, protocol: int, payload: bytes, *, offset: int = 0, identifier: int = 7) -> bytes:
    """An IPv4 or IPv6 packet; ``offset`` (IPv4) makes it a fragment, in units of 8 octets."""
    one, other = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if len(one) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + one + other + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), identifier, offset, 64, protocol, 0) + one + other
    checksum = ~ones_complement(head) & 0xFFFF
    return head[:10] + checksum.to_bytes(2) + head[12:] + payload


def pseudo_header(packet: bytes, protocol: int, length: int) -> bytes:
    addresses = packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]
    return addresses + struct.pack("!II", length, protocol)


def tcp(
    source: str, destination: str, *, flags: int = 0x10, options: bytes = b"", data: bytes = b"", sequence: int = 1000
) -> bytes:
    """An IP packet with a TCP segment from port 1234 to 80 and a right checksum; options in whole words."""
    offset = (20 + len(options)) // 4 << 4
    segment = struct.pack("!HHIIBBHHH", 1234, 80, sequence, 77, offset, flags, 4096, 0, 0) + options + data
    head = ip(source, destination, 6, b"")
    checksum = ~ones_complement(pseudo_header(head, 6, len(segment)) + segment) & 0xFFFF
    return ip(source, destination, 6, segment[:16] + checksum.to_bytes(2) + segment[18:])


def udp(
    source: str, destination: str, source_port: int = 1000, destination_port: int = 53, data: bytes = b"x"
) -> bytes:
    """An IP packet with a UDP datagram, without checksum."""
    return ip(source, destination, 17, struct.pack("!HHHH", source_port, destination_port, 8 + len(data), 0) + data)


def tcp_checksum_is_right(packet: bytes) -> bool:
    header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
    return ones_complement(pseudo_header(packet, 6, len(packet) - header) + packet[header:]) == 0xFFFF
