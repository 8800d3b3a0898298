"""The anti-replay window beside a model that remembers everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.esp.replay import ReplayWindow


class Model:
    """RFC 4303 §3.4.3 said plainly: new, not 0, and not left of the window."""

    def __init__(self, size: int) -> None:
        self.size, self.seen = size, set[int]()

    def fresh(self, sequence: int) -> bool:
        left = max(self.seen, default=0) - self.size
        return sequence > 0 and sequence > left and sequence not in self.seen


near = st.integers(-5000, 300)


@given(st.sampled_from([32, 64, 100, 1024, 4096]), st.lists(st.tuples(near, st.booleans()), max_size=200))
def test_agrees_with_the_model(size: int, steps: list[tuple[int, bool]]) -> None:
    window, model = ReplayWindow(size), Model(size)
    for distance, authentic in steps:
        sequence = min(max(window.highest + distance, 0), 2**32 - 1)
        assert window.fresh(sequence) == model.fresh(sequence)
        if authentic and window.fresh(sequence):
            window.accept(sequence)
            model.seen.add(sequence)
    assert window.highest == max(model.seen, default=0)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=50))
def test_agrees_with_the_model_across_leaps(sequences: list[int]) -> None:
    window, model = ReplayWindow(64), Model(64)
    for sequence in sequences:
        assert window.fresh(sequence) == model.fresh(sequence)
        if window.fresh(sequence):
            window.accept(sequence)
            model.seen.add(sequence)


@pytest.mark.parametrize(("asked", "given_size"), [(1, 32), (32, 32), (64, 64), (4096, 4096), (10_000, 4096), (0, 0)])
def test_sizes_are_brought_into_bounds(asked: int, given_size: int) -> None:
    assert ReplayWindow(asked).size == given_size


def test_asking_changes_nothing() -> None:
    window = ReplayWindow(64)
    assert window.fresh(7)
    assert window.fresh(7)
    assert window.highest == 0


def test_no_window_lets_all_pass() -> None:
    window = ReplayWindow(0)
    for sequence in (5, 5, 2**32 - 1, 1, 0):
        assert window.fresh(sequence)
        window.accept(sequence)
