"""MODP groups: the numbers behind them, the powers, and what is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest
from Crypto.Math._IntegerNative import IntegerNative
from Crypto.Math.Numbers import Integer

from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.groups import group
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES, RFC_5114
from ikev1.wire.registry import NotifyType

OAKLEY = sorted(OAKLEY_PRIMES)
SUBGROUPS = sorted(RFC_5114)

# The first 16 hexadecimal digits of SHA-256 over each prime's octets
FINGERPRINTS = {
    1: "b52ba6a3026520a6",
    2: "3f35a3f5f6c4376a",
    5: "64fcc83ec403930b",
    14: "d66436f79bbd6b2e",
    15: "48cf8b092fbce435",
    16: "4ee95187682bcb23",
    17: "d1bfe6d0925ce7e4",
    18: "39ab4feab950a312",
    22: "44c55cfee5c07592",
    23: "bfe545862ca102ad",
    24: "0b7835722cb61982",
}


def prime_of(number: int) -> int:
    return OAKLEY_PRIMES[number].prime() if number in OAKLEY_PRIMES else RFC_5114[number].p


def generator_of(number: int) -> int:
    return 2 if number in OAKLEY_PRIMES else RFC_5114[number].g


def counted(size: int) -> bytes:
    return bytes(index * 37 % 256 for index in range(size))


@pytest.mark.parametrize("number", OAKLEY + SUBGROUPS)
def test_the_primes_never_change(number: int) -> None:
    p = prime_of(number)
    assert hashlib.sha256(p.to_bytes(group(number).public_length)).hexdigest()[:16] == FINGERPRINTS[number]


@pytest.mark.parametrize("number", OAKLEY)
def test_the_formula_gives_what_the_rfc_prints(rfc: Callable[[int], str], number: int) -> None:
    bits = OAKLEY_PRIMES[number].bits
    text = rfc(2409 if bits < 1500 else 3526)
    # The formula, then "its hexadecimal value is", then lines of groups of eight digits
    after = text[re.search(rf"2\s?\^\s?{bits} - ", text).start() :]  # type: ignore[union-attr]
    digits = re.search(r"\n\s*\n((?:\s+(?:[0-9A-F]{8}\s)+)+)", after)
    assert digits is not None
    assert prime_of(number) == int("".join(digits[1].split()), 16)


@pytest.mark.parametrize("number", SUBGROUPS)
def test_the_constants_are_those_of_the_rfc(rfc: Callable[[int], str], number: int) -> None:
    section = {22: r"\n2\.1\. ", 23: r"\n2\.2\. ", 24: r"\n2\.3\. "}[number]
    text = re.split(section, rfc(5114))[-1]
    printed = dict(re.findall(r"\n\s+([pgq]) =\s+((?:[0-9A-F]{8}\s+)+)", text)[:3])
    assert RFC_5114[number] == tuple(int("".join(printed[name].split()), 16) for name in "pgq")


def power(base: int, exponent: int, modulus: int) -> int:
    """Python's own is minutes too slow for a primality test of 8,192 bits."""
    return int(pow(Integer(base), Integer(exponent, public=True), Integer(modulus)))


def is_strong_probable_prime(n: int, base: int = 3) -> bool:
    """One round of Miller and Rabin, enough for numbers that nobody chose to deceive it."""
    shift = ((n - 1) & -(n - 1)).bit_length() - 1
    x = power(base, n - 1 >> shift, n)
    if x in (1, n - 1):
        return True
    return any((x := x * x % n) == n - 1 for _ in range(shift - 1))


