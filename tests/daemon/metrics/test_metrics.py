"""Metrics of real gateways, scraped over real sockets: what they say, and what a bad client costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")

from prometheus_client.parser import text_string_to_metric_families
from tests.daemon.conftest import impatient, meet

from documents import ROOT
from ikev1.core.records.events import Code, Failure, Note
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.daemon.metrics.loop_lag import LoopLag
from ikev1.daemon.metrics.server import MetricsServer
from ikev1.daemon.metrics.traffic import Amount, Traffic
from ikev1.esp.plane import Counters, Drops

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

__all__ = ["impatient", "meet"]

Sample = tuple[str, frozenset[tuple[str, str]]]
NET = {"connection": "branch", "tunnel": "net"}


@contextlib.asynccontextmanager
async def serving(side: Side, *, where: str = "127.0.0.1:0", users: bool = False) -> AsyncIterator[MetricsServer]:
    server = MetricsServer(side.gateway, where, users=users, patience=60.0)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def request(server: MetricsServer, octets: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(octets)
    async with asyncio.timeout(60):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, body


async def scraped(server: MetricsServer) -> dict[Sample, float]:
    """Every sample by name and labels, as Prometheus reads them; a snapshot that is not older than this call."""
    server._taken_at = None
    head, body = await request(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    families = text_string_to_metric_families(body.decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(samples: Mapping[Sample, float], name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def test_a_tunnel_from_down_to_up_and_over_a_rekeying(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us) as server:
            before = await scraped(server)
            assert value(before, "ikev1_tunnel_up", **NET, start="none") == 0
            assert value(before, "ikev1_tunnel_bytes_total", **NET, direction="in") == 0
            await us.gateway.initiate("branch", "net")
            us.plane.dropped = Drops(unknown_spi=3)
            up = await scraped(server)
            assert value(up, "ikev1_tunnel_up", **NET, start="none") == 1
            assert value(up, "ikev1_isakmp_sas", connection="branch", state="ESTABLISHED") == 1
            assert value(up, "ikev1_ipsec_sas", **NET, state="INSTALLED") == 1
            assert value(up, "ikev1_handshakes_total", connection="branch", result="established") == 1
            assert value(up, "ikev1_tunnel_bytes_total", **NET, direction="in") == 168
            assert value(up, "ikev1_tunnel_packets_total", **NET, direction="out") == 3
            assert value(up, "ikev1_dropped_packets_total", reason="unknown-spi") == 3
            assert value(up, "ikev1_data_plane", data_plane="counting") == 1
            assert value(up, "ikev1_half_open") == 0
            assert value(up, "ikev1_ipsec_rekeys_total", connection="branch") is None

            (child,) = us.plane.inbound.values()
            us.gateway.rekey_child(child)
            await us.until(lambda: us.gateway.counters.total["child-rekey"] == 1)
            rekeyed = await scraped(server)
            assert value(rekeyed, "ikev1_ipsec_rekeys_total", connection="branch") == 1
            assert value(rekeyed, "ikev1_tunnel_bytes_total", **NET, direction="in") == 2 * 168
            for sa in us.gateway.sas():
                us.gateway.close_ike(sa)
            ended = await scraped(server)
            assert us.plane.inbound == {}
            assert value(ended, "ikev1_tunnel_up", **NET, start="none") == 0
            assert value(ended, "ikev1_tunnel_bytes_total", **NET, direction="in") == 2 * 168

    meet(scenario)


def test_failures_have_their_codes_and_strangers_no_connection(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us) as server:
            await us.gateway.initiate("branch", "net")
            (sa,) = us.gateway.sas()
            for event in (
                Failure(Code.NO_CONNECTION, "who", "192.0.2.9"),
                Failure(Code.PEER_DEAD, "dead", "127.0.0.2", sa),
                Note(Code.RETRANSMIT, "again", sa),
                Note(Code.RETRANSMIT, "again", sa),
            ):
                us.gateway.counters.observe(event)
            samples = await scraped(server)
        assert value(samples, "ikev1_handshakes_total", connection="", result="no-connection") == 1
        assert value(samples, "ikev1_handshakes_total", connection="branch", result="peer-dead") == 1
        assert value(samples, "ikev1_dead_peers_total", connection="branch") == 1
        assert value(samples, "ikev1_retransmissions_total", connection="branch") == 2

    meet(scenario)


def test_users_are_shown_only_if_this_is_configured(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.sas()
        known = replace(sa, user=User('car"ol\n', ""))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(us.gateway.engine), "sas", {sa.unique_id: known})
            async with serving(us, users=True) as server:
                shown = await scraped(server)
            async with serving(us) as server:
                hidden = await scraped(server)
        assert value(shown, "ikev1_user_sessions", connection="branch", user='car"ol\n') == 1
        assert not [name for name, _ in hidden if name == "ikev1_user_sessions"]

    meet(scenario)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", b"200"),
        (b"GET /metrics?name=x HTTP/1.0\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
        (b"hello\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", b"400"),
    ],
)
def test_a_request(meet: Meet, octets: bytes, status: bytes) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us) as server:
            head, body = await request(server, octets)
            assert head.startswith(b"HTTP/1.1 " + status + b" ")
            assert bool(body) is (status == b"200" and octets.startswith(b"GET"))

    meet(scenario)


def test_clients_that_hang_hold_few_connections_and_end_when_their_time_is_over(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        server = MetricsServer(us.gateway, "127.0.0.1:0", patience=0.2)
        await server.start()
        hanging = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        async with asyncio.timeout(60):
            for reader, _ in hanging:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            while server._places:
                await asyncio.sleep(0)
        server._patience = 60.0
        assert (await request(server, b"GET /metrics HTTP/1.1\r\n\r\n"))[0].startswith(b"HTTP/1.1 200 ")
        for _, writer in hanging:
            writer.close()
        await server.close()

    meet(scenario)


def test_clients_that_request_nothing_make_room_for_one_that_does(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us) as server:
            idle = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
            for _ in range(3):
                head, _ = await request(server, b"GET /metrics HTTP/1.1\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
            async with asyncio.timeout(60):
                for reader, _ in idle[:12]:
                    with contextlib.suppress(ConnectionError):
                        assert await reader.read() == b""
            assert len(server._places) <= 8
            for _, writer in idle:
                writer.close()

    meet(scenario)


def test_a_client_that_does_not_read_ends_when_its_time_is_over(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        server = MetricsServer(us.gateway, "127.0.0.1:0", patience=0.2)
        await server.start()
        server._latest = bytes(50_000_000)  # more than the sockets hold
        server._taken_at = asyncio.get_running_loop().time() + 3600
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(60):
                while not server._places:
                    await asyncio.sleep(0)
                while server._places:
                    await asyncio.sleep(0)
        await server.close()

    meet(scenario)


def test_a_flood_of_scrapes_costs_one_snapshot(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us) as server:
            taken = 0
            snapshot = server._metrics.snapshot

            async def counted() -> object:
                nonlocal taken
                taken += 1
                return await snapshot()

            server._metrics.snapshot = counted  # type: ignore[method-assign, assignment]
            server._taken_at = asyncio.get_running_loop().time() + 3600  # fresh for long, whatever this machine does
            answers = await asyncio.gather(
                *(request(server, b"GET /metrics HTTP/1.1\r\n\r\n") for _ in range(4)),
            )
            assert (taken, {head[:12] for head, _ in answers}) == (0, {b"HTTP/1.1 200"})
            await scraped(server)
            assert taken == 1

    meet(scenario)


def test_a_unix_socket_is_for_its_owner_and_group(meet: Meet, tmp_path: Path) -> None:
    path = tmp_path / "run" / "metrics.sock"

    async def scenario(us: Side, them: Side) -> None:
        async with serving(us, where=str(path)):
            assert path.stat().st_mode & 0o777 == 0o660
            reader, writer = await asyncio.open_unix_connection(str(path))
            writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(60):
                assert b"\nikev1_tunnel_up{" in await reader.read()
            writer.close()
            with pytest.raises(FileExistsError):
                await MetricsServer(them.gateway, str(path)).start()
        assert not path.exists()

    meet(scenario)


def test_a_pair_that_ends_while_counters_are_read_is_counted_once(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.sas()
        (first,) = sa.children
        children = tuple(replace(first, unique_id=100 + number) for number in range(64))
        many = replace(sa, children=children)
        traffic = Traffic(lambda _: Counters(bytes_in=10, packets_in=1))
        reading = asyncio.ensure_future(traffic.totals((many,), us.gateway.settings))
        await asyncio.sleep(0)  # half of them are read
        assert not reading.done()
        traffic.removing(children[0])  # was read
        traffic.removing(children[-1])  # was not
        assert (await reading)["branch", "net"] == Amount(bytes_in=640, packets_in=64)
        left = replace(many, children=children[1:-1])
        assert (await traffic.totals((left,), us.gateway.settings))["branch", "net"] == Amount(640, 64)
        none = replace(us.gateway.settings, connections=())
        assert await traffic.totals((), none) == {}
        assert (await traffic.totals((), us.gateway.settings))["branch", "net"] == Amount()

    meet(scenario)


def test_the_lag_of_the_loop_is_the_worst_of_the_last_measurements() -> None:
    async def scenario() -> None:
        loop, lag = asyncio.get_running_loop(), LoopLag()
        assert lag.worst == 0.0
        lag._expired(loop.time() - 5.0)
        assert lag.worst >= 5.0
        for _ in range(60):
            lag._expired(loop.time() + 5.0)
        assert lag.worst == 0.0
        lag.stop()

    asyncio.run(scenario())


def test_the_documentation_and_the_dashboard_know_the_metrics(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        async with serving(us, users=True) as server:
            _, body = await request(server, b"GET /metrics HTTP/1.1\r\n\r\n")
        families = dict(re.findall(r"^# TYPE (ikev1_\w+) (\w+)$", body.decode(), re.MULTILINE))
        document = (ROOT / "docs" / "metrics.md").read_text()
        assert set(re.findall(r"^\| `(ikev1_\w+)` \|", document, re.MULTILINE)) == families.keys()
        dashboard = json.loads((ROOT / "packaging" / "grafana-dashboard.json").read_text())
        queries = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ()))
        used = set(re.findall(r"ikev1_\w+", queries))
        assert used <= families.keys()
        assert len(used) > 10
        assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])

    meet(scenario)
