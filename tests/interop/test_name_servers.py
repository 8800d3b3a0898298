"""The name servers of a gateway in the resolver of this host, by the programs that people have."""

from __future__ import annotations

import signal

import pytest

from lab.connect import Connect, connect, gateway
from lab.lab import Lab
from lab.resolvers import Resolvers
from lab.vpnc import GROUP

NAMES = 'default_domain = "lab.example"'
INSTALLED = ["nameserver 10.10.2.53", "search lab.example"]
KILLED = pytest.mark.parametrize("killed", [False, True], ids=["interrupted", "killed"])


def end(client: Connect, killed: bool) -> None:
    client.send_signal(signal.SIGKILL if killed else signal.SIGINT)
    assert client.wait() == (-signal.SIGKILL if killed else 0)


@KILLED
@pytest.mark.parametrize("package", ["resolvconf", "openresolv"])
def test_resolvconf(lab: Lab, package: str, killed: bool) -> None:
    """After a kill, the next start restores resolv.conf, even if it does not come up."""
    a, b = lab.direct()
    resolvers = Resolvers(lab.folder("resolvers"))
    resolvers.add_resolvconf(package)
    ours = gateway(lab, b, NAMES)
    before = resolvers.resolv_conf
    client = connect(lab, a, "--group", GROUP, setup=resolvers.setup)
    client.wait_for(lambda: sorted(resolvers.resolv_conf) == INSTALLED, "the name server in resolv.conf")
    end(client, killed)
    if killed:
        assert sorted(resolvers.resolv_conf) == INSTALLED
        assert connect(lab, a, "--group", GROUP, password="wrong", setup=resolvers.setup).wait() == 4
    assert resolvers.resolv_conf == before
    assert not list((resolvers.run / "ikev1-connect").iterdir())
    if not killed:
        ours.wait_for(lambda: not ours.control.sas(), "the end of its SA")


@KILLED
def test_resolvectl(lab: Lab, killed: bool) -> None:
    a, b = lab.direct()
    resolvers = Resolvers(lab.folder("resolvers"))
    resolvers.add_resolvectl()
    gateway(lab, b, f'{NAMES}\nsplit_dns = ["one.example", "two.example"]')
    client = connect(lab, a, "--group", GROUP, setup=resolvers.setup)
    installed = ["dns ikev1c 10.10.2.53", "domain ikev1c lab.example ~one.example ~two.example"]
    client.wait_for(lambda: len(resolvers.noted) == 2, "the name server")
    assert resolvers.noted == installed
    end(client, killed)
    if killed:
        assert resolvers.noted == installed
        assert connect(lab, a, "--group", GROUP, password="wrong", setup=resolvers.setup).wait() == 4
    assert resolvers.noted == [*installed, "revert ikev1c"]


@pytest.mark.parametrize("options", [(), ("--no-dns",)])
def test_without_a_program(lab: Lab, options: tuple[str, ...]) -> None:
    """A line names the servers, unless the user wants none."""
    a, b = lab.direct()
    gateway(lab, b, NAMES)
    resolvers = Resolvers(lab.folder("resolvers"))
    if options:
        resolvers.add_resolvectl()
    client = connect(lab, a, "--group", GROUP, *options, setup=resolvers.setup)
    client.wait_for_log("connected")
    said = [line for line in client.log().splitlines() if "10.10.2.53" in line]
    assert len(said) == (1 if options else 2)  # with that about the configuration
    assert resolvers.noted == []
    end(client, killed=False)
