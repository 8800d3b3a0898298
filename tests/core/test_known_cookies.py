"""Messages under the cookies of a known SA by somebody who has no keys: they change nothing, whatever goes on there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as thoroughness
from hypothesis import strategies as st

from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from ikev1.core.engine import Dump, Engine
from ikev1.core.exchanges.informational import notify
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import ChildUp, Code, Failure, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, NotifyType, PayloadType
from playbook import Datagram, Network, Peer, establish, say
from reborn import kept

MALLORY = "203.0.113.66"
KEYS = {who: ec.generate_private_key(ec.SECP256R1()) for who in ("alice", "bob")}
KINDS = [(mode, method) for mode in Mode for method in ("secret", "signatures")]
EXCHANGES = (*ExchangeType, 99)
INTACT = 19  # the octet of the header with flags that mean nothing here and that no HASH covers


def signing(who: str, other: str) -> dict[str, Any]:
    """Options of a connection whose ends know each other's keys."""
    octets = KEYS[who].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    wanted = replace(suite("aes128-sha1-ecp256"), authentication=int(AuthenticationMethod.ECDSA_SHA256_P256))
    return {
        "secret": b"",
        "policies": (replace(policy(), suite=wanted),),
        "credential": Credential(octets, ()),
        "trust": Trust(public_keys=(TrustedKey(public_keys.encode(KEYS[other].public_key())),)),
    }


def two(mode: Mode, method: str) -> tuple[Network, Peer, Peer]:
    """Alice, who calls, and bob."""
    network = Network()
    both: dict[str, Any] = {"mode": mode, "aggressive": Aggressive.ACCEPT_PSK}
    ours, theirs = (signing("alice", "bob"), signing("bob", "alice")) if method == "signatures" else ({}, {})
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **(both | ours))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True), **(both | theirs))))
    return network, alice, bob


class Junk(NamedTuple):
    """What somebody without keys makes: of nothing, or of the datagram that came ``back`` before the newest."""

    kind: str
    back: int
    exchange: int
    flags: int
    first: int
    message_id: int | None  # None: that of the datagram
    place: float
    change: int
    body: bytes
    source: str | None  # None: the peer's address

    def of(self, seen: list[Datagram]) -> bytes:
        """The datagram."""
        octets = seen[-1 - self.back % len(seen)].octets
        header = Header.parse(octets)
        message_id = header.message_id if self.message_id is None else self.message_id
        if self.kind == "changed":
            place = 16 + int(self.place * (len(octets) - 17))
            changed = bytearray(octets)
            changed[place] ^= self.change if place != INTACT else 1
            return bytes(changed)
        if self.kind == "rewritten":
            exchange = self.exchange if self.exchange != header.exchange or self.message_id is not None else 99
            return header._replace(exchange=exchange, message_id=message_id).build() + octets[HEADER_SIZE:]
        body = b"" if self.kind == "bare" else self.body
        flags, length = self.flags & 5, HEADER_SIZE + len(body)
        return Header(header.CKY_I, header.CKY_R, self.first, self.exchange, flags, message_id, length).build() + body


JUNK = st.builds(
    Junk,
    kind=st.sampled_from(["bare", "noise", "changed", "rewritten"]),
    back=st.integers(0, 30),
    exchange=st.sampled_from(EXCHANGES),
    flags=st.integers(0, 7),
    first=st.sampled_from([0, 1, 5, 8, 10, 11, 12, 13, 99, PayloadType.FRAGMENT]),
    message_id=st.none() | st.integers(0, 2**32 - 1),
    place=st.floats(0, 1),
    change=st.integers(1, 255),
    body=st.binary(max_size=80) | st.binary(min_size=16, max_size=16) | st.binary(min_size=48, max_size=48),
    source=st.sampled_from([None, MALLORY]),
)


def without_complaint(sa: IkeSa) -> IkeSa:
    """What of an SA that is coming up no junk may change: all but how long its call is still hoped for, why not, and
    how often message 2 of Aggressive Mode went out once more.
    """
    assert sa.phase1 is not None
    return replace(sa, phase1=replace(sa.phase1, complaint=None, resend_at=0.0, ends_at=0.0, tries=0))


