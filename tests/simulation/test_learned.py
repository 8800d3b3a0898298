"""The responder's state machine, as it is seen from outside, is the one that the exchange tables draw."""

from __future__ import annotations

import pytest

import learned
from ikev1.core.exchanges.aggressive_mode import AGGRESSIVE_MODE
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.records.settings import Mode
from learned import Budget, Edge, Responder


@pytest.mark.parametrize("mode", list(Mode))
def test_phase_1_and_quick_mode(mode: Mode) -> None:
    """With signatures: `make soak`."""
    machine = learned.learn(str(mode), learned.PSK, walks=3)
    assert machine.wrong == []
    assert machine.states > 5  # more than was tried by chance: the way along the rows was found


@pytest.mark.parametrize("proof", [learned.PSK, learned.SIGNATURES])
def test_informational(proof: str) -> None:
    assert learned.learn(learned.INFORMATIONAL, proof).wrong == []


@pytest.mark.parametrize(("budget", "spent"), [(Budget(10), 10), (Budget(until=0.0), 0)])
def test_a_learner_ends_when_its_budget_does(budget: Budget, spent: int) -> None:
    assert learned.learn(str(Mode.MAIN), learned.PSK, budget=budget) == (0, [], spent)


def test_the_edges_are_those_of_the_tables() -> None:
    assert list(learned.accepting(MAIN_MODE, QUICK_MODE)) == [
        Edge("nothing", "MM1", "MM2", "MM1"),
        Edge("MM1", "MM3", "MM4", "MM3"),
        Edge("MM3", "MM5", "MM6", "MM5"),
        Edge("MM5", "QM1", "QM2", "QM1"),
        Edge("QM1", "QM3", "-", "QM3"),
    ]
    assert [edge.letter for edge in learned.accepting(AGGRESSIVE_MODE)] == ["AM1", "AM3"]


class _Careless(Responder):
    """A responder that takes message 5 for granted once it sent message 4."""

    def step(self, letter: str) -> str:
        answer = super().step(letter)
        return super().step("MM5") if letter == "QM1" and "MM5" in self.made else answer


def test_a_responder_that_skips_a_message_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "Responder", _Careless)
    assert learned.learn(str(Mode.MAIN), learned.PSK, walks=5).wrong != []
