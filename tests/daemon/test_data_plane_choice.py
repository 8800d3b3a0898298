"""Which data plane is chosen, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from configured import ALICE, BOB, connection, esp, settings, tunnel
from ikev1.config import GatewayOptions
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.daemon.host.data_plane_choice import choose, suites_lacking
from ikev1.esp.plane import PlaneError


def nothing() -> str:
    return ""


def no_esp() -> str:
    return "the kernel has no ESP"


@pytest.mark.parametrize(
    ("data_plane", "missing", "chosen"),
    [
        ("auto", nothing, "kernel"),
        ("auto", no_esp, "userspace"),
        ("kernel", nothing, "kernel"),
        ("userspace", nothing, "userspace"),
        ("userspace", no_esp, "userspace"),
    ],
)
def test_the_kernel_carries_the_packets_where_it_can_and_may(
    data_plane: str, missing: Callable[[], str], chosen: str
) -> None:
    choice = choose(GatewayOptions(data_plane=data_plane), missing)
    assert (choice.name, choice.kernel) == (chosen, chosen == "kernel")
    assert (choice.reason == no_esp()) == (data_plane == "auto" and missing is no_esp)


def test_a_kernel_that_has_to_and_cannot_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(PlaneError, match=no_esp()):
        choose(GatewayOptions(data_plane="kernel"), no_esp)


def test_user_space_asks_the_kernel_nothing() -> None:
    def never() -> str:
        raise AssertionError

    assert choose(GatewayOptions(data_plane="userspace"), never).name == "userspace"


def test_every_suite_is_tried_once_and_those_that_are_lacking_are_told() -> None:
    both = settings(
        connection(ALICE, BOB, tunnel(proposals=(esp(), esp("aes256gcm16-modp2048"), esp("aes128-sha256-modp2048")))),
        connection(ALICE, BOB, tunnel(), name="other"),
    )
    tried: list[IpsecSuite] = []

    def no_gcm(suite: IpsecSuite) -> str:
        tried.append(suite)
        return "the kernel lacks GCM" if suite.encryption == 20 else ""

    (line,) = suites_lacking(both, no_gcm)
    assert line.startswith("peer/net ")
    assert line.endswith("the kernel lacks GCM")
    assert len(tried) == len(set(tried)) == 2
