"""Which data plane is chosen, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ikev1.config import GatewayOptions
from ikev1.daemon.planes import choose
from ikev1.esp.plane import PlaneError


def nothing() -> str:
    return ""


def esp() -> str:
    return "the kernel has no ESP"


@pytest.mark.parametrize(
    ("data_plane", "missing", "chosen", "reason"),
    [
        ("auto", nothing, "kernel", "it has ESP, and takes orders from us"),
        ("auto", esp, "userspace", "the kernel has no ESP"),
        ("kernel", nothing, "kernel", "it has ESP, and takes orders from us"),
        ("userspace", nothing, "userspace", "as configured"),
        ("userspace", esp, "userspace", "as configured"),
    ],
)
def test_the_kernel_carries_the_packets_where_it_can_and_may(
    data_plane: str, missing: Callable[[], str], chosen: str, reason: str
) -> None:
    choice = choose(GatewayOptions(data_plane=data_plane), missing)
    assert (choice.name, choice.reason, choice.kernel) == (chosen, reason, chosen == "kernel")


def test_a_kernel_that_has_to_and_cannot_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(PlaneError, match=r'"kernel" cannot be: the kernel has no ESP\. With "auto" '):
        choose(GatewayOptions(data_plane="kernel"), esp)


def test_user_space_asks_the_kernel_nothing() -> None:
    def never() -> str:
        raise AssertionError

    assert choose(GatewayOptions(data_plane="userspace"), never).name == "userspace"
