"""Diffie-Hellman in small numbers, compared with the same steps in the real group of a run."""

from __future__ import annotations

from ikev1.crypto.algorithms import dh_group
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES, RFC_5114
from ikev1.lesson.diffie_hellman import Agreement
from ikev1.lesson.record import Toy, ToyLine

P, G = 5, 3
X, Y = 2, 3

_SHOWN = 16  # octets of a long number


def toy(run: Agreement) -> Toy:
    """Compare the small example with the run, step by step."""
    A, B = pow(G, X, P), pow(G, Y, P)
    name = f"{dh_group(run.number).word} (group {run.number})"
    return Toy(
        text=f"The same exchange with p = {P} and g = {G}, and in {name}. The small numbers can be computed by hand, "
        "and so can the logarithm that recovers the secrets. In the real group it cannot.",
        group=name,
        lines=(
            ToyLine(
                step="both peers know the public parameters", small=f"p = {P}, g = {G}", real=_parameters(run.number)
            ),
            ToyLine(step="the initiator draws x", small=f"x = {X}", real=_octets(run.x), secret=True),
            ToyLine(step="the responder draws y", small=f"y = {Y}", real=_octets(run.y), secret=True),
            ToyLine(step="the initiator sends g^x", small=_power(G, X, A), real=_octets(run.g_xi)),
            ToyLine(step="the responder sends g^y", small=_power(G, Y, B), real=_octets(run.g_xr)),
            ToyLine(
                step="the initiator computes (g^y)^x",
                small=_power(B, X, pow(B, X, P)),
                real=_octets(run.g_xy),
                secret=True,
            ),
            ToyLine(
                step="the responder computes (g^x)^y",
                small=_power(A, Y, pow(A, Y, P)),
                real="the same octets: both values were computed and compared",
                secret=True,
            ),
            ToyLine(step="an eavesdropper searches for x", small=_search(A), real=_hopeless(run)),
        ),
    )


def _power(base: int, exponent: int, result: int) -> str:
    return f"{base}^{exponent} mod {P} = {result}"


def _search(public: int) -> str:
    tried = [f"{G}^{x} mod {P} = {pow(G, x, P)}" for x in range(1, X + 1)]
    return f"{', '.join(tried)}: found after {len(tried)} tries, because {public} was sent"


def _hopeless(run: Agreement) -> str:
    bits = 8 * (len(run.x) - 1)
    return f"about 2^{bits} values of x; the best known methods need fewer steps, but still far too many"


def _octets(value: bytes) -> str:
    shown = value[:_SHOWN].hex()
    return f"{len(value)} octets: {shown}{'...' if len(value) > _SHOWN else ''}"


def _parameters(number: int) -> str:
    if number in OAKLEY_PRIMES:
        return f"p, a {OAKLEY_PRIMES[number].bits}-bit prime: {_number(OAKLEY_PRIMES[number].prime())}; g = 2"
    if number in RFC_5114:
        known = RFC_5114[number]
        return f"p, a {known.p.bit_length()}-bit prime: {_number(known.p)}; g: {_number(known.g)}"
    return "a curve and a base point; g^x is x times that point"


def _number(value: int) -> str:
    return f"{value.to_bytes((value.bit_length() + 7) // 8)[:_SHOWN].hex()}..."
