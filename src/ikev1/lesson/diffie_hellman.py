"""The private values of the Diffie-Hellman exchange of a run.

An engine erases its private value as soon as it has computed g^xy. A run records all random octets that the engine
drew, so the private value is the draw from which the group generates the public value that was sent.
"""

from __future__ import annotations

from ikev1.capture.records.report import Formula
from ikev1.core.records.record import Record
from ikev1.crypto.groups import group
from ikev1.errors import LocalError


class NoAgreement(LocalError):
    """A public value belongs to none of the draws, or the two shared secrets differ."""

    code = "lesson-untrue"


class Agreement(Record, frozen=True):
    """One exchange: the private values, the public values and the shared secret."""

    number: int  # the group
    x: bytes
    y: bytes
    g_xi: bytes
    g_xr: bytes
    g_xy: bytes

    secret_fields = frozenset({"x", "y", "g_xy"})

    def formula(self, name: str, source: str) -> Formula:
        """The formula of g^xy, as computed by the initiator and by the responder."""
        return Formula(
            name=name,
            expression="(g^xr)^x = (g^xi)^y",
            source=source,
            inputs=(
                ("g^xr", self.g_xr.hex()),
                ("x, known only to the initiator", self.x.hex()),
                ("g^xi", self.g_xi.hex()),
                ("y, known only to the responder", self.y.hex()),
            ),
            result=self.g_xy.hex(),
        )


def agreement(
    number: int, g_xi: bytes, g_xr: bytes, of_initiator: tuple[bytes, ...], of_responder: tuple[bytes, ...]
) -> Agreement:
    """Reconstruct an exchange in group ``number`` from its public values and the random octets that each peer drew.

    Raises:
        NoAgreement: the values are inconsistent.
    """
    x, y = _private(number, g_xi, of_initiator), _private(number, g_xr, of_responder)
    ours, theirs = group(number).shared(x, g_xr), group(number).shared(y, g_xi)
    if ours != theirs:
        raise NoAgreement("the two peers computed different secrets")
    return Agreement(number, x, y, g_xi, g_xr, ours)


def _private(number: int, public: bytes, draws: tuple[bytes, ...]) -> bytes:
    """The private value of ``public``: generate a key pair from each draw, and compare."""
    for drawn in draws:
        private, made = _generated(number, drawn)
        if made == public:
            return private
    raise NoAgreement("a public value was not generated from the random octets that its sender drew")


def _generated(number: int, drawn: bytes) -> tuple[bytes, bytes]:
    return group(number).generate(lambda octets: drawn if len(drawn) == octets else bytes(octets))
