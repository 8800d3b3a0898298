"""The Diffie-Hellman exchange of a run with its secrets, which no message shows and no end keeps.

An end forgets its exponent as soon as it has computed g^xy. But every random octet that it drew is known here, and so
the draw from which the group makes the public value that was sent.
"""

from __future__ import annotations

from ikev1.capture.records.report import Formula
from ikev1.core.records.record import Record
from ikev1.crypto.groups import group
from ikev1.errors import LocalError


class NoAgreement(LocalError):
    """A public value is of none of the draws, or both ends computed another secret: one of them is wrong."""

    code = "lesson-untrue"


class Agreement(Record, frozen=True):
    """One exchange: both private values, both public ones, and what both computed from them."""

    number: int  # the group
    x: bytes
    y: bytes
    g_xi: bytes
    g_xr: bytes
    g_xy: bytes

    secret_fields = frozenset({"x", "y", "g_xy"})

    def formula(self, name: str, source: str) -> Formula:
        """g^xy as the initiator computes it, and the responder from the other half."""
        return Formula(
            name=name,
            expression="(g^xr)^x = (g^xi)^y",
            source=source,
            inputs=(
                ("g^xr", self.g_xr.hex()),
                ("x, of the initiator alone", self.x.hex()),
                ("g^xi", self.g_xi.hex()),
                ("y, of the responder alone", self.y.hex()),
            ),
            result=self.g_xy.hex(),
        )


def agreement(
    number: int, g_xi: bytes, g_xr: bytes, of_initiator: tuple[bytes, ...], of_responder: tuple[bytes, ...]
) -> Agreement:
    """The exchange of two public values in group ``number``, and the random octets that each end drew.

    Raises:
        NoAgreement: this does not fit together.
    """
    x, y = _private(number, g_xi, of_initiator), _private(number, g_xr, of_responder)
    ours, theirs = group(number).shared(x, g_xr), group(number).shared(y, g_xi)
    if ours != theirs:
        raise NoAgreement("the two ends computed different secrets")
    return Agreement(number, x, y, g_xi, g_xr, ours)


def _private(number: int, public: bytes, draws: tuple[bytes, ...]) -> bytes:
    """The private value to ``public``: the group is asked again what it makes of each draw."""
    for drawn in draws:
        private, made = _generated(number, drawn)
        if made == public:
            return private
    raise NoAgreement("a public value was made of none of the random octets that its sender drew")


def _generated(number: int, drawn: bytes) -> tuple[bytes, bytes]:
    return group(number).generate(lambda octets: drawn if len(drawn) == octets else bytes(octets))
