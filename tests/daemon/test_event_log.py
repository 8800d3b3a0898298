"""The log: who hears what, and what events look like in words."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecKeys, IpsecSuite
from ikev1.core.records.events import (
    ChildDown,
    ChildReady,
    ChildUp,
    Code,
    ConfigAssigned,
    ConfigReceived,
    Event,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    MessageSeen,
    Note,
    XauthUp,
)
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Chosen, IkeSa, IkeState, Keys, Phase1Suite
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.core.records.selector import Selector
from ikev1.daemon.observe.event_log import EventLog, Level, Line

PATH = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
KEYS = Keys(b"SKEYID..", b"SKEYID_d", b"SKEYID_a", b"encryption key..", b"iv")
SA = IkeSa(7, "branch", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, created_at=0.0, keys=KEYS)
CHOSEN = Chosen(Phase1Suite(encryption=7, key_length=128, hash=4, group=19), 3600)
CHILD = ChildSa(
    unique_id=9,
    name="net",
    connection="branch",
    suite=IpsecSuite(12, 128, 5),
    inbound=IpsecKeys(0x1000, b"inbound key 1234"),
    outbound=IpsecKeys(0x2000, b"outbound key 123"),
    local=Selector.parse("10.1.0.0/16"),
    remote=Selector.parse("10.2.0.0/16"),
    path=PATH,
    udp_encapsulation=False,
    initiator=True,
    created_at=0.0,
)

WORDS: list[tuple[Event, Level, str]] = [
    (IkeUp(SA), Level.INFO, "[IKE] <branch|7> ISAKMP SA established with 192.0.2.2"),
    (
        IkeUp(replace(SA, chosen=CHOSEN, IDii_b=b"\x02\0\0\0gw", IDir_b=b"\x02\0\0\0branch")),
        Level.INFO,
        "[IKE] <branch|7> ISAKMP SA established with 192.0.2.2: branch authenticated by PRE_SHARED_KEY, we are gw",
    ),
    (
        ConfigAssigned(replace(SA, assigned=ModeConfig(("10.99.0.10", "fd00::10"), dns=("10.1.0.53",)))),
        Level.INFO,
        "[IKE] <branch|7> assigned virtual address 10.99.0.10 and fd00::10, DNS 10.1.0.53",
    ),
    (
        ConfigReceived(replace(SA, received=ModeConfig())),
        Level.INFO,
        "[IKE] <branch|7> received a configuration without virtual addresses",
    ),
    (XauthUp(SA), Level.INFO, "[IKE] <branch|7> XAUTH: 192.0.2.2 has accepted the user"),
    (
        XauthUp(replace(SA, user=User("carol", "CORP"))),
        Level.INFO,
        r'[IKE] <branch|7> XAUTH: user "CORP\carol" is authenticated',
    ),
    (IkeConfirmed(SA), Level.INFO, "[IKE] <branch|7> the peer has confirmed the ISAKMP SA"),
    (IkeDown(SA, "requested locally"), Level.INFO, "[IKE] <branch|7> ISAKMP SA closed: requested locally"),
    (
        ChildReady(SA, CHILD, 5.0),
        Level.INFO,
        "[CHD] <branch|7> IPsec SAs net-9 negotiated, and send in a few seconds, or once the peer sends with them",
    ),
    (
        ChildUp(SA, CHILD),
        Level.INFO,
        "[CHD] <branch|7> IPsec SAs net-9 established: SPIs 00001000 in, 00002000 out, 10.1.0.0/16 === 10.2.0.0/16",
    ),
    (
        ChildUp(SA, replace(CHILD, unique_id=10), CHILD),
        Level.INFO,
        "[CHD] <branch|7> IPsec SAs net-10 established replacing net-9: "
        "SPIs 00001000 in, 00002000 out, 10.1.0.0/16 === 10.2.0.0/16",
    ),
    (
        ChildDown(SA, replace(CHILD, state=ChildState.REKEYED), "replaced by a newer pair of IPsec SAs"),
        Level.INFO,
        "[CHD] <branch|7> rekeyed IPsec SAs net-9 closed: replaced by a newer pair of IPsec SAs",
    ),
    (
        Failure(Code.NO_CONNECTION, "no connection fits", "192.0.2.9"),
        Level.WARNING,
        "[IKE] 192.0.2.9: no connection fits (no-connection)",
    ),
    (
        Failure(Code.PEER_SILENT, "no answer", "192.0.2.2", SA, "net"),
        Level.WARNING,
        "[CHD] <branch|7> no answer (peer-silent)",
    ),
    (Note(Code.NAT_FOUND, "a NAT", SA), Level.INFO, "[IKE] <branch|7> a NAT (nat-found)"),
]


def test_every_kind_of_event_has_words() -> None:
    assert {type(event) for event, *_ in WORDS} == {*get_args(Event)} - {MessageSeen}


@pytest.mark.parametrize(("event", "level", "text"), WORDS)
def test_events_in_words(event: Event, level: Level, text: str) -> None:
    lines: list[Line] = []
    log = EventLog()
    log.attach(Level.DEBUG, lines.append)
    log.event(event)
    (line,) = lines
    assert (line.level, str(line)) == (level, text)


def test_sinks_hear_their_level_and_above_until_they_leave() -> None:
    log = EventLog()
    heard: dict[str, list[str]] = {"all": [], "warnings": []}
    leave = log.attach(Level.INFO, lambda line: heard["all"].append(line.text))
    log.attach(Level.WARNING, lambda line: heard["warnings"].append(line.text))
    log.write(Level.INFO, "IKE", "one")
    log.write(Level.ERROR, "IKE", "two")
    assert log.listens(Level.INFO)
    leave()
    leave()
    assert not log.listens(Level.INFO)
    log.write(Level.INFO, "IKE", "three")
    log.write(Level.WARNING, "IKE", "four")
    assert heard == {"all": ["one", "two"], "warnings": ["two", "four"]}


def test_nothing_is_put_into_words_when_nobody_listens() -> None:
    class Unspeakable(str):
        __slots__ = ()

        def __format__(self, _: str) -> str:
            raise AssertionError("formatted for nobody")

    log = EventLog()
    log.event(IkeDown(SA, Unspeakable()))
    log.attach(Level.WARNING, lambda _: None)
    log.event(IkeDown(SA, Unspeakable()))


STRANGER = replace(SA, role=Role.RESPONDER, connection="", keys=None)
KNOWN = replace(SA, role=Role.RESPONDER, state=IkeState.ESTABLISHED)
CAUSED_BY_STRANGERS: list[Event] = [
    Failure(Code.MALFORMED, "garbage", "192.0.2.9"),
    Failure(Code.PSK_MISMATCH, "it cannot be read", "192.0.2.9", STRANGER),
    Failure(Code.HALF_OPEN_LIMIT, "too many", "192.0.2.9", STRANGER),
    Note(Code.NAT_FOUND, "a NAT", STRANGER),
    Note(Code.RETRANSMIT, "message 2 again", STRANGER),
    IkeDown(STRANGER, "it never finished"),
]


class Heard:
    """A log at the finest level, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[Line] = []
        self.log = EventLog(lambda: self.now)
        self.log.attach(Level.DEBUG, self.lines.append)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.mark.parametrize("event", CAUSED_BY_STRANGERS, ids=lambda event: getattr(event, "code", "down"))
