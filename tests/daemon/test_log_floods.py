"""Floods against a running gateway, and what its log and those who watch it get of them."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest

from ikev1.core.engine import Engine
from ikev1.core.records.actions import Report, Send
from ikev1.core.records.events import MessageSeen
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.daemon.observe.event_log import Level

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

FLOOD = 3000
LINES = 60  # in each second: 20 of each of a few kinds
STRANGER = UdpPath("127.0.0.2", 500, "127.0.0.1", 500)  # an address from which the gateway is called


def first_message(us: Side) -> bytes:
    """Message 1 of our connection, without the cookie at its beginning."""
    engine = Engine(Settings(connections=us.gateway.settings.connections), os.urandom)
    path = UdpPath("127.0.0.1", 500, "127.0.0.2", 500)
    (message,) = (each for each in engine.initiate("branch", "net", path, 0.0) if isinstance(each, Send))
    return message.datagram[8:]


def junk(us: Side, kind: str) -> list[bytes]:
    """So many datagrams by somebody who has proved nothing, each with a cookie of its own."""
    cookies = [number.to_bytes(8, "big") for number in range(1, FLOOD + 1)]
    asked = first_message(us)
    if kind == "first messages":
        return [cookie + asked for cookie in cookies]
    if kind == "first messages that are refused":
        return [cookie + asked[:-1] for cookie in cookies]
    if kind == "unknown cookies":
        return [cookie + b"responds" + asked[8:] for cookie in cookies]
    return [cookie[:5] for cookie in cookies]


@pytest.mark.parametrize("kind", ["first messages", "first messages that are refused", "unknown cookies", "no header"])
def test_a_flood_of_strangers_fills_no_log_and_the_count_of_what_is_missing_comes_by_itself(
    meet: Meet, kind: str
) -> None:
    async def scenario(us: Side, them: Side) -> None:
        watched: list[str] = []
        leave = them.gateway.log.attach(Level.INFO, lambda line: watched.append(line.text))
        datagrams, began = junk(us, kind), time.monotonic()
        for start in range(0, FLOOD, 50):
            them.gateway.receive_isakmp([(datagram, STRANGER) for datagram in datagrams[start : start + 50]])
        assert 0 < len(them.lines) < min(FLOOD, LINES * (2 + time.monotonic() - began))
        told = asyncio.Event()
        them.gateway.log.attach(Level.INFO, lambda line: told.set() if " more " in line.text else None)
        async with asyncio.timeout(60):
            await told.wait()
        leave()
        assert watched == them.texts[-len(watched) :]

    meet(scenario)


def test_during_a_flood_the_lines_of_a_peer_that_proved_itself_and_of_our_calls_are_all_there(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        datagrams = [(datagram, STRANGER) for datagram in junk(us, "first messages")]
        for gateway in (us.gateway, them.gateway):
            gateway.receive_isakmp(datagrams)
            gateway.receive_isakmp([(datagram[:40], path) for datagram, path in datagrams])
        us.lines.clear()
        them.lines.clear()
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: bool(them.plane.outbound))
        called = [line.text.split()[0] for line in us.lines if line.group == "ENC" and line.sa and line.sa.connection]
        assert called == ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]
        proved = [line.text.split()[0] for line in them.lines if line.sa and line.sa.state is IkeState.ESTABLISHED]
        assert [label for label in proved if label.startswith("QM")] == ["QM1", "QM2", "QM3"]
        assert any(line.text.startswith("ISAKMP SA established") for line in them.lines)
        assert any("IPsec SAs" in line.text for line in them.lines)

    meet(scenario)


def test_no_report_is_made_of_a_message_that_no_budget_is_left_for(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        reports = 0
        engine = them.gateway.engine
        for datagram in junk(us, "first messages"):
            actions = engine.receive(datagram, STRANGER, them.gateway.now())
            reports += sum(isinstance(each, Report) and isinstance(each.event, MessageSeen) for each in actions)
        assert 0 < reports < 4 * LINES

    meet(scenario)
