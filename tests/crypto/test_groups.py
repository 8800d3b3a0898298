"""What all groups have in common, and where each refuses what a peer must not send."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable

import pytest
from Crypto.Protocol import DH
from Crypto.PublicKey import ECC
from cryptography.hazmat.primitives.asymmetric import ec

from ikev1.crypto import ecp
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.crypto.groups import NUMBERS, InvalidPublicValue, group
from ikev1.wire.registry import Group, NotifyType


class Octets:
    """A source of octets that are the same in every run, and that remembers how many were asked for."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self.taken = 0

    def __call__(self, size: int) -> bytes:
        self.taken += size
        return hashlib.shake_128(self._seed + bytes([self.taken % 251])).digest(size)


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_two_sides_agree(number: int) -> None:
    dh = group(number)
    private_i, g_xi = dh.generate(Octets(b"i"))
    private_r, g_xr = dh.generate(Octets(b"r"))
    assert private_i != private_r
    assert (dh.public(private_i), dh.public(private_r)) == (g_xi, g_xr)
    assert len(g_xi) == len(g_xr) == dh.public_length
    g_xy = dh.shared(private_i, g_xr)
    assert g_xy == dh.shared(private_r, g_xi)
    assert g_xy not in (g_xi, g_xr)


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_a_responder_gets_in_one_step_what_it_would_in_two(number: int) -> None:
    dh = group(number)
    private_i, g_xi = dh.generate(Octets(b"i"))
    private_r, g_xr = dh.generate(Octets(b"r"))
    assert dh.respond(Octets(b"r"), g_xi) == (g_xr, dh.shared(private_r, g_xi)) == (g_xr, dh.shared(private_i, g_xr))


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_a_responder_with_the_randomness_of_the_system_agrees_with_the_peer(number: int) -> None:
    dh = group(number)
    private_i, g_xi = dh.generate(os.urandom)
    g_xr, g_xy = dh.respond(os.urandom, g_xi)
    assert g_xy == dh.shared(private_i, g_xr)
    assert dh.respond(os.urandom, g_xi)[0] != g_xr


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_the_pair_depends_on_the_random_octets_only(number: int) -> None:
    random = Octets(b"seed")
    assert group(number).generate(random) == group(number).generate(Octets(b"seed"))
    assert random.taken >= 20


@pytest.mark.parametrize("number", sorted(NUMBERS))
@pytest.mark.parametrize("octet", [b"\x00", b"\xff"])
def test_random_octets_of_any_kind_make_a_pair_that_works(number: int, octet: bytes) -> None:
    dh = group(number)
    private, public = dh.generate(lambda size: octet * size)
    other, other_public = dh.generate(Octets(b"peer"))
    assert dh.shared(other, public) == dh.shared(private, other_public)


@pytest.mark.parametrize("number", sorted(NUMBERS))
def test_a_public_value_of_another_length_is_refused(number: int) -> None:
    dh = group(number)
    private, public = dh.generate(Octets(b"seed"))
    for wrong in (b"", public[1:], public[:-1], public + b"\x00", b"\x00" + public, bytes(65536)):
        with pytest.raises(InvalidPublicValue, match=f"{dh.name}.*expected {dh.public_length}") as refused:
            dh.shared(private, wrong)
        assert refused.value.notify is NotifyType.INVALID_KEY_INFORMATION
        with pytest.raises(InvalidPublicValue, match=f"{dh.name}.*expected {dh.public_length}"):
            dh.respond(Octets(b"seed"), wrong)


def test_names_are_those_of_strongswan() -> None:
    assert {int(number): group(number).name for number in NUMBERS} == {
        1: "modp768", 2: "modp1024", 5: "modp1536", 14: "modp2048", 15: "modp3072", 16: "modp4096", 17: "modp6144",
        18: "modp8192", 19: "ecp256", 20: "ecp384", 21: "ecp521", 22: "modp1024s160", 23: "modp2048s224",
        24: "modp2048s256", 25: "ecp192", 26: "ecp224", 28: "ecp256bp", 29: "ecp384bp", 30: "ecp512bp",
        31: "curve25519", 32: "curve448",
    }  # fmt: skip


@pytest.mark.parametrize("number", [0, 3, 4, 13, 27, 33, 32768, 65535, 1 << 40, -1])
def test_an_unknown_group_is_refused(number: int) -> None:
    with pytest.raises(UnsupportedAlgorithm, match="MODP_2048") as refused:
        group(number)
    assert refused.value.notify is NotifyType.NO_PROPOSAL_CHOSEN


# ECP

ECP = {
    Group.ECP_192: "p192",
    Group.ECP_224: "p224",
    Group.ECP_256: "p256",
    Group.ECP_384: "p384",
    Group.ECP_521: "p521",
}


@pytest.mark.parametrize(("number", "curve"), ECP.items())
def test_ecp_agrees_with_another_library(number: Group, curve: str) -> None:
    dh = group(number)
    private, public = dh.generate(Octets(b"i"))
    _, peer = dh.generate(Octets(b"r"))
    size = dh.public_length // 2
    own = ECC.construct(curve=curve, d=int.from_bytes(private))
    assert public == int(own.pointQ.x).to_bytes(size) + int(own.pointQ.y).to_bytes(size)
    theirs = ECC.construct(curve=curve, point_x=int.from_bytes(peer[:size]), point_y=int.from_bytes(peer[size:]))
    common = DH.key_agreement(static_priv=own, static_pub=theirs, kdf=bytes)
    assert dh.shared(private, peer) == common  # x alone: RFC 5903 §7


