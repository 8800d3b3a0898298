"""Two gateways: one logs in to the other, whose file of users and hooks are real."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.daemon.conftest import Meet, Side

from ikev1.aaa.options import UsersOptions
from ikev1.aaa.user_changes import add_user
from ikev1.aaa.users_file import make_user
from ikev1.config import BackendOptions
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, XauthRole
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.wire.registry import AuthenticationMethod

Change = Callable[[Connection], Connection]


def with_method(connection: Connection) -> Connection:
    """Main Mode with XAUTHInitPreShared, which both sides announce."""
    (policy,) = connection.policies
    method = AuthenticationMethod.XAUTH_INIT_PRE_SHARED.value
    suite = replace(policy.suite, authentication=method)
    return replace(connection, policies=(replace(policy, suite=suite),))


def client(password: bytes) -> Change:
    return lambda plain: replace(with_method(plain), xauth=XauthRole.CLIENT, xauth_user="alice", xauth_secret=password)


def server(*groups: str) -> Change:
    return lambda plain: replace(with_method(plain), xauth=XauthRole.SERVER, xauth_backend=("users",), groups=groups)


@pytest.fixture
def users(tmp_path: Path) -> BackendOptions:
    tmp_path.chmod(0o700)
    file = tmp_path / "users"
    add_user(file, make_user("alice", b"open sesame", ["staff"], []))
    return BackendOptions(users=UsersOptions(str(file)))


def test_a_user_of_the_file_logs_in(meet: Meet, users: BackendOptions) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = them.gateway.sas()
        assert sa.user is not None
        assert (sa.user.name, sa.user.groups, sa.user.backend) == ("alice", ("staff",), "users")
        assert sa.user.session

    meet(scenario, change=client(b"open sesame"), their_change=server("staff"), their_users=users)


@pytest.mark.parametrize(("password", "group"), [(b"wrong", "staff"), (b"open sesame", "admins")])
def test_others_do_not(meet: Meet, users: BackendOptions, password: bytes, group: str) -> None:
    async def scenario(us: Side, them: Side) -> None:
        with pytest.raises(NotEstablished):
            await us.gateway.initiate("branch", "net")
        assert [sa.user for sa in them.gateway.sas()] in ([], [None])
        (line,) = [line for line in them.lines if line.code == Code.USER_REJECTED]
        assert "login failed from 127.0.0.1 " in line.text
        assert them.plane.outbound == {}

    meet(scenario, change=client(password), their_change=server(group), their_users=users)


def test_hooks_of_both_sides_and_no_peer_while_the_gateway_stops(meet: Meet, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    noted, hook = tmp_path / "noted", tmp_path / "hook"
    hook.write_text(f'#!/bin/sh\necho "$1 $PLUTO_VERB" >> {noted}\n')
    hook.chmod(0o700)
    open_sockets: list[int] = []

    def with_hook(side: str) -> Change:
        return lambda plain: replace(plain, tunnels=(replace(plain.tunnels[0], updown=(str(hook), side)),))

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        while not noted.exists() or noted.read_text().count("up-client") < 2:
            await asyncio.sleep(0.01)
        close = us.gateway.remote_access.close

        async def watched() -> None:
            open_sockets.append(len(us.endpoint.sockets))
            await close()

        us.gateway.remote_access.close = watched  # type: ignore[method-assign]

    meet(scenario, change=with_hook("ours"), their_change=with_hook("theirs"))
    runs = noted.read_text().splitlines()
    assert [run for run in runs if run.startswith("ours")] == ["ours up-client", "ours down-client"]
    assert [run for run in runs if run.startswith("theirs")] == ["theirs up-client", "theirs down-client"]
    assert open_sockets == [0]