def test_strangers_fill_no_disk_whatever_they_cause(heard: Heard, event: Event) -> None:
    for _ in range(1000):
        heard.log.event(event)
    assert len(heard.lines) == 20
    assert 0.0 < heard.log.tells_by <= 1.0
    heard.now += heard.log.tells_by
    heard.log.tell_what_was_left_out()
    assert heard.lines[-1].text.startswith("980 more ")
    assert heard.lines[-1].level == heard.lines[0].level
    assert heard.log.tells_by == math.inf


@pytest.mark.parametrize("event", [*WORDS, None], ids=lambda event: type(event[0]).__name__ if event else "IkeDown")
def test_a_flood_of_strangers_starves_no_line_about_peers_and_our_own_calls(
    heard: Heard, event: tuple[Event, Level, str] | None
) -> None:
    for caused in CAUSED_BY_STRANGERS:
        for _ in range(100):
            heard.log.event(caused)
    while heard.log.wants_message(None, "MM1"):
        pass
    heard.lines.clear()
    for sa in (SA, KNOWN):
        assert heard.log.wants_message(sa, "MM1")
        heard.log.event(Failure(Code.MALFORMED, "garbage", "192.0.2.2", sa))
        heard.log.event(Note(Code.NAT_FOUND, "a NAT", sa))
    heard.log.event(event[0] if event and event[0].sa else IkeDown(KNOWN, "requested locally"))
    heard.log.write(Level.INFO, "CFG", "what an operator does")
    assert len(heard.lines) == 6


def test_a_known_peer_cannot_fill_the_disk_either_and_takes_no_line_from_another(heard: Heard) -> None:
    other = replace(KNOWN, connection="office")
    for _ in range(5000):
        heard.log.event(ChildUp(KNOWN, CHILD))
        heard.log.write(Level.INFO, "NET", "it moved", kind="peers that moved", connection="branch")
    assert len(heard.lines) == 1200
    heard.log.event(ChildUp(other, CHILD))
    heard.log.write(Level.INFO, "NET", "it moved", kind="peers that moved", connection="office")
    assert len(heard.lines) == 1202
    heard.now += 60
    heard.log.tell_what_was_left_out()
    assert sorted(line.text.split()[0] for line in heard.lines[1202:]) == ["4400", "4400"]


def test_an_onlooker_that_knows_the_cookies_of_many_peers_fills_no_disk(heard: Heard) -> None:
    peers = [replace(KNOWN, connection=f"site-{number}") for number in range(50)]
    for _ in range(200):
        for peer in peers:
            heard.log.event(Failure(Code.MALFORMED, "junk", "192.0.2.2", peer))
    assert len(heard.lines) == 6000
    heard.log.event(ChildUp(peers[0], CHILD))
    assert len(heard.lines) == 6001
    heard.now += 60
    heard.log.tell_what_was_left_out()
    assert heard.lines[-1].text.startswith("4000 more ")


def test_who_sends_from_addresses_that_cannot_be_answered_fills_no_disk(heard: Heard) -> None:
    for _ in range(1000):
        heard.log.write(Level.WARNING, "NET", "cannot send", kind="errors of the network")
    assert len(heard.lines) == 20


def test_messages_are_asked_for_while_somebody_reads_and_the_budget_lasts(heard: Heard) -> None:
    assert not EventLog().wants_message(KNOWN, "QM1")
    assert sum(heard.log.wants_message(None, "MM1") for _ in range(1000)) == 20
    assert sum(heard.log.wants_message(STRANGER, "MM3") for _ in range(1000)) == 20
    assert sum(heard.log.wants_message(KNOWN, "QM1") for _ in range(1000)) == 600
    heard.now += 1
    assert heard.log.wants_message(None, "MM1")
    heard.log.tell_what_was_left_out()
    assert [line.text.split()[:3] for line in heard.lines] == [["980", "more", "MM1"], ["980", "more", "MM3"]]
