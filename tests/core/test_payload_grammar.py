"""Shapes: what a message must carry, said once in the words of the RFC."""

from __future__ import annotations

import re

import pytest

from ikev1.core.exchanges.interpreter import Script
from ikev1.core.exchanges.payload_grammar import PayloadGrammar
from ikev1.core.exchanges.registry import SCRIPTS
from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.wire.header import Header
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    Delete,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    Signature,
    Unknown,
    VendorId,
    build_body,
)
from ikev1.wire.registry import NotifyType

SA = SecurityAssociation(1, 1, ())
KE, NONCE, HASH = KeyExchange(bytes(8)), Nonce(bytes(8)), Hash(bytes(20))
ID = Identification(1, 0, 0, bytes(4))
NOTIFY, DELETE = Notification(1, 1, b"", 24_578, b""), Delete(1, 3, ())
CERTIFICATE = Certificate(4, b"DER")
VENDOR, REQUEST = VendorId(b"vendor"), CertificateRequest(4, b"")
NAT_D = NatDiscovery(bytes(20), 20)

MM1 = "HDR, SA"
MM3 = "HDR, KE, Ni [, NAT-D]"
MM5 = "HDR*, IDii [, CERT], AUTH_I"
RSA3 = "HDR, KE, [HASH(1),] <IDii_b>PubKey_r, <Ni_b>PubKey_r [, NAT-D]"
AM3 = "HDR(*) [, CERT], AUTH_I [, NAT-D]"
QM1 = "HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr] [, NAT-OA]"
QM3 = "HDR*, HASH(3)"
INFO = "HDR*, HASH(1), N/D"


def message(encrypted: bool, *payloads: Payload) -> Message:
    bodies = tuple(map(build_body, payloads))
    header = Header(b"I" * 8, b"R" * 8, 1, 2, int(encrypted), 0, 28 + sum(4 + len(body) for body in bodies))
    return Message(header, payloads, bodies, b"")


def admit(text: str, *payloads: Payload) -> None:
    PayloadGrammar(text).admit(message("*" in text, *payloads), "MM9")


@pytest.mark.parametrize(
    ("text", "payloads"),
    [
        (MM1, (SA,)),
        (MM1, (SA, VENDOR, VENDOR, NOTIFY, REQUEST)),
        (MM3, (KE, NONCE)),
        (MM3, (NONCE, KE)),
        (MM3, (KE, NONCE, NAT_D, NAT_D, NAT_D, VENDOR, REQUEST)),
        (MM3, (KE, NONCE, Unknown(200, b"private"))),
        (MM5, (ID, HASH)),
        (MM5, (ID, Signature(bytes(64)))),
        (MM5, (ID, CERTIFICATE, CERTIFICATE, Signature(bytes(64)))),
        (MM5, (ID, HASH, NOTIFY)),
        (MM5, (ID, HASH, *[VENDOR] * 47, NOTIFY)),
        (MM5, (ID, HASH, *[REQUEST] * 200)),
        (MM5, (ID, HASH, CertificateRequest(4, bytes(6000)))),
        (AM3, (NAT_D, HASH)),
        (QM1, (HASH, SA, NONCE)),
        (QM1, (HASH, SA, NONCE, KE, ID, ID, NOTIFY)),
        (QM3, (HASH,)),
        (INFO, (HASH, DELETE)),
        (INFO, (HASH, NOTIFY)),
        (INFO, (HASH, DELETE, DELETE, NOTIFY, DELETE)),
    ],
)
def test_what_is_of_the_shape(text: str, payloads: tuple[Payload, ...]) -> None:
    admit(text, *payloads)


