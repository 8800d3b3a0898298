"""XAUTH: a user name and a password after phase 1, asked by either side of it (draft-beaulieu-ike-xauth-02)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.engine import CannotInitiate
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import phase2_iv, seal
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.machine.boundary import attempt
from ikev1.core.records.actions import AskUser, CheckUser
from ikev1.core.records.events import Code, IkeDown, MessageSeen, XauthUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
    XauthQuestions,
    XauthStep,
)
from ikev1.core.records.settings import Aggressive, Mode, XauthRenewal, XauthRole
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes, Delete, Notification
from ikev1.wire.registry import DOI, ConfigAttribute, ConfigType, NotifyType, ProtocolId
from playbook import Couple, Datagram, Network, Peer, say
from xauth_peers import (
    INIT,
    NAME,
    PASSWORD,
    RESP,
    STATUS,
    TYPE,
    answers,
    asked,
    check,
    client,
    first_request,
    identifier_of,
    policies,
    replies,
    server,
)

PASSCODE, ANSWER = ConfigAttribute.XAUTH_PASSCODE, ConfigAttribute.XAUTH_ANSWER
NEXT_PIN, MESSAGE = ConfigAttribute.XAUTH_NEXT_PIN, ConfigAttribute.XAUTH_MESSAGE
DOMAIN = ConfigAttribute.XAUTH_DOMAIN


def seen(peer: Peer, *, sent: bool) -> list[ConfigAttributes]:
    """The attributes payloads that a peer sent or accepted."""
    events = (event for event in peer.saw(MessageSeen) if event.label.startswith("CFG") and event.sent is sent)
    return [event.message.one(ConfigAttributes) for event in events]


@pytest.fixture
def pair(couple: Couple) -> tuple[Peer, Peer]:
    """Alice, a client, and bob, her gateway."""
    return logged_in(couple)


def logged_in(
    couple: Couple, of_client: dict[str, Any] | None = None, of_server: dict[str, Any] | None = None
) -> tuple[Peer, Peer]:
    """A client and a server with a backend."""
    alice, bob = couple(alice=client(**(of_client or {})), bob=server(**(of_server or {})))
    bob.checks = check
    return alice, bob


# --- success --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
def test_the_client_of_a_gateway_is_asked(network: Network, couple: Couple, mode: Mode) -> None:
    alice, bob = logged_in(couple, {"mode": mode})
    alice.calls()
    network.settle()
    request, status = seen(bob, sent=True)
    reply, acknowledgement = seen(bob, sent=False)
    assert request.attributes == (Attribute(TYPE, 0), Attribute(NAME, b""), Attribute(PASSWORD, b""))
    assert reply.attributes == (Attribute(TYPE, 0), Attribute(NAME, b"carol"), Attribute(PASSWORD, b"her password"))
    assert status.attributes == (Attribute(STATUS, 1),)
    assert acknowledgement.attributes == (Attribute(STATUS, b""),)
    assert [each.type for each in (request, reply, status, acknowledgement)] == [1, 2, 3, 4]
    assert len({each.identifier for each in (request, reply, status, acknowledgement)}) == 1
    assert alice.failures == bob.failures == []
    assert bob.sa.user_name == "carol"
    assert bob.sa.peer is not None
    assert bob.sa.peer.user == "carol"
    assert alice.sa.user is None
    assert len(alice.children) == len(bob.children) == 1
    for peer in (alice, bob):
        assert len(peer.saw(XauthUp)) == 1
        assert peer.sa.xauth is None
        assert peer.sa.expires_at > network.now + 1000
        assert peer.sa.confirmed
        assert peer.state == "QM_IDLE"


@pytest.mark.parametrize(
    ("differs", "mode", "selects"),
    [
        ({}, Mode.MAIN, True),
        ({}, Mode.AGGRESSIVE, True),
        ({"aggressive": Aggressive.REFUSE}, Mode.MAIN, True),
        ({"aggressive": Aggressive.REFUSE}, Mode.AGGRESSIVE, False),
        ({"secret": b"of another group"}, Mode.MAIN, False),
        ({"xauth_user": "erin"}, Mode.MAIN, False),
    ],
)
def test_a_user_selects_another_connection_with_the_same_credentials(
    network: Network, couple: Couple, differs: dict[str, Any], mode: Mode, selects: bool
) -> None:
    """If that is none for the user any more, the user does not get the one that asked, which is for another user."""
    alice, bob = couple(alice=client(mode=mode), bob=server(xauth_user="dave"))
    (first,) = bob.settings.connections
    bob.is_given(settings(first, replace(first, name="other", **({"xauth_user": "carol"} | differs))))
    bob.checks = lambda attempt: Accepted(User(attempt.user), "other")
    alice.calls()
    network.settle()
    assert [child.connection for child in bob.children] == (["other"] if selects else [])
    assert bob.failures == ([] if selects else [Code.XAUTH_FAILED])


def test_each_pair_of_messages_has_its_message_id(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(None)
    network.settle()
    ids = [datagram.octets[20:24] for datagram in network.sent if datagram.label.startswith("CFG")]
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_a_gateway_that_calls_asks_the_responder(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=server(RESP), bob=client(RESP))
    alice.checks = check
    alice.calls()
    network.settle()
    assert alice.sa.user_name == "carol"
    assert len(alice.children) == len(bob.children) == 1


def test_xauth_without_a_method_that_announces_it(network: Network, couple: Couple) -> None:
    plain: dict[str, Any] = {"policies": policies(1), "xauth_method": False}
    alice, bob = couple(alice=client(**plain), bob=server(**plain))
    bob.checks = check
    alice.calls()
    network.settle()
    assert bob.sa.user_name == "carol"
    assert len(alice.children) == len(bob.children) == 1


def test_a_gateway_that_asks_without_negotiating_xauth_gets_no_password(network: Network, couple: Couple) -> None:
    alice, bob = couple(
        alice=client(policies=policies(1)),
        bob=server(policies=policies(1), xauth_method=False, xauth_timeout=20.0),
    )
    bob.checks = check
    alice.calls()
    network.settle()
    network.run(21)
    assert bob.attempts == []
    assert Code.XAUTH_REQUIRED in alice.failures


def test_a_gateway_that_asks_unannounced_again_and_again_gets_the_password_once(
    network: Network, couple: Couple
) -> None:
    plain: dict[str, Any] = {"policies": policies(1), "xauth_method": False}
    alice, bob = couple(alice=client(**plain), bob=server(**plain, xauth_attempts=5))
    bob.checks = lambda attempt: Rejected("never")
    alice.calls()
    network.settle()
    assert [attempt.password for attempt in bob.attempts] == [b"her password"]


def test_a_gateway_that_asks_somebody_else_is_not_answered(network: Network, couple: Couple) -> None:
    alice, bob = couple(
        alice={"policies": policies(1)}, bob=server(policies=policies(1), xauth_method=False, xauth_timeout=20.0)
    )
    bob.checks = check
    alice.calls()
    network.settle()
    assert alice.failures == [Code.XAUTH_REQUIRED]
    network.run(21)
    assert bob.attempts == []
    assert bob.failures == [Code.XAUTH_FAILED]
    assert set(alice.failures) == {Code.XAUTH_REQUIRED, Code.REFUSED_BY_PEER}, "the reason is not that bob is silent"


@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_does_not_become_the_client_by_the_choice_of_a_peer(
    network: Network, couple: Couple, mode: Mode
) -> None:
    """Bob accepts only methods by which the initiator is the user, whatever alice offers."""
    both = (*policies(INIT), *policies(RESP))
    alice, bob = couple(alice={"policies": policies(RESP), "mode": mode}, bob=server(policies=both))
    alice.calls()
    network.run(5)
    assert bob.failures == [Code.NO_PROPOSAL_CHOSEN]


@pytest.mark.parametrize("mode", list(Mode))
def test_a_connection_that_can_only_be_called(network: Network, couple: Couple, mode: Mode) -> None:
    alice, _ = couple(alice=server(INIT, mode=mode), bob=server())
    with pytest.raises(CannotInitiate):
        alice.calls()
    assert not network.flying


# --- lost and repeated messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_any_message_may_be_lost(network: Network, alice: Peer, bob: Peer, number: int) -> None:
    count = [0]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label.startswith("CFG"):
            count[0] += 1
            if count[0] == number + 1:
                return []
        return [datagram]

    network.link = link
    alice.calls()
    network.run(60)
    assert alice.failures == bob.failures == []
    assert bob.sa.user_name == "carol"
    assert len(bob.children) == 1
    assert len(bob.attempts) == 1


def test_the_last_message_of_aggressive_mode_may_be_lost(network: Network, couple: Couple) -> None:
    """The client does not know that, and has nothing to say before it is asked."""
    alice, bob = logged_in(couple, {"mode": Mode.AGGRESSIVE})
    lost: list[Datagram] = []

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label == "AM3" and not lost:
            lost.append(datagram)
            return []
        return [datagram]

    network.link = link
    alice.calls()
    network.run(30)
    assert lost
    assert bob.sa.user_name == "carol"
    assert len(bob.children) == 1
    assert alice.failures == []


def test_a_gateway_leaves_the_renewal_to_its_client(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    assert alice.sa.rekey_at
    assert not bob.sa.rekey_at
    network.run(86_200)
    assert len(bob.attempts) == 2
    assert bob.sa.user_name == "carol"


def test_all_messages_may_come_twice(network: Network, alice: Peer, bob: Peer) -> None:
    network.link = lambda datagram: [datagram, datagram]
    alice.calls()
    network.run(30)
    assert len(bob.attempts) == 1
    assert bob.sa.user_name == "carol"
    assert len(bob.children) == 1


def test_an_old_reply_is_no_answer_to_a_new_request(network: Network, couple: Couple) -> None:
    """What the user said in one round is not taken for another."""
    alice, bob = logged_in(couple, of_server={"xauth_attempts": 2})
    bob.checks = lambda attempt: Unavailable("not yet")
    bob.delays.add(CheckUser)
    alice.calls(None)
    network.settle()
    (reply,) = [datagram for datagram in network.sent if datagram.label == "CFG2"]
    before = dict(bob.engine.sas)
    network.deliver(reply)
    assert dict(bob.engine.sas) == before
    assert len(bob.attempts) == 1


def test_a_client_that_does_not_wait_for_its_ack(network: Network, alice: Peer, bob: Peer) -> None:
    """vpnc sends the ACK once and goes on: what it begins next shows that it has the SET."""
    network.link = lambda datagram: [] if datagram.label == "CFG2" and bob.saw(XauthUp) else [datagram]
    alice.calls()
    network.settle()
    assert len(bob.children) == 1
    assert bob.sa.exchanges == () or all(exchange.script != "CFG" for exchange in bob.sa.exchanges)
    network.run(300)
    assert bob.failures == []
    assert bob.sa.user_name == "carol"


# --- too early ------------------------------------------------------------------------------------------------------


def begin_early(network: Network, alice: Peer, bob: Peer) -> None:
    """Alice believes that XAUTH is over, and begins Quick Mode, while bob still checks her password."""
    bob.delays.add(CheckUser)
    alice.calls(None)
    network.settle()
    alice.does(lambda engine: _without_xauth(engine, alice))
    alice.calls()
    network.settle()


def _without_xauth(engine: Any, peer: Peer) -> list[Any]:
    return attempt(engine._state, peer.network.now, lambda tx: tx.of(peer.sa).change(xauth=None))


def test_a_quick_mode_that_comes_too_early_waits(network: Network, alice: Peer, bob: Peer) -> None:
    begin_early(network, alice, bob)
    assert len(bob.sa.held) == 1
    assert bob.children == []
    bob.gives_answers()
    network.settle()
    assert not bob.sa.held
    assert len(bob.children) == len(alice.children) == 1


def test_a_quick_mode_that_comes_too_early_is_nothing_if_the_user_is_rejected(
    network: Network, alice: Peer, bob: Peer
) -> None:
    bob.checks = lambda attempt: Unavailable("the backend is down")
    begin_early(network, alice, bob)
    bob.gives_answers()
    network.settle()
    assert not bob.engine.sas
    assert bob.children == []
    assert Code.XAUTH_FAILED in bob.failures


def test_no_more_than_some_wait(network: Network, alice: Peer, bob: Peer) -> None:
    begin_early(network, alice, bob)
    for _ in range(20):
        alice.calls()
    network.settle()
    assert len(bob.sa.held) == 8


def test_what_is_not_authentic_does_not_wait(network: Network, alice: Peer, bob: Peer) -> None:
    bob.delays.add(CheckUser)
    alice.calls(None)
    network.settle()
    before = bob.sa
    octets = bytearray(network.sent[-1].octets)
    octets[18], octets[19] = 32, 1  # Quick Mode, encrypted
    octets[20:24] = (4711).to_bytes(4)
    network.deliver(Datagram((ALICE, 500), (BOB, 500), bytes(octets), "QM1", "alice"))
    assert bob.sa == before


# --- who proves nothing changes nothing -----------------------------------------------------------------------------


@dataclass
class Others:
    """Bob, carol at alice's place who is logged in, and a second client who knows the secret of the group."""

    bob: Peer
    carol: Peer
    mallory: Peer


