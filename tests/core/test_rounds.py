"""An exchange of a kind of its own: requests and replies in rounds under one message ID, begun by either peer.

Exchange type 6 is such an exchange (draft-dukes-ike-mode-cfg-02 §3.1; XAUTH asks in several rounds). The table here
asks for a name, then for a code, and then says what became of it.
"""

from __future__ import annotations

import pytest

from dishonest import add, resealed
from ikev1.core.exchanges.interpreter import Row, Script, begin, new_exchange
from ikev1.core.exchanges.message_ids import fresh_message_id
from ikev1.core.exchanges.protection import phase2_iv, seal
from ikev1.core.exchanges.registry import PHASE_2_SCRIPTS, SCRIPTS, script_of
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine.boundary import attempt
from ikev1.core.machine.transaction import Transaction
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, MessageSeen, Note
from ikev1.core.records.exchange import ExchangeData, Role, TransactionData
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.wire.attributes import Attribute
from ikev1.wire.message import Message
from ikev1.wire.payloads import ConfigAttributes, Nonce, Payload
from ikev1.wire.registry import ConfigAttribute, ConfigType, ExchangeType, NotifyType
from playbook import Datagram, Network, Peer, establish

NAME, CODE = ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_PASSCODE
STATUS = ConfigAttribute.XAUTH_STATUS
KNOWN: dict[int, bytes] = {NAME: b"alice", CODE: b"4711"}
ENDS = {ConfigType.SET, ConfigType.ACK}


def _say(context: ExchangeContext, kind: ConfigType, identifier: int, attribute: Attribute) -> list[Payload]:
    context.exchange = replace(context.exchange, data=TransactionData(identifier, kind))
    return [ConfigAttributes(kind, identifier, (attribute,))]


def _ask(context: ExchangeContext, attribute: int) -> list[Payload]:
    before = context.exchange.data
    identifier = before.identifier + 1 if isinstance(before, TransactionData) else 7
    if attribute == STATUS:
        return _say(context, ConfigType.SET, identifier, Attribute(STATUS, 1))
    return _say(context, ConfigType.REQUEST, identifier, Attribute(attribute, b""))


def _take_question(context: ExchangeContext, message: Message) -> ConfigAttributes:
    return message.one(ConfigAttributes)


def _answer(context: ExchangeContext, asked: ConfigAttributes) -> list[Payload]:
    (attribute,) = asked.attributes
    if asked.type == ConfigType.SET:
        return _say(context, ConfigType.ACK, asked.identifier, Attribute(STATUS, b""))
    return _say(context, ConfigType.REPLY, asked.identifier, Attribute(attribute.type, KNOWN[attribute.type]))


def _take_answer(context: ExchangeContext, message: Message) -> int:
    """What to ask for next; it goes to the function that asks."""
    said, asked = message.one(ConfigAttributes), context.exchange.data
    assert isinstance(asked, TransactionData)
    if said.identifier != asked.identifier:
        raise Refusal(Code.MALFORMED, "another identifier", notify=NotifyType.PAYLOAD_MALFORMED)
    context.exchange = replace(context.exchange, data=TransactionData(said.identifier, said.type))
    (attribute,) = said.attributes
    if said.type == ConfigType.REPLY and attribute.value != KNOWN[attribute.type]:
        raise Refusal(Code.AUTHENTICATION_FAILED, "not what we know", notify=NotifyType.AUTHENTICATION_FAILED)
    return CODE if attribute.type == NAME else STATUS


def _goes_on(data: ExchangeData | None) -> bool:
    return isinstance(data, TransactionData) and data.kind not in ENDS


def _finish(context: ExchangeContext) -> None:
    context.report(Note(Code.NOTIFY, f"all is said, {context.exchange.role}", context.sa))


