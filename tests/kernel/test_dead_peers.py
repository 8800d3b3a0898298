"""charon that dies or loses a pair, with ESP in the kernels of both ends."""

from __future__ import annotations

from lab import dead_peers
from lab.lab import Lab
from lab.pair import CHARON, OURS


def test_a_charon_that_was_killed_is_noticed_and_called_again(lab: Lab) -> None:
    dead_peers.a_charon_that_was_killed_is_called_again(lab, OURS, CHARON)


def test_a_pair_that_charon_has_deleted_without_our_knowledge_is_replaced(lab: Lab) -> None:
    dead_peers.a_pair_that_charon_has_deleted_without_our_knowledge_is_replaced(lab, OURS, CHARON)
