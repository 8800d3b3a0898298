"""What the world answers to an action that asks (`ikev1.core.records.actions.Question`): `Engine.answered`."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.certificate_check import CertificateVerdict


class Spis(NamedTuple):
    """An inbound SPI that no SA of the machine has, whoever made it, and a CPI if one was asked for."""

    spi: int
    cpi: int = 0


class Done(NamedTuple):
    """It is done."""


class Failed(NamedTuple):
    """It cannot be done, and nothing has changed; ``reason`` says why, for people."""

    reason: str


Answer = Spis | Done | Failed | CertificateVerdict
