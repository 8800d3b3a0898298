"""The values of a message shown in a lesson, with the names of the RFC."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from ikev1.capture.records.message_record import MessageRecord
from ikev1.wire.describe import describe_payload
from ikev1.wire.header import NO_COOKIE, Header
from ikev1.wire.payloads import (
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Proposal,
    SecurityAssociation,
)
from ikev1.wire.registry import ExchangeType, ProtocolId
from ikev1.wire.words import identity, spi_words, transform_words

_HASHES = {"MM5": "HASH_I", "MM6": "HASH_R", "AM2": "HASH_R", "AM3": "HASH_I"}
_HASHES |= {"QM1": "HASH(1)", "QM2": "HASH(2)", "QM3": "HASH(3)"}

Values = Iterator[tuple[str, str]]


def values_of(record: MessageRecord) -> tuple[tuple[str, str], ...]:
    """The values of a decrypted message of a lesson."""
    return (*_header(record.header), *_payloads(record))


def _header(header: Header) -> Values:
    if header.exchange == ExchangeType.QUICK_MODE:
        yield "message ID", f"{header.message_id:08x}"
        return
    yield "CKY-I", header.CKY_I.hex()
    yield "CKY-R", header.CKY_R.hex() + (" (not known yet)" if header.CKY_R == NO_COOKIE else "")


def _payloads(record: MessageRecord) -> Values:
    side = record.sender.value[0]  # i or r, as in the names of the RFC
    quick = record.header.exchange == ExchangeType.QUICK_MODE
    names = iter(("IDci", "IDcr") if quick else (f"IDi{side}",))
    discoveries = iter(("NAT-D of the destination", "NAT-D of the source"))
    others: list[str] = []
    for payload in record.payloads():
        match payload:
            case SecurityAssociation():
                yield from _offers(payload, offered=side == "i")
            case KeyExchange(data):
                yield f"KE (g^x{side})", data.hex()
            case Nonce(data):
                yield f"N{side}", data.hex()
            case Identification():
                yield next(names), identity(payload)
            case Hash(data):
                yield _HASHES[record.label], data.hex()
            case NatDiscovery(data):
                yield next(discoveries), data.hex()
            case _:
                others.append(describe_payload(payload))
    if others:
        yield "also", ", ".join(others)


def _offers(payload: SecurityAssociation, offered: bool) -> Values:
    numbers = count(1)
    for proposal in payload.proposals:
        for transform in proposal.transforms:
            words = transform_words(proposal.protocol, transform)
            yield f"offer {next(numbers)}" if offered else "choice", f"{_spi(proposal)}{words}"


def _spi(proposal: Proposal) -> str:
    return "" if proposal.protocol == ProtocolId.ISAKMP else f"{spi_words(proposal.protocol, proposal.spi)}: "
