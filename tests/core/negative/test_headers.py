"""Negative catalogue: other headers, lengths and paddings, in place of each message of each exchange.

Each is delivered in place of the message, once more after it, and from an address that nobody has. It earns at most one
datagram, changes nothing that lasts, and the conversation comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.core.records.events import Code
from ikev1.wire.header import HEADER_SIZE, Header
from negative import ENCRYPTED, LABELS, Octets, answers_to, recovers, rewritten, scene

_MALLORY = ("203.0.113.66", 500)


def _at(place: int, *octets: int) -> Octets:
    return lambda datagram: datagram[:place] + bytes(octets) + datagram[place + len(octets) :]


def _lengthened(size: int) -> Octets:
    """A message of so many octets, all of them announced by its header."""

    def change(datagram: bytes) -> bytes:
        whole = datagram + bytes(size - len(datagram))
        return whole[:24] + size.to_bytes(4) + whole[28:]

    return change


HEADERS: dict[str, Octets] = {
    "CKY-I is zero": _at(0, *bytes(8)),
    "CKY-R is zero": _at(8, *bytes(8)),
    "CKY-R is another": _at(8, *b"mallory!"),
    "both cookies are zero": _at(0, *bytes(16)),
    "version 0.0": _at(17, 0x00),
    "version 1.1": _at(17, 0x11),
    "version 1.15": _at(17, 0x1F),
    "version 2.0": _at(17, 0x20),
    "version 15.15": _at(17, 0xFF),
    "exchange 0": _at(18, 0),
    "exchange 1, Base": _at(18, 1),
    "exchange 3, Authentication Only": _at(18, 3),
    "exchange 34, IKE_SA_INIT": _at(18, 34),
    "exchange 243, AuthIP": _at(18, 243),
    "exchange 255": _at(18, 255),
    "all reserved flags": lambda datagram: _at(19, datagram[19] | 0xF8)(datagram),
    "the commit flag": lambda datagram: _at(19, datagram[19] | 0x02)(datagram),
    "the authentication only flag": lambda datagram: _at(19, datagram[19] | 0x04)(datagram),
    "the encryption flag the other way": lambda datagram: _at(19, datagram[19] ^ 0x01)(datagram),
    "another message ID": lambda datagram: _at(20, datagram[20] ^ 0x55)(datagram),
    "the next payload does not exist": _at(16, 0),
    "the next payload is for private use": _at(16, 200),
    "the next payload is SAK of GDOI": _at(16, 15),
    "announces more than it has": lambda datagram: _at(24, *(len(datagram) + 1).to_bytes(4))(datagram),
    "announces less than a header": _at(24, *bytes(4)),
    "announces 4 GB": _at(24, 0xFF, 0xFF, 0xFF, 0xFF),
    "a header alone": lambda datagram: datagram[:24] + HEADER_SIZE.to_bytes(4),
    "27 octets": lambda datagram: datagram[:27],
    "nothing": lambda datagram: b"",
    "65,507 octets": _lengthened(65_507),
    "65,535 octets": _lengthened(65_535),
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS)
def test_another_header(label: str, change: Octets) -> None:
    there = scene(label)
    odd = there.due._replace(octets=change(there.due.octets))
    most = 2 if label == "AM2" else 1  # what the message itself earns, if a change does not matter: messages 3 and 1
    assert len(answers_to(there, odd)) <= most
    assert len(answers_to(there, odd._replace(source=_MALLORY))) <= 1
    recovers(there)
    assert len(answers_to(there, odd)) <= 1
    assert Code.INTERNAL_ERROR not in there.receiver.failures


@pytest.mark.parametrize("label", LABELS)
def test_two_messages_in_one_datagram(label: str) -> None:
    there = scene(label)
    assert len(answers_to(there, there.due._replace(octets=there.due.octets * 2))) <= 1
    recovers(there)


@pytest.mark.parametrize("label", LABELS)
def test_another_message_behind_it_is_not_read(label: str) -> None:
    there = scene(label)
    behind = bytes(16) + bytes([11, 0x10, 5, 0]) + b"\0\0\0\7" + (40).to_bytes(4) + bytes([0, 0, 0, 12, 0, 0, 0, 1])
    answers_to(there, there.due._replace(octets=there.due.octets + behind + b"\1\0\0\1"))
    recovers(there)


def _padded(more: bytes) -> Callable[[Header, bytes], tuple[Header, bytes]]:
    return lambda header, plain: (header, plain + more)


PADDINGS = {
    "a block of zeros": bytes(16),
    "16 blocks of zeros": bytes(256),
    "a block of anything": bytes(range(16)),
    "as in PKCS #7": bytes([16]) * 16,
    "as in ESP": bytes([*range(1, 16), 15]),
}


@pytest.mark.parametrize("label", ENCRYPTED)
@pytest.mark.parametrize("more", PADDINGS.values(), ids=PADDINGS)
def test_padding_of_any_kind_is_no_fault(label: str, more: bytes) -> None:
    """RFC 2409 Appendix B pads with zeros; "the message length in the header MUST include the length of the pad"."""
    there = scene(label)
    before = len(there.receiver.engine.sas), len(there.receiver.children), there.receiver.told_to_plane[:]
    answers_to(there, rewritten(there, _padded(more)))
    assert there.receiver.failures == []
    after = len(there.receiver.engine.sas), len(there.receiver.children), there.receiver.told_to_plane
    established = label in ("MM5", "MM6", "AM3") and there.receiver.sa.is_up
    assert established or after != before  # it was taken


@pytest.mark.parametrize("label", ENCRYPTED)
def test_a_message_that_is_not_whole_blocks_is_not_taken(label: str) -> None:
    there = scene(label)
    octets = there.due.octets + b"\0"
    odd = octets[:24] + len(octets).to_bytes(4) + octets[28:]
    before = there.receiver.told_to_plane[:]
    assert len(answers_to(there, there.due._replace(octets=odd))) <= 1
    assert there.receiver.told_to_plane == before
    recovers(there)
