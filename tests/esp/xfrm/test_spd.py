"""Our part of the SPD, and a kernel of policies that can refuse; a real one is in tests/kernel/test_protection.py."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ikev1.core.records.selector import Selector
from ikev1.esp.netlink import NetlinkError, unpack
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.layout import POLICY_INFO
from ikev1.esp.xfrm.ownership_file import OwnershipFile, PolicyNote
from ikev1.esp.xfrm.policy import Direction, PolicyId, Rule, Template, encode, selectors
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.spd import Spd
from ikev1.esp.xfrm.state import Protocol, XfrmMode

HERE, THERE = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
IDS = [PolicyId(direction, bytes([number]) * 56) for number in range(2) for direction in Direction]
BYPASS = Rule()
THEIRS = Rule(5, discards=True)


def templates(reqid: int, spi: int = 0) -> tuple[Template, ...]:
    return (Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, reqid, spi),)


class Kernel:
    """One policy for each id. It counts what it is asked to change, and refuses one of these if told so."""

    def __init__(self) -> None:
        self.policies: dict[PolicyId, Rule] = {}
        self.changes = 0
        self.refuses = 0  # the number of the change
        self.watch: Callable[[], None] = lambda: None

    def add_policies(self, policies: Sequence[tuple[PolicyId, Rule]]) -> list[PolicyId]:
        met = [id for id, _ in policies if id in self.policies]
        if policies:
            self._change()
        self.policies |= {id: new for id, new in policies if id not in met}
        self.watch()
        return met

    def put_policies(self, policies: Sequence[tuple[PolicyId, Rule]]) -> None:
        for id, new in policies:
            self._change()
            self.policies[id] = new
            self.watch()

    def delete_policy(self, id: PolicyId) -> bool:
        self._change()
        there = self.policies.pop(id, None) is not None
        self.watch()
        return there

    def policy_numbers(self, id: PolicyId) -> frozenset[int] | None:
        there = self.policies.get(id)
        return None if there is None else frozenset({there.number} if there.number else ())

    def _change(self) -> None:
        self.changes += 1
        if self.changes == self.refuses:
            raise NetlinkError(errno.ENOMEM, os.strerror(errno.ENOMEM))


class Process:
    """One gateway process with the file ``path``."""

    def __init__(self, kernel: Kernel, path: Path) -> None:
        self.kernel = kernel
        self.owner = OwnershipFile(path)
        self.spd = Spd(cast(Xfrm, kernel), self.owner)

    def killed(self) -> None:
        os.close(self.owner._fd)

    @property
    def noted(self) -> set[PolicyNote]:
        return {thing for thing in self.owner._read().values() if isinstance(thing, PolicyNote)}


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def process(kernel: Kernel, tmp_path: Path) -> Process:
    return Process(kernel, tmp_path / "owner")


def test_exempt_packets_pass_whatever_else_is_wanted(process: Process) -> None:
    spd, kernel = process.spd, process.kernel
    exempt = Rule(exempts=True)
    spd.discard(IDS[:1])
    spd.exempt(IDS)
    assert kernel.policies == dict.fromkeys(IDS, exempt)
    number = spd.new_reqid()
    spd.protect(IDS, number, templates(number))
    spd.bypass(IDS)
    assert kernel.policies == dict.fromkeys(IDS, exempt)
    spd.exempt_no_more(IDS)
    assert kernel.policies == dict.fromkeys(IDS, Rule(number, templates(number)))
    spd.protect_no_more(IDS)
    spd.bypass_no_more(IDS)
    assert set(kernel.policies) == {IDS[0]}


def test_the_exemptions_of_a_killed_process_last_until_the_next_one_has_its_own(process: Process) -> None:
    process.spd.exempt(IDS)
    after = again(process)
    after.spd.hold()
    assert kinds(after.kernel) == dict.fromkeys(IDS, "BYPASS")
    after.spd.exempt(IDS[:1])
    after.spd.settle()
    assert after.kernel.policies == {IDS[0]: Rule(exempts=True)}


def test_a_policy_of_another_program_is_no_exemption(process: Process) -> None:
    process.kernel.policies[IDS[0]] = THEIRS
    assert process.spd.exempt(IDS) == {IDS[0]}
    assert process.kernel.policies[IDS[0]] == THEIRS


def test_exemptions_precede_protection_and_the_narrower_ones_each_other() -> None:
    def priority(wide: str, rule: Rule) -> int:
        (selector,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse(wide))
        number: int = unpack(POLICY_INFO, encode(PolicyId(Direction.OUT, selector), rule))[3]
        return number

    protect = Rule(7, templates(7))
    ordered = [
        priority("10.2.3.0/24", Rule(exempts=True)),
        priority("0.0.0.0/0", Rule(exempts=True)),
        priority("10.2.3.4", protect),
        priority("0.0.0.0/0", BYPASS),
        priority("10.2.3.4", Rule(0x8000_0000, discards=True)),
    ]
    assert ordered == sorted(set(ordered))


def again(process: Process) -> Process:
    """Killed, and started again."""
    process.killed()
    return Process(process.kernel, process.owner._path)


def kinds(kernel: Kernel) -> dict[PolicyId, str]:
    return {
        id: "DISCARD" if there.discards else "PROTECT" if there.templates else "BYPASS"
        for id, there in kernel.policies.items()
    }


def test_who_goes_first(kernel: Kernel, process: Process) -> None:
    spd, (one, *_) = process.spd, IDS
    spd.discard([one])
    assert kinds(kernel) == {one: "DISCARD"}
    spd.bypass([one])
    assert kinds(kernel) == {one: "BYPASS"}
    spd.protect([one], spd.new_reqid(), templates(1))
    assert kinds(kernel) == {one: "PROTECT"}
    spd.bypass_no_more([one])
    spd.protect_no_more([one])
    assert kinds(kernel) == {one: "DISCARD"}
    spd.discard_no_more([one])
    assert kinds(kernel) == {}
    assert process.noted == set()


def test_a_policy_is_known_again_by_what_was_noted_of_it(kernel: Kernel, process: Process) -> None:
    spd, (one, other, *_) = process.spd, IDS
    reqid = spd.new_reqid()
    spd.discard([one])
    spd.protect([other], reqid, templates(reqid))
    assert {PolicyNote(id, there.number) for id, there in kernel.policies.items()} == process.noted
    assert kernel.policies[one].number > 0x4000_0000  # behind all that does not discard
    after = again(process).spd
    assert after.was_ours(reqid)
    assert not after.was_ours(kernel.policies[one].number)
    assert not after.was_ours(reqid + 1)


def test_two_tunnels_do_not_share_a_policy(process: Process) -> None:
    spd, (one, other, *_) = process.spd, IDS
    spd.protect([one], 0x8000_0001, templates(0x8000_0001))
    with pytest.raises(PlaneError, match="another tunnel"):
        spd.protect([other, one], 0x8000_0002, templates(0x8000_0002))
    assert kinds(process.kernel) == {one: "PROTECT"}


def test_another_program_s_policy_stays(kernel: Kernel, process: Process) -> None:
    spd, (one, other, *_) = process.spd, IDS
    kernel.policies[one] = THEIRS
    with pytest.raises(PlaneError, match="another program"):
        spd.protect([one, other], 0x8000_0001, templates(0x8000_0001))
    assert spd.bypass([one, other]) == [other]
    assert spd.discard([one, other]) == {one}
    spd.bypass_no_more([one, other])
    spd.discard_no_more([one, other])
    assert kernel.policies == {one: THEIRS}
    assert process.noted == set()


def test_what_a_killed_process_discarded_is_discarded_until_another_is_told(kernel: Kernel, process: Process) -> None:
    process.spd.discard(IDS[:2])
    process.spd.bypass(IDS[2:3])
    second = again(process)
    second.spd.hold()
    assert kinds(kernel) == {IDS[0]: "DISCARD", IDS[1]: "DISCARD", IDS[2]: "BYPASS"}
    second.spd.discard(IDS[1:2])
    second.spd.settle()
    assert kinds(kernel) == {IDS[1]: "DISCARD"}
    assert {note.id for note in second.noted} == {IDS[1]}


def test_a_killed_process_s_pair_is_held_when_nobody_goes_on_with_it(kernel: Kernel, process: Process) -> None:
    process.spd.protect(IDS[:2], 0x8000_0001, templates(0x8000_0001))
    second = again(process)
    second.spd.discard(IDS[:2])
    assert set(kinds(kernel).values()) == {"PROTECT"}  # it may be gone on with
    second.spd.protect(IDS[:1], 0x8000_0001, templates(0x8000_0001, 9))
    assert kernel.policies[IDS[0]].templates == templates(0x8000_0001, 9)
    second.spd.hold()
    assert kinds(kernel) == {IDS[0]: "PROTECT", IDS[1]: "DISCARD"}
    second.spd.discard_no_more(IDS[:2])
    assert kinds(kernel) == {IDS[0]: "PROTECT", IDS[1]: "DISCARD"}
    second.spd.settle()
    assert kinds(kernel) == {IDS[0]: "PROTECT"}


@pytest.mark.parametrize("theirs", [THEIRS, Rule(7, templates(7)), Rule(0, templates(0))])
def test_what_another_program_put_in_the_place_of_a_killed_process_s_policy_stays(
    kernel: Kernel, process: Process, theirs: Rule
) -> None:
    process.spd.discard(IDS[:2])
    kernel.policies[IDS[0]] = theirs
    second = again(process)
    second.spd.discard(IDS[:1])
    second.spd.hold()
    second.spd.settle()
    assert kernel.policies == {IDS[0]: theirs}
    assert second.noted == set()


def test_reqids_go_on_where_a_killed_process_ended(process: Process) -> None:
    """The kernel may wait for an SA with one of its numbers."""
    reqid = process.spd.new_reqid()
    process.spd.protect(IDS[:1], reqid, templates(reqid))
    assert again(process).spd.new_reqid() == reqid + 1


def test_reqids_that_the_kernel_still_knows_are_avoided(process: Process) -> None:
    """Of an SA that it waits for, say, though the gateway that asked has ended and noted nothing."""
    spd = process.spd
    assert spd.new_reqid() == 1
    spd.avoid([8, 3, 2, 0xFFFF_FFFF])
    assert [spd.new_reqid() for _ in range(6)] == [4, 5, 6, 7, 9, 10]


def test_reqids_come_round(process: Process) -> None:
    process.spd.avoid([1])
    process.spd._last = 0x7FFF_FFFF
    assert process.spd.new_reqid() == 2


def test_an_earlier_version_had_higher_reqids(process: Process) -> None:
    process.spd.protect(IDS[:1], 0x8100_0001, templates(0x8100_0001))
    after = again(process).spd
    assert after.was_ours(0x8100_0001)
    assert after.new_reqid() == 1


class Life(RuleBasedStateMachine):
    """Whatever is asked in whatever order, refused by the kernel or not, by processes that are killed anywhere:

    packets that are to be dropped, protected or not, find a policy at every moment that does not let them pass.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.kernel = Kernel()
        self.kernel.watch = self.see
        self.process = Process(self.kernel, Path(self.folder.name) / "owner")
        self.protected: dict[PolicyId, Rule] = {}
        self.passing: set[PolicyId] = set()
        self.discarded: set[PolicyId] = set()
        self.guarded: set[PolicyId] = set()  # at every moment of the call that is under way
        self.held = False
        self.given = 0

    def see(self) -> None:
        for id in self.guarded:
            there = self.kernel.policies.get(id)
            assert there is not None, "a gap"
            assert there != BYPASS

    def call(self, change: Callable[[], object], discards: set[PolicyId], *, refused: int = 0) -> bool:
        """Whether it was done."""
        self.guarded = (self.discarded & discards) - self.passing
        self.kernel.changes, self.kernel.refuses = 0, refused
        try:
            change()
        except OSError:
            return False
        finally:
            self.guarded = set()
            self.kernel.refuses = 0
        return True

    some = st.sets(st.sampled_from(IDS), min_size=1)
    refusal = st.integers(0, 3)

    @rule(ids=some, refused=refusal)
    def discard(self, ids: set[PolicyId], refused: int) -> None:
        if self.call(lambda: self.process.spd.discard(ids), self.discarded, refused=refused):
            self.discarded |= ids

    @rule(ids=some, refused=refusal)
    def discard_no_more(self, ids: set[PolicyId], refused: int) -> None:
        if self.call(lambda: self.process.spd.discard_no_more(ids), self.discarded - ids, refused=refused):
            self.discarded -= ids

    @rule(ids=some, spi=st.integers(1, 5), refused=refusal)
    def protect(self, ids: set[PolicyId], spi: int, refused: int) -> None:
        numbers = {self.protected[id].number for id in ids if id in self.protected}
        if len(numbers) > 1:
            return
        reqid = next(iter(numbers), 0) or self.process.spd.new_reqid()
        new = Rule(reqid, templates(reqid, spi))
        if self.call(lambda: self.process.spd.protect(ids, reqid, new.templates), self.discarded, refused=refused):
            self.protected |= dict.fromkeys(ids, new)

    @rule(ids=some, refused=refusal)
    def protect_no_more(self, ids: set[PolicyId], refused: int) -> None:
        if self.call(lambda: self.process.spd.protect_no_more(ids), self.discarded, refused=refused):
            for id in ids:
                self.protected.pop(id, None)

    @rule(ids=some, refused=refusal)
    def bypass(self, ids: set[PolicyId], refused: int) -> None:
        if self.call(lambda: self.process.spd.bypass(ids), self.discarded - ids, refused=refused):
            self.passing |= ids

    @rule(ids=some, refused=refusal)
    def bypass_no_more(self, ids: set[PolicyId], refused: int) -> None:
        if self.call(lambda: self.process.spd.bypass_no_more(ids), self.discarded - ids, refused=refused):
            self.passing -= ids

    @rule(named_before=st.booleans(), kept=some)
    def kill(self, named_before: bool, kept: set[PolicyId]) -> None:
        """The next process wants the same dropped and passed, and goes on with some of the pairs."""
        self.process = again(self.process)
        spd = self.process.spd
        protected = {id: there for id, there in self.protected.items() if id in kept}

        def go_on() -> None:
            for id, there in protected.items():
                spd.protect([id], there.number, there.templates)

        steps: list[Callable[[], object]] = [go_on, spd.hold]
        named: list[Callable[[], object]] = [lambda: spd.bypass(self.passing), lambda: spd.discard(self.discarded)]
        for step in (*named, *steps, spd.settle) if named_before else (*steps, *named, spd.settle):
            assert self.call(step, self.discarded)
        self.protected = protected

    @invariant()
    def the_kernel_has_what_is_wanted(self) -> None:
        wanted: dict[PolicyId, str] = dict.fromkeys(self.discarded, "DISCARD")
        wanted |= dict.fromkeys(self.passing, "BYPASS")
        wanted |= dict.fromkeys(self.protected, "PROTECT")
        assert kinds(self.kernel) == wanted
        for id, there in self.protected.items():
            assert self.kernel.policies[id] == there

    @invariant()
    def the_file_names_all_of_it(self) -> None:
        assert {PolicyNote(id, there.number) for id, there in self.kernel.policies.items()} <= self.process.noted

    def teardown(self) -> None:
        self.process.killed()
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