@pytest.mark.parametrize("number", sorted(number for number in NUMBERS if group(number).name.startswith("ecp")))
def test_what_is_no_point_of_the_curve_is_refused(number: int) -> None:
    dh = group(number)
    private, public = dh.generate(Octets(b"seed"))
    size = dh.public_length // 2
    x, y = int.from_bytes(public[:size]), int.from_bytes(public[size:])
    off_curve = x.to_bytes(size) + (y ^ 1).to_bytes(size)
    for wrong in (off_curve, bytes(2 * size), b"\xff" * 2 * size, public[size:] + public[:size]):
        with pytest.raises(InvalidPublicValue, match=dh.name) as refused:
            dh.shared(private, wrong)
        assert refused.value.notify is NotifyType.INVALID_KEY_INFORMATION


@pytest.mark.parametrize("number", ECP)
def test_scalars_lie_between_one_and_the_order(number: Group) -> None:
    order = ecp._CURVES[number].group_order
    for drawn, scalar in ((0, 1), (order - 2, order - 1), (order - 1, 1), (order, 2)):
        private, _ = group(number).generate(lambda size, drawn=drawn: drawn.to_bytes(size))  # type: ignore[misc]
        assert int.from_bytes(private) == scalar


class Elsewhere(ec.EllipticCurve):
    """A curve that no OpenSSL has."""

    name = "elsewhere"
    key_size = 256
    group_order = 1 << 255


def test_a_curve_that_openssl_was_built_without_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ecp._CURVES, 27, Elsewhere())
    with pytest.raises(UnsupportedAlgorithm):
        ecp.EcpGroup(27)


@pytest.mark.parametrize(("number", "section"), [(19, "8.1."), (20, "8.2."), (21, "8.3.")])
def test_the_vectors_of_rfc_5903(rfc: Callable[[int], str], number: int, section: str) -> None:
    text = re.split(rf"\n{re.escape(section)} ", rfc(5903))[-1]
    found = re.findall(r"^(\w+):\n((?:[0-9A-F\s])+)$", text, re.MULTILINE)[:8]  # both sides', then the common value's
    dh = group(number)
    size = dh.public_length // 2
    vector = {name: bytes.fromhex("".join(digits.split())).rjust(size, b"\x00") for name, digits in found}
    assert dh.shared(vector["i"], vector["grx"] + vector["gry"]) == vector["girx"]
    assert dh.shared(vector["r"], vector["gix"] + vector["giy"]) == vector["girx"]


@pytest.mark.parametrize(("number", "section"), [(28, "A.2."), (29, "A.3."), (30, "A.4.")])
def test_the_vectors_of_rfc_6932(rfc: Callable[[int], str], number: int, section: str) -> None:
    text = re.split(rf"\n{re.escape(section)} ", rfc(6932))[-1]
    found = re.findall(r"(\w+) =\s+((?:[0-9A-F]{8}\s+)+)", text)[:8]
    dh = group(number)
    vector = {name: bytes.fromhex("".join(digits.split())) for name, digits in found}
    assert dh.shared(vector["dA"], vector["x_qB"] + vector["y_qB"]) == vector["x_Z"]
    assert dh.shared(vector["dB"], vector["x_qA"] + vector["y_qA"]) == vector["x_Z"]


# X25519 and X448


def test_x25519_agrees_with_another_library() -> None:
    dh = group(Group.CURVE_25519)
    private, public = dh.generate(Octets(b"i"))
    _, peer = dh.generate(Octets(b"r"))
    own = ECC.construct(curve="curve25519", seed=private)
    assert public == int(own.pointQ.x).to_bytes(32, "little")
    theirs = DH.import_x25519_public_key(peer)
    assert dh.shared(private, peer) == DH.key_agreement(static_priv=own, static_pub=theirs, kdf=bytes)


P25519 = 2**255 - 19
ORDER_8 = 325606250916557431795983626356110631294008115727848805560023387167927233504


def test_x448_known_answer() -> None:
    """RFC 7748 §6.2."""
    dh = group(Group.CURVE_448)
    alice = bytes.fromhex(
        "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf5"
        "74a9419744897391006382a6f127ab1d9ac2d8c0a598726b"
    )
    bob = bytes.fromhex(
        "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120"
        "bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d"
    )
    assert dh.public(alice).hex() == (
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bb"
        "c836647241d953d40c5b12da88120d53177f80e532c41fa0"
    )
    shared = (
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56"
        "fd2464c335543936521c24403085d59a449a5037514a879d"
    )
    assert dh.shared(alice, dh.public(bob)).hex() == dh.shared(bob, dh.public(alice)).hex() == shared


P448 = 2**448 - 2**224 - 1
SMALL = [(Group.CURVE_25519, u) for u in (0, 1, ORDER_8, P25519 - 1, P25519, P25519 + 1)]
SMALL += [(Group.CURVE_448, u) for u in (0, 1, P448 - 1, P448, P448 + 1)]


@pytest.mark.parametrize(("number", "u"), SMALL)
def test_points_of_small_order_are_refused(number: int, u: int) -> None:
    """They would make the secret all zeros, whatever our private value (RFC 7748 §6.1)."""
    dh = group(number)
    private, _ = dh.generate(Octets(b"seed"))
    with pytest.raises(InvalidPublicValue) as refused:
        dh.shared(private, u.to_bytes(dh.public_length, "little"))
    assert refused.value.notify is NotifyType.INVALID_KEY_INFORMATION
