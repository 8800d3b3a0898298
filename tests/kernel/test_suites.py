"""Each cipher of ESP with one of its sizes, and each HMAC, in the kernel of both ends, with a packet each way."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import cycle

import pytest

from ikev1.crypto import cipher
from ikev1.crypto.algorithms import ESP_CIPHERS, IKE_CIPHERS, INTEGRITIES
from ikev1.wire.registry import Encryption
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
    ("serpent256-sha512-modp4096", "serpent256-sha512"),
    ("twofish256-sha512-modp4096", "twofish256-sha512"),
)
# charon takes numbers for private use, as those of Serpent and Twofish are, only of peers that send its vendor ID
PRIVATE = replace(CHARON, crypto="openssl curve25519 gcrypt")


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


# libgcrypt, from which charon has these, lacks Twofish with keys of 192 bits
OF_THE_KERNEL = [
    word for word, entry in IKE_CIPHERS.items() if entry.number in cipher.OF_THE_KERNEL and word != "twofish192"
]


def test_phase_1_with_ciphers_that_only_the_kernel_has(lab: Lab) -> None:
    a, b = lab.direct()
    suites = [(f"{word}-sha256-ecp256", f"{word}-sha256") for word in OF_THE_KERNEL]
    ike, esp = (",".join(words) for words in zip(*suites, strict=True))
    charon = lab.charon(b, replace(PRIVATE, ike=ike, esp=esp))
    ours = lab.ours(a, replace(OURS, calls=True, suites=suites))
    for number, word in enumerate(OF_THE_KERNEL):
        ours.control.bring_up(f"net-{number}")
        await_child(ours, charon)
        (sa,) = charon.control.sas()
        entry = IKE_CIPHERS[word]
        assert (sa["encr-alg"], sa["encr-keysize"]) == (entry.display, str(entry.key_length))
        ping(a, count=1)
        ours.control.swanctl("--terminate", "--ike", f"peer-{number}")
        charon.wait_for(lambda: not charon.control.sas(), "the other end's SAs to be gone")


# Twofish: its authors' test vectors; Serpent: Linux's
@pytest.mark.parametrize(
    ("number", "key", "plaintext", "ciphertext"),
    [
        (Encryption.TWOFISH_CBC, "00" * 16, "00" * 16, "9f589f5cf6122c32b6bfec2f2ae8c35a"),
        (
            Encryption.SERPENT_CBC,
            "000102030405060708090a0b0c0d0e0f",
            "000102030405060708090a0b0c0d0e0f",
            "4c7d8a328072a22c823e4a1f3acda16d",
        ),
    ],
)
def test_known_answers(number: int, key: str, plaintext: str, ciphertext: str) -> None:
    one = cipher.Cipher(number, bytes.fromhex(key))
    iv, text = bytes(16), bytes.fromhex(plaintext)
    assert one.encrypt(iv, text).hex() == ciphertext
    assert one.decrypt(iv, bytes.fromhex(ciphertext)) == text
    long = one.encrypt(iv, text * 4000)  # more than a datagram holds
    assert one.decrypt(iv, long) == text * 4000
    assert one.encrypt(long[-16:], text) == one.encrypt(iv, text * 4001)[-16:]


def test_charon_calls_with_some(lab: Lab) -> None:
    ours, charon = replace(OURS, suites=CALLS), replace(PRIVATE, suites=CALLS)
    pair = KernelPair(lab, lab.direct(), we_call=False, ours=ours, charon=charon)
    try_each(pair, [f"net-{number}" for number in range(len(CALLS))])