ROUNDS = Script(
    "CFG",
    ExchangeType.TRANSACTION,
    (
        #   from  draft-dukes-ike-mode-cfg-02 §3.1   build    check
        Row("i", "HDR*, HASH(1), ATTR", _ask, _take_question),
        Row("r", "HDR*, HASH(1), ATTR", _answer, _take_answer),
    ),
    finish=_finish,
    rounds=4,
    again=_goes_on,
)
SIX = ("CFG1", "CFG2", "CFG3", "CFG4", "CFG5", "CFG6")


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines know the exchange."""
    monkeypatch.setitem(SCRIPTS, (ROUNDS.name, ROUNDS.method), ROUNDS)
    monkeypatch.setitem(PHASE_2_SCRIPTS, ROUNDS.exchange, ROUNDS)


@pytest.fixture(params=["alice", "bob"])
def asking(request: pytest.FixtureRequest, network: Network, alice: Peer, bob: Peer) -> Peer:
    """Who asks, under an ISAKMP SA that alice began."""
    establish(network, alice, None)
    return network.peers[request.param]


def asks(peer: Peer, first: int = NAME) -> None:
    """Begins the exchange."""
    now = peer.network.now

    def begin_rounds(tx: Transaction) -> None:
        (old,) = tx.state.table
        sa, message_id = fresh_message_id(old)
        ends_at = now + patience(tx.state.settings)
        exchange = new_exchange(ROUNDS, message_id, Role.INITIATOR, ends_at, phase2_iv(sa, message_id))
        ref = tx.of(old)
        context = ref.context(exchange)
        context.sa = sa
        begin(ROUNDS, context, first)
        ref.commit(context, context.exchange)

    peer.does(lambda engine: attempt(engine._state, now, begin_rounds))


def finished(network: Network) -> dict[str, list[str]]:
    """What each peer said when the exchange was over for it."""
    return {
        name: [note.text for note in peer.saw(Note) if note.text.startswith("all is said")]
        for name, peer in network.peers.items()
    }


def ended_once(network: Network, asking: Peer) -> bool:
    """Whether the exchange is over for both, each in its role, and ended once."""
    other = network.other(asking).name
    return finished(network) == {asking.name: ["all is said, initiator"], other: ["all is said, responder"]}


def test_either_peer_asks_as_often_as_it_has_to(network: Network, asking: Peer) -> None:
    other = network.other(asking)
    asks(asking)
    network.plays(
        *(
            f"{asking.name} -> {other.name} {label}" if n % 2 == 0 else f"{other.name} -> {asking.name} {label}"
            for n, label in enumerate(SIX)
        )
    )
    assert ended_once(network, asking)
    assert len({datagram.octets[20:24] for datagram in network.sent}) == 1, "all under one message ID"
    assert asking.sa.exchanges == ()
    (lingering,) = other.sa.exchanges
    assert lingering.data == TransactionData(9, ConfigType.ACK)
    assert script_of(lingering).is_over(lingering)
    network.run(100)
    assert other.sa.exchanges == ()


def test_a_round_more_or_less_is_decided_by_what_is_said(network: Network, asking: Peer) -> None:
    other = network.other(asking)
    asks(asking, CODE)
    network.settle()
    assert [datagram.label for datagram in network.sent] == ["CFG1", "CFG2", "CFG3", "CFG4"]
    assert ended_once(network, asking)
    network.sent.clear()
    asks(other)
    network.settle()
    assert [datagram.label for datagram in network.sent] == list(SIX)


@pytest.mark.parametrize("label", SIX)
@pytest.mark.parametrize("times", [1, 3])
def test_any_message_of_any_round_may_be_lost(network: Network, asking: Peer, label: str, times: int) -> None:
    left = [times]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label == label and left[0]:
            left[0] -= 1
            return []
        return [datagram]

    network.link = link
    asks(asking)
    network.run(30)
    assert ended_once(network, asking)
    lost = {datagram.octets for datagram in network.sent if datagram.label == label}
    assert len(lost) == 1, "what is sent again are the same octets"
    assert len({datagram.octets for datagram in network.sent}) == len(SIX)


def test_what_comes_twice_is_no_further_round(network: Network, asking: Peer) -> None:
    network.link = lambda datagram: [datagram, datagram]
    asks(asking)
    network.run(100)
    assert ended_once(network, asking)
    assert len({datagram.octets for datagram in network.sent}) == len(SIX)


def test_a_message_of_an_earlier_round_is_no_answer(network: Network, asking: Peer) -> None:
    """Nothing is taken twice, however late it comes."""
    asks(asking)
    for _ in range(3):
        network.deliver(network.flying.popleft())
    first = [datagram for datagram in network.sent if datagram.label in ("CFG1", "CFG2")]
    before = [peer.sa.exchanges for peer in network.peers.values()]
    for datagram in first:
        network.deliver(datagram)
    assert [peer.sa.exchanges for peer in network.peers.values()] == before
    network.run(30)
    assert ended_once(network, asking)


def test_a_reply_that_is_refused_ends_no_round(network: Network, asking: Peer) -> None:
    """The peer is told, and a better reply of its is still taken."""
    other = network.other(asking)
    asks(asking)
    network.deliver(network.flying.popleft())
    reply = network.flying.popleft()
    network.deliver(resealed_reply(asking, reply))
    assert asking.failures == [Code.MALFORMED]
    assert network.flying.popleft().label == "INFO N(PAYLOAD_MALFORMED)"
    (exchange,) = asking.sa.exchanges
    assert exchange.step == 1
    network.deliver(reply)
    network.settle()
    assert ended_once(network, asking)
    assert other.failures == []


def resealed_reply(receiver: Peer, reply: Datagram) -> Datagram:
    """``reply`` as its sender would have made it with another identifier."""

    def change(payloads: list[Payload]) -> list[Payload]:
        return [
            payload._replace(identifier=1) if isinstance(payload, ConfigAttributes) else payload for payload in payloads
        ]

    return resealed(receiver, reply, change)


def test_each_message_must_be_what_the_table_says(network: Network, asking: Peer) -> None:
    asks(asking)
    for _ in range(3):
        network.deliver(network.flying.popleft())
    network.deliver(resealed(asking, network.flying.popleft(), add(Nonce(bytes(16)))))
    assert asking.failures == [Code.MALFORMED]


def test_nobody_is_asked_for_ever(network: Network, asking: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that goes on is bounded by the table, on both sides."""
    monkeypatch.setattr(ROUNDS, "_again", lambda data: True)
    other = network.other(asking)
    asks(asking)
    network.settle()
    assert [datagram.label for datagram in network.sent] == [f"CFG{number}" for number in range(1, 9)]
    assert ended_once(network, asking)
    (lingering,) = other.sa.exchanges
    payload = ConfigAttributes(ConfigType.REQUEST, 20, (Attribute(NAME, b""),))
    ninth, _, _ = seal(other.sa, lingering, ROUNDS.exchange, ROUNDS.grammars[0], [payload])
    network.sent.clear()
    network.deliver(datagram_of(asking, other, ninth))
    assert other.failures == [Code.UNPROVED]
    assert network.sent == []


def datagram_of(sender: Peer, receiver: Peer, octets: bytes) -> Datagram:
    """A datagram between two peers."""
    return Datagram((sender.address, 500), (receiver.address, 500), octets, "CFG9", sender.name)


def test_a_peer_that_falls_silent_is_not_waited_for_for_ever(network: Network, asking: Peer) -> None:
    network.link = lambda datagram: [] if datagram.label == "CFG4" else [datagram]
    asks(asking)
    network.run(1000)
    assert asking.sa.exchanges == network.other(asking).sa.exchanges == ()
    assert finished(network) == {"alice": [], "bob": []}
    assert asking.sa.is_up


def test_every_message_is_reported_under_its_number(network: Network, asking: Peer) -> None:
    asks(asking)
    network.settle()
    seen = [(event.sent, event.label) for event in asking.saw(MessageSeen)]
    assert seen == [(number % 2 == 0, label) for number, label in enumerate(SIX)]
