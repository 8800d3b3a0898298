"""The header of a message (RFC 2408 §3.1), field by field."""

from __future__ import annotations

from ikev1.wire.dissect.chains import NEXT_PAYLOAD_ABOUT, next_payload_words
from ikev1.wire.dissect.tree import DissectedField, bits, node
from ikev1.wire.header import FIELDS, NO_COOKIE
from ikev1.wire.registry import ExchangeType, Flags

COOKIE_ABOUT = "{} chose this cookie; both cookies together identify the ISAKMP SA (RFC 2408 §2.4, §2.5.3)."
FLAGS_ABOUT = {
    Flags.ENCRYPTION: "The payloads are encrypted with the keys of the ISAKMP SA (RFC 2408 §3.1).",
    Flags.COMMIT: "The receiver must wait for CONNECTED before it uses the SA (RFC 2408 §3.1).",
    Flags.AUTHENTICATION: "An Informational message that is authenticated but not encrypted (RFC 2408 §3.1).",
}


def header_field(octets: bytes) -> DissectedField:
    """The field of the header and its subfields. ``octets`` must contain a whole header."""
    CKY_I, CKY_R, next_payload, version, exchange, flags, message_id, length = FIELDS.unpack_from(octets)
    fields = [
        DissectedField("Initiator Cookie", CKY_I.hex(), 0, 8, COOKIE_ABOUT.format("The initiator")),
        DissectedField("Responder Cookie", _responder(CKY_R), 8, 8, COOKIE_ABOUT.format("The responder")),
        DissectedField("Next Payload", next_payload_words(next_payload, {}), 16, 1, NEXT_PAYLOAD_ABOUT),
        bits(
            DissectedField("Version", f"{version >> 4}.{version & 0x0F}", 17, 1, "IKEv1 is ISAKMP 1.0, IKEv2 is 2.0."),
            [("Major Version", str(version >> 4), ""), ("Minor Version", str(version & 0x0F), "")],
        ),
        DissectedField(
            "Exchange Type",
            f"{ExchangeType(exchange).name} ({exchange})",
            18,
            1,
            "The exchange of the message; IDENTITY_PROTECTION is Main Mode (RFC 2409 §5).",
        ),
        bits(DissectedField("Flags", _flags(flags), 19, 1), [_flag(flag, flags) for flag in Flags]),
        DissectedField(
            "Message ID",
            f"0x{message_id:08x}",
            20,
            4,
            "0 in phase 1; then a random number that identifies the exchange within the ISAKMP SA (RFC 2408 §3.1).",
        ),
        DissectedField(
            "Length", f"{length} octets", 24, 4, "The length of the message including this header (RFC 2408 §3.1)."
        ),
    ]
    return node("Header", f"{ExchangeType(exchange).name}, {length} octets", fields, "The header of every message.")


def _responder(cookie: bytes) -> str:
    return f"{cookie.hex()} (none yet)" if cookie == NO_COOKIE else cookie.hex()


def _flags(flags: int) -> str:
    names = [flag.name for flag in Flags if flags & flag]
    return f"{' + '.join(names) or 'none'} (0x{flags:02x})"


def _flag(flag: Flags, flags: int) -> tuple[str, str, str]:
    return flag.name.capitalize(), "set" if flags & flag else "not set", FLAGS_ABOUT[flag]
