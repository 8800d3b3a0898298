"""`ikev1.aio`: two endpoints in one event loop, over UDP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import ikev1
from ikev1.events import ChildDown, ChildUp, Code
from library import ESP, IKE

PATIENCE = 30.0  # seconds
HERE, THERE = ("127.0.0.1", 0), ("127.0.0.2", 0)


def connection(secret: bytes = b"secret", *, mirrored: bool = False) -> ikev1.Connection:
    networks = ("10.2.0.0/16", "10.1.0.0/16") if mirrored else ("10.1.0.0/16", "10.2.0.0/16")
    return ikev1.psk("peer", secret, ikev1.tunnel("lan", *networks, esp=ESP), ike=IKE)


def test_a_tunnel_is_up_inside_the_block_and_deleted_behind_it() -> None:
    async def meet() -> None:
        async with asyncio.timeout(PATIENCE):
            async with ikev1.aio.listen(connection(mirrored=True), local=THERE, encapsulation_port=None) as bob:
                async with ikev1.aio.connect(
                    connection(), "lan", local=HERE, remote=bob.local, encapsulation_port=None
                ) as up:
                    (at_bob,) = [event async for event in until(bob, ChildUp) if isinstance(event, ChildUp)]
                    assert up.child.inbound == at_bob.child.outbound
                gone = [event async for event in until(bob, ChildDown)][-1]
                assert isinstance(gone, ChildDown)

    asyncio.run(meet())


async def until(endpoint: ikev1.aio.Endpoint, kind: type[ikev1.events.Event]) -> AsyncIterator[ikev1.events.Event]:
    """The events up to the first of a kind."""
    async for event in endpoint:
        yield event
        if isinstance(event, kind):
            return


def test_a_tunnel_that_does_not_come_up_is_an_error_with_the_code_of_the_failure() -> None:
    async def meet() -> None:
        async with (
            asyncio.timeout(PATIENCE),
            ikev1.aio.listen(connection(b"another", mirrored=True), local=THERE, encapsulation_port=None) as bob,
        ):
            with pytest.raises(ikev1.aio.NotEstablished) as raised:
                async with ikev1.aio.connect(
                    connection(), "lan", local=HERE, remote=bob.local, encapsulation_port=None
                ):
                    raise AssertionError("it came up")
            assert raised.value.code == Code.PSK_MISMATCH
            assert raised.value.failure is not None

    asyncio.run(meet())


async def failing() -> None:
    """A block that raises while it has ports."""
    async with ikev1.aio.listen(connection(), local=("127.0.0.3", 4711), encapsulation_port=4712):
        raise ZeroDivisionError


def test_the_ports_are_given_back_and_what_the_block_raises_comes_through() -> None:
    async def meet() -> None:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ZeroDivisionError):
                await failing()
            async with ikev1.aio.listen(connection(), local=("127.0.0.3", 4711), encapsulation_port=4712) as again:
                assert again.local == ("127.0.0.3", 4711)
            with pytest.raises(ikev1.LocalError):
                again.local  # noqa: B018

    asyncio.run(meet())


def test_several_tunnels_and_a_rekeying_by_hand() -> None:
    def two_tunnels(*networks: tuple[str, str]) -> ikev1.Connection:
        tunnels = [ikev1.tunnel(name, *pair, esp=ESP) for name, pair in zip(("lan", "wan"), networks, strict=True)]
        return ikev1.psk("peer", b"secret", *tunnels, ike=IKE)

    async def meet() -> None:
        of_a = two_tunnels(("10.1.0.0/16", "10.2.0.0/16"), ("10.3.0.0/16", "10.4.0.0/16"))
        of_b = two_tunnels(("10.2.0.0/16", "10.1.0.0/16"), ("10.4.0.0/16", "10.3.0.0/16"))
        async with (
            asyncio.timeout(PATIENCE),
            ikev1.aio.listen(of_b, local=THERE, encapsulation_port=None) as b,
            ikev1.aio.listen(of_a, local=HERE, encapsulation_port=None) as a,
        ):
            first = await a.connect("peer", "lan", a.local, b.local)
            second = await a.connect("peer", "wan", a.local, b.local)
            assert first.sa.unique_id == second.sa.unique_id
            a.does(lambda ike, now: ike.rekey(second.child, now))
            up = [event async for event in until(a, ChildUp)][-1]
            assert isinstance(up, ChildUp)
            assert up.replaces is not None
            assert up.replaces.unique_id == second.child.unique_id

    asyncio.run(meet())
