"""Every algorithm that charon and we have in user space, at least once in each role, with a packet each way under it.

Each cipher, hash and group of phase 1, each cipher and HMAC of ESP, and each group of perfect forward secrecy is part
of some suite; what goes with what is arbitrary.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import NamedTuple

from ikev1.crypto.algorithms import ESP_CIPHERS, GROUPS, HASHES, IKE_CIPHERS, INTEGRITIES
from ikev1.crypto.cipher import OF_THE_KERNEL
from lab.charon import Charon, CharonOptions
from lab.control import Control
from lab.gateway import OurGateway, OurOptions
from lab.lab import Lab
from lab.network import Node
from lab.traffic import ping

CRYPTO = "openssl curve25519 aes xcbc"
# AES-GMAC, which charon's own ESP lacks, and what ours lacks, are tried in the kernel's (tests/kernel/test_suites.py)
IN_USER_SPACE = [word for word in ESP_CIPHERS if not word.startswith(("serpent", "twofish")) and "gmac" not in word]
# the others are tried under a kernel that has them (tests/kernel/test_suites.py)
OF_LIBRARIES = [word for word, entry in IKE_CIPHERS.items() if entry.number not in OF_THE_KERNEL]


class Suite(NamedTuple):
    """What one connection negotiates, in the words of the configuration."""

    cipher: str
    hash: str
    group: str
    esp_cipher: str
    esp_hash: str
    pfs: str

    @property
    def ike(self) -> str:
        """The proposal of phase 1."""
        return f"{self.cipher}-{self.hash}-{self.group}"

    @property
    def esp(self) -> str:
        """The proposal of phase 2."""
        aead = ESP_CIPHERS[self.esp_cipher].aead
        return f"{self.esp_cipher}-{self.pfs}" if aead else f"{self.esp_cipher}-{self.esp_hash}-{self.pfs}"

    @property
    def shown(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What list-sas is to say of the ISAKMP SA, and of the pair of IPsec SAs."""
        cipher, esp_cipher = IKE_CIPHERS[self.cipher], ESP_CIPHERS[self.esp_cipher]
        integrity = "" if esp_cipher.aead else INTEGRITIES[self.esp_hash].display
        return (
            (cipher.display, _size(cipher.key_length), HASHES[self.hash].display, GROUPS[self.group].display),
            (esp_cipher.display, _size(esp_cipher.key_length), integrity, GROUPS[self.pfs].display),
        )


def _size(bits: int) -> str:
    return str(bits) if bits else ""


def suites() -> list[Suite]:
    """As many as the longest list of algorithms needs; the shorter lists begin again."""
    lists = [OF_LIBRARIES, [*HASHES], [*GROUPS], IN_USER_SPACE, [*INTEGRITIES], [*GROUPS][::-1]]
    number = max(len(words) for words in lists)
    return [Suite(*words) for words in zip(*(islice(cycle(words), number) for words in lists), strict=True)]


SUITES = suites()
EACH_ITS_OWN = tuple((suite.ike, suite.esp) for suite in SUITES)


def shown(control: Control) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (sa,) = control.sas()
    child = control.child()
    keys = ("encr-alg", "encr-keysize", "integ-alg", "dh-group")
    return tuple(sa.get(key, "") for key in keys), tuple(child.get(key, "") for key in keys)


def try_each(caller: OurGateway | Charon, other: OurGateway | Charon, calling: Node) -> None:
    for number, suite in enumerate(SUITES):
        caller.control.initiate(f"net-{number}")
        assert shown(caller.control) == shown(other.control) == suite.shown
        ping(calling, count=1)
        assert [int(end.control.child()["packets-in"]) for end in (caller, other)] == [1, 1]
        caller.control.swanctl("--terminate", "--ike", f"peer-{number}")
        other.wait_for(lambda: not other.control.sas(), "the other end's SAs to be gone")


def test_we_call_charon_with_each(lab: Lab) -> None:
    a, b = lab.direct()
    all_ike, all_esp = (",".join(proposals) for proposals in zip(*EACH_ITS_OWN, strict=True))
    charon = lab.charon(b, CharonOptions(ike=all_ike, esp=all_esp, crypto=CRYPTO))
    ours = lab.ours(a, OurOptions(calls=True, suites=EACH_ITS_OWN))
    try_each(ours, charon, a)


def test_charon_calls_us_with_each(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(suites=EACH_ITS_OWN))
    charon = lab.charon(a, CharonOptions(calls=True, suites=EACH_ITS_OWN, crypto=CRYPTO))
    try_each(charon, ours, a)


CHARONS_GROUPS = "aes128-sha256-modp3072-ecp256-modp2048"
OUR_GROUPS = '", "'.join(("aes128-sha256-modp2048", "aes128-sha256-ecp256"))  # two proposals


def test_we_ask_charon_for_the_group_of_phase_1(lab: Lab) -> None:
    a, b = lab.direct()
    charon = lab.charon(b, CharonOptions(ike="aes128-sha256-ecp256", esp=CHARONS_GROUPS, crypto=CRYPTO))
    ours = lab.ours(a, OurOptions(calls=True, ike="aes128-sha256-ecp256", esp=OUR_GROUPS))
    ours.control.initiate()
    assert ours.control.child()["dh-group"] == charon.control.child()["dh-group"] == "ECP_256"


def test_charon_asks_us_for_the_group_of_phase_1(lab: Lab) -> None:
    a, b = lab.direct()
    ours = lab.ours(b, OurOptions(ike="aes128-sha256-ecp256", esp=OUR_GROUPS))
    charon = lab.charon(a, CharonOptions(calls=True, ike="aes128-sha256-ecp256", esp=CHARONS_GROUPS, crypto=CRYPTO))
    charon.control.initiate()
    assert ours.control.child()["dh-group"] == charon.control.child()["dh-group"] == "ECP_256"