@pytest.fixture
def others(network: Network) -> Others:
    """A member of the group without a password, who has carol's identity and INITIAL-CONTACT."""
    place = "192.0.2.77"
    of_bob = server(remote_address="%any", remote_id="%any", local_id="gw", xauth_timeout=30.0)
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True), **_without(of_bob))))
    bob.checks = check
    members = client(local_id="group@lab", remote_id="gw")
    carol = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **members)))
    carol.calls(host=BOB)
    network.settle()
    assert bob.sa.user_name == "carol"
    mallory = network.peer("mallory", place, settings(connection(place, BOB, tunnel(), **members)))
    mallory.delays.add(AskUser)
    mallory.is_given(settings(connection(place, BOB, tunnel(), **members | {"xauth_secret": b""})))
    mallory.calls(host=BOB)
    network.settle()
    return Others(bob, carol, mallory)


def _without(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "remote_address"}


def test_a_member_of_the_group_without_a_password_ends_nothing(network: Network, others: Others) -> None:
    (pair,) = others.bob.children
    awaiting = [sa for sa in others.bob.engine.sas.values() if sa.awaits_user]
    assert len(awaiting) == 1
    assert awaiting[0].peer is None
    assert awaiting[0].claim is None
    assert awaiting[0].initial_contact, "it is obeyed only for a user"
    spi = pair.outbound.spi.to_bytes(4)
    for payload in (
        Delete(DOI.IPSEC, ProtocolId.ESP, (spi,)),
        Notification(DOI.IPSEC, ProtocolId.ISAKMP, others.mallory.sa.cookies, NotifyType.INITIAL_CONTACT, b""),
    ):
        others.mallory.does(partial(say, sa=others.mallory.sa, payloads=[payload], now=network.now))
    network.settle()
    assert others.bob.children == [pair]
    network.run(31)
    assert others.bob.children == [pair], "nor does the end of that SA"
    (left,) = others.bob.engine.sas.values()
    assert left.user_name == "carol"


