"""Debian's FreeRADIUS checks users, challenges them, gives them addresses, and is told about their sessions."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ikev1.aaa.accounting import Cause, Notice, Session, Status, Usage
from ikev1.aaa.options import MessageAuthenticator, RadiusMethod, RadiusOptions, RadiusServer
from ikev1.aaa.radius.accounting import RadiusAccounting
from ikev1.aaa.radius.backend import RadiusBackend
from ikev1.core.records.remote_access import Accepted, Challenged, Rejected, Unavailable, User, Verdict, XauthAttempt
from lab.charon import GATEWAY_ID, XAUTH_PASSWORD, XAUTH_USER, CharonOptions
from lab.cisco import POOL, as_virtual, cisco
from lab.gateway import OurOptions
from lab.lab import Lab
from lab.process import LabError, wait_until
from lab.radius import SECRET, FreeRadius
from lab.terminal import Terminal
from lab.traffic import ping
from lab.vpnc import GROUP, GROUP_SECRET

USERS = r"""
alice Cleartext-Password := "open sesame"
    Framed-IP-Address = 10.99.0.7,
    Framed-IP-Netmask = 255.255.255.0,
    MS-Primary-DNS-Server = 10.0.0.53,
    MS-Secondary-DNS-Server = 10.0.0.54,
    MS-Primary-NBNS-Server = 10.0.0.55,
    Framed-IPv6-Address = fd00::7,
    DNS-Server-IPv6-Address = fd00::53,
    Session-Timeout = 3600,
    Acct-Interim-Interval = 300,
    Filter-Id = "staff",
    Class = "OU=vpn;"

otp Cleartext-Password := "123456"

pin Cleartext-Password := "654321"
    Filter-Id = "staff"

admin Cleartext-Password := "x"
    Service-Type = Administrative-User
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FreeRadius]:
    if shutil.which("freeradius") is None:
        pytest.skip("freeradius is missing: run `make peers`")
    with FreeRadius(tmp_path / "radius", USERS).running() as running:
        yield running


def servers(*known: FreeRadius, secret: str = SECRET, patience: float = 20.0, **options: Any) -> RadiusOptions:
    found = tuple(RadiusServer("127.0.0.1", secret.encode(), each.auth_port, each.acct_port) for each in known)
    usual = {"class_group": True, "filter_id": True, "retransmit_tries": 1, "retransmit_timeout": patience}
    return RadiusOptions(found, "gw.example.org", **usual | options)


def check(asked: RadiusOptions, attempt: XauthAttempt) -> Verdict:
    backend = RadiusBackend(asked, time.monotonic)
    return asyncio.run(backend.check(attempt))


def test_a_user_is_accepted_with_a_profile(server: FreeRadius) -> None:
    verdict = check(servers(server), XauthAttempt("alice", b"open sesame", address="198.51.100.7", connection="rw"))
    user = User(
        "alice",
        groups=("vpn", "staff"),
        backend="radius",
        address="10.99.0.7",
        netmask="255.255.255.0",
        address6="fd00::7",
        dns=("10.0.0.53", "10.0.0.54", "fd00::53"),
        nbns=("10.0.0.55",),
        session_timeout=3600,
        class_=(b"OU=vpn;",),
        interim_interval=300,
    )
    assert verdict == Accepted(user)
    log = server.log()
    by_digest = check(servers(server, method=RadiusMethod.EAP_MD5), XauthAttempt("alice", b"open sesame"))
    assert by_digest == Accepted(user)  # the server offers GTC first
    assert "User-Password" not in server.log().removeprefix(log)
    for sent in ('Calling-Station-Id = "198.51.100.7"', 'NAS-Identifier = "gw.example.org"', "NAS-Port-Type = Virtual"):
        assert sent in log


@pytest.mark.parametrize("password", [b"", b"open sesam", b"x" * 128, "öffne dich".encode()])
def test_a_wrong_password_is_rejected(server: FreeRadius, password: bytes) -> None:
    for method in RadiusMethod:
        assert isinstance(check(servers(server, method=method), XauthAttempt("alice", password)), Rejected)


def test_an_unknown_user_and_one_for_another_service_are_rejected(server: FreeRadius) -> None:
    assert isinstance(check(servers(server), XauthAttempt("mallory", b"x")), Rejected)
    assert isinstance(check(servers(server), XauthAttempt("admin", b"x")), Rejected)


def test_a_challenge_and_its_answer(server: FreeRadius) -> None:
    challenge = check(servers(server), XauthAttempt("otp", b"whatever"))
    assert isinstance(challenge, Challenged)
    assert (challenge.text, challenge.state) == ("Code?", b"otp")
    assert isinstance(check(servers(server), XauthAttempt("otp", passcode=b"123456", state=challenge.state)), Accepted)
    assert isinstance(check(servers(server), XauthAttempt("otp", passcode=b"654321", state=challenge.state)), Rejected)