@pytest.mark.parametrize("number", OAKLEY)
def test_oakley_primes_are_safe_primes(number: int) -> None:
    """With q = (p-1)/2 prime, 2^(p-1) = 1 and no factor shared with 2^2 - 1, p is prime (Pocklington)."""
    p = prime_of(number)
    assert is_strong_probable_prime(p // 2)
    assert power(2, p - 1, p) == 1
    assert p % 3


@pytest.mark.parametrize("number", SUBGROUPS)
def test_subgroups_have_prime_order(number: int) -> None:
    p, g, q = RFC_5114[number]
    assert is_strong_probable_prime(p)
    assert is_strong_probable_prime(q)
    assert (p - 1) % q == 0
    assert g != 1
    assert pow(g, q, p) == 1


@pytest.mark.parametrize("number", [number for number in OAKLEY + SUBGROUPS if prime_of(number).bit_length() <= 4096])
def test_powers_are_those_of_python(number: int) -> None:
    dh, p = group(number), prime_of(number)
    private, public = dh.generate(counted)
    x = int.from_bytes(private)
    assert int.from_bytes(public) == pow(generator_of(number), x, p)
    assert int.from_bytes(dh.shared(private, public)) == pow(int.from_bytes(public), x, p)


@pytest.mark.parametrize(
    ("number", "bits"),
    [(1, 161), (2, 161), (5, 193), (14, 225), (15, 265), (16, 305), (17, 353), (18, 401)],
)
def test_exponents_are_long_enough_and_never_shorter(number: int, bits: int) -> None:
    for octet in (b"\x00", b"\x5a", b"\xff"):
        private, _ = group(number).generate(lambda size, octet=octet: octet * size)  # type: ignore[misc]
        assert int.from_bytes(private).bit_length() == bits


@pytest.mark.parametrize("number", SUBGROUPS)
def test_exponents_of_subgroups_lie_below_their_order(number: int) -> None:
    q = RFC_5114[number].q
    for octet in (b"\x00", b"\x5a", b"\xff"):
        private, _ = group(number).generate(lambda size, octet=octet: octet * size)  # type: ignore[misc]
        assert 1 <= int.from_bytes(private) < q


@pytest.mark.parametrize("number", OAKLEY[:3] + SUBGROUPS)
def test_values_keep_the_length_of_the_prime(number: int) -> None:
    """A secret that begins with zeros keeps them (RFC 2409 §5: "padded with zeros"): about one in 256 does."""
    p, g = prime_of(number), generator_of(number)
    x = next(x for x in range(3, 20_000) if pow(g, x, p).bit_length() <= p.bit_length() - 8)
    dh = group(number)
    expected = pow(g, x, p).to_bytes(dh.public_length)
    assert expected[0] == 0
    assert dh.shared(x.to_bytes(4), g.to_bytes(dh.public_length)) == expected


@pytest.mark.parametrize("number", OAKLEY + SUBGROUPS)
def test_values_without_secret_are_refused(number: int) -> None:
    dh, p = group(number), prime_of(number)
    private, _ = dh.generate(counted)
    for y in (0, 1, p - 1, p, p + 1, (1 << 8 * dh.public_length) - 1):
        with pytest.raises(InvalidPublicValue) as refused:
            dh.shared(private, y.to_bytes(dh.public_length))
        assert refused.value.notify is NotifyType.INVALID_KEY_INFORMATION


@pytest.mark.parametrize("number", OAKLEY[:4])
def test_the_ends_of_the_range_are_still_taken(number: int) -> None:
    dh, p = group(number), prime_of(number)
    for y in (2, p - 2):
        assert int.from_bytes(dh.shared(b"\x05", y.to_bytes(dh.public_length))) == pow(y, 5, p)


@pytest.mark.parametrize("number", SUBGROUPS)
def test_values_outside_of_the_subgroup_are_refused(number: int) -> None:
    """Of those, one of small order would tell our exponent modulo that order (RFC 6989 §2.2)."""
    dh, (p, g, q) = group(number), RFC_5114[number]
    private, public = dh.generate(counted)
    assert dh.shared(private, g.to_bytes(dh.public_length)) == public
    for y in (2, p - 2, pow(2, q, p), int.from_bytes(public) * (p - 1) % p):
        with pytest.raises(InvalidPublicValue):
            dh.shared(private, y.to_bytes(dh.public_length))


def test_the_vectors_of_rfc_5114(rfc: Callable[[int], str]) -> None:
    for number, section in ((22, r"\nA\.1\. "), (23, r"\nA\.2\. "), (24, r"\nA\.3\. ")):
        text = re.split(section, rfc(5114))[-1]
        found = re.findall(r"(xA|yA|xB|yB|Z) *=\s+((?:[0-9A-F]{8}\s+)+)", text)[:5]
        vector = {name: bytes.fromhex("".join(digits.split())) for name, digits in found}
        dh = group(number)
        assert dh.shared(vector["xA"], vector["yB"]) == vector["Z"]
        assert dh.shared(vector["xB"], vector["yA"]) == vector["Z"]


def test_powers_are_not_left_to_pure_python() -> None:
    """pycryptodome falls back to it where its C code does not load: right in value, but its time tells the exponent."""
    assert not issubclass(Integer, IntegerNative)
