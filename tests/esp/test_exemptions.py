"""Routing rules of exemptions, in the kernel of a network namespace."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ikev1.core.records.selector import Selector
from ikev1.esp.exemptions import Exemptions
from ikev1.esp.routes import Routes
from lab.namespaces import inside, new_namespace
from lab.process import run

pytestmark = pytest.mark.root
LAN = Selector.parse("10.1.0.0/16"), Selector.parse("10.9.0.0/24")
SSH = Selector.parse("fd01::/64[tcp/22]"), Selector.parse("::/0")


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    descriptor = new_namespace()
    try:
        with inside(descriptor):
            yield
    finally:
        os.close(descriptor)


def rules(priority: int) -> list[str]:
    listed = run("ip", "rule").splitlines() + run("ip", "-6", "rule").splitlines()
    return [line.partition("\t")[2] for line in listed if line.startswith(f"{priority}:")]


def test_packets_skip_the_rules_of_tunnels() -> None:
    routes = Routes()
    exemptions = Exemptions(routes, 0)
    exemptions.change([LAN, SSH])
    assert rules(4498) == [
        "from 10.1.0.0/16 to 10.9.0.0/24 goto 4501 proto 100",
        "from fd01::/64 ipproto tcp sport 22 goto 4501 proto 100",
    ]
    assert rules(4501) == ["from all nop proto 100"] * 2
    exemptions.change([SSH])
    assert len(rules(4498)) == 1
    exemptions.close()
    assert rules(4498) == rules(4501) == []
    routes.close()


def test_packets_without_a_source_address_skip_them_if_an_address_of_this_host_may_be_theirs() -> None:
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", "10.1.0.1/32", "dev", "lo")
    exemptions = Exemptions(Routes(), 0)
    exemptions.change([LAN])
    assert "from 0.0.0.0 to 10.9.0.0/24 goto 4501 proto 100" in rules(4498)
    run("ip", "rule", "flush")
    exemptions.follow()
    assert len(rules(4498)) == 2


def test_a_killed_process_leaves_rules_that_the_next_one_with_its_number_removes() -> None:
    Exemptions(Routes(), 0).change([LAN, SSH])
    other = Exemptions(Routes(), 1)
    other.change([LAN])
    assert len(rules(4498)) == 3
    Exemptions(Routes(), 0).change([])
    assert rules(4498) == ["from 10.1.0.0/16 to 10.9.0.0/24 goto 4501 proto 101"]