def test_the_wrong_secret_accepts_nobody(server: FreeRadius) -> None:
    assert isinstance(
        check(servers(server, secret="another one", patience=0.5), XauthAttempt("alice", b"open sesame")), Unavailable
    )


def test_answers_that_somebody_on_the_way_could_have_made_are_not_believed(tmp_path: Path) -> None:
    with FreeRadius(tmp_path / "old", USERS, signs=False).running() as old:
        assert isinstance(check(servers(old, patience=0.5), XauthAttempt("alice", b"open sesame")), Unavailable)
        wait_until(lambda: "Sent Access-Accept" in old.log(), "an answer that was not believed", says=old.log)
        anyway = servers(old, message_authenticator=MessageAuthenticator.AUTO)
        assert isinstance(check(anyway, XauthAttempt("alice", b"open sesame")), Accepted)


def test_the_second_server_is_asked_when_the_first_is_gone(server: FreeRadius, tmp_path: Path) -> None:
    gone = FreeRadius(tmp_path / "gone", "")  # never started
    assert isinstance(check(servers(gone, server), XauthAttempt("alice", b"open sesame")), Accepted)


RW = """
xauth = "server"
xauth_backend = "radius"
groups = ["staff"]
"""
RADIUS = """
[radius]
accounting = true
filter_id = true
class_group = true
[radius.server.only]
address = "127.0.0.1"
secret = "{secret}"
auth_port = {auth}
acct_port = {acct}
"""


def test_charon_logs_in_and_its_session_is_accounted(lab: Lab) -> None:
    """A client with XAUTH, our gateway, and FreeRADIUS beside it."""
    a, b = lab.direct()
    users = USERS.replace("alice", XAUTH_USER).replace("open sesame", XAUTH_PASSWORD)
    with FreeRadius(lab.folder("radius"), users, namespace=b.namespace).running() as server:
        others = RADIUS.format(secret=SECRET, auth=server.auth_port, acct=server.acct_port)
        ours = lab.ours(b, OurOptions(extra=RW, others=others, encapsulation=True))
        charon = lab.charon(a, CharonOptions(calls=True, xauth=True))
        charon.control.initiate()
        (sa,) = ours.control.sas()
        assert sa["remote-xauth-id"] == XAUTH_USER
        ping(a, count=5)
        wait_until(lambda: len(server.accounting) == 2, "the start of the gateway, and the beginning of the session")
        on, start = server.accounting
        assert on["Acct-Status-Type"] == "Accounting-On"
        assert (start["Acct-Status-Type"], start["User-Name"]) == ("Start", XAUTH_USER)
        assert start["Calling-Station-Id"] == a.address
        ours.command("down", "peer")
        wait_until(lambda: len(server.accounting) == 3, "the end of the session")
        *_, stop = server.accounting
        assert (stop["Acct-Status-Type"], stop["Acct-Session-Id"]) == ("Stop", start["Acct-Session-Id"])
        assert (stop["Acct-Input-Packets"], stop["Acct-Output-Packets"]) == ("5", "5")
        assert (stop["Acct-Input-Octets"], stop["Acct-Output-Octets"]) == ("420", "420")
        assert stop["Class"] == "0x" + b"OU=vpn;".hex()


def test_two_clients_of_one_group_behind_one_nat(lab: Lab) -> None:
    """Both have the identity of the group and users of their own, to whom the server assigns addresses."""
    c1, c2, gw = lab.two_behind_nat()
    addresses = {"carol": "10.99.0.7", "dave": "10.99.0.8"}
    users = "\n".join(
        f'{user} Cleartext-Password := "{XAUTH_PASSWORD}"\n  Framed-IP-Address = {address},\n  Filter-Id = "staff"\n'
        for user, address in addresses.items()
    )
    with FreeRadius(lab.folder("radius"), users, namespace=gw.namespace).running() as server:
        others = RADIUS.format(secret=SECRET, auth=server.auth_port, acct=server.acct_port) + POOL
        ours = lab.ours(
            gw, OurOptions(local="10.10.2.0/24", remote="dynamic", extra=f'{RW}pools = "office"', others=others)
        )
        for node, user in zip((c1, c2), addresses, strict=True):
            options = CharonOptions(calls=True, xauth=True, user=user, connection="vips = 0.0.0.0")
            options = replace(options, local_ts="dynamic", remote_ts="10.10.2.0/24")
            lab.charon(node, options).control.initiate()
        found = {sa["remote-xauth-id"]: sa["remote-vips"] for sa in ours.control.sas()}
        assert found == {user: [address] for user, address in addresses.items()}
        one, other = (as_virtual(node, address) for node, address in zip((c1, c2), addresses.values(), strict=True))
        for node in (one, other, one):
            ping(node)
        wait_until(lambda: len(server.accounting) == 3, "the beginning of both sessions")
        assert {each["Framed-IP-Address"] for each in server.accounting[1:]} == set(addresses.values())


