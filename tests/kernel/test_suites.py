"""Each cipher of ESP with one of its sizes, and each HMAC, in the kernel of both ends, with a packet each way."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import cycle

from ikev1.crypto.algorithms import ESP_CIPHERS, INTEGRITIES
from lab.lab import Lab
from lab.pair import CHARON, OURS, KernelPair, await_child
from lab.traffic import ping
from lab.xfrm import State, states, troubles

_sizes = {cipher.number: word for word, cipher in ESP_CIPHERS.items()}
_hashes = cycle(INTEGRITIES)
SUITES = [word if ESP_CIPHERS[word].aead else f"{word}-{next(_hashes)}" for word in _sizes.values()]
# for charon's calls, each with a phase 1 of its own, so that we know which connection it means
CALLS = (
    ("aes128-sha1-modp2048", "aes256gcm16"),
    ("aes128-sha384-modp2048", "aes128-sha256"),
    ("aes128-sha512-modp2048", "3des-sha1"),
    ("aes128-sha256-ecp256", "aes128ccm12"),
    ("aes128-sha1-ecp256", "aes256gmac"),
    ("aes128-sha384-ecp256", "aes256-aesxcbc"),
    ("aes128-sha512-ecp256", "serpent256-sha512"),
    ("blowfish256-sha512-modp4096", "blowfish256-sha512"),
)
# charon takes numbers for private use, as those of Serpent and Twofish are, only of other charons unless told
PRIVATE = replace(CHARON, settings="accept_private_algs = yes", crypto="openssl curve25519")


def protection(found: list[State]) -> list[str]:
    """What the SAs are protected with in the kernel's words, both ways."""
    return sorted(" ".join(_PROTECTION.findall(state.text)) for state in found)


_PROTECTION = re.compile(r"^\t(?:auth|auth-trunc|enc|aead) (\S+)", re.MULTILINE)


def try_each(pair: KernelPair, tunnels: list[str]) -> None:
    for tunnel in tunnels:
        pair.caller.control.bring_up(tunnel)
        await_child(pair.ours, pair.charon)
        ping(pair.client, count=1)
        ours, charons = states(pair.our_node), states(pair.charon_node)
        assert protection(ours) == protection(charons)
        assert [state.packets for state in (*ours, *charons)] == [1] * 4
        pair.caller.control.terminate(child=tunnel)
        pair.ours.wait_for(lambda: not states(pair.our_node), "the SAs to be gone here")
    for node in pair.nodes:
        assert not troubles(node)


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
    charon = replace(PRIVATE, esp=",".join(SUITES))
    try_each(KernelPair(lab, nodes, we_call=True, ours=replace(OURS, others=tables), charon=charon), list(tunnels))


def test_charon_calls_with_some(lab: Lab) -> None:
    ours, charon = replace(OURS, suites=CALLS), replace(PRIVATE, suites=CALLS)
    pair = KernelPair(lab, lab.direct(), we_call=False, ours=ours, charon=charon)
    try_each(pair, [f"net-{number}" for number in range(len(CALLS))])
