"""The log: who hears what, and what events look like in words."""

from __future__ import annotations

import pytest

from ikev1.core.events import ChildDown, ChildUp, Code, Event, Failure, IkeDown, IkeUp, Note
from ikev1.core.model import ChildSa, ChildState, IkeSa, IpsecKeys, IpsecSuite, Keys, Path, Role
from ikev1.core.record import replace
from ikev1.core.selector import Selector
from ikev1.daemon.logbook import Level, Line, Logbook

PATH = Path("192.0.2.1", 500, "192.0.2.2", 500)
KEYS = Keys(b"SKEYID..", b"SKEYID_d", b"SKEYID_a", b"encryption key..", b"iv")
SA = IkeSa(7, "branch", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, created_at=0.0, keys=KEYS)
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
    (IkeDown(SA, "it was closed here"), Level.INFO, "[IKE] <branch|7> ISAKMP SA closed: it was closed here"),
    (
        ChildUp(SA, CHILD),
        Level.INFO,
        "[CHD] <branch|7> IPsec SAs net-9 established: SPIs 00001000 in, 00002000 out, 10.1.0.0/16 === 10.2.0.0/16",
    ),
    (
        ChildUp(SA, replace(CHILD, unique_id=10), CHILD),
        Level.INFO,
        "[CHD] <branch|7> IPsec SAs net-10 established in place of net-9: "
        "SPIs 00001000 in, 00002000 out, 10.1.0.0/16 === 10.2.0.0/16",
    ),
    (
        ChildDown(SA, replace(CHILD, state=ChildState.REKEYED), "a newer pair took its place"),
        Level.INFO,
        "[CHD] <branch|7> rekeyed IPsec SAs net-9 closed: a newer pair took its place",
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


@pytest.mark.parametrize(("event", "level", "text"), WORDS)
def test_events_in_words(event: Event, level: Level, text: str) -> None:
    lines: list[Line] = []
    logbook = Logbook()
    logbook.attach(Level.DEBUG, lines.append)
    logbook.event(event)
    (line,) = lines
    assert (line.level, str(line)) == (level, text)


def test_sinks_hear_their_level_and_above_until_they_leave() -> None:
    logbook = Logbook()
    heard: dict[str, list[str]] = {"all": [], "warnings": []}
    changes: list[bool] = []
    logbook.listeners_changed = lambda: changes.append(logbook.listens(Level.INFO))
    leave = logbook.attach(Level.INFO, lambda line: heard["all"].append(line.text))
    logbook.attach(Level.WARNING, lambda line: heard["warnings"].append(line.text))
    logbook.write(Level.INFO, "IKE", "one")
    logbook.write(Level.ERROR, "IKE", "two")
    leave()
    leave()
    logbook.write(Level.INFO, "IKE", "three")
    logbook.write(Level.WARNING, "IKE", "four")
    assert heard == {"all": ["one", "two"], "warnings": ["two", "four"]}
    assert changes == [True, True, False]


def test_nothing_is_put_into_words_when_nobody_listens() -> None:
    class Unspeakable(str):
        __slots__ = ()

        def __format__(self, _: str) -> str:
            raise AssertionError("formatted for nobody")

    logbook = Logbook()
    logbook.event(IkeDown(SA, Unspeakable()))
    logbook.attach(Level.WARNING, lambda _: None)
    logbook.event(IkeDown(SA, Unspeakable()))


def test_strangers_fill_no_disk() -> None:
    lines: list[Line] = []
    logbook = Logbook()
    logbook.attach(Level.DEBUG, lines.append)
    for _ in range(1000):
        logbook.event(Failure(Code.MALFORMED, "garbage", "192.0.2.9"))
        logbook.event(Failure(Code.PEER_SILENT, "no answer", "192.0.2.2", SA, "net"))
    assert sum(line.code == "peer-silent" for line in lines) == 1000
    assert 20 <= sum(line.code == "malformed" for line in lines) < 500