def test_another_user_of_the_group_is_another_peer(network: Network, others: Others) -> None:
    (pair,) = others.bob.children
    others.bob.delays.clear()
    others.mallory.user = lambda questions: {NAME: b"dave", PASSWORD: b"his password"}
    others.mallory.delays.clear()
    others.mallory.unanswered.clear()
    others.mallory.calls(None, host=BOB)
    network.run(40)
    others.mallory.calls(None, host=BOB)
    network.run(1)
    users = sorted(sa.user_name for sa in others.bob.engine.sas.values())
    assert users == ["carol", "dave"]
    assert others.bob.children == [pair], "INITIAL-CONTACT of dave is not carol's"


def test_the_same_user_who_comes_again_replaces_the_older_sa(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    (first,) = bob.engine.sas.values()
    alice.is_killed()
    alice.stored.clear()
    alice.engine = type(alice.engine)(alice.settings, alice.random)
    alice.inbound.clear()
    alice.outbound.clear()
    alice.calls()
    network.settle()
    assert bob.sa.unique_id != first.unique_id
    assert len(bob.children) == 1


# --- answers that are wrong -----------------------------------------------------------------------------------------


@pytest.fixture
def waiting(network: Network, alice: Peer, bob: Peer) -> tuple[Peer, Peer]:
    """Bob has asked, and alice has not answered."""
    alice.calls(None)
    first_request(network)
    return alice, bob


WRONG_VALUES = {
    "no name": (Attribute(PASSWORD, b"her password"),),
    "no password": (Attribute(NAME, b"carol"),),
    "an empty password": (Attribute(NAME, b"carol"), Attribute(PASSWORD, b"")),
    "an endless name": (Attribute(NAME, b"c" * 256), Attribute(PASSWORD, b"x")),
    "an endless password": (Attribute(NAME, b"carol"), Attribute(PASSWORD, b"x" * 1025)),
    "a name that is no text": (Attribute(NAME, b"carol\xff"), Attribute(PASSWORD, b"x")),
    "a name in two lines": (Attribute(NAME, b"carol\nroot"), Attribute(PASSWORD, b"x")),
    "another type": (Attribute(TYPE, 2), Attribute(NAME, b"carol"), Attribute(PASSWORD, b"her password")),
}


@pytest.mark.parametrize("values", WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_values_that_cannot_be_valid_are_rejected_without_a_backend(
    network: Network, waiting: tuple[Peer, Peer], values: tuple[Attribute, ...]
) -> None:
    alice, bob = waiting
    answers(network, bob, alice, *values)
    assert bob.attempts == []
    assert bob.failures == [Code.XAUTH_FAILED]
    assert bob.sa.xauth is not None
    assert bob.sa.xauth.step is XauthStep.FAILED
    network.flying.clear()
    network.run(11)
    assert not bob.engine.sas, "and nobody acknowledges that"


REFUSED_REPLIES = {
    "another identifier": lambda identifier: ConfigAttributes(
        ConfigType.REPLY, identifier ^ 1, (Attribute(NAME, b"x"),)
    ),
    "another type of message": lambda identifier: ConfigAttributes(ConfigType.ACK, identifier, ()),
    "a name twice": lambda identifier: ConfigAttributes(
        ConfigType.REPLY, identifier, (Attribute(NAME, b"carol"), Attribute(NAME, b"dave"))
    ),
    "a status of many octets": lambda identifier: ConfigAttributes(
        ConfigType.REPLY, identifier, (Attribute(STATUS, bytes(5)),)
    ),
}


@pytest.mark.parametrize("make", REFUSED_REPLIES.values(), ids=REFUSED_REPLIES)
def test_a_reply_that_is_malformed_is_refused_and_a_better_one_is_taken(
    network: Network, waiting: tuple[Peer, Peer], make: Any
) -> None:
    alice, bob = waiting
    exchange = asked(bob)
    replies(network, bob, alice, exchange, make(identifier_of(exchange)))
    assert bob.failures == [Code.MALFORMED]
    assert bob.attempts == []
    answers(network, bob, alice, Attribute(NAME, b"carol"), Attribute(PASSWORD, b"her password"))
    assert bob.sa.user_name == "carol"


def test_an_answer_without_the_identifier_is_taken(network: Network, waiting: tuple[Peer, Peer]) -> None:
    """strongSwan leaves it out."""
    alice, bob = waiting
    answers(network, bob, alice, Attribute(NAME, b"carol"), Attribute(PASSWORD, b"her password"), identifier=0)
    assert bob.sa.user_name == "carol"


def test_the_nul_at_the_end_of_name_and_password_is_none_of_it(network: Network, waiting: tuple[Peer, Peer]) -> None:
    """Android counts it."""
    alice, bob = waiting
    answers(network, bob, alice, Attribute(NAME, b"carol\0"), Attribute(PASSWORD, b"her password\0"))
    assert bob.sa.user_name == "carol"


def test_a_wrong_hash_is_no_reply(network: Network, waiting: tuple[Peer, Peer]) -> None:
    _, bob = waiting
    network.settle()
    network.run(5)
    before = bob.sa
    (reply, *_) = [datagram for datagram in network.sent if datagram.label == "CFG1"]
    octets = bytearray(reply.octets)
    octets[-1] ^= 1
    network.deliver(reply._replace(octets=bytes(octets), source=(ALICE, 500), destination=(BOB, 500)))
    assert bob.sa == before


def test_the_client_gives_up(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b""})
    alice.calls()
    network.settle()
    reply = seen(bob, sent=False)[0]
    assert Attribute(STATUS, 0) in reply.attributes
    assert bob.attempts == []
    assert bob.failures == [Code.XAUTH_FAILED]
    assert Code.XAUTH_FAILED in alice.failures
    assert not alice.engine.sas
    assert not bob.engine.sas


# --- rejection ------------------------------------------------------------------------------------------------------


def test_a_wrong_password_ends_the_isakmp_sa(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b"wrong"})
    alice.calls()
    network.settle()
    assert [failure.tunnel for failure in alice.saw(type(alice.failure))] == ["net"], "whose tunnel fails is told"
    assert alice.failures == bob.failures == [Code.XAUTH_FAILED]
    assert not alice.engine.sas
    assert not bob.engine.sas
    assert len(bob.attempts) == 1
    (down,) = bob.saw(IkeDown)
    assert "wrong password" in down.reason
    told = seen(alice, sent=False)[-1]
    assert told.attributes == (Attribute(STATUS, 0),), "the reason is for the operator"


