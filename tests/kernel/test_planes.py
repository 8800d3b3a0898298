"""Which plane carries ESP: the choice between them, and each of ours against the other and against charon's kernel."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.lab import Lab
from lab.pair import CHARON, OURS, assert_shown, await_child
from lab.traffic import assert_tunnelled
from lab.xfrm import policies, states, troubles

USERSPACE = replace(OURS, data_plane="userspace")


def test_our_kernel_against_our_userspace(lab: Lab) -> None:
    a, b = lab.direct()
    userspace = lab.ours(b, USERSPACE)
    kernel = lab.ours(a, replace(OURS, calls=True))
    kernel.control.bring_up()
    await_child(kernel, userspace)
    assert_tunnelled(a, b, (kernel.control, userspace.control), lab.folder("transfer"), size=100_000)
    assert_shown(kernel.control, a)
    assert not states(b)
    assert not troubles(a)


@pytest.mark.parametrize("suite", ["aes128-sha256", "aes256gmac", "aes128ccm8", "aes192-aesxcbc", "blowfish128-sha1"])
def test_our_userspace_against_charons_kernel(lab: Lab, suite: str) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, replace(CHARON, esp=suite))
    ours = lab.ours(a, replace(USERSPACE, calls=True, esp=suite))
    ours.control.bring_up()
    await_child(ours, charon)
    assert_tunnelled(a, b, (ours.control, charon.control), lab.folder("transfer"), size=100_000)
    assert_shown(charon.control, b)
    assert not states(a)
    assert not troubles(b)


@pytest.mark.parametrize("plane", ["userspace", "kernel"])
def test_sha256_truncated_as_in_a_draft(lab: Lab, plane: str) -> None:
    """96 bits, as some peers have them; charon and we are told, since it is not negotiated."""
    a, b = lab.direct()
    charon = lab.charon(b, replace(CHARON, child="sha256_96 = yes"))
    ours = lab.ours(a, replace(OURS, data_plane=plane, calls=True, tunnel="sha256_96 = true"))
    ours.control.bring_up()
    await_child(ours, charon)
    assert re.findall(r"auth-trunc (\S+) .* (\d+)$", states(b)[0].text, re.MULTILINE) == [("hmac(sha256)", "96")]
    assert_tunnelled(a, b, (ours.control, charon.control), lab.folder("transfer"), size=10_000)
    assert not troubles(b)


def test_auto_takes_the_kernel_says_so_and_leaves_nothing_there(lab: Lab) -> None:
    a, b = lab.direct()
    lab.charon(b, CHARON)
    rules = a.run("ip", "rule")
    ours = lab.ours(a, replace(OURS, data_plane="auto", calls=True, gateway='when_stopped = "pass"'))
    ours.wait_for_log("data plane kernel")
    ours.control.bring_up()
    assert len(states(a)) == 2
    assert "10.10.2.0/24" in a.run("ip", "route", "show", "table", "all")
    ours.stop()
    assert ours.status == 0
    assert not states(a)
    assert not policies(a)
    assert a.run("ip", "rule") == rules
    assert "10.10.2" not in a.run("ip", "route", "show", "table", "all")
