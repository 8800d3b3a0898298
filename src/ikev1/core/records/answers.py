"""Answers to a question of the engine (`ikev1.core.records.actions.Question`), passed to `Engine.answered`."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.certificate_check import CertificateVerdict
from ikev1.core.records.key_exchange import SharedSecret
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import Record
from ikev1.core.records.remote_access import Verdict


class Spis(Record, frozen=True):
    """An inbound SPI that no SA on this host uses, including SAs of other programs, and a CPI if requested."""

    spi: int
    cpi: int = 0


class Done(Record, frozen=True):
    """The action succeeded. ``reqid`` is the number that the data plane gave to an inbound SA, and to those that are
    used with it, 0 if it gave none.
    """

    reqid: int = 0


class Failed(Record, frozen=True):
    """The action failed and changed nothing; ``reason`` is human-readable."""

    reason: str


class PairTraffic(NamedTuple):
    """Seconds since the newest packet of the pair with this inbound SPI was received and authenticated, and since one
    was sent; None if there was none, or nobody knows.
    """

    spi: int
    idle_in: float | None = None
    idle_out: float | None = None


class Traffic(Record, frozen=True):
    """The traffic of the pairs that were looked at."""

    pairs: tuple[PairTraffic, ...] = ()

    @property
    def idle_in(self) -> float | None:
        """Seconds since the newest packet of any of them was received."""
        return min((pair.idle_in for pair in self.pairs if pair.idle_in is not None), default=None)

    @property
    def idle_out(self) -> float | None:
        """Seconds since the newest packet of any of them was sent."""
        return min((pair.idle_out for pair in self.pairs if pair.idle_out is not None), default=None)


class AddressesAssigned(Record, frozen=True):
    """The configuration for a client, with its virtual addresses. ``reason`` says why an address that was requested is
    missing.
    """

    config: ModeConfig
    reason: str = ""


class UserChecked(Record, frozen=True):
    """The verdict of the backends on an attempt to authenticate (`CheckUser`)."""

    verdict: Verdict


class UserInput(Record, frozen=True):
    """The answers of a user (`AskUser`): values by the types of the requested attributes (`ConfigAttribute`). None if
    there is no user to ask, or the user gave up.
    """

    values: dict[int, bytes] | None = None

    secret_fields = frozenset({"values"})


Answer = (
    Spis | Done | Failed | Traffic | CertificateVerdict | SharedSecret | UserChecked | UserInput | AddressesAssigned
)