def test_the_user_may_try_again(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b"wrong"}, {"xauth_attempts": 2})
    alice.user = lambda questions: {NAME: b"carol", PASSWORD: b"her password"}
    alice.calls()
    network.settle()
    assert len(bob.attempts) == 2
    assert bob.sa.user_name == "carol"
    identifiers = {each.identifier for each in seen(bob, sent=True)}
    assert len(identifiers) == 1, "all messages of a transaction have one"


def test_attempts_are_limited(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b"wrong"}, {"xauth_attempts": 3})
    alice.user = lambda questions: {NAME: b"carol", PASSWORD: b"wrong again"}
    alice.calls()
    network.settle()
    assert len(bob.attempts) == 3
    assert not bob.engine.sas


def test_a_configured_secret_is_sent_once(network: Network, couple: Couple) -> None:
    """A gateway that asks again has not accepted it: repeating it locks the account."""
    alice, bob = logged_in(couple, {"xauth_secret": b"wrong"}, {"xauth_attempts": 3})
    alice.calls()
    network.settle()
    assert len(bob.attempts) == 1
    assert not bob.engine.sas


def test_a_configured_secret_is_not_sent_again_when_the_user_is_accepted(
    network: Network, alice: Peer, bob: Peer
) -> None:
    alice.calls()
    network.settle()
    request = next(datagram for datagram in network.sent if datagram.label == "CFG1")
    wanted = (Attribute(NAME, b""), Attribute(PASSWORD, b""))
    asks(network, alice, bob, request, ConfigAttributes(ConfigType.REQUEST, 9, wanted))
    reply = seen(alice, sent=True)[-1]
    assert Attribute(STATUS, 0) in reply.attributes
    assert all(attribute.value != b"her password" for attribute in reply.attributes)
    assert len(alice.children) == len(bob.children) == 1