@pytest.mark.parametrize(
    ("text", "payloads", "names", "notify"),
    [
        (MM1, (), ("SecurityAssociation",), NotifyType.PAYLOAD_MALFORMED),
        (MM1, (VENDOR, SA), ("SecurityAssociation",), NotifyType.PAYLOAD_MALFORMED),
        (MM1, (SA, SA), ("2", "SecurityAssociation"), NotifyType.PAYLOAD_MALFORMED),
        (MM1, (SA, KE), ("KeyExchange",), NotifyType.INVALID_PAYLOAD_TYPE),
        (MM3, (KE,), ("Ni",), NotifyType.PAYLOAD_MALFORMED),
        (MM3, (NONCE,), ("KE",), NotifyType.PAYLOAD_MALFORMED),
        (MM3, (KE, NONCE, KE), ("2", "KeyExchange"), NotifyType.PAYLOAD_MALFORMED),
        (MM3, (KE, NONCE, SA), ("SecurityAssociation",), NotifyType.INVALID_PAYLOAD_TYPE),
        (MM3, (KE, NONCE, Unknown(99, b"")), ("Unknown",), NotifyType.INVALID_PAYLOAD_TYPE),
        (MM5, (ID,), ("AUTH_I",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (VENDOR, ID, HASH), ("Identification",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (ID, HASH, *[VENDOR] * 48, NOTIFY), ("49",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (ID, HASH, *[Unknown(200, b"")] * 49), ("49",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (ID, HASH, VendorId(bytes(3073))), ("3073",), NotifyType.PAYLOAD_MALFORMED),
        (MM3, (KE, NONCE, Unknown(200, bytes(9000))), ("9000",), NotifyType.PAYLOAD_MALFORMED),
        (AM3, (HASH, *[VENDOR] * 49), ("49",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (HASH,), ("Identification",), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (ID, ID, HASH), ("2", "Identification"), NotifyType.PAYLOAD_MALFORMED),
        (MM5, (ID, HASH, KE), ("KeyExchange",), NotifyType.INVALID_PAYLOAD_TYPE),
        (QM1, (SA, HASH, NONCE), ("Hash",), None),
        (QM1, (HASH, NONCE, SA), ("SecurityAssociation",), None),
        (QM1, (HASH, SA), ("Ni",), NotifyType.PAYLOAD_MALFORMED),
        (QM1, (HASH, SA, NONCE, ID, ID, ID), ("3", "Identification"), NotifyType.PAYLOAD_MALFORMED),
        (QM1, (HASH, SA, SA, NONCE), ("2", "SecurityAssociation"), NotifyType.PAYLOAD_MALFORMED),
        (QM3, (), ("Hash",), None),
        (QM3, (HASH, HASH), ("2", "Hash"), NotifyType.PAYLOAD_MALFORMED),
        (INFO, (HASH,), ("N/D",), NotifyType.PAYLOAD_MALFORMED),
        (INFO, (DELETE, HASH), ("Hash",), None),
        (INFO, (HASH, DELETE, SA), ("SecurityAssociation",), NotifyType.INVALID_PAYLOAD_TYPE),
    ],
)
def test_what_is_not_of_the_shape(
    text: str, payloads: tuple[Payload, ...], names: tuple[str, ...], notify: NotifyType | None
) -> None:
    grammar = PayloadGrammar(text)
    for _ in range(2):  # a shape that was right is remembered, one that was wrong stays wrong
        with pytest.raises(Refusal) as refused:
            grammar.admit(message(grammar.encrypted, *payloads), "MM9")
        assert refused.value.code is Code.MALFORMED
        assert refused.value.notify is notify
        for name in ("MM9", *names):
            assert name in refused.value.text


@pytest.mark.parametrize("text", [MM1, MM5])
def test_what_must_be_protected_is_and_what_must_not_is_not(text: str) -> None:
    grammar = PayloadGrammar(text)
    payloads = (SA,) if text == MM1 else (ID, HASH)
    grammar.admit(message(grammar.encrypted, *payloads), "MM9")
    with pytest.raises(Refusal) as refused:
        grammar.admit(message(not grammar.encrypted, *payloads), "MM9")
    assert refused.value.notify is NotifyType.INVALID_FLAGS


@pytest.mark.parametrize("encrypted", [True, False])
def test_a_shape_may_leave_it_open_whether_it_is_protected(encrypted: bool) -> None:
    grammar = PayloadGrammar(AM3)
    assert grammar.encrypted
    for _ in range(2):
        grammar.admit(message(encrypted, HASH, NAT_D), "AM3")


@pytest.mark.parametrize("text", ["", "SA", "HDR SA", "HDR,SA", "HDR**, SA", "hdr, SA"])
def test_what_is_no_shape(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        PayloadGrammar(text)


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(KeyError, match="XX"):
        PayloadGrammar("HDR, XX")


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=lambda script: f"{script.name} {script.method}")
def test_every_row_of_every_table_compiles(script: Script) -> None:
    assert [grammar.text for grammar in script.grammars] == [row.grammar for row in script.rows]
    for row, grammar in zip(script.rows, script.grammars, strict=True):
        assert grammar.encrypted is row.grammar.startswith(("HDR*", "HDR(*)"))
        assert row.sender in "ir"
        assert (f"HASH({grammar.hash})" in row.grammar) is (grammar.hash > 0)
        assert repr(grammar) == f"PayloadGrammar({row.grammar!r})"
