"""Every cipher and every HMAC of ESP that we have, in the kernel of both ends, with a packet each way."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import cycle

from ikev1.crypto.algorithms import ESP_CIPHERS, HASHES
from lab.lab import Lab
from lab.network import Node
from lab.pair import CHARON, OURS, KernelPair, assert_shown
from lab.traffic import ping
from lab.xfrm import states, troubles

_hashes = cycle(HASHES)
SUITES = [word if cipher.aead else f"{word}-{next(_hashes)}" for word, cipher in ESP_CIPHERS.items()]
# for charon's calls, each with a phase 1 of its own, so that we know which connection it means
CALLS = (
    ("aes128-sha1-modp2048", "aes256gcm16"),
    ("aes128-sha384-modp2048", "aes128-sha256"),
    ("aes128-sha512-modp2048", "3des-sha1"),
)


def names(node: Node) -> list[str]:
    """What the node's SAs are protected with in the kernel's words, both ways."""
    return sorted(" ".join(_PROTECTION.findall(state.text)) for state in states(node))


_PROTECTION = re.compile(r"^\t(?:auth|auth-trunc|enc|aead) (\S+)", re.MULTILINE)


def try_each(pair: KernelPair, tunnels: list[str]) -> None:
    for tunnel in tunnels:
        pair.caller.control.bring_up(tunnel)
        assert names(pair.our_node) == names(pair.charon_node)
        ping(pair.client, count=1)
        assert [state.packets for state in states(pair.our_node)] == [1, 1]
        assert_shown(pair.ours.control, pair.our_node)
        assert not troubles(pair.our_node) | troubles(pair.charon_node)
        pair.caller.control.terminate(child=tunnel)
        pair.ours.wait_for(lambda: not states(pair.our_node), "the SAs to be gone here")
        pair.charon.wait_for(lambda: not states(pair.charon_node), "the SAs to be gone there")


def test_we_call_with_each(lab: Lab) -> None:
    nodes = lab.direct()
    tunnels = {f"net-{number}": suite for number, suite in enumerate(SUITES)}
    tables = "".join(
        f"""
[connection.peer.tunnel.{tunnel}]
local = "{nodes[0].network}"
remote = "{nodes[0].remote}"
proposals = ["{suite}"]
"""
        for tunnel, suite in tunnels.items()
    )
    charon = replace(CHARON, esp=",".join(SUITES))
    try_each(KernelPair(lab, nodes, we_call=True, ours=replace(OURS, others=tables), charon=charon), list(tunnels))


def test_charon_calls_with_some(lab: Lab) -> None:
    ours, charon = replace(OURS, suites=CALLS), replace(CHARON, suites=CALLS)
    pair = KernelPair(lab, lab.direct(), we_call=False, ours=ours, charon=charon)
    try_each(pair, [f"net-{number}" for number in range(len(CALLS))])
