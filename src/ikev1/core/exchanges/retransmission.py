"""Sending a message, and when to send it again: exponential back-off with jitter (RFC 2408 §5.1)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.actions import Action, Send
from ikev1.core.records.model import Exchange, UdpPath
from ikev1.core.records.settings import Settings


def transmit(exchange: Exchange, path: UdpPath) -> list[Action]:
    """Sends our last message of ``exchange`` along ``path``, for the first time or again: all its datagrams."""
    return [Send(path, datagram) for datagram in exchange.datagrams]


def wait(settings: Settings, tries: int, random: Callable[[int], bytes]) -> float:
    """Seconds from the ``tries``-th transmission (1 is the first) to the next, jitter included."""
    base = settings.retransmit_timeout * settings.retransmit_base ** (tries - 1)
    share = int.from_bytes(random(2)) / 65536
    return base * (1 + settings.retransmit_jitter * share)


def first_wait(settings: Settings, random: Callable[[int], bytes]) -> float:
    """Seconds from the first transmission to the second."""
    return wait(settings, 1, random)


def patience(settings: Settings) -> float:
    """Seconds after which a silent peer is given up, whatever the jitter: all the waits, each at its longest."""
    rounds = range(settings.retransmit_tries + 1)
    longest = settings.retransmit_timeout * (1 + settings.retransmit_jitter)
    return sum(longest * settings.retransmit_base**tries for tries in rounds)