def test_a_user_answers_in_several_rounds(lab: Lab) -> None:
    """`ikev1 connect`, our gateway, and FreeRADIUS, which asks for a code, and then for a new PIN."""
    a, b = lab.direct()
    with FreeRadius(lab.folder("radius"), USERS, namespace=b.namespace).running() as server:
        others = RADIUS.format(secret=SECRET, auth=server.auth_port, acct=server.acct_port) + POOL
        options = cisco(lab, b)
        configuration = options.configuration.replace('"command"', '"radius"').replace(POOL, others)
        ours = lab.ours(b, replace(options, configuration=configuration))
        secret = lab.folder("secret")
        secret.touch(mode=0o600)
        secret.write_text(f"{GROUP_SECRET}\n")
        command = [
            "--group",
            GROUP,
            "--secret-file",
            str(secret),
            "--user",
            "pin",
            "--remote-id",
            GATEWAY_ID,
            "--data-plane",
            "userspace",
        ]
        suites = ["--ike", "aes256-sha1-modp1536", "--esp", "aes256-sha1"]
        enter = ["setsid", "--ctty", "setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", a.namespace]
        client = Terminal([*enter, sys.executable, "-B", "-m", "ikev1", "connect", *command, *suites, a.peer])
        try:
            for question, answer in (("Password", "first"), ("Code?", "second"), ("New PIN?", "654321")):
                client.read_until(question)
                wait_until(lambda: not client.echoes, "a question without echo")
                client.write(f"{answer}\n")
            client.read_until("connected")
            (sa,) = ours.control.sas()
            assert sa["remote-xauth-id"] == "pin"
            assert not {"first", "second", "654321"} & set(re.findall(r"\w+", ours.log() + client.shown))
        finally:
            client.close()


def test_charon_with_a_wrong_password_is_one_line_for_fail2ban(lab: Lab) -> None:
    a, b = lab.direct()
    with FreeRadius(lab.folder("radius"), USERS, namespace=b.namespace).running() as server:
        others = RADIUS.format(secret=SECRET, auth=server.auth_port, acct=server.acct_port)
        ours = lab.ours(b, OurOptions(extra=RW, others=others))
        charon = lab.charon(a, CharonOptions(calls=True, xauth=True, plane="noesp"))
        with pytest.raises(LabError):
            charon.control.initiate()
        lines = [line for line in ours.log().splitlines() if f"login failed from {a.address} " in line]
        assert len(lines) == 1
        assert lines[0].endswith("(user-rejected)")
        wait_until(lambda: server.accounting, "the start of the gateway")
        assert [each["Acct-Status-Type"] for each in server.accounting] == ["Accounting-On"]


def test_a_session(server: FreeRadius) -> None:
    session = Session("s-1", "alice", "rw", "198.51.100.7", ("10.99.0.7", "fd00::7"), (b"OU=vpn;",))
    usage = Usage((5 << 32) + 7, 11, 13, 17)
    notices = [
        Notice(Status.ON, Session("gateway", "", "", ""), time.time()),
        Notice(Status.START, session, time.time()),
        Notice(Status.INTERIM_UPDATE, session, time.time(), 300, Usage(1, 2, 3, 4)),
        Notice(Status.STOP, session, time.time() - 60, 600, usage, Cause.LOST_CARRIER),
    ]

    async def tell() -> None:
        accounting = RadiusAccounting(servers(server), time.monotonic, time.time)
        for notice in notices:
            await accounting.tell(notice)

    asyncio.run(tell())
    on, start, interim, stop = server.accounting
    assert (on["Acct-Status-Type"], on["NAS-Identifier"]) == ("Accounting-On", start["NAS-Identifier"])
    assert "User-Name" not in on
    assert [record["Acct-Status-Type"] for record in (start, interim, stop)] == ["Start", "Interim-Update", "Stop"]
    assert {record["Acct-Session-Id"] for record in (start, interim, stop)} == {"s-1"}
    assert (start["Framed-IP-Address"], start["Framed-IPv6-Address"]) == ("10.99.0.7", "fd00::7")
    assert "Acct-Input-Octets" not in start
    assert (interim["Acct-Session-Time"], interim["Acct-Input-Octets"]) == ("300", "1")
    names = ("Acct-Input-Octets", "Acct-Input-Gigawords", "Acct-Output-Octets", "Acct-Input-Packets", "Acct-Delay-Time")
    assert [stop[name] for name in names] == ["7", "5", "11", "13", "60"]
    assert stop["Acct-Terminate-Cause"] == "Lost-Carrier"
    assert stop["Class"] == "0x" + b"OU=vpn;".hex()
