"""Two gateways of ours with the kernel's ESP while links and addresses come and go."""

from __future__ import annotations

import pytest

from lab import changes
from lab.lab import Lab

KERNEL = "kernel"


@pytest.mark.parametrize("start", ["start", "trap", "none"])
def test_a_new_address_calls_at_once(lab: Lab, start: str) -> None:
    changes.a_new_address_calls_at_once(lab, KERNEL, start)


def test_an_address_that_comes_back_changes_nothing(lab: Lab) -> None:
    changes.an_address_that_comes_back_changes_nothing(lab, KERNEL)


def test_a_tunnel_for_everything_does_not_decide_from_where_its_peer_is_called(lab: Lab) -> None:
    changes.a_tunnel_for_everything_does_not_decide_from_where_its_peer_is_called(lab, KERNEL)


def test_peers_with_link_local_addresses(lab: Lab) -> None:
    changes.peers_with_link_local_addresses(lab, KERNEL)


def test_a_gateway_that_is_started_by_mistake_touches_nothing(lab: Lab) -> None:
    changes.a_gateway_that_is_started_by_mistake_touches_nothing(lab, KERNEL)
