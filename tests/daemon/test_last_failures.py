"""Which failure is shown for a tunnel that is down: strangers hide none that was proved."""

from __future__ import annotations

from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, Failure, IkeUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Settings, Tunnel
from ikev1.daemon.observe.last_failures import LastFailures
from one_sa import CHILD, LOCAL, REMOTE, SA

STRANGER = replace(SA, role=Role.RESPONDER, state=IkeState.CONNECTING)


class World:
    """The records of failures, and their clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.failures = LastFailures(lambda: self.now)

    def fails(self, code: Code, sa: IkeSa | None = SA, tunnel: str = "") -> None:
        self.now += 1
        self.failures.observe(Failure(code, "a reason", "192.0.2.2:500", sa, tunnel))

    @property
    def shown(self) -> tuple[str, str] | None:
        last = self.failures.failure("branch", "net")
        return None if last is None else (last.code, last.caller)


def test_the_newest_failure_of_the_tunnel_or_its_connection_counts() -> None:
    world = World()
    assert world.shown is None
    world.fails(Code.PEER_SILENT)
    world.fails(Code.NO_PROPOSAL_CHOSEN, tunnel="net")
    world.fails(Code.SELECTORS_UNACCEPTABLE, tunnel="other")
    assert world.shown == (Code.NO_PROPOSAL_CHOSEN, "")
    world.fails(Code.PSK_MISMATCH)
    assert world.shown == (Code.PSK_MISMATCH, "")
    world.now += 1
    world.failures.attempt_failed("branch", "net", "name-not-resolved", "a reason")
    assert world.shown == ("name-not-resolved", "")


def test_a_stranger_hides_no_failure_that_was_proved() -> None:
    world = World()
    world.fails(Code.NO_CONNECTION, sa=None)
    assert world.shown is None
    world.fails(Code.PSK_MISMATCH, STRANGER)
    assert world.shown == (Code.PSK_MISMATCH, "192.0.2.2:500")
    world.fails(Code.ID_MISMATCH, STRANGER)
    assert world.shown == (Code.ID_MISMATCH, "192.0.2.2:500")
    world.fails(Code.NO_PROPOSAL_CHOSEN, tunnel="net")
    world.fails(Code.PSK_MISMATCH, STRANGER)
    assert world.shown == (Code.NO_PROPOSAL_CHOSEN, "")
    world.fails(Code.PEER_SILENT)
    world.fails(Code.PSK_MISMATCH, STRANGER)
    assert world.shown == (Code.PEER_SILENT, "")


def test_success_forgets_failures_and_ends() -> None:
    world = World()
    world.fails(Code.PEER_DEAD)
    world.fails(Code.NO_PROPOSAL_CHOSEN, tunnel="net")
    world.failures.observe(ChildDown(SA, replace(CHILD, state=ChildState.REKEYED), "its lifetime is over"))
    assert world.failures.end("branch", "net") is None
    world.failures.observe(ChildDown(SA, CHILD, "the peer is dead"))
    end = world.failures.end("branch", "net")
    assert end is not None
    assert (end.reason, end.at) == ("the peer is dead", world.now)
    world.failures.observe(IkeUp(SA))
    assert world.shown == (Code.NO_PROPOSAL_CHOSEN, "")
    world.failures.observe(ChildUp(SA, CHILD))
    shown = world.failures.failure("branch", "net"), world.failures.end("branch", "net")
    assert shown == (None, None)


def test_what_is_not_configured_any_more_is_forgotten() -> None:
    world = World()
    world.fails(Code.PEER_SILENT)
    world.fails(Code.NO_PROPOSAL_CHOSEN, tunnel="net")
    world.failures.observe(ChildDown(SA, CHILD, "closed"))
    tunnel = Tunnel("net", LOCAL, REMOTE, ())
    branch = Connection(name="branch", policies=(), tunnels=(tunnel,), secret=b"s", remote_address="192.0.2.2")
    world.failures.adopt(Settings(connections=(branch,)))
    assert world.shown == (Code.NO_PROPOSAL_CHOSEN, "")
    assert world.failures.end("branch", "net") is not None
    world.failures.adopt(Settings(connections=(replace(branch, tunnels=()),)))
    assert world.shown == (Code.PEER_SILENT, "")
    assert world.failures.end("branch", "net") is None
    world.failures.adopt(Settings())
    assert world.shown is None
