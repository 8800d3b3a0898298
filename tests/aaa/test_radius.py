"""RADIUS against servers of the test's own, on the loopback interface: what they may answer, and what is believed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AcctPacket, AuthPacket

from ikev1.aaa.accounting import Cause, NotConfirmed, Notice, Session, Status, Usage
from ikev1.aaa.options import MessageAuthenticator, RadiusMethod, RadiusOptions, RadiusServer
from ikev1.aaa.radius.accounting import RadiusAccounting
from ikev1.aaa.radius.attributes import Attribute, user_of
from ikev1.aaa.radius.backend import RadiusBackend
from ikev1.aaa.radius.eap import MOST_ROUNDS
from ikev1.core.records.remote_access import (
    Accepted,
    Challenged,
    Prompt,
    Rejected,
    Unavailable,
    User,
    Verdict,
    XauthAttempt,
)

SECRET = b"between us"
ATTEMPT = XauthAttempt("alice", b"open sesame", address="192.0.2.7", connection="rw")
Reply = Callable[[Any], bytes | None]


class AnsweringServer(asyncio.DatagramProtocol):
    """A server that answers each request with ``reply`` of it."""

    def __init__(self, reply: Reply, kind: type = AuthPacket) -> None:
        self.requests: list[Any] = []
        self._reply = reply
        self._kind = kind

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        request = self._kind(packet=data, secret=SECRET)
        self.requests.append(request)
        if (reply := self._reply(request)) is not None:
            self.transport.sendto(reply, addr)

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])


@asynccontextmanager
async def serving(*replies: Reply, kind: type = AuthPacket):  # type: ignore[no-untyped-def]
    servers = []
    for reply in replies:
        make = partial(AnsweringServer, reply, kind)
        _, server = await asyncio.get_running_loop().create_datagram_endpoint(make, local_addr=("127.0.0.1", 0))
        servers.append(server)
    try:
        yield servers
    finally:
        for server in servers:
            server.transport.close()


def answering(code: int, attributes: dict[int, list[bytes]] | None = None, **options: Any) -> Reply:
    def reply(request: Any) -> bytes:
        packet = request.CreateReply(**options)
        packet.code = code
        for kind, values in (attributes or {}).items():
            packet[kind] = values
        return bytes(packet.ReplyPacket())

    return reply


def options(*servers: RadiusServer, timeout: float = 0.05, **more: Any) -> RadiusOptions:
    usual = {"class_group": True, "retransmit_tries": 1, "retransmit_timeout": timeout, "retransmit_base": 1.0}
    return RadiusOptions(servers, "gw", **usual | more)


def silent(_request: Any) -> None:
    return None


def check(*replies: Reply, attempt: XauthAttempt = ATTEMPT, **more: Any) -> tuple[Verdict, list[Any]]:
    async def run() -> tuple[Verdict, list[Any]]:
        async with serving(*replies) as servers:
            known = [RadiusServer("127.0.0.1", SECRET, server.port) for server in servers]
            backend = RadiusBackend(options(*known, **more), asyncio.get_running_loop().time)
            return await backend.check(attempt), [request for server in servers for request in server.requests]

    return asyncio.run(run())


def test_the_request() -> None:
    verdict, (request,) = check(answering(AccessAccept))
    assert isinstance(verdict, Accepted)
    assert request.verify_message_authenticator()
    assert next(iter(request.items()))[0] == Attribute.MESSAGE_AUTHENTICATOR
    assert request[Attribute.USER_NAME] == [b"alice"]
    assert request.PwDecrypt(request[Attribute.USER_PASSWORD][0]) == "open sesame"
    assert request[Attribute.NAS_IDENTIFIER] == [b"gw"]
    assert request[Attribute.NAS_PORT_TYPE] == [bytes((0, 0, 0, 5))]
    assert request[Attribute.CALLING_STATION_ID] == [b"192.0.2.7"]
    assert request[Attribute.NAS_PORT_ID] == [b"rw"]
    assert Attribute.STATE not in request


def test_what_an_acceptance_gives() -> None:
    microsoft = bytes((0, 0, 1, 0x37))
    attributes = {
        8: [bytes((10, 99, 0, 7))],
        9: [bytes((255, 255, 255, 0))],
        168: [bytes.fromhex("fd000000000000000000000000000007")],
        169: [bytes.fromhex("fd000000000000000000000000000053")],
        26: [
            microsoft + bytes((28, 6, 10, 0, 0, 53, 30, 6, 10, 0, 0, 54)),
            microsoft + bytes((29, 6, 10, 0, 0, 55)),
            bytes((0, 0, 0, 9, 28, 6, 1, 1, 1, 1)),
        ],
        25: [b"OU=staff;", b"\xff\xfe", b"vpn"],
        27: [(3600).to_bytes(4)],
        85: [(300).to_bytes(4)],
    }
    verdict, _ = check(answering(AccessAccept, attributes))
    assert isinstance(verdict, Accepted)
    assert verdict.user == User(
        "alice",
        groups=("staff", "vpn"),
        backend="radius",
        address="10.99.0.7",
        netmask="255.255.255.0",
        address6="fd00::7",
        dns=("10.0.0.53", "10.0.0.55", "fd00::53"),
        nbns=("10.0.0.54",),
        session_timeout=3600,
        interim_interval=300,
        class_=(b"OU=staff;", b"\xff\xfe", b"vpn"),
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {8: [bytes(4)]},
        {8: [b"\xff" * 4]},
        {8: [b"\xff\xff\xff\xfe"]},
        {8: [b"\x0a"]},
        {9: [bytes((255, 0, 255, 0))]},
        {
            26: [
                b"",
                b"\0\0\1\x37",
                b"\0\0\1\x37\x1c\x06\x0a",
                b"\0\0\1\x37\x1c\x00\x0a\x00\x00\x35",
                b"\0\0\1\x37\x1c\x02",
            ]
        },
        {27: [b"1"], 85: [(5).to_bytes(4)]},
        {1: [b"a\x07b"]},
    ],
)
def test_a_value_that_makes_no_sense_is_left_out(attributes: dict[int, list[bytes]]) -> None:
    assert user_of(attributes, ATTEMPT, ()) == user_of({}, ATTEMPT, ())


def test_the_server_may_name_the_user() -> None:
    user = user_of({1: [b"alice@example.com"]}, XauthAttempt("alice", domain="EX"), ())
    assert (user.name, user.domain) == ("alice@example.com", "")


def test_a_rejection_with_its_message() -> None:
    verdict, _ = check(answering(AccessReject, {18: [b"Your password\n", b" has expired"]}))
    assert isinstance(verdict, Rejected)
    assert verdict.reason.endswith("Your password  has expired")


def test_a_challenge_and_its_answer() -> None:
    verdict, _ = check(answering(AccessChallenge, {24: [b"\x01state"], 18: [b"Code?"]}))
    assert verdict == Challenged(Prompt.PASSCODE, "Code?", state=b"\x01state")
    _, (request,) = check(
        answering(AccessAccept), attempt=XauthAttempt("alice", passcode=b"123456", state=b"\x01state")
    )
    assert request[Attribute.STATE] == [b"\x01state"]
    assert request.PwDecrypt(request[Attribute.USER_PASSWORD][0]) == "123456"


def test_a_service_that_we_do_not_give_is_a_rejection() -> None:
    for service, expected in ((2, Accepted), (6, Rejected)):
        verdict, _ = check(answering(AccessAccept, {6: [service.to_bytes(4)]}))
        assert isinstance(verdict, expected)


def forged(request: Any) -> bytes:
    packet = request.CreateReply()
    packet.secret = b"another"
    packet.message_authenticator = True
    return bytes(packet.ReplyPacket())


def with_wrong_message_authenticator(request: Any) -> bytes:
    """Its Response Authenticator is right, as the attack on MD5 makes it."""
    packet = request.CreateReply(message_authenticator=False)
    packet[Attribute.MESSAGE_AUTHENTICATOR] = [bytes(16)]
    return bytes(packet.ReplyPacket())


def of_another_request(request: Any) -> bytes:
    packet = request.CreateReply()
    packet.id = (request.id + 1) % 256
    return bytes(packet.ReplyPacket())


@pytest.mark.parametrize(
    "reply",
    [
        answering(AccessAccept, message_authenticator=False),
        forged,
        with_wrong_message_authenticator,
        of_another_request,
        answering(AccessAccept, {33: [b"proxy state that we did not send"]}),
        lambda request: b"",
        lambda request: b"\x02",
        lambda request: bytes((2, request.id, 0xFF, 0xFF)) + bytes(16),
        lambda request: bytes((2, request.id, 0, 22)) + bytes(16) + b"\x50\x00",
    ],
)
def test_a_reply_that_proves_nothing_is_ignored(reply: Reply) -> None:
    verdict, requests = check(reply)
    assert isinstance(verdict, Unavailable)
    assert len(requests) == 2  # asked again


def test_a_server_that_has_sent_a_message_authenticator_is_required_to() -> None:
    async def run() -> list[Verdict]:
        replies = [answering(AccessAccept, message_authenticator=signed) for signed in (False, True, False)]

        def reply(request: Any) -> bytes:
            answer = replies.pop(0)(request) if replies else b""
            assert answer is not None
            return answer

        async with serving(reply) as (server,):
            known = RadiusServer("127.0.0.1", SECRET, server.port)
            asked = options(known, message_authenticator=MessageAuthenticator.AUTO)
            backend = RadiusBackend(asked, asyncio.get_running_loop().time)
            return [await backend.check(ATTEMPT) for _ in range(3)]

    assert [type(verdict) for verdict in asyncio.run(run())] == [Accepted, Accepted, Unavailable]


EAP_REQUEST_MD5 = bytes((1, 7, 0, 10, 4, 4)) + b"abcd"


@pytest.mark.parametrize(
    ("requests", "answers"),
    [
        ([EAP_REQUEST_MD5], []),
        ([bytes((1, 3, 0, 5, 1)), EAP_REQUEST_MD5], [bytes((2, 3, 0, 10, 1)) + b"alice"]),  # Identity
        ([bytes((1, 3, 0, 7, 2)) + b"hi", EAP_REQUEST_MD5], [bytes((2, 3, 0, 5, 2))]),  # Notification
        ([bytes((1, 3, 0, 5, 6)), EAP_REQUEST_MD5], [bytes((2, 3, 0, 6, 3, 4))]),  # GTC, which is declined
    ],
)
def test_eap(requests: list[bytes], answers: list[bytes]) -> None:
    challenges = [answering(AccessChallenge, {79: [each], 24: [b"s"]}) for each in requests]
    conversation = iter([*challenges, answering(AccessAccept)])
    verdict, received = check(lambda request: next(conversation)(request), method=RadiusMethod.EAP_MD5)
    assert isinstance(verdict, Accepted)
    digest = hashlib.md5(b"\x07open sesameabcd").digest()
    expected = [
        bytes((2, 0, 0, 10, 1)) + b"alice",
        *answers,
        bytes((2, 7, 0, 27, 4, 16)) + digest + b"alice",
    ]
    assert [b"".join(each[Attribute.EAP_MESSAGE]) for each in received] == expected
    assert all(each.verify_message_authenticator() and Attribute.USER_PASSWORD not in each for each in received)
    assert [each.get(Attribute.STATE) for each in received] == [None, *[[b"s"]] * len(requests)]


@pytest.mark.parametrize(
    "request_of_server",
    [
        b"",
        b"\x01",
        bytes((1, 7, 0, 4)),
        bytes((1, 7, 0, 11, 4, 4)) + b"abcd",
        bytes((2, 7, 0, 10, 4, 4)) + b"abcd",
        bytes((1, 7, 0, 5, 4)),
        bytes((1, 7, 0, 7, 4, 2)) + b"a",
        bytes((1, 7, 0, 6, 4, 0)),
    ],
)
def test_a_malformed_request_of_eap(request_of_server: bytes) -> None:
    verdict, _ = check(answering(AccessChallenge, {79: [request_of_server]}), method=RadiusMethod.EAP_MD5)
    assert isinstance(verdict, Unavailable)


def test_eap_without_an_end() -> None:
    verdict, received = check(answering(AccessChallenge, {79: [EAP_REQUEST_MD5]}), method=RadiusMethod.EAP_MD5)
    assert isinstance(verdict, Unavailable)
    assert len(received) == MOST_ROUNDS


def test_replies_of_eap_need_a_message_authenticator() -> None:
    verdict, _ = check(
        answering(AccessAccept, message_authenticator=False),
        method=RadiusMethod.EAP_MD5,
        message_authenticator=MessageAuthenticator.AUTO,
    )
    assert isinstance(verdict, Unavailable)


def test_a_genuine_reply_after_a_forged_one_is_accepted() -> None:
    genuine = answering(AccessAccept)
    sent: list[bytes] = []

    def both(request: Any) -> bytes | None:
        sent.append(forged(request))
        return sent[0] if len(sent) == 1 else genuine(request)

    verdict, _ = check(both)
    assert isinstance(verdict, Accepted)


def test_the_next_server_is_asked_and_the_silent_one_is_left_out_for_a_while() -> None:
    async def run() -> list[tuple[int, int]]:
        now = 0.0
        async with serving(silent, answering(AccessAccept)) as (dead, alive):
            known = [RadiusServer("127.0.0.1", SECRET, server.port) for server in (dead, alive)]
            backend = RadiusBackend(options(*known), lambda: now)
            counts = []
            for now in (0.0, 59.0, 61.0):  # noqa: B007  the clock reads it
                assert isinstance(await backend.check(ATTEMPT), Accepted)
                counts.append((len(dead.requests), len(alive.requests)))
            return counts

    assert asyncio.run(run()) == [(2, 1), (2, 2), (4, 3)]


def test_dead_servers_are_asked_when_there_are_no_others() -> None:
    async def run() -> int:
        async with serving(silent) as (dead,):
            backend = RadiusBackend(options(RadiusServer("127.0.0.1", SECRET, dead.port)), lambda: 0.0)
            for _ in range(2):
                assert isinstance(await backend.check(ATTEMPT), Unavailable)
            return len(dead.requests)

    assert asyncio.run(run()) == 4


def test_a_retransmission_is_the_same_packet() -> None:
    verdict, (first, second) = check(silent)
    assert isinstance(verdict, Unavailable)
    assert first.raw_packet == second.raw_packet


def test_nobody_listening_is_noticed_at_once() -> None:
    async def run() -> Verdict:
        async with serving(silent) as (server,):
            port = server.port
        patient = options(RadiusServer("127.0.0.1", SECRET, port), timeout=3600.0)
        return await RadiusBackend(patient, lambda: 0.0).check(ATTEMPT)

    assert isinstance(asyncio.run(run()), Unavailable)


@pytest.mark.parametrize(
    "attempt", [XauthAttempt("", b"x"), XauthAttempt("a" * 254, b"x"), XauthAttempt("a", b"x" * 129)]
)
def test_what_does_not_fit_into_a_packet_is_rejected(attempt: XauthAttempt) -> None:
    verdict, requests = check(answering(AccessAccept), attempt=attempt)
    assert isinstance(verdict, Rejected)
    assert requests == []


SESSION = Session("s1", "alice", "rw", "192.0.2.7", ("10.99.0.7", "fd00::7"), (b"one", b"two"))


def tell(notice: Notice, reply: Reply, now: float = 1000.0) -> Any:
    async def run() -> Any:
        async with serving(reply, kind=AcctPacket) as (server,):
            known = options(RadiusServer("127.0.0.1", SECRET, acct_port=server.port))
            await RadiusAccounting(known, lambda: 0.0, lambda: now).tell(notice)
            return server.requests[0]

    return asyncio.run(run())


def test_the_notice_of_an_end() -> None:
    usage = Usage((5 << 32) + 7, 11, 13, 17)
    request = tell(Notice(Status.STOP, SESSION, 990.0, 600, usage, Cause.USER_REQUEST), answering(5))
    assert request.VerifyAcctRequest()
    values = {kind: request[kind] for kind in (40, 44, 1, 8, 168, 46, 49, 41, 55)}
    assert values == {
        40: [(2).to_bytes(4)],
        44: [b"s1"],
        1: [b"alice"],
        8: [bytes((10, 99, 0, 7))],
        168: [bytes.fromhex("fd000000000000000000000000000007")],
        46: [(600).to_bytes(4)],
        49: [(1).to_bytes(4)],
        41: [(10).to_bytes(4)],
        55: [(990).to_bytes(4)],
    }
    octets = [int.from_bytes(request[kind][0]) for kind in (42, 52, 43, 53, 47, 48)]
    assert octets == [7, 5, 11, 0, 13, 17]
    assert request[25] == [b"one", b"two"]


def test_the_notice_of_a_beginning_has_no_usage() -> None:
    request = tell(Notice(Status.START, SESSION, 1000.0), answering(5))
    assert request[40] == [(1).to_bytes(4)]
    assert not [kind for kind in (42, 43, 46, 49, 41) if kind in request]


def test_a_notice_that_nobody_confirms_is_not_confirmed() -> None:
    with pytest.raises(NotConfirmed):
        tell(Notice(Status.START, SESSION, 1000.0), silent)
    with pytest.raises(NotConfirmed):
        tell(Notice(Status.START, SESSION, 1000.0), answering(3))


def test_one_address_leaves_places_to_others() -> None:
    """The server never answers those from one address."""

    def reply(request: Any) -> bytes | None:
        return answering(AccessAccept)(request) if request[Attribute.USER_NAME] == [b"alice"] else None

    async def run() -> tuple[Verdict, list[Verdict]]:
        async with serving(reply) as (server,):
            known = options(RadiusServer("127.0.0.1", SECRET, server.port), timeout=60.0)
            backend = RadiusBackend(known, asyncio.get_running_loop().time)
            attempts = [XauthAttempt(f"slow{number}", address="198.51.100.7") for number in range(256)]
            slow = [asyncio.create_task(backend.check(attempt)) for attempt in attempts]
            other = await backend.check(ATTEMPT)
            refused = [task.result() for task in slow if task.done()]
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            return other, refused

    other, refused = asyncio.run(run())
    assert isinstance(other, Accepted)
    assert [type(verdict) for verdict in refused] == [Unavailable] * 192
