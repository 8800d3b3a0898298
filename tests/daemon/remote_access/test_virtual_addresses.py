"""Virtual addresses from one gateway to the other: leases, the data plane of the client, VICI, restarts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest
import vici

from ikev1.core.records.events import Code, ConfigReceived
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Pool, Settings
from ikev1.daemon.remote_access.pools import Owner
from ikev1.esp.reach import Reach

EVERYTHING = Selector.parse("0.0.0.0/0")
OFFICE = Pool("office", ((bytes([10, 99, 0, 10]), bytes([10, 99, 0, 11])),), ModeConfig(dns=("10.1.0.53",)))


def as_client(connection: Connection) -> Connection:
    (tunnel,) = connection.tunnels
    client: Connection = replace(
        connection, vips=("0.0.0.0",), tunnels=(replace(tunnel, local=DYNAMIC, remote=EVERYTHING),)
    )
    return client


def as_gateway(connection: Connection) -> Connection:
    (tunnel,) = connection.tunnels
    gateway: Connection = replace(
        connection, pools=("office",), tunnels=(replace(tunnel, local=EVERYTHING, remote=DYNAMIC),)
    )
    return gateway


def with_pool(settings: Settings) -> Settings:
    pooled: Settings = replace(settings, pools=(OFFICE,))
    return pooled


def asked(side: Any, command: str, **request: str) -> Any:
    """What a VICI client gets."""

    def ask() -> Any:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(str(side.control))
            found = getattr(vici.Session(client), command)(request)
            return dict(found) if isinstance(found, dict) else list(found)

    return asyncio.to_thread(ask)


def test_an_address_from_beginning_to_end(meet: Callable[..., None]) -> None:
    async def scenario(us: Any, them: Any) -> None:
        await us.gateway.initiate("branch", "net")
        assert us.plane.held == ["10.99.0.10"]
        (child,) = us.plane.inbound.values()
        assert (str(child.local), str(child.remote)) == ("10.99.0.10/32", "0.0.0.0/0")
        (listed,) = await asked(us, "list_sas")
        assert listed["branch"]["local-vips"] == [b"10.99.0.10"]
        (listed,) = await asked(them, "list_sas")
        assert listed["branch"]["remote-vips"] == [b"10.99.0.10"]
        pools = await asked(them, "get_pools", leases="yes")
        assert pools == {
            "office": {
                "base": b"10.99.0.10",
                "size": b"2",
                "online": b"1",
                "offline": b"0",
                "leases": {
                    "0": {
                        "address": b"10.99.0.10",
                        "identity": b"127.0.0.1",
                        "status": b"online",
                        "kind": b"identity",
                    }
                },
            }
        }
        assert await asked(them, "get_pools", name="other") == {}
        (sa,) = us.gateway.sas()
        us.gateway.close_ike(sa)
        assert us.plane.held == []
        await them.until(lambda: not them.gateway.sas())
        pools = await asked(them, "get_pools")
        assert pools["office"] == {"base": b"10.99.0.10", "size": b"2", "online": b"0", "offline": b"1"}

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_pool)


def with_split_networks(settings: Settings) -> Settings:
    config = ModeConfig(
        dns=("10.1.0.53",), split_include=("10.1.0.0/16", "127.0.0.0/8"), split_exclude=("10.1.9.0/24",)
    )
    split: Settings = replace(settings, pools=(replace(OFFICE, config=config),))
    return split


def test_the_networks_that_a_gateway_names(meet: Callable[..., None]) -> None:
    """They are routed, in the next process too; the pair carries everything."""
    wanted = Reach(tuple(map(Selector.parse, ("10.1.0.0/16", "10.1.0.53"))), (Selector.parse("10.1.9.0/24"),))

    async def scenario(us: Any, _: Any) -> None:
        await us.gateway.initiate("branch", "net")
        assert us.plane.reaches == {"10.99.0.10": wanted}
        assert [line.code for line in us.lines if line.code == Code.UNUSABLE_CONFIG] == [Code.UNUSABLE_CONFIG]
        us.die()
        async with us.again() as next_one:
            assert next_one.plane.reaches == {"10.99.0.10": wanted}

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_split_networks)


def test_a_client_without_routes_of_ours(meet: Callable[..., None]) -> None:
    async def scenario(us: Any, _: Any) -> None:
        await us.gateway.initiate("branch", "net")
        assert us.plane.reaches == {"10.99.0.10": Reach(())}

    def without_routes(connection: Connection) -> Connection:
        client: Connection = replace(as_client(connection), install_routes=False)
        return client

    meet(scenario, change=without_routes, their_change=as_gateway, their_settings=with_split_networks)


def test_the_next_gateway_knows_the_leases(meet: Callable[..., None]) -> None:
    async def scenario(us: Any, them: Any) -> None:
        await us.gateway.initiate("branch", "net")
        them.die()
        async with them.again() as next_one:
            (lease,) = next_one.gateway.pools.leases.values()
            assert (lease.address, lease.online) == ("10.99.0.10", True)
            (sa,) = next_one.gateway.sas()
            next_one.gateway.close_ike(sa)
            (lease,) = next_one.gateway.pools.leases.values()
            assert not lease.online

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_pool)


def test_the_next_client_has_its_address(meet: Callable[..., None]) -> None:
    async def scenario(us: Any, _: Any) -> None:
        await us.gateway.initiate("branch", "net")
        us.die()
        async with us.again() as next_one:
            assert next_one.plane.held == ["10.99.0.10"]
            (sa,) = next_one.gateway.sas()
            next_one.gateway.close_ike(sa)
            assert next_one.plane.held == []

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_pool)


def test_a_reload_that_removes_the_pool(meet: Callable[..., None]) -> None:
    """The lease ends with its client."""

    async def scenario(us: Any, them: Any) -> None:
        await us.gateway.initiate("branch", "net")
        them.gateway.pools.adopt(())
        assert [lease.online for lease in them.gateway.pools.leases.values()] == [True]
        (sa,) = us.gateway.sas()
        us.gateway.close_ike(sa)
        await them.until(lambda: not them.gateway.sas())
        assert them.gateway.pools.leases == {}

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_pool)


def test_a_data_plane_that_refuses_the_address(meet: Callable[..., None]) -> None:
    async def scenario(us: Any, _: Any) -> None:
        def refuse(event: object) -> None:
            if isinstance(event, ConfigReceived):
                us.plane.refuse = ""

        us.plane.refuse = "no such device"
        us.gateway.observers.append(refuse)
        await us.gateway.initiate("branch", "net")
        assert us.plane.held == []
        assert any("no such device" in line for line in us.texts)

    meet(scenario, change=as_client, their_change=as_gateway, their_settings=with_pool)


@pytest.mark.parametrize("pools", [(), (OFFICE,)])
def test_no_address_is_free(meet: Callable[..., None], pools: tuple[Pool, ...]) -> None:
    async def scenario(us: Any, them: Any) -> None:
        for _ in range(2 * len(pools)):
            them.gateway.pools.assign(["office"], Owner("another", True), 4)
        with pytest.raises(Exception, match="virtual address"):
            await us.gateway.initiate("branch", "net")
        assert us.plane.inbound == {}

    meet(
        scenario,
        change=as_client,
        their_change=as_gateway,
        their_settings=lambda settings: replace(settings, pools=pools),
    )
