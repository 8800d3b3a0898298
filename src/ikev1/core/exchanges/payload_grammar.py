"""Payload grammars: which payloads a message of an exchange must have, in the notation of RFC 2409."""

from __future__ import annotations

import re
from collections.abc import Callable

from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.wire import payloads as wire
from ikev1.wire.message import Message
from ikev1.wire.registry import NotifyType

_SEVERAL = 1000  # more than the parser accepts in one message

_KINDS: dict[str, tuple[type[wire.Payload], ...]] = {
    "SA": (wire.SecurityAssociation,),
    "KE": (wire.KeyExchange,),
    "Ni": (wire.Nonce,),
    "Nr": (wire.Nonce,),
    "IDii": (wire.Identification,),
    "IDir": (wire.Identification,),
    "IDci": (wire.Identification,),
    "IDcr": (wire.Identification,),
    "AUTH_I": (wire.Hash, wire.Signature),
    "HASH_I": (wire.Hash,),
    "HASH_R": (wire.Hash,),
    "AUTH_R": (wire.Hash, wire.Signature),
    "CERT": (wire.Certificate,),
    "Cert-I": (wire.Certificate,),
    "HASH(1)": (wire.Hash,),
    "HASH(2)": (wire.Hash,),
    "HASH(3)": (wire.Hash,),
    "NAT-D": (wire.NatDiscovery,),
    "NAT-OA": (wire.NatOriginalAddress,),
    "N/D": (wire.Notification, wire.Delete),
    "ATTR": (wire.ConfigAttributes,),
}
_REMEMBERED = 100  # sequences of payload types that one grammar remembers as valid; few differ between peers

_REPEATED = {"CERT", "Cert-I", "NAT-D", "NAT-OA", "N/D"}

# Payloads that any message may have in addition
_TOLERATED = (wire.VendorId, wire.Notification, wire.CertificateRequest)

# Vendor IDs, notifications and private payloads are limited together: no peer sends more than twenty, of about 20
# octets each. Certificate requests are not limited: some peers send one for each CA of their system.
_COUNTED = (wire.VendorId, wire.Notification, wire.Unknown)
_MOST_EXTRAS = 48
_LARGEST_EXTRAS = 3072  # octets

_BODY = re.compile(r"<(.+)_b>\w+")  # a separately encrypted body, such as <IDii_b>PubKey_r
_FORM = re.compile(r"^HDR(\*|\(\*\)|)((?:, .+)?)$")


def _kind_of_body(payload: wire.Payload) -> type[wire.Payload]:
    return wire.CLASSES[payload.number] if isinstance(payload, wire.Encrypted) else type(payload)


