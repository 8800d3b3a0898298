"""Every field of a dissection lies where tshark has it, and says the same number."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.crypto.cipher import decrypt
from ikev1.crypto.keymat import phase1_iv, phase2_iv
from ikev1.wire.dissect import dissect
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import KeyExchange
from ikev1.wire.registry import Encryption, HashAlgorithm
from shared import CAPTURES
from wire_messages import HEADER, MESSAGES
from wire_oracle import needs_captures, needs_tshark, write_capture
from wire_places import ATTRIBUTE, Place, Placed, our_places, places_by_tshark

pytestmark = needs_tshark

NOT_IN_TSHARK: dict[str, frozenset[str]] = {
    "N of a lifetime": frozenset({ATTRIBUTE, "Attribute Format", "Attribute Type", "Attribute Value"}),
    "NAT-OA": frozenset({"Reserved"}),
    "NAT-OA of the drafts": frozenset({"Reserved"}),
}
"""Fields of payloads that tshark does not take apart so far."""


def compare(ours: list[Place], theirs: list[Place], ours_alone: frozenset[str] = frozenset()) -> None:
    """Both have the same fields in the same places; where both know a number, it is the same."""
    numbers = {place[:3]: place.number for place in theirs}
    our_numbers = {place[:3]: place.number for place in ours}
    assert {place for place in our_numbers.keys() - numbers.keys() if place[0] not in ours_alone} == set()
    assert numbers.keys() - our_numbers.keys() == set()
    for place, number in our_numbers.items():
        if number is not None and numbers.get(place) is not None:
            assert numbers[place] == number, place


def dissected(octets: bytes, decrypted: bool = False) -> list[Place]:
    return list(our_places(dissect(octets, decrypted=decrypted).fields))


@needs_captures
@pytest.mark.parametrize("name", ["aggressive-mode-psk", "main-mode-certs", "main-mode-psk", "nat-t-float-4500"])
def test_captures(name: str) -> None:
    messages = places_by_tshark(CAPTURES / f"{name}.pcap")
    assert messages
    for message in messages:
        compare(dissected(message.octets), message.places)


def exchange_with_known_key(messages: list[Placed], key: bytes) -> list[tuple[Placed, bytes]]:
    """The encrypted messages of main-mode-certs.pcap, in the clear."""
    parsed = [parse_message(Header.parse(message.octets), message.octets[HEADER_SIZE:]) for message in messages[2:4]]
    g_xi, g_xr = (message.one(KeyExchange).data for message in parsed)
    ivs = {0: phase1_iv(HashAlgorithm.MD5, g_xi, g_xr, 8)}
    first = ivs[0]
    opened, seen = [], set()
    for message in messages[4:]:
        header, ciphertext = Header.parse(message.octets), message.octets[HEADER_SIZE:]
        if ciphertext in seen:
            continue
        seen.add(ciphertext)
        if header.message_id:
            ivs.setdefault(header.message_id, phase2_iv(HashAlgorithm.MD5, first, header.message_id, 8))
        plaintext = decrypt(Encryption.TRIPLE_DES_CBC, key, ivs[header.message_id], ciphertext)
        ivs[header.message_id] = ciphertext[-8:]
        first = first if header.message_id else ciphertext[-8:]
        opened.append((message, message.octets[:HEADER_SIZE] + plaintext))
    return opened


@needs_captures
def test_what_was_encrypted() -> None:
    cookie, key = "fafaeb49382a763c", "735be0cb62f82675c4f7bf8fbab9b56834ba76d6ab4fa240"
    messages = places_by_tshark(CAPTURES / "main-mode-certs.pcap", "-o", f"uat:ikev1_decryption_table:{cookie},{key}")
    opened = exchange_with_known_key(messages, bytes.fromhex(key))
    assert len(opened) == 5
    for message, octets in opened:
        theirs = [place for place in message.places if place.name != "Encrypted Data"]
        compare(dissected(octets, decrypted=True), theirs)


def test_messages_of_our_own(tmp_path: Path) -> None:
    file = tmp_path / "built.pcap"
    write_capture(file, [build_message(HEADER, payloads) for payloads in MESSAGES.values()])
    placed = places_by_tshark(file)
    assert len(placed) == len(MESSAGES)
    for name, message in zip(MESSAGES, placed, strict=True):
        compare(dissected(message.octets), message.places, NOT_IN_TSHARK.get(name, frozenset()))


def test_a_field_in_another_place_is_seen(tmp_path: Path) -> None:
    """The judge above can find against us."""
    file = tmp_path / "one.pcap"
    write_capture(file, [build_message(HEADER, MESSAGES["NONCE"])])
    (message,) = places_by_tshark(file)
    ours = dissected(message.octets)
    for moved in (ours[-1]._replace(offset=31), ours[-1]._replace(length=31)):
        with pytest.raises(AssertionError):
            compare([*ours[:-1], moved], message.places)
    number = next(place for place in ours if place.name == "Exchange Type")
    with pytest.raises(AssertionError):
        compare([*ours, number._replace(number=4)], message.places)
