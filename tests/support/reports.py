"""Reports made by hand, for tests of how reports are shown: a peer can be given any text to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ikev1.capture.records.report import Answer, Check, Conversation, EspFlow, Field, Formula, Message, Party, Report

_COOKIES = bytes.fromhex("f1a5c0de00000001 f1a5c0de00000002")
_START = 1_700_000_000.0


class Part(NamedTuple):
    """A field by its octets, or by the parts that it is made of."""

    name: str
    value: str
    octets: bytes = b""
    parts: tuple[Part, ...] = ()
    about: str = ""

    def whole(self) -> bytes:
        return self.octets + b"".join(part.whole() for part in self.parts)

    def field(self, offset: int) -> Field:
        within = offset + len(self.octets)
        fields = []
        for part in self.parts:
            fields.append(part.field(within))
            within += len(part.whole())
        return Field(
            name=self.name,
            value=self.value,
            offset=offset,
            length=len(self.whole()),
            about=self.about,
            fields=tuple(fields),
        )


def _header(exchange: int, flags: int, message_id: bytes, length: int) -> Part:
    return Part(
        "ISAKMP Header",
        f"{length} octets",
        parts=(
            Part("Initiator Cookie", _COOKIES[:8].hex(), _COOKIES[:8], about="chosen by the initiator"),
            Part("Responder Cookie", _COOKIES[8:].hex(), _COOKIES[8:]),
            Part("Next Payload", "SECURITY_ASSOCIATION (1)", b"\x01"),
            Part("Version", "1.0", b"\x10"),
            Part("Exchange Type", f"({exchange})", bytes([exchange])),
            Part("Flags", f"{flags:#04x}", bytes([flags])),
            Part("Message ID", message_id.hex(), message_id),
            Part("Length", f"{length}", length.to_bytes(4)),
        ),
    )


def _offer(suite: str) -> Part:
    attributes: tuple[tuple[str, str, str], ...] = (
        ("Encryption Algorithm", "AES_CBC (7)", "80010007"),
        ("Key Length", "128", "800e0080"),
    )
    attributes += (("Group Description", "MODP_1024 (2)", "80040002"), ("Life Duration", "86400 s = 24 h", "800c5460"))
    return Part(
        "Security Association Payload",
        "one proposal",
        bytes.fromhex("0d000034 00000001 00000001"),
        (
            Part(
                "Proposal Payload",
                "ISAKMP",
                bytes.fromhex("00000028 01010001"),
                (
                    Part(
                        "Transform Payload",
                        suite,
                        bytes.fromhex("00000020 01010000"),
                        tuple(Part(name, value, bytes.fromhex(octets)) for name, value, octets in attributes),
                    ),
                ),
            ),
        ),
        about="What the initiator can do; the responder chooses one transform.",
    )


def message(
    label: str,
    sender: str,
    parts: Sequence[Part],
    *,
    frame: int,
    line: str = "says something",
    security: str = "nothing secret is in this message",
    encrypted: bool = False,
    opened: bool = False,
    exchange: str = "Main Mode",
    repeats: int | None = None,
    checks: tuple[Check, ...] = (),
    formulas: tuple[Formula, ...] = (),
    problems: tuple[str, ...] = (),
) -> Message:
    """One message whose octets are those of its parts, behind a header."""
    length = 28 + sum(len(part.whole()) for part in parts)
    message_id = bytes(4) if exchange in {"Main Mode", "Aggressive Mode"} else b"\x5e\xed\x00\x01"
    every = (_header(2, int(encrypted), message_id, length), *parts)
    octets = b"".join(part.whole() for part in every)
    fields, offset = [], 0
    for part in every if opened or not encrypted else every[:1]:
        fields.append(part.field(offset))
        offset += len(part.whole())
    ends = ("192.0.2.1[500]", "198.51.100.7[500]")
    return Message(
        label=label,
        exchange=exchange,
        message_id=message_id.hex(),
        sender=sender,
        frames=(frame,),
        time=_START + frame / 50,
        source=ends[sender == "responder"],
        destination=ends[sender == "initiator"],
        encrypted=encrypted,
        decrypted=opened,
        line=line,
        security=security,
        retransmission_of=repeats,
        problems=problems,
        checks=checks,
        formulas=formulas,
        fields=tuple(fields),
        octets=(octets[:28] + bytes(octet ^ 0x5A for octet in octets[28:]) if encrypted else octets).hex(),
        plaintext=octets.hex() if opened or not encrypted else "",
    )


def conversation(
    messages: Sequence[Message],
    *,
    number: int = 1,
    mode: str = "Main Mode",
    identity: str = "alice@example.org",
    maker: str = "strongSwan",
    outcome: str = "established",
    summary: str = "alice@example.org and gw.example.org have an ISAKMP SA.",
    answers: Sequence[Answer] = (),
    esp: Sequence[EspFlow] = (),
) -> Conversation:
    """A conversation of these messages between 192.0.2.1 and 198.51.100.7."""
    return Conversation(
        number=number,
        initiator=Party(
            address="192.0.2.1",
            ports=(500, 4500),
            maker=maker,
            vendor_ids=("Dead Peer Detection", "XAUTH", "unknown: 4f45606c50487c5662707575"),
            identity=identity,
            identity_visible=mode == "Aggressive Mode",
            behind_nat=True,
        ),
        responder=Party(address="198.51.100.7", ports=(500, 4500), identity="gw.example.org", behind_nat=False),
        initiator_cookie=_COOKIES[:8].hex(),
        responder_cookie=_COOKIES[8:].hex(),
        mode=mode,
        authentication="PRE_SHARED_KEY",
        suite="AES_CBC-128/SHA1/MODP_1024/PRE_SHARED_KEY",
        outcome=outcome,
        summary=summary,
        first_time=messages[0].time if messages else _START,
        last_time=messages[-1].time if messages else _START,
        messages=tuple(messages),
        answers=tuple(answers),
        esp=tuple(esp),
    )


def report(*conversations: Conversation, notes: Sequence[str] = (), esp: Sequence[EspFlow] = ()) -> Report:
    """A capture with these conversations."""
    return Report(source="branch.pcap", frames=42, conversations=conversations, notes=tuple(notes), esp=tuple(esp))


_KE = Part("Key Exchange Payload", "g^x, 128 octets", bytes.fromhex("0a000084"), (Part("Data", "g^x", bytes(128)),))
_NONCE = Part("Nonce Payload", "20 octets", bytes.fromhex("00000018"), (Part("Data", "nonce", b"\x77" * 20),))
_ID = Part(
    "Identification Payload",
    "alice@example.org",
    bytes.fromhex("08000019"),
    (Part("ID Type", "USER_FQDN (3)", b"\x03"), Part("Data", "alice@example.org", b"\0\0\0alice@example.org")),
)
_HASH = Part("Hash Payload", "20 octets", bytes.fromhex("00000018"), (Part("Data", "HASH", b"\x88" * 20),))
_SKEYID = Formula(
    name="SKEYID",
    expression="prf(pre-shared-key, Ni_b | Nr_b)",
    source="RFC 2409 §5",
    inputs=(("pre-shared-key", b"secret".hex()), ("Ni_b", "77" * 20), ("Nr_b", "77" * 20)),
    result="5e" * 20,
)
_RIGHT = Check(name="HASH_I", right=True, text="the initiator knows the pre-shared key")
_UNKNOWN = Check(name="HASH(1)", right=None, text="SKEYID_a is not known: give a key log")

MAIN = conversation(
    (
        message("MM1", "initiator", (_offer("AES_CBC-128/SHA1/MODP_1024"),), frame=1, line="proposes one suite, 24 h"),
        message("MM1", "initiator", (_offer("AES_CBC-128/SHA1/MODP_1024"),), frame=2, line="as before", repeats=0),
        message("MM2", "responder", (_offer("AES_CBC-128/SHA1/MODP_1024"),), frame=3, line="chooses AES_CBC-128/SHA1"),
        message("MM3", "initiator", (_KE, _NONCE), frame=4, line="g^xi (1024 bits) and a nonce (20 octets)"),
        message("MM4", "responder", (_KE, _NONCE), frame=5, line="g^xr and a nonce", formulas=(_SKEYID,)),
        message(
            *("MM5", "initiator", (_ID, _HASH)),
            frame=6,
            line="says that it is alice@example.org, and proves it",
            security="the identity is encrypted: only the two ends, and you with the key log, read it",
            encrypted=True,
            opened=True,
            checks=(_RIGHT,),
        ),
        message("MM6", "responder", (_ID, _HASH), frame=7, encrypted=True, opened=True, checks=(_RIGHT,)),
        message(
            *("QM1", "initiator", (_HASH,)), frame=8, exchange="Quick Mode", encrypted=True, line="encrypted, 68 octets"
        ),
        message(*("QM2", "responder", (_HASH,)), frame=9, exchange="Quick Mode", encrypted=True, checks=(_UNKNOWN,)),
        message("QM3", "initiator", (_HASH,), frame=10, exchange="Quick Mode", encrypted=True),
    ),
    answers=(
        Answer(
            question="group",
            title="Which group, and which p and g?",
            text="Group 2 (MODP_1024). Its number names them: p has 1024 bits, g is 2 (RFC 2409 §6.2).",
            frames=(1, 3),
        ),
        Answer(
            question="offline-guess",
            title="Can the pre-shared key be guessed offline?",
            text="Not from this capture: HASH_I and HASH_R are encrypted under a key that a listener cannot compute.",
            frames=(6, 7),
        ),
        Answer(question="nat", title="Is there a NAT?", text="Yes: the initiator is behind one."),
    ),
    esp=(
        EspFlow(
            spi="c0ffee01",
            source="192.0.2.1[4500]",
            destination="198.51.100.7[4500]",
            packets=1200,
            octets=1_500_000,
            first_frame=11,
            last_frame=40,
            first_time=_START + 1,
            last_time=_START + 61,
            suite="AES_CBC-128/HMAC_SHA1_96",
            opened=1199,
            wrong=1,
            missing=2,
            inner="ICMP echoes between 10.1.0.1 and 10.2.0.1",
        ),
    ),
)
AGGRESSIVE = conversation(
    (
        message("AM1", "initiator", (_offer("AES_CBC-128"), _KE, _ID), frame=20, exchange="Aggressive Mode"),
        message(
            *("AM2", "responder", (_offer("AES_CBC-128"), _KE, _HASH)),
            frame=21,
            exchange="Aggressive Mode",
            checks=(Check(name="HASH_R", right=False, text="not with this pre-shared key"),),
            problems=("the payload says 64 octets, 24 are left",),
        ),
    ),
    number=2,
    mode="Aggressive Mode",
    outcome="failed",
    summary="The initiator fell silent after message 2.",
)
REPORT = report(MAIN, AGGRESSIVE, notes=("frame 42 is cut off after 68 of 1400 octets",))
