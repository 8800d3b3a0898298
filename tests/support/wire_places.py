"""Where the fields of a message lie, as tshark sees it, and as our dissection does, in the same words."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ikev1.wire.dissect import DissectedField
from ikev1.wire.header import HEADER_SIZE, NON_ESP_MARKER

PAYLOAD, ATTRIBUTE = "a payload", "an attribute"

NAMES: dict[str, str] = {
    "isakmp.ispi": "Initiator Cookie",
    "isakmp.rspi": "Responder Cookie",
    "isakmp.nextpayload": "Next Payload",
    "isakmp.mjver": "Major Version",
    "isakmp.mnver": "Minor Version",
    "isakmp.exchangetype": "Exchange Type",
    "isakmp.flags": "Flags",
    "isakmp.flag_e": "Encryption",
    "isakmp.flag_c": "Commit",
    "isakmp.flag_a": "Authentication",
    "isakmp.messageid": "Message ID",
    "isakmp.length": "Length",
    "isakmp.typepayload": PAYLOAD,
    "isakmp.reserved": "Reserved",
    "isakmp.payloadlength": "Payload Length",
    "isakmp.sa.doi": "DOI",
    "isakmp.notify.doi": "DOI",
    "isakmp.delete.doi": "DOI",
    "isakmp.sa.situation": "Situation",
    "isakmp.prop.number": "Proposal Number",
    "isakmp.prop.protoid": "Protocol ID",
    "isakmp.id.protoid": "Protocol ID",
    "isakmp.notify.protoid": "Protocol ID",
    "isakmp.delete.protoid": "Protocol ID",
    "isakmp.spisize": "SPI Size",
    "isakmp.spinum": "Number of SPIs",
    "isakmp.spi": "SPI",
    "isakmp.delete.spi": "SPI",
    "isakmp.prop.transforms": "Number of Transforms",
    "isakmp.trans.number": "Transform Number",
    "isakmp.trans.id": "Transform ID",
    "isakmp.key_exchange.data": "Key Exchange Data",
    "isakmp.id.type": "ID Type",
    "isakmp.id.port": "Port",
    "isakmp.id.data": "Identification Data",
    "isakmp.cert.encoding": "Certificate Encoding",
    "isakmp.cert.data": "Certificate Data",
    "isakmp.certreq.type": "Certificate Type",
    "isakmp.hash": "Hash Data",
    "isakmp.sig": "Signature Data",
    "isakmp.nonce": "Nonce Data",
    "isakmp.notify.msgtype": "Notify Message Type",
    "isakmp.notify.data": "Notification Data",
    "isakmp.vid_bytes": "Vendor ID",
    "isakmp.ike.nat_hash": "Hash of Address and Port",
    "isakmp.ike.nat_original_address_ipv4": "Original Address",
    "isakmp.ike.nat_original_address_ipv6": "Original Address",
    "isakmp.cfg.type": "Type",
    "isakmp.cfg.identifier": "Identifier",
    "isakmp.frag.packetid": "Fragment ID",
    "isakmp.frag.seq": "Fragment Number",
    "isakmp.frag.last": "Flags",
    "isakmp.datapayload": "Data",
    "isakmp.enc.data": "Encrypted Data",
    "isakmp.extradata": "Padding",
    **{
        f"isakmp.{kind}.attr{part}": name
        for kind in ("ike", "ipsec", "cfg")
        for part, name in {
            "": ATTRIBUTE,
            ".format": "Attribute Format",
            ".type": "Attribute Type",
            ".length": "Attribute Length",
            ".value": "Attribute Value",
        }.items()
    },
}
"""tshark's names, and ours."""

OURS_ALONE = frozenset(
    {"Header", "Version", "Attribute Format and Type", "Certificate Authority", "Fragment Data"}
    | {"Network", "Mask", "First Address", "Last Address"}
)
"""Fields that tshark has in another form, or not at all."""


COUNTS = frozenset({"Length", "Payload Length", "SPI Size", "Attribute Length"})
"""Fields that are a number of octets; of all others, "20 octets" says only how large they are."""


class Place(NamedTuple):
    """A field: how it is called, where it is, and the number in it, if it is one."""

    name: str
    offset: int
    length: int
    number: int | None


class Placed(NamedTuple):
    """One message of a capture as tshark sees it. ``octets`` are those on the wire."""

    frame: int
    octets: bytes
    places: list[Place]


def places_by_tshark(capture: Path, *options: str) -> list[Placed]:
    """The ISAKMP messages of ``capture``."""
    command = ["tshark", "-r", str(capture), "-Y", "isakmp", "-T", "pdml", *options]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return [_placed(packet) for packet in ElementTree.fromstring(done.stdout).iter("packet")]


def _placed(packet: ElementTree.Element) -> Placed:
    protocols = {protocol.attrib["name"]: protocol for protocol in packet.iter("proto")}
    udp = next(field for field in protocols["udp"] if field.attrib["name"] == "udp.payload")
    octets = bytes.fromhex(udp.attrib["value"])
    isakmp = protocols["isakmp"]
    number = next(field for field in protocols["frame"] if field.attrib["name"] == "frame.number")
    return Placed(
        int(number.attrib["show"]),
        octets.removeprefix(NON_ESP_MARKER) if "udpencap" in protocols else octets,
        list(_places(isakmp, int(isakmp.attrib["pos"]))),
    )


def _places(parent: ElementTree.Element, base: int) -> Iterator[Place]:
    for field in parent.findall("field"):
        name, size = field.attrib["name"], int(field.attrib["size"])
        if name in NAMES and size:
            yield Place(NAMES[name], int(field.attrib["pos"]) - base, size, _number(field))
        yield from _decrypted(field) if name == "isakmp.enc.data" else _places(field, base)


def _decrypted(data: ElementTree.Element) -> Iterator[Place]:
    """tshark counts in the frame for some payloads that it decrypted, and in the plaintext for the others; but they lie
    one behind the other. What is in them always has its place in the plaintext.
    """
    offset = HEADER_SIZE
    for field in data.findall("field"):
        size = int(field.attrib["size"])
        yield Place(NAMES[field.attrib["name"]], offset, size, None)
        yield from _places(field, -HEADER_SIZE)
        offset += size


def _number(field: ElementTree.Element) -> int | None:
    show = field.attrib["show"]
    if field.attrib["name"] == "isakmp.typepayload":
        return None
    if field.attrib["name"].endswith((".attr.value", ".situation")):
        return int(field.attrib["value"], 16)
    return int(show, 0) if re.fullmatch(r"0x[0-9a-f]+|[1-9][0-9]*|0", show) else None


def our_places(fields: tuple[DissectedField, ...]) -> Iterator[Place]:
    """The fields that tshark has too."""
    for field in fields:
        name = _name(field)
        if name not in OURS_ALONE:
            number = None if field.value.endswith(" octets") and name not in COUNTS else _our_number(field.value)
            yield Place(name, field.offset, field.length, number)
        yield from our_places(field.fields)


def _name(field: DissectedField) -> str:
    first = field.fields[0].name if field.fields else ""
    return {"Next Payload": PAYLOAD, "Attribute Format and Type": ATTRIBUTE}.get(first, field.name)


def _our_number(value: str) -> int | None:
    if value in ("set", "not set"):
        return int(value == "set")
    found = re.search(r"\((0x[0-9a-f]+|\d+)\)$", value) or re.match(r"(0x[0-9a-f]+|\d+)(?= |$)", value)
    return int(found.group(1), 0) if found else None