def state(engine: Engine, octets: bytes) -> Dump:
    """The state that ``octets`` must not change: all, but a Fragment payload is kept until its message is whole."""
    dump = msgspec.msgpack.decode(engine.dump(), type=Dump)
    return replace(dump, fragments=()) if octets[16] == PayloadType.FRAGMENT else dump


def suffers(peer: Peer, other: Peer, junk: Junk) -> None:
    """Junk arrives at ``peer`` from where ``other`` is, or seems to be, and changes nothing."""
    engine, network = peer.engine, peer.network
    seen = [datagram for datagram in network.sent if bytes(8) != Header.parse(datagram.octets).CKY_R]
    (sa,) = engine.sas.values() if len(engine.sas) == 1 else (None,)
    if sa is not None and sa.state is IkeState.CONNECTING:
        # No HASH covers what stands behind the one in message 5, so phase 1 may be spoiled by who changes that in time
        seen = [datagram for datagram in seen if datagram not in network.flying]
    if sa is None or sa.keys is None or not seen:
        return
    octets = junk.of(seen)
    if octets in {datagram.octets for datagram in network.sent}:
        return  # no junk
    before = state(engine, octets)
    actions = engine.receive(octets, UdpPath(peer.address, 500, junk.source or other.address, 500), network.now)
    if sa.state is not IkeState.CONNECTING:
        assert state(engine, octets) == before
        assert are_told(actions)
        return
    (after,) = engine.sas.values()
    assert without_complaint(after) == without_complaint(sa)
    assert sa.phase1 is not None
    message_2 = sa.phase1.datagrams if sa.role is Role.RESPONDER and sa.phase1.is_aggressive else ()
    answers = [action.datagram for action in actions if isinstance(action, Send) and action.datagram not in message_2]
    assert are_told([action for action in actions if not isinstance(action, Send)])
    assert 10 * sum(map(len, answers)) <= 12 * len(octets)


def are_told(actions: list[Action]) -> bool:
    """Whether all that is to be done is to tell people of it."""
    return all(isinstance(action, Report) and isinstance(action.event, (Failure, Note)) for action in actions)


def converse(network: Network, alice: Peer, bob: Peer, interrupt: Callable[[], None]) -> None:
    """A whole life: up, asked after by both, replaced by both, deleted; with something before each datagram."""

    def arrive() -> None:
        while network.flying:
            interrupt()
            network.deliver(network.flying.popleft())
        interrupt()

    def asks(peer: Peer, number: int) -> Callable[[Engine], list[Action]]:
        question = notify(peer.sa, NotifyType.R_U_THERE, number.to_bytes(4))
        return lambda engine: say(engine, peer.sa, [question], network.now)

    alice.calls()
    arrive()
    for number, peer in enumerate((alice, bob)):
        peer.does(asks(peer, number))
        arrive()
        newest = peer.children[-1].unique_id
        peer.does(lambda engine, newest=newest: engine.rekey_child(newest, network.now))  # type: ignore[misc]
        arrive()
        network.run(6)  # until the new pair sends
    assert alice.children[-1].inbound.spi == bob.children[-1].outbound.spi
    assert alice.children[-1].outbound.spi == bob.children[-1].inbound.spi
    assert [len(peer.saw(ChildUp)) for peer in (alice, bob)] == [3, 3]
    assert "INFO N(R_U_THERE_ACK)" in network.labels("alice")
    assert "INFO N(R_U_THERE_ACK)" in network.labels("bob")
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    arrive()
    assert not alice.engine.sas
    assert not bob.engine.sas


@pytest.mark.parametrize(("mode", "method"), KINDS)
@given(st.data())
@thoroughness(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None, phases=[Phase.generate])
def test_what_nobody_proved_changes_nothing(mode: Mode, method: str, data: st.DataObject) -> None:
    network, alice, bob = two(mode, method)

    def interrupt() -> None:
        for peer, other in ((alice, bob), (bob, alice)):
            for junk in data.draw(st.lists(JUNK, min_size=1, max_size=4)):
                suffers(peer, other, junk)

    converse(network, alice, bob, interrupt)