@pytest.mark.parametrize("verdict", [Unavailable("RADIUS is silent")])
def test_nobody_is_accepted_without_a_backend(network: Network, alice: Peer, bob: Peer, verdict: Verdict) -> None:
    bob.checks = lambda attempt: verdict
    alice.calls()
    network.settle()
    assert bob.failures == [Code.XAUTH_FAILED]
    assert not bob.engine.sas


def test_an_answer_of_another_kind_accepts_nobody(network: Network, alice: Peer, bob: Peer) -> None:
    bob.refuses.add(CheckUser)
    alice.calls()
    network.settle()
    assert bob.failures == [Code.XAUTH_FAILED]
    assert not bob.engine.sas


# --- rounds ---------------------------------------------------------------------------------------------------------


def test_a_challenge_is_another_round(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple)

    def check_both(attempt: XauthAttempt) -> Verdict:
        if not attempt.state:
            return Challenged(Prompt.PASSCODE, "Enter the code of your token", state=b"17")
        assert (attempt.user, attempt.state) == ("carol", b"17")
        return Accepted(User("carol")) if attempt.passcode == b"4711" else check(attempt)

    shown: list[XauthQuestions] = []

    def user(questions: XauthQuestions) -> dict[int, bytes]:
        shown.append(questions)
        return {NAME: b"carol", PASSCODE: b"4711"}

    bob.checks, alice.user = check_both, user
    alice.calls()
    network.settle()
    assert bob.sa.user_name == "carol"
    assert shown[0].message == "Enter the code of your token"
    assert shown[0].kinds == (NAME, PASSCODE)
    assert len(bob.attempts) == 2


