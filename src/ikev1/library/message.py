"""One ISAKMP message, to read, to change and to build (RFC 2408 §3)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, TypeVar

from ikev1.library.translate_errors import Misuse, of_caller
from ikev1.wire import message as wire
from ikev1.wire.describe import describe
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.payloads import Payload
from ikev1.wire.registry import Flags

if TYPE_CHECKING:  # reading a message needs no cryptography
    from ikev1.library.keys import Phase1

PayloadClass = TypeVar("PayloadClass", bound=Payload)


class Message:
    """An ISAKMP message: its header and its payloads; or, while it is encrypted, its header and its ciphertext.

    Immutable: `replace`, `encrypt` and `decrypt` return another message. ``message[ikev1.Nonce]`` is the first nonce
    payload, and raises `ikev1.LocalError` if there is none; ``ikev1.Nonce in message`` tells whether there is one;
    ``len(message)`` is the number of payloads, and iteration gives them in order.

    Attributes:
        header: as on the wire. `to_wire` sets the type of the first payload, the length and the E flag anew.
        payloads: in order; empty while the message is encrypted.
        ciphertext: the octets after the header of an encrypted message, else empty.
    """

    __slots__ = ("ciphertext", "header", "payloads")

    header: Header
    payloads: tuple[Payload, ...]
    ciphertext: bytes

    def __init__(self, header: Header, payloads: Collection[Payload] = (), *, ciphertext: bytes = b"") -> None:
        """Make a message.

        Args:
            header: its header (RFC 2408 §3.1).
            payloads: the payloads of a message in the clear.
            ciphertext: instead of payloads, the octets after the header of an encrypted message.

        Raises:
            LocalError: both are given.
        """
        if payloads and ciphertext:
            raise Misuse("a message has payloads or, while it is encrypted, a ciphertext: give one of them")
        object.__setattr__(self, "header", header)
        object.__setattr__(self, "payloads", tuple(payloads))
        object.__setattr__(self, "ciphertext", ciphertext)

    # --- octets

    @classmethod
    def from_wire(cls, octets: bytes, *, hidden: Collection[int] = ()) -> Message:
        """Read a message without the non-ESP marker, which stands before it on port 4500 (RFC 3948 §2.2).

        Args:
            octets: the UDP payload.
            hidden: types of payload whose bodies are encrypted on their own, as in both kinds of RSA encryption
                (RFC 2409 §5.2, §5.3); they become `ikev1.Encrypted`.

        Raises:
            WireError: the octets are no ISAKMP message. It is a `RemoteError` and has ``notify``, ``payload`` and
                ``offset``.
        """
        octets, _ = wire.without_trailer(bytes(octets))
        header = Header.parse(octets)
        if header.encrypted:
            return cls(header, ciphertext=octets[HEADER_SIZE:])
        return cls(header, wire.parse_message(header, octets[HEADER_SIZE:], frozenset(hidden)).payloads)

    def to_wire(self) -> bytes:
        """The octets of the message. A message that was decrypted gives octets in the clear, without the E flag.
        Contents are not checked, so that tests can send what no peer should send.

        Raises:
            LocalError: a value does not fit its field.
        """
        if self.ciphertext:
            flags = self.header.flags | Flags.ENCRYPTION
            header = self.header._replace(flags=flags, length=HEADER_SIZE + len(self.ciphertext))
            with of_caller("to_wire"):
                return header.build() + self.ciphertext
        header = self.header._replace(flags=self.header.flags & ~Flags.ENCRYPTION)
        with of_caller("to_wire"):
            return wire.build_message(header, self.payloads)

    def to_text(self) -> str:
        """One line: the payloads and their contents, or the length of the ciphertext. Of keys, nonces and hashes only
        the length is shown, and no control character that a peer sent.
        """
        if self.ciphertext:
            return f"({len(self.ciphertext)} encrypted octets)"
        return describe(wire.Message(self.header, self.payloads, (), b""))

    # --- keys

    def decrypt(self, key: Phase1) -> Message:
        """The same message in the clear (RFC 2409 Appendix B).

        Args:
            key: suite, key and IV of this message. `ikev1.keys.Phase1.of` gives that of the first message of an
                exchange, `ikev1.keys.Phase1.after` that of each later one.

        Raises:
            LocalError: the message is not encrypted, or the key cannot be used.
            RemoteError: the plaintext is no chain of payloads: the key or the IV is wrong, or the message is malformed.
        """
        if not self.ciphertext:
            raise Misuse("decrypt: the message is in the clear already")
        chain = key.decrypt(self.ciphertext)
        return Message(self.header, wire.parse_message(self.header, chain).payloads)

    def encrypt(self, key: Phase1) -> Message:
        """The same message encrypted (RFC 2409 Appendix B).

        Args:
            key: as for `decrypt`.

        Raises:
            LocalError: the message is encrypted already, has no payloads, or the key cannot be used.
        """
        if self.ciphertext:
            raise Misuse("encrypt: the message is encrypted already")
        with of_caller("encrypt"):
            first, chain = wire.build_chain(self.payloads)
        ciphertext = key.encrypt(chain)
        flags = self.header.flags | Flags.ENCRYPTION
        header = self.header._replace(next_payload=first, flags=flags, length=HEADER_SIZE + len(ciphertext))
        return Message(header, ciphertext=ciphertext)

    # --- payloads

    def __getitem__(self, kind: type[PayloadClass]) -> PayloadClass:
        """The first payload of a class. Raises LocalError: there is none."""
        for payload in self.payloads:
            if type(payload) is kind:
                return payload
        there = ", ".join(type(payload).__name__ for payload in self.payloads) or "none while it is encrypted"
        raise Misuse(f"the message has no {kind.__name__} payload; its payloads: {there}")

    def all(self, kind: type[PayloadClass]) -> tuple[PayloadClass, ...]:
        """All payloads of a class, in order."""
        return tuple([payload for payload in self.payloads if type(payload) is kind])

    def __contains__(self, kind: type[Payload]) -> bool:
        return any(type(payload) is kind for payload in self.payloads)

    def __iter__(self) -> Iterator[Payload]:
        return iter(self.payloads)

    def __len__(self) -> int:
        return len(self.payloads)

    def replace(self, old: Payload, *new: Payload) -> Message:
        """The message with ``new`` in the place of ``old``.

        Args:
            old: a payload of this message, the object itself.
            new: no payload, one or several.

        Raises:
            LocalError: ``old`` is no payload of this message.
        """
        for position, payload in enumerate(self.payloads):
            if payload is old:
                return Message(self.header, (*self.payloads[:position], *new, *self.payloads[position + 1 :]))
        raise Misuse("replace: the payload is not one of this message: take it out of the message itself")

    @property
    def after_first(self) -> bytes:
        """The octets from the second payload's generic header on: what HASH(1) and HASH(2) cover (RFC 2409 §5.5).

        Raises:
            LocalError: a value does not fit its field.
        """
        with of_caller("after_first"):
            return wire.build_chain(self.payloads[1:])[1]

    # --- as a value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Message is immutable: use replace, or make another one")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return (self.header, self.payloads, self.ciphertext) == (other.header, other.payloads, other.ciphertext)

    def __hash__(self) -> int:
        return hash((self.header, self.payloads, self.ciphertext))

    def __repr__(self) -> str:
        return f"<Message {self.header.CKY_I.hex()} {self.to_text()}>"
