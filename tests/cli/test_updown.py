"""What a NAME on the command line means."""

from __future__ import annotations

import click
import pytest

from ikev1.cli.control import Section
from ikev1.cli.updown import described, targets

CONNECTIONS: dict[str, Section] = {
    "branch": {"children": {"office": {}, "printers": {}}},
    "lab": {"children": {"office": {}, "lab": {}}},
    "bare": {"children": {}},
}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("branch", ["branch/office", "branch/printers"]),
        ("bare", ["bare"]),
        ("printers", ["branch/printers"]),
        ("lab/office", ["lab/office"]),
        ("lab", ["lab/office", "lab/lab"]),
    ],
)
def test_a_name_means(name: str, meant: list[str]) -> None:
    assert [described(target) for target in targets(name, CONNECTIONS)] == meant


def test_an_unknown_name_is_told_all_that_exist() -> None:
    with pytest.raises(click.ClickException, match=": branch, branch/office, branch/printers, lab, "):
        targets("brunch", CONNECTIONS)


def test_a_name_of_two_tunnels_is_told_both() -> None:
    with pytest.raises(click.ClickException, match="branch/office, lab/office"):
        targets("office", CONNECTIONS)