@pytest.mark.parametrize(("prompt", "kind"), [(Prompt.NEXT_PIN, NEXT_PIN), (Prompt.ANSWER, ANSWER)])
def test_what_stands_alone_in_a_request(network: Network, couple: Couple, prompt: Prompt, kind: int) -> None:
    """NEXT-PIN and ANSWER come only with a message and the type (§6.2); the name is that of the first round."""
    alice, bob = logged_in(couple)
    values = {Prompt.NEXT_PIN: "next_pin", Prompt.ANSWER: "answer"}

    def ask_more(attempt: XauthAttempt) -> Verdict:
        if getattr(attempt, values[prompt]) == b"0815":
            return Accepted(User(attempt.user))
        return Challenged(prompt, "More")

    bob.checks, alice.user = ask_more, lambda questions: {kind: b"0815"}
    alice.calls()
    network.settle()
    assert bob.sa.user_name == "carol"
    assert [each.type for each in seen(bob, sent=True)[1].attributes] == [TYPE, MESSAGE, kind]


def test_another_name_in_another_round_is_rejected(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple)
    bob.checks = lambda attempt: Challenged(Prompt.PASSCODE, "code") if not attempt.passcode else Accepted(User("dave"))
    alice.user = lambda questions: {NAME: b"dave", PASSCODE: b"1"}
    alice.calls()
    network.settle()
    assert bob.failures == [Code.XAUTH_FAILED]
    assert len(bob.attempts) == 1


@pytest.mark.parametrize("domain", ["", "office"])
def test_another_domain_in_another_round_is_rejected(network: Network, couple: Couple, domain: str) -> None:
    r"""The backend goes on with the user of the first round: it must not become ``corp\carol`` by a later one."""
    alice, bob = logged_in(couple)
    bob.checks = lambda attempt: (
        Accepted(User(attempt.user, attempt.domain)) if attempt.state else Challenged(Prompt.PASSCODE, state=b"17")
    )
    alice.calls(None)
    first_request(network)
    first = (Attribute(DOMAIN, domain.encode()),) if domain else ()
    answers(network, bob, alice, Attribute(NAME, b"carol"), *first, Attribute(PASSWORD, b"her password"))
    answers(network, bob, alice, Attribute(NAME, b"carol"), Attribute(DOMAIN, b"corp"), Attribute(PASSCODE, b"1"))
    assert bob.sa.user_name == ""
    assert bob.failures == [Code.XAUTH_FAILED]
    assert [(attempt.user, attempt.domain) for attempt in bob.attempts] == [("carol", domain)]


def test_rounds_are_limited(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple)
    bob.checks = lambda attempt: Challenged(Prompt.ANSWER, "again")
    alice.user = lambda questions: {ANSWER: b"yes"}
    alice.calls()
    network.settle()
    assert len(bob.attempts) == 10
    assert bob.failures == [Code.XAUTH_FAILED]


def test_a_gateway_that_asks_for_ever_is_not_answered_for_ever(
    network: Network, couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ikev1.core.exchanges.xauth_server.MOST_ROUNDS", 1000)
    alice, bob = logged_in(couple)
    bob.checks = lambda attempt: Challenged(Prompt.ANSWER, "again")
    alice.user = lambda questions: {ANSWER: b"yes"}
    alice.calls()
    network.settle()
    assert len(bob.attempts) <= 21
    assert not bob.engine.sas


# --- time -----------------------------------------------------------------------------------------------------------


def test_a_user_has_some_time_to_answer(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b"", "xauth_timeout": 100.0}, {"xauth_timeout": 100.0})
    alice.user = lambda questions: {NAME: b"carol", PASSWORD: b"her password"}
    alice.delays.add(AskUser)
    alice.calls()
    network.run(90)
    assert alice.state == bob.state == "CONF_XAUTH"
    alice.gives_answers()
    network.run(1)
    assert bob.sa.user_name == "carol"
    assert len(bob.children) == 1


def test_a_user_who_does_not_answer_costs_the_isakmp_sa(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b""})
    alice.delays.add(AskUser)
    alice.calls()
    network.run(61)
    assert not alice.engine.sas
    assert not bob.engine.sas
    assert bob.failures == [Code.XAUTH_FAILED]


