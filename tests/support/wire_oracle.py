"""tshark as the judge: what it says about the messages of a capture, and what it should say about ours."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ikev1.wire.attributes import Attribute
from ikev1.wire.header import NON_ESP_MARKER, Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    ConfigAttributes,
    Delete,
    Encrypted,
    Fragment,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    Unknown,
    VendorId,
    parse_body,
    payload_type,
)
from shared import CAPTURES, needs_shared

needs_captures = needs_shared(CAPTURES)
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")

Fields = list[tuple[str, str]]
"""tshark's fields in their order, each a name and the value as its JSON shows it."""

INTERPRETED = re.compile(
    r"isakmp\.(mjver|mnver|flag_[eca]|sa\.situation\..*|vid_string|vid\..*|notify\.data\..*|cert\.data"
    r"|ike\.certreq\..*|id\.data\.der_asn1_dn|fragments?(\..*)?|reassembled\..*"
    r"|(ike|ipsec|cfg)\.attr\.(?!(format|type|length|value)$).*)"
)
"""Fields in which tshark explains octets that other fields hold. All its other fields are compared."""


class Dissection(NamedTuple):
    """One ISAKMP message of a capture: its octets, tshark's fields, and the complaints it had."""

    frame: int
    octets: bytes
    fields: Fields
    complaints: list[str]


class Tree(list[tuple[str, Any]]):
    """A JSON object as pairs: tshark repeats keys."""


def dissect(capture: Path, *options: str) -> list[Dissection]:
    """The ISAKMP messages of ``capture`` as tshark sees them."""
    command = ["tshark", "-r", str(capture), "-Y", "isakmp", "-T", "json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    frames = json.loads(done.stdout, object_pairs_hook=Tree)
    return [_dissection(dict(dict(frame)["_source"])["layers"]) for frame in frames]


def datagrams(capture: Path) -> list[bytes]:
    """What the UDP datagrams of ``capture`` carry, whatever tshark takes it for."""
    command = ["tshark", "-r", str(capture), "-Y", "udp", "-T", "fields", "-e", "udp.payload"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return [bytes.fromhex(line) for line in done.stdout.split()]


def _dissection(layers: Tree) -> Dissection:
    by_name = dict(layers)
    octets = bytes.fromhex(dict(by_name["udp"])["udp.payload"].replace(":", ""))
    fields = list(_flat(by_name["isakmp"]))
    return Dissection(
        frame=int(dict(by_name["frame"])["frame.number"]),
        octets=octets.removeprefix(NON_ESP_MARKER) if "udpencap" in by_name else octets,
        fields=[pair for pair in fields if pair[0].startswith("isakmp.") and not INTERPRETED.fullmatch(pair[0])],
        complaints=[value for name, value in _flat(layers) if name == "_ws.expert.message"],
    )


def _flat(tree: Tree) -> Iterator[tuple[str, str]]:
    for name, value in tree:
        if isinstance(value, Tree):
            yield from _flat(value)
        else:
            yield name, value


def write_capture(file: Path, messages: Sequence[bytes]) -> None:
    """Writes ``messages`` into a pcap file, as datagrams between two hosts' port 500."""
    with file.open("wb") as capture:
        raw_ip = 101
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, raw_ip))
        for number, message in enumerate(messages):
            udp = struct.pack("!HHHH", 500, 500, 8 + len(message), 0) + message
            addresses = ip_address("192.0.2.1").packed + ip_address("192.0.2.2").packed
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0) + addresses + udp
            capture.write(struct.pack("<IIII", number, 0, len(ip), len(ip)) + ip)


def header_fields(header: Header) -> Fields:
    """What tshark should say about a header."""
    return [
        ("isakmp.ispi", header.CKY_I.hex(":")),
        ("isakmp.rspi", header.CKY_R.hex(":")),
        ("isakmp.nextpayload", str(header.next_payload)),
        ("isakmp.version", f"0x{header.version:02x}"),
        ("isakmp.exchangetype", str(header.exchange)),
        ("isakmp.flags", f"0x{header.flags:02x}"),
        ("isakmp.messageid", f"0x{header.message_id:08x}"),
        ("isakmp.length", str(header.length)),
    ]


def payload_fields(message: Message) -> list[Fields]:
    """What tshark should say about each payload of a message in the clear."""
    numbers = [payload_type(payload) for payload in message.payloads] + [0]
    return [
        _generic(number, next_payload, len(body)) + _body(payload)
        for (number, next_payload), payload, body in zip(
            pairwise(numbers), message.payloads, message.bodies, strict=True
        )
    ]


def _generic(number: int, next_payload: int, size: int) -> Fields:
    return [
        ("isakmp.typepayload", str(number)),
        ("isakmp.nextpayload", str(next_payload)),
        ("isakmp.reserved", "00"),
        ("isakmp.payloadlength", str(4 + size)),
    ]


