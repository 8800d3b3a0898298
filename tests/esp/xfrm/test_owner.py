"""The file that says what in the kernel is ours."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from ikev1.core.records.child_sa import Mark
from ikev1.esp.networks import Network
from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.ownership_file import OwnershipFile, PolicyNote, RouteNote, StateNote, Thing
from ikev1.esp.xfrm.policy import Direction, PolicyId
from ikev1.esp.xfrm.state import Protocol, StateId

STATE = StateNote(StateId(bytes((192, 0, 2, 1)), 0x1234, Protocol.ESP, Mark(1, 3)), 0x8000_0001)
POLICY = PolicyNote(PolicyId(Direction.OUT, bytes(range(56)), Mark(1, 3), 7), 0x8000_0001)
ROUTE = RouteNote(Network(bytes((10, 2, 0, 0)), 16))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "control.owner"


def killed(owner: OwnershipFile) -> None:
    """What becomes of the file when its gateway is killed: nothing, but the lock is gone."""
    os.close(owner._fd)


def test_what_was_noted_is_what_the_next_one_finds(file: Path) -> None:
    owner = OwnershipFile(file)
    assert owner.left == ()
    owner.note(STATE, POLICY)
    owner.note(ROUTE)
    killed(owner)
    assert OwnershipFile(file).left == (STATE, POLICY, ROUTE)


def test_what_was_struck_out_is_not(file: Path) -> None:
    owner = OwnershipFile(file)
    owner.note(STATE, POLICY, ROUTE)
    owner.strike(POLICY)
    killed(owner)
    assert OwnershipFile(file).left == (STATE, ROUTE)


def test_nobody_else_may_read_it(file: Path) -> None:
    OwnershipFile(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_gateways_do_not_share_it(file: Path) -> None:
    owner = OwnershipFile(file)
    with pytest.raises(PlaneError, match=r"."):
        OwnershipFile(file)
    killed(owner)
    OwnershipFile(file)


def test_a_line_that_was_not_finished_is_passed_over(file: Path) -> None:
    owner = OwnershipFile(file)
    owner.note(STATE, ROUTE)
    killed(owner)
    file.write_bytes(file.read_bytes()[:-4])
    assert OwnershipFile(file).left == (STATE,)


def test_lines_of_somebody_else_are_passed_over(file: Path) -> None:
    file.write_text('nonsense\n[true, ["state", 5, 6]]\n{"there": true}\n\n')
    assert OwnershipFile(file).left == ()


def test_an_empty_file_goes_at_the_end_another_stays(file: Path) -> None:
    owner = OwnershipFile(file)
    owner.note(STATE)
    owner.close()
    assert file.exists()
    owner = OwnershipFile(file)
    owner.strike(*owner.left)
    owner.close()
    assert not file.exists()


def test_it_does_not_grow_for_ever(file: Path) -> None:
    owner = OwnershipFile(file)
    owner.note(POLICY)
    for _ in range(10_000):
        owner.note(STATE)
        owner.strike(STATE)
    assert len(file.read_bytes().splitlines()) < 10_000
    with pytest.raises(PlaneError):
        OwnershipFile(file)
    killed(owner)
    assert OwnershipFile(file).left == (POLICY,)


def test_what_follows_a_line_that_was_not_finished_counts(file: Path) -> None:
    owner = OwnershipFile(file)
    owner.note(STATE, POLICY)
    killed(owner)
    file.write_bytes(file.read_bytes()[:-4])
    owner = OwnershipFile(file)
    owner.note(ROUTE)
    killed(owner)
    assert OwnershipFile(file).left == (STATE, ROUTE)


def test_a_full_disk_is_told(file: Path) -> None:
    owner = OwnershipFile(file)
    limit = file.stat().st_size + 30, resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    try:
        with pytest.raises(PlaneError, match="No space left"):
            owner.note(STATE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    owner.note(ROUTE)
    killed(owner)
    assert OwnershipFile(file).left == (ROUTE,)


def test_a_file_that_cannot_be_made_short_is_not_read_again_and_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = OwnershipFile(file)
    file.with_name(file.name + ".new").mkdir()  # in the way
    read, reads = owner._read, []

    def counted() -> dict[bytes, Thing]:
        reads.append(1)
        return read()

    monkeypatch.setattr(owner, "_read", counted)
    for _ in range(10_000):
        owner.note(STATE)
        owner.strike(STATE)
    assert 0 < len(reads) < 5
    killed(owner)
    assert OwnershipFile(file).left == ()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PlaneError, match=r"."):
        OwnershipFile(tmp_path / "nowhere" / "control.owner")


def test_files_have_numbers(tmp_path: Path) -> None:
    numbers = [OwnershipFile(tmp_path / f"{name}.owner").number for name in "abcd"]
    assert len(set(numbers)) > 1
    assert all(0 <= number < 256 for number in numbers)