@pytest.mark.parametrize("exchange", [*EXCHANGES])
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_bare_header_earns_nothing(network: Network, alice: Peer, bob: Peer, exchange: int, encrypted: bool) -> None:
    establish(network, alice)
    for peer, other in ((alice, bob), (bob, alice)):
        before = dict(peer.engine.sas)
        for message_id in (0, 1, 4711, Header.parse(network.sent[-1].octets).message_id if network.sent else 9):
            octets = Header(peer.sa.CKY_I, peer.sa.CKY_R, 8, exchange, int(encrypted), message_id, HEADER_SIZE).build()
            peer.takes(octets, UdpPath(peer.address, 500, other.address, 500))
        assert dict(peer.engine.sas) == before
    assert not network.flying


def test_junk_does_not_end_the_quick_mode_of_an_honest_peer(network: Network, alice: Peer, bob: Peer) -> None:
    """The first message is lost, junk comes under the cookies, and the message that is repeated works."""
    establish(network, alice, None)
    alice.calls()
    network.flying.clear()
    junk = Header(bob.sa.CKY_I, bob.sa.CKY_R, 8, ExchangeType.QUICK_MODE, 0, 4711, HEADER_SIZE).build()
    bob.takes(junk, UdpPath(BOB, 500, ALICE, 500))
    assert not network.flying
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.failures == []


@kept
def test_junk_is_told_once(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for number in range(1, 200):
        for exchange in EXCHANGES:
            octets = Header(bob.sa.CKY_I, bob.sa.CKY_R, 8, exchange, number & 1, number, 44).build() + bytes(16)
            bob.takes(octets, UdpPath(BOB, 500, ALICE, 500))
    assert bob.failures == [Code.UNPROVED]
    assert [note.code for note in bob.saw(Note)] == [Code.UNPROVED]
    assert not network.flying


@pytest.mark.parametrize(
    "exchange", [ExchangeType.INFORMATIONAL, ExchangeType.NEW_GROUP_MODE, ExchangeType.TRANSACTION]
)
def test_a_quick_mode_under_another_type_is_none_and_the_real_one_is_taken(
    network: Network, alice: Peer, bob: Peer, exchange: ExchangeType
) -> None:
    establish(network, alice, None)
    alice.calls()
    (real,) = network.flying
    before = dict(bob.engine.sas)
    octets = Header.parse(real.octets)._replace(exchange=exchange).build() + real.octets[HEADER_SIZE:]
    network.deliver(real._replace(octets=octets))
    assert list(network.flying) == [real]
    assert dict(bob.engine.sas) == before
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@pytest.mark.parametrize("exchange", [kind for kind in ExchangeType if kind is not ExchangeType.INFORMATIONAL])
def test_a_delete_under_another_type_is_none_and_the_real_one_is_taken(
    network: Network, alice: Peer, bob: Peer, exchange: ExchangeType
) -> None:
    establish(network, alice)
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    (real,) = network.flying
    before = dict(bob.engine.sas)
    octets = Header.parse(real.octets)._replace(exchange=exchange).build() + real.octets[HEADER_SIZE:]
    network.deliver(real._replace(octets=octets))
    assert list(network.flying) == [real]
    assert dict(bob.engine.sas) == before
    network.settle()
    assert bob.children == []


def test_copies_of_a_refused_quick_mode_bring_one_answer_each_for_a_while(network: Network) -> None:
    strange = tunnel("strange", "10.9.0.0/16")
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, strange)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    establish(network, alice, None)
    alice.calls("strange")
    (refused,) = network.flying
    network.deliver(network.flying.popleft())
    (answer,) = network.flying
    network.flying.clear()
    before = dict(bob.engine.sas)
    for _ in range(5):
        network.deliver(refused)
        assert [datagram.octets for datagram in network.flying] == [answer.octets]
        network.flying.clear()
    assert dict(bob.engine.sas) == before
    assert bob.failures == [Code.SELECTORS_UNACCEPTABLE]
    network.wait(60)
    before = dict(bob.engine.sas)
    network.flying.clear()
    network.deliver(refused)
    assert dict(bob.engine.sas) == before
    assert not network.flying