def _body(payload: Payload) -> Fields:
    match payload:
        case SecurityAssociation(doi, situation, proposals):
            fields = [("isakmp.sa.doi", str(doi)), ("isakmp.sa.situation", situation.to_bytes(4, "big").hex(":"))]
            for place, proposal in enumerate(proposals, 1):
                fields += _proposal(proposal, 2 if place < len(proposals) else 0)
            return fields
        case KeyExchange(data):
            return [("isakmp.key_exchange.data", data.hex(":"))]
        case Identification(id_type, protocol, port, data):
            fields = [("isakmp.id.type", str(id_type)), ("isakmp.id.protoid", str(protocol))]
            return [*fields, ("isakmp.id.port", str(port)), *_identity(id_type, data)]
        case Certificate(encoding, _):
            return [("isakmp.cert.encoding", str(encoding))]
        case CertificateRequest(encoding, _):
            return [("isakmp.certreq.type", str(encoding))]
        case Hash(data):
            return [("isakmp.hash", data.hex(":"))]
        case Signature(data):
            return [("isakmp.sig", data.hex(":"))]
        case Nonce(data):
            return [("isakmp.nonce", data.hex(":"))]
        case Notification(doi, protocol, spi, type, data):
            return [
                ("isakmp.notify.doi", str(doi)),
                ("isakmp.notify.protoid", str(protocol)),
                ("isakmp.spisize", str(len(spi))),
                ("isakmp.notify.msgtype", str(type)),
                *([("isakmp.spi", spi.hex(":"))] if spi else []),
                ("isakmp.notify.data", data.hex(":")),
            ]
        case Delete(doi, protocol, spis):
            return [
                ("isakmp.delete.doi", str(doi)),
                ("isakmp.delete.protoid", str(protocol)),
                ("isakmp.spisize", str(len(spis[0]))),
                ("isakmp.spinum", str(len(spis))),
                *[("isakmp.delete.spi", spi.hex(":")) for spi in spis],
            ]
        case VendorId(data):
            return [("isakmp.vid_bytes", data.hex(":"))]
        case NatDiscovery(data):
            return [("isakmp.ike.nat_hash", data.hex(":"))]
        case NatOriginalAddress(id_type, address):
            version = "ipv4" if len(address) == 4 else "ipv6"
            shown = (f"isakmp.ike.nat_original_address_{version}", str(ip_address(address)))
            return [("isakmp.id.type", str(id_type)), shown]
        case ConfigAttributes(type, identifier, attributes):
            fields = [("isakmp.cfg.type", str(type)), ("isakmp.reserved", "00")]
            return [*fields, ("isakmp.cfg.identifier", str(identifier)), *_attributes("isakmp.cfg", attributes)]
        case Fragment(id, number, last):
            sequence = [("isakmp.frag.seq", str(number)), ("isakmp.frag.last", str(int(last)))]
            return [("isakmp.frag.packetid", f"0x{id:04x}"), *sequence]
        case Encrypted(number, data):
            return _body(parse_body(number, data))  # tshark does not know that it is encrypted
        case Unknown(_, data):
            return [("isakmp.datapayload", data.hex(":"))]


def _proposal(proposal: Proposal, next_payload: int) -> Fields:
    transforms: Fields = []
    for place, transform in enumerate(proposal.transforms, 1):
        transforms += _transform(proposal.protocol, transform, 3 if place < len(proposal.transforms) else 0)
    size = 4 + len(proposal.spi) + sum(int(value) for name, value in transforms if name == "isakmp.payloadlength")
    return [
        *_generic(2, next_payload, size),
        ("isakmp.prop.number", str(proposal.number)),
        ("isakmp.prop.protoid", str(proposal.protocol)),
        ("isakmp.spisize", str(len(proposal.spi))),
        ("isakmp.prop.transforms", str(len(proposal.transforms))),
        *([("isakmp.spi", proposal.spi.hex(":"))] if proposal.spi else []),
        *transforms,
    ]


def _transform(protocol: int, transform: Transform, next_payload: int) -> Fields:
    values = [attribute.value for attribute in transform.attributes]
    size = 4 + sum(4 if isinstance(value, int) else 4 + len(value) for value in values)
    return [
        *_generic(3, next_payload, size),
        ("isakmp.trans.number", str(transform.number)),
        ("isakmp.trans.id", str(transform.id)),
        ("isakmp.reserved", "00:00"),
        *_attributes("isakmp.ike" if protocol == 1 else "isakmp.ipsec", transform.attributes),
    ]


def _attributes(prefix: str, attributes: Sequence[Attribute]) -> Fields:
    fields: Fields = []
    for kind, value in attributes:
        short = isinstance(value, int)
        octets = value.to_bytes(2, "big") if isinstance(value, int) else value
        fields += [(f"{prefix}.attr.format", str(int(short))), (f"{prefix}.attr.type", str(kind))]
        fields += [] if short else [(f"{prefix}.attr.length", str(len(octets)))]
        fields += [(f"{prefix}.attr.value", octets.hex(":"))] if octets else []
    return fields


def _identity(id_type: int, data: bytes) -> Fields:
    half = len(data) // 2
    first, second = data[:half], data[half:]
    match id_type:
        case 1 | 5:
            return [(f"isakmp.id.data.ipv{4 if id_type == 1 else 6}_addr", str(ip_address(data)))]
        case 2:
            return [("isakmp.id.data.fqdn", data.decode())]
        case 3:
            return [("isakmp.id.data.user_fqdn", data.decode())]
        case 4 | 6:
            name = f"isakmp.id.data.ipv{4 if id_type == 4 else 6}"
            return [(f"{name}_addr", str(ip_address(first))), (f"{name}_subnet", str(ip_address(second)))]
        case 7 | 8:
            name = f"isakmp.id.data.ipv{4 if id_type == 7 else 6}_range"
            return [(f"{name}_start", str(ip_address(first))), (f"{name}_end", str(ip_address(second)))]
        case 9:
            return []
        case 11:
            return [("isakmp.id.data.key_id", data.hex(":"))]
        case _:
            return [("isakmp.id.data", "")]
