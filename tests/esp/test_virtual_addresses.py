"""Virtual addresses of this host, on an interface of a network namespace."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from esp_lab import Namespace

PREAMBLE = """
from ikev1.esp.plane import PlaneError
from ikev1.esp.virtual_addresses import VirtualAddresses
virtual = VirtualAddresses("net0")
"""


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    """A device with an address of its own."""
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed here")
    opened = Namespace()
    try:
        if not opened.works:
            pytest.skip("network namespaces are not permitted here (unshare -Urn)")
        opened.run("ip", "link", "add", "net0", "type", "veth", "peer", "name", "net1")
        opened.run("ip", "link", "set", "net0", "up")
        opened.run("ip", "addr", "add", "10.1.0.1/32", "dev", "net0")
        yield opened
    finally:
        opened.close()


def python(namespace: Namespace, script: str) -> str:
    return namespace.run(sys.executable, "-c", PREAMBLE + script)


def addresses(namespace: Namespace) -> set[str]:
    words = namespace.run("ip", "-br", "addr", "show", "dev", "net0").split()
    return {word for word in words if "/" in word and not word.startswith("fe80")}


def test_addresses_of_both_ip_versions(namespace: Namespace) -> None:
    python(namespace, 'virtual.hold("10.99.0.10"); virtual.hold("fd00::10"); virtual.hold("fd00::10")')
    assert addresses(namespace) == {"10.1.0.1/32", "10.99.0.10/32", "fd00::10/128"}
    assert "tentative" not in namespace.run("ip", "addr", "show", "dev", "net0", "to", "fd00::10")
    python(namespace, 'virtual.remove("10.99.0.10"); virtual.remove("10.99.0.10"); virtual.remove("fd00::10")')
    assert addresses(namespace) == {"10.1.0.1/32"}


def test_what_is_held_is_released(namespace: Namespace) -> None:
    said = python(
        namespace,
        'virtual.hold("10.99.0.10"); virtual.hold("10.99.0.11"); virtual.release("10.99.0.10"); print(virtual.all())',
    )
    assert said.strip() == "('10.99.0.11',)"
    assert addresses(namespace) == {"10.1.0.1/32", "10.99.0.11/32"}


def test_an_address_that_was_there_stays(namespace: Namespace) -> None:
    said = python(namespace, 'virtual.hold("10.1.0.1"); print("10.1.0.1" in virtual); virtual.release("10.1.0.1")')
    assert said.strip() == "False"
    assert addresses(namespace) == {"10.1.0.1/32"}


def test_a_device_that_is_gone(namespace: Namespace) -> None:
    namespace.run("ip", "link", "del", "net0")
    said = python(
        namespace,
        """
try:
    virtual.hold("10.99.0.10")
except PlaneError:
    print("refused", virtual.all())
""",
    )
    assert said.strip() == "refused ()"