def test_a_backend_that_does_not_answer_costs_the_isakmp_sa(network: Network, alice: Peer, bob: Peer) -> None:
    bob.delays.add(CheckUser)
    alice.calls()
    network.run(61)
    assert bob.failures == [Code.XAUTH_FAILED]
    assert not bob.engine.sas
    bob.gives_answers()
    network.settle()
    assert not bob.engine.sas, "an answer that comes too late accepts nobody"


def test_the_session_of_a_user_ends(network: Network, alice: Peer, bob: Peer) -> None:
    bob.checks = lambda attempt: Accepted(User(attempt.user, session_timeout=1000))
    alice.calls()
    network.run(990)
    assert len(bob.children) == 1
    network.run(20)
    assert bob.children == []
    assert alice.children == []
    assert not bob.engine.sas


def test_a_process_that_ends_while_the_user_is_asked(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_secret": b""})
    alice.delays.add(AskUser)
    alice.calls(None)
    network.settle()
    bob.is_killed()
    network.settle()
    assert not bob.engine.sas
    assert not alice.engine.sas


def test_a_user_survives_the_process(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    bob.is_killed(*bob.inbound)
    assert bob.sa.user_name == "carol"
    assert bob.sa.peer is not None
    assert bob.sa.peer.user == "carol"


# --- renewal --------------------------------------------------------------------------------------------------------


def test_the_user_is_asked_again_when_phase_1_is_renewed(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    old = bob.sa
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert len(bob.attempts) == 2
    assert bob.sa.unique_id != old.unique_id
    assert bob.sa.user_name == "carol"
    assert len(bob.sa.children) == 1, "the pair goes over to the new SA"


def test_another_user_gets_nothing_by_a_renewal(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    (pair,) = bob.children
    secrets = client(user="dave")
    given = connection(ALICE, BOB, tunnel(), **secrets)
    alice.settings = settings(given)
    alice.engine._state.settings = alice.settings
    alice.does(lambda engine: engine.reconfigure(alice.settings, network.now))
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    by_user = {sa.user_name: sa.complete_children for sa in bob.engine.sas.values()}
    assert by_user["carol"] == (pair,)
    assert by_user["dave"] == ()


INHERIT = {"xauth_renewal": XauthRenewal.INHERIT}


def test_a_renewal_inherits_the_user_where_that_is_allowed(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, of_server=INHERIT)
    bob.checks = lambda attempt: Accepted(User(attempt.user, session_timeout=5000))
    alice.calls()
    network.settle()
    before = bob.sa.user
    network.run(100)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert len(bob.attempts) == 1
    assert bob.sa.user == before, "the session goes on, and ends when it would have ended"
    assert len(bob.sa.children) == 1
    assert alice.sa.xauth is None


def test_the_first_isakmp_sa_inherits_nobody(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, of_server=INHERIT)
    alice.calls()
    network.settle()
    assert len(bob.attempts) == 1


def test_an_identity_of_many_inherits_nobody(network: Network, couple: Couple) -> None:
    """The members of a group prove the same: a renewal could be another's."""
    alice, bob = logged_in(couple, {"local_id": "a@lab"}, INHERIT | {"remote_id": "*@lab"})
    alice.calls()
    network.settle()
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert len(bob.attempts) == 2


def test_another_address_inherits_nobody(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, of_server=INHERIT | {"remote_address": "%any", "remote_id": ALICE})
    alice.calls()
    network.settle()
    elsewhere = network.peer(
        "mallory", "192.0.2.78", settings(connection("192.0.2.78", BOB, tunnel(), **client(local_id=ALICE)))
    )
    elsewhere.user = lambda questions: None
    elsewhere.calls(None, host=BOB)
    network.settle()
    assert len(bob.attempts) == 2


# --- what is asked of a client --------------------------------------------------------------------------------------


def test_a_client_answers_in_the_order_asked(network: Network, couple: Couple) -> None:
    alice, bob = logged_in(couple, {"xauth_domain": "CORP"})
    alice.calls(None)
    request = first_request(network)
    asking = asked(bob)
    network.flying.clear()
    wanted = (
        Attribute(ConfigAttribute.XAUTH_DOMAIN, b""),
        Attribute(PASSWORD, b""),
        Attribute(NAME, b""),
        Attribute(30_000, b"unknown"),
    )
    asks(network, alice, bob, request, ConfigAttributes(ConfigType.REQUEST, 9, wanted))
    (reply,) = seen(alice, sent=True)
    assert reply.identifier == 9
    assert reply.attributes == (
        Attribute(ConfigAttribute.XAUTH_DOMAIN, b"CORP"),
        Attribute(PASSWORD, b"her password"),
        Attribute(NAME, b"carol"),
    ), "without XAUTH_TYPE if there was none"
    assert asking.step == 1


def asks(network: Network, alice: Peer, bob: Peer, instead_of: Datagram, payload: ConfigAttributes) -> None:
    """Bob sends another first message of a Transaction exchange than he does."""
    sa = alice.sa
    exchange = new_exchange(TRANSACTION, 77, Role.INITIATOR, 0.0, phase2_iv(sa, 77))
    octets, _, _ = seal(sa, exchange, TRANSACTION.exchange, TRANSACTION.grammars[0], [payload])
    network.deliver(instead_of._replace(octets=octets))


NOT_ANSWERED = {
    "RADIUS-CHAP": (Attribute(TYPE, 1), Attribute(NAME, b""), Attribute(PASSWORD, b"")),
    "OTP": (Attribute(TYPE, 2), Attribute(NAME, b""), Attribute(PASSWORD, b"")),
    "a code": (Attribute(NAME, b""), Attribute(PASSCODE, b"")),
    "nothing": (Attribute(MESSAGE, b"hello"),),
}


@pytest.mark.parametrize("wanted", NOT_ANSWERED.values(), ids=NOT_ANSWERED)
def test_the_configured_secret_is_no_answer_to_another_question(
    network: Network, alice: Peer, bob: Peer, wanted: tuple[Attribute, ...]
) -> None:
    alice.calls(None)
    request = first_request(network)
    asks(network, alice, bob, request, ConfigAttributes(ConfigType.REQUEST, 9, wanted))
    (reply,) = seen(alice, sent=True)
    assert Attribute(STATUS, 0) in reply.attributes
    assert all(attribute.value != b"her password" for attribute in reply.attributes)


@pytest.mark.parametrize(
    "payload",
    [
        ConfigAttributes(ConfigType.SET, 9, (Attribute(MESSAGE, b"welcome"),)),
        ConfigAttributes(ConfigType.REPLY, 9, (Attribute(STATUS, 1),)),
        ConfigAttributes(9, 9, (Attribute(STATUS, 1),)),
        ConfigAttributes(ConfigType.SET, 9, (Attribute(STATUS, 1), Attribute(STATUS, 0))),
    ],
)
def test_a_message_that_accepts_nobody(network: Network, alice: Peer, bob: Peer, payload: ConfigAttributes) -> None:
    alice.calls(None)
    request = first_request(network)
    asks(network, alice, bob, request, payload)
    assert alice.failures == [Code.MALFORMED]
    assert alice.sa.awaits_user


def test_a_client_is_accepted_without_a_question(network: Network, alice: Peer, bob: Peer) -> None:
    """The gateway knows the user already (§5.5)."""
    alice.calls(None)
    request = first_request(network)
    asks(network, alice, bob, request, ConfigAttributes(ConfigType.SET, 9, (Attribute(STATUS, (1).to_bytes(2)),)))
    assert not alice.sa.awaits_user


def test_rounds_may_have_one_message_id(network: Network, couple: Couple) -> None:
    """Some gateways continue one exchange instead of beginning another."""
    alice, _ = logged_in(couple)
    alice.calls(None)
    request = first_request(network)
    network.flying.clear()
    sa = alice.sa
    exchange = new_exchange(TRANSACTION, 77, Role.INITIATOR, 0.0, phase2_iv(sa, 77))
    first = ConfigAttributes(ConfigType.REQUEST, 9, (Attribute(NAME, b""), Attribute(PASSWORD, b"")))
    octets, _, _ = seal(sa, exchange, TRANSACTION.exchange, TRANSACTION.grammars[0], [first])
    network.deliver(request._replace(octets=octets))
    reply = network.flying.popleft()
    exchange = replace(exchange, iv=reply.octets[-16:], step=2)
    last = ConfigAttributes(ConfigType.SET, 9, (Attribute(STATUS, 1),))
    octets, _, _ = seal(sa, exchange, TRANSACTION.exchange, TRANSACTION.grammars[2], [last])
    network.deliver(request._replace(octets=octets))
    assert not alice.sa.awaits_user
    assert network.flying.popleft().label == "CFG4"


def test_nobody_is_asked_twice_by_a_client(network: Network, alice: Peer, bob: Peer) -> None:
    """A server of XAUTH tells its user name to nobody, also not if a client asks."""
    alice.calls()
    network.settle()
    request = next(datagram for datagram in network.sent if datagram.label == "CFG1")
    exchange = new_exchange(TRANSACTION, 78, Role.INITIATOR, 0.0, phase2_iv(bob.sa, 78))
    wanted = ConfigAttributes(ConfigType.REQUEST, 9, (Attribute(NAME, b""), Attribute(PASSWORD, b"")))
    octets, _, _ = seal(bob.sa, exchange, TRANSACTION.exchange, TRANSACTION.grammars[0], [wanted])
    network.deliver(request._replace(octets=octets, source=(ALICE, 500), destination=(BOB, 500)))
    assert bob.failures == [Code.XAUTH_REQUIRED]
    assert network.flying == type(network.flying)()


def test_no_secret_is_shown(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls()
    network.settle()
    shown = repr([*alice.events, *bob.events, *bob.attempts, *alice.engine.sas.values(), alice.settings])
    assert "her password" not in shown
    assert alice.settings.connections[0].xauth is XauthRole.CLIENT
