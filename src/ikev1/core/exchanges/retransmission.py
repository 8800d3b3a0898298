"""Transmission and retransmission of messages: exponential backoff with jitter (RFC 2408 §5.1)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.actions import Action, Send
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings

_UNASKED, _MOST_UNASKED = 0.5, 3  # seconds until the first repetition, and how many there are


def transmit(exchange: Exchange, path: UdpPath) -> list[Action]:
    """The actions that send or resend all datagrams of our last message of ``exchange`` on ``path``."""
    return [Send(path, datagram) for datagram in exchange.datagrams]


def wait(settings: Settings, tries: int, random: Callable[[int], bytes]) -> float:
    """Seconds from transmission number ``tries`` (from 1) to the next, including jitter."""
    base = settings.retransmit_timeout * settings.retransmit_base ** (tries - 1)
    share = int.from_bytes(random(2)) / 65536
    return base * (1 + settings.retransmit_jitter * share)


def first_wait(settings: Settings, random: Callable[[int], bytes]) -> float:
    """Seconds from the first transmission to the second."""
    return wait(settings, 1, random)


def unasked_wait(tries: int) -> float:
    """Seconds from transmission number ``tries`` (from 1) of the last message of an exchange to the next, 0.0 for none.

    No message answers it, but packets are lost if it is, and this gateway waits some seconds for the first of them.
    """
    return _UNASKED * 2 ** (tries - 1) if tries <= _MOST_UNASKED else 0.0


def patience(settings: Settings) -> float:
    """Seconds after which an exchange with a silent peer ends: the sum of all waits with the maximum jitter."""
    rounds = range(settings.retransmit_tries + 1)
    longest = settings.retransmit_timeout * (1 + settings.retransmit_jitter)
    return sum(longest * settings.retransmit_base**tries for tries in rounds)
