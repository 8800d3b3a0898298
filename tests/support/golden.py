"""Golden transcripts: conversations of two engines with fixed randomness, and how they are recorded.

A conversation is a function of a `GoldenNetwork`. The network writes a transcript of it (`golden_text`), which a test
compares with the recorded file.

A transcript depends as little as possible on the order in which an engine asks for random octets and SPIs:

- Random octets are a function of the number of octets requested and of a counter for each such number. A message ID
  (4 octets) therefore does not shift a nonce (32) or an exponent (20 to 50). Only nonces and private values of
  Curve25519 have the same length and different uses.
- The 2 octets of jitter are constant for a peer. Numbers of 4 octets increase.
- Octets drawn by the constructor of an engine (the secrets of its cookies) are constant for a peer, so that an engine
  loaded from a dump continues like the engine that was dumped.
- SPIs and CPIs come from a counter for each protocol.
- ECDSA signatures are deterministic (RFC 6979) while a conversation runs: `play` replaces the default of the
  cryptography library, no code of ours. RSA signatures (PKCS #1 v1.5) always are. The padding of RSA encryption is
  random, so the transcript holds the decrypted body instead of the ciphertext (`GoldenNetwork.decrypts`).
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256, shake_256
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256

from configured import ALICE, BOB, connection, settings, tunnel
from golden_text import Transcript
from ikev1.core.engine import Engine
from ikev1.core.records.actions import (
    Action,
    CheckCertificate,
    Forget,
    InstallInbound,
    InstallOutbound,
    Keep,
    Move,
    Remove,
    Report,
)
from ikev1.core.records.actions import Send as SendAction
from ikev1.core.records.answers import Answer
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import (
    ChildDown,
    ChildUp,
    Event,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    MessageSeen,
    Note,
)
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.wire.payloads import payload_type
from ikev1.wire.registry import ProtocolId
from playbook import Datagram, Network, Peer

Conversation = Callable[["GoldenNetwork"], None]

CONVERSATIONS: dict[str, Conversation] = {}  # by name, which is that of the file
WITHOUT_RELOAD: set[str] = set()  # conversations in which the wire shows state that a dump does not contain
REPEATS_CODES: set[str] = set()  # conversations in which a loaded engine reports what it reported before the dump
_MAIN_MODE = 2  # the exchange type Identity Protection (RFC 2408 §3.1)


def conversation(function: Conversation) -> Conversation:
    """Registers a conversation under the name of the function."""
    assert function.__name__ not in CONVERSATIONS
    CONVERSATIONS[function.__name__] = function
    return function


def without_reload(function: Conversation) -> Conversation:
    """Registers a conversation that is not compared with the one of engines that are dumped and loaded."""
    WITHOUT_RELOAD.add(function.__name__)
    return conversation(function)


def repeats_codes(function: Conversation) -> Conversation:
    """Registers a conversation whose codes are not compared with those of engines that are dumped and loaded."""
    REPEATS_CODES.add(function.__name__)
    return conversation(function)


def play(name: str, *, reborn: bool) -> str:
    """The transcript of a conversation. With ``reborn`` every engine is dumped and loaded before each of its steps."""
    network = GoldenNetwork(reborn=reborn)
    network.transcript.remark(f"{name}: {CONVERSATIONS[name].__doc__}")
    with _deterministic_ecdsa():
        CONVERSATIONS[name](network)
    return network.transcript.text


@contextmanager
def _deterministic_ecdsa() -> Iterator[None]:
    """Makes ECDSA signatures deterministic (RFC 6979), which is an option of the library."""
    key = ec.derive_private_key(1, ec.SECP256R1())
    key.sign(b"", ec.ECDSA(SHA256()))  # the library looks up its class once, which must not be ours

    class Deterministic(ec.ECDSA):
        def __init__(self, algorithm: Any) -> None:
            super().__init__(algorithm, deterministic_signing=True)

    with mock.patch.object(ec, "ECDSA", Deterministic):
        yield


# --- randomness -----------------------------------------------------------------------------------------------------


class Draws:
    """Octets that depend on their number, and on how often this number of octets was requested."""

    _JITTER = 2  # octets; nothing else is as short
    _NUMBER = 4  # octets; they increase, because R-U-THERE with a lower number than the last one is not acknowledged

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: Counter[int] = Counter()
        self._is_construction = False

    def __call__(self, octets: int) -> bytes:
        if self._is_construction or octets == self._JITTER:
            return self._octets("always", octets)
        self._asked[octets] += 1
        drawn = self._octets(str(self._asked[octets]), octets)
        return bytes([self._asked[octets]]) + drawn[1:] if octets == self._NUMBER else drawn

    def _octets(self, which: str, octets: int) -> bytes:
        return shake_256(f"golden {self._name} {octets} {which}".encode()).digest(octets)

    @contextmanager
    def of_construction(self) -> Iterator[None]:
        """Octets requested meanwhile do not advance the counters."""
        self._is_construction = True
        yield
        self._is_construction = False


class Spis:
    """SPIs and CPIs that show their owner: a1ce0301, a1ce0302 ... for ESP, a1ce0201 for AH, a101 for IPComp."""

    def __init__(self, name: str) -> None:
        self._prefix = {"alice": 0xA1CE, "bob": 0xB0B0, "carol": 0xCA20}[name]
        self._given: Counter[int] = Counter()

    def __call__(self, path: UdpPath, protocol: int) -> int:
        self._given[protocol] += 1
        if protocol == ProtocolId.IPCOMP:
            return (self._prefix & 0xFF00) + self._given[protocol]
        return (self._prefix << 16) + (protocol << 8) + self._given[protocol]


# --- peers and their network ----------------------------------------------------------------------------------------


class GoldenPeer(Peer):
    """A peer whose actions are recorded."""

    network: GoldenNetwork
    random: Draws  # type: ignore[assignment]

    def __init__(self, network: GoldenNetwork, name: str, address: str, settings: Settings) -> None:
        super().__init__(network, name, address, settings)
        self.random = Draws(name)
        self.allocate_spi = Spis(name)
        self._codes: list[str] = []
        self._kept: set[str] = set()
        self._begins_anew()
        self._last_taken = b""
        self._contents: dict[bytes, list[int]] = {}  # payload types of sent messages, by their octets

    def _begins_anew(self) -> None:
        with self.random.of_construction():
            self.engine = Engine(self.settings, self.random)

    def is_reborn(self) -> None:
        with self.random.of_construction():
            super().is_reborn()

    def takes(self, octets: bytes, path: UdpPath) -> None:
        # The engine keeps its answers to first messages for one generation of the settings, which also ends with a
        # dump, and CKY-R contains the number of the answer. To make CKY-R independent of dumps, each new first message
        # begins a generation, and a repeated one is received by the same engine.
        network, reborn = self.network, self.network.reborn
        if octets == self._last_taken:
            network.reborn = False
        elif octets[8:16] == bytes(8) and octets[18] == _MAIN_MODE and network.new_generations:
            self.is_given(self.settings)
        self._last_taken = octets
        super().takes(octets, path)
        network.reborn = reborn

    def is_killed(self, *alive: int) -> None:
        stored = list(self.stored.values())
        self._begins_anew()
        self.inbound = {spi: child for spi, child in self.inbound.items() if spi in alive}
        self.outbound = {key: child for key, child in self.outbound.items() if child.inbound.spi in alive}
        self.does(lambda engine: engine.restore(stored, self.network.now, alive))

    def forgets(self) -> None:
        """The process restarts with an empty store and an empty data plane."""
        self.stored.clear()
        self.is_killed()

    def does(self, wish: Callable[[Engine], list[Action]]) -> None:
        super().does(wish)
        if self._codes:
            self._write(f"codes {' '.join(sorted(self._codes))}")
        if self._kept:
            self.network.transcript.remark(f"{self.name} {' and '.join(sorted(self._kept, reverse=True))}")
        self._codes, self._kept = [], set()

    def _perform(self, action: Action, following: Action | None) -> Answer | None:
        before = len(self.network.log)
        answer = super()._perform(action, following)
        match action:
            case SendAction(_, octets):
                self._note_contents(octets, following)
                (sent,) = self.network.log[before:]
                self.network.write(*sent, self._contents.get(octets, []))
            case InstallInbound(_, child):
                self._write(f"install-in {_named(child, child.inbound.spi)} keys {_digest(child.inbound)}")
            case InstallOutbound(_, child):
                self._write(f"install-out {_named(child, child.outbound.spi)} keys {_digest(child.outbound)}")
            case Move(child):
                local, remote = child.path[:2], child.path[2:]
                self._write(f"move {_named(child, child.inbound.spi)} to {_end(local)} -> {_end(remote)}")
            case Remove(child):
                self._write(f"remove {_named(child, child.inbound.spi)}")
            case CheckCertificate():
                self._codes.append("examine")
            case Report(event):
                self._codes += _code_of(event)
            case Keep() | Forget():
                self._kept.add("forgets" if isinstance(action, Forget) else "stores")
        return answer

    def _note_contents(self, octets: bytes, following: Action | None) -> None:
        if isinstance(following, Report) and isinstance(following.event, MessageSeen) and following.event.sent:
            self._contents[octets] = [payload_type(payload) for payload in following.event.message.payloads]

    def _write(self, line: str) -> None:
        self.network.transcript.line(self.network.passed, f"{self.name}: {line}")


def _named(child: ChildSa, spi: int) -> str:
    return f"{ {ProtocolId.ESP: 'ESP', ProtocolId.AH: 'AH'}[ProtocolId(child.suite.protocol)] } {spi:08x}"


def _digest(keys: Any) -> str:
    """A fingerprint of KEYMAT (RFC 2409 §5.5), which both peers derive."""
    return sha256(keys.encryption_key + b" " + keys.integrity_key).hexdigest()[:16]


def _end(end: tuple[Any, ...]) -> str:
    host, port = end
    return f"{host}[{port}]"


def _code_of(event: Event) -> list[str]:
    match event:
        case Failure(code) | Note(code):
            return [str(code)]
        case IkeUp() | IkeConfirmed() | IkeDown() | ChildUp() | ChildDown():
            words = {IkeUp: "ike-up", IkeConfirmed: "ike-confirmed", IkeDown: "ike-down", ChildUp: "child-up"}
            return [words.get(type(event), "child-down")]
        case _:
            return []


class GoldenNetwork(Network):
    """A network that records a transcript."""

    def __init__(self, *, reborn: bool) -> None:
        super().__init__(reborn=reborn)
        self.began = self.now
        self.transcript = Transcript()
        self.log: list[tuple[Datagram, str, bool]] = []  # datagram, receiver, whether it arrives
        self.new_generations = True  # of the settings begin with each new first message
        self.decrypts: dict[str, rsa.RSAPrivateKey] = {}  # by peer: the key for RSA-encrypted payload bodies

    @property
    def passed(self) -> float:
        """Seconds since the beginning of the conversation."""
        return self.now - self.began

    def peer(self, name: str, address: str, settings: Settings) -> GoldenPeer:
        peer = GoldenPeer(self, name, address, settings)
        self.peers[name] = peer
        return peer

    def couple(
        self,
        *,
        alice: dict[str, Any] | None = None,
        bob: dict[str, Any] | None = None,
        tunnel_options: dict[str, Any] | None = None,
        addresses: tuple[str, str] = (ALICE, BOB),
        **both: Any,
    ) -> tuple[GoldenPeer, GoldenPeer]:
        """Alice and bob with mirrored tunnels; the options are those of their connections."""
        a, b = addresses
        joined = tunnel_options or {}
        of_alice = connection(a, b, tunnel(**joined), **(both | (alice or {})))
        of_bob = connection(b, a, tunnel(mirrored=True, **joined), **(both | (bob or {})))
        return self.peer("alice", a, settings(of_alice)), self.peer("bob", b, settings(of_bob))

    def heading(self, what: str) -> None:
        """Writes a remark into the transcript."""
        self.transcript.remark(f"--- {what}")

    def send(self, datagram: Datagram) -> None:
        before = len(self.flying)
        super().send(datagram)
        arrives = list(self.flying)[before:]
        receiver = self.receiver(arrives[0] if arrives else datagram)
        self.log.append((datagram, receiver.name if receiver else "nobody", bool(arrives)))

    def write(self, datagram: Datagram, receiver: str, arrives: bool, contents: list[int]) -> None:
        """Writes a sent datagram into the transcript."""
        arrow = "->" if arrives else "-x"
        ends = f"{_end(datagram.source)} -> {_end(datagram.destination)}"
        title = f"{datagram.sender} {arrow} {receiver} {ends} {datagram.label}"
        self.transcript.datagram(self.passed, title, datagram.octets, contents, self.decrypts.get(receiver))

    def forges(self, sender: Peer, octets: bytes, label: str) -> None:
        """Sends a datagram that the engine of ``sender`` did not build, on the path of its ISAKMP SA."""
        path = sender.sa.path
        datagram = Datagram(tuple(path[:2]), tuple(path[2:]), octets, label, sender.name)  # type: ignore[arg-type]
        self.send(datagram)
        self.write(*self.log[-1], [])


def sealed(sa: IkeSa, message_id: int, exchange: int, kind: int, body: bytes) -> bytes:
    """A message under ``sa`` (AES-128, SHA2-256) with HASH(1) and one payload (RFC 2409 §5.7, Appendix B).

    It is built without the code under test.
    """
    keys = sa.keys
    assert keys is not None
    number = message_id.to_bytes(4)
    payload = b"\0\0" + (4 + len(body)).to_bytes(2) + body
    HASH = hmac.digest(keys.SKEYID_a, number + payload, "sha256")
    plain = bytes([kind, 0, 0, 36]) + HASH + payload
    plain += bytes(-len(plain) % 16)
    iv = sha256(keys.last_block + number).digest()[:16]
    encryptor = Cipher(AES(keys.encryption_key), CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain) + encryptor.finalize()
    fixed = bytes([8, 0x10, exchange, 1])
    return sa.cookies + fixed + number + (28 + len(ciphertext)).to_bytes(4) + ciphertext