class PayloadGrammar:
    """A grammar such as ``HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr]``, compiled once.

    Attributes:
        text: the grammar as written.
        encrypted: whether the message is encrypted with the keys of the ISAKMP SA (``HDR*``); with ``HDR(*)`` ours is,
            and the peer's may be.
        hash: which HASH of RFC 2409 §5.5 is the first payload: 1, 2, 3, or 0 for none. An optional HASH(1) is that of a
            certificate (§5.2).
        hidden: the payload types whose bodies are encrypted separately (§5.2, §5.3).
    """

    __slots__ = ("_admitted", "_either", "_kind", "_leading", "_least", "_most", "encrypted", "hash", "hidden", "text")

    def __init__(self, text: str) -> None:
        form = _FORM.match(text.replace(" [,", ", [").replace(",] ", "], "))
        if form is None:
            raise ValueError(f"{text!r} is not a payload grammar")
        self.text = text
        self.encrypted = bool(form[1])
        self._either = form[1] == "(*)"
        self.hash = 0
        self.hidden: frozenset[int] = frozenset()
        self._kind: Callable[[wire.Payload], type[wire.Payload]] = type
        self._admitted: set[tuple[type[wire.Payload], ...]] = set()  # sequences of payload types that were valid
        self._leading: list[type[wire.Payload]] = []
        self._least: dict[str, tuple[tuple[type[wire.Payload], ...], int]] = {}
        self._most: dict[type[wire.Payload], int] = {}
        optional = False
        for word in filter(None, form[2].split(", ")):
            optional = optional or word.startswith("[")
            self._add(word.strip("[] "), optional)
            optional = optional and not word.endswith("]")

    @property
    def must_be_encrypted(self) -> bool:
        """Whether the peer's message must be encrypted, too."""
        return self.encrypted and not self._either

    def _add(self, name: str, optional: bool) -> None:
        body = _BODY.fullmatch(name)
        kinds = _KINDS[body[1] if body else name]
        if body:
            self._kind = _kind_of_body
            self.hidden |= {number for number, kind in wire.CLASSES.items() if kind in kinds}
        if name.startswith("HASH(") and not optional:
            self.hash = int(name[5])
        # RFC 2409 §5: "The SA payload MUST precede all other payloads in a phase 1 exchange"; §5.5: "a HASH payload
        # MUST immediately follow the ISAKMP header and a SA payload MUST immediately follow the HASH". In the encrypted
        # messages of phase 1, all peers send the payloads in the order of RFC 2409. No HASH protects payloads before
        # them, where an attacker could insert blocks until one decrypts to a useful payload.
        encrypted_first = self.encrypted and not self._either and not self._most
        # No HASH covers the exchange type: the first payload after HASH tells a Transaction message from a copy of
        # another one with that type.
        fixed = name in ("SA", "ATTR") or (name.startswith("HASH(") and not optional)
        if fixed or (encrypted_first and not optional):
            self._leading.append(kinds[0])
        for kind in kinds:
            self._most[kind] = _SEVERAL if (body[1] if body else name) in _REPEATED else self._most.get(kind, 0) + 1
        if not optional:
            already = next((least for known, least in self._least.values() if known == kinds), 0)
            label = next((label for label, (known, _) in self._least.items() if known == kinds), name)
            self._least[label] = (kinds, already + 1)

    def admit(self, message: Message, label: str) -> None:
        """Check ``message`` against this grammar; ``label`` (``MM3``) names the message in the text of a refusal.

        Raises:
            Refusal: the message does not match; the text names the payload that is missing, repeated or misplaced.
        """
        kinds = tuple(map(self._kind, message.payloads))
        if message.header.length > _LARGEST_EXTRAS:
            self._check_size(message, label)
        if kinds in self._admitted and (message.header.encrypted is self.encrypted or self._either):
            return
        self._check(message, label)
        if wire.Unknown not in kinds and len(self._admitted) < _REMEMBERED:
            self._admitted.add(kinds)

    def _check_size(self, message: Message, label: str) -> None:
        extras = [
            len(body)
            for payload, body in zip(message.payloads, message.bodies, strict=True)
            if isinstance(payload, _COUNTED) and type(payload) not in self._most
        ]
        if sum(extras) > _LARGEST_EXTRAS:
            fault = f"{sum(extras)} octets of vendor IDs, notifications and private payloads, limit {_LARGEST_EXTRAS}"
            raise self._refusal(label, fault)

    def _check(self, message: Message, label: str) -> None:
        if message.header.encrypted is not self.encrypted and not self._either:
            found = "encrypted" if message.header.encrypted else "sent in the clear"
            raise Refusal(Code.MALFORMED, f"{label} must not be {found}", notify=NotifyType.INVALID_FLAGS)
        payloads = message.payloads
        for position, kind in enumerate(self._leading):
            if position >= len(payloads) or self._kind(payloads[position]) is not kind:
                # No HASH covers the exchange type: a message with another first payload may be a message of another
                # exchange, replayed with this exchange type
                notify = None if self.hash else NotifyType.PAYLOAD_MALFORMED
                raise self._refusal(label, f"payload {position + 1} must be {kind.__name__}", notify)
        counts: dict[type[wire.Payload], int] = {}
        for payload in payloads:
            kind = self._kind(payload)
            counts[kind] = counts.get(kind, 0) + 1
        extras = sum(count for present, count in counts.items() if present in _COUNTED and present not in self._most)
        if extras > _MOST_EXTRAS:
            raise self._refusal(label, f"{extras} vendor IDs, notifications and private payloads, limit {_MOST_EXTRAS}")
        for present, count in counts.items():
            most = self._most.get(present)
            if most is None and present not in _TOLERATED:
                self._admit_foreign(label, present, payloads)
            elif most is not None and count > most and present not in _TOLERATED:
                raise self._refusal(label, f"{count} payloads of type {present.__name__}, limit {most}")
        for name, (kinds, least) in self._least.items():
            if sum(counts.get(kind, 0) for kind in kinds) < least:
                raise self._refusal(label, f"{name} is missing")

    def _admit_foreign(self, label: str, kind: type[wire.Payload], payloads: tuple[wire.Payload, ...]) -> None:
        # RFC 2408 §3.1: payload types above 127 are for private use; unknown ones are ignored
        for payload in payloads:
            if type(payload) is kind and not (isinstance(payload, wire.Unknown) and payload.number > 127):
                raise self._refusal(label, f"{kind.__name__} is not allowed", NotifyType.INVALID_PAYLOAD_TYPE)

    def _refusal(self, label: str, fault: str, notify: NotifyType | None = NotifyType.PAYLOAD_MALFORMED) -> Refusal:
        return Refusal(Code.MALFORMED, f"{label} does not match {self.text!r}: {fault}", notify=notify)

    def __repr__(self) -> str:
        return f"PayloadGrammar({self.text!r})"
