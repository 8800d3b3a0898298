"""Netlink itself: requests in a row, and what stays in memory."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.esp.netlink import (
    DUMP,
    GarbledAnswer,
    Netlink,
    NetlinkError,
    Notifications,
    Request,
    attribute,
    attributes,
)

NOOP, GET_LINK, DELETE_ROUTE = 1, 18, 25
NO_SUCH_TABLE = 4711


@pytest.fixture
def netlink() -> Iterator[Netlink]:
    netlink = Netlink(socket.NETLINK_ROUTE)
    yield netlink
    netlink.close()


def no_such_route() -> Request:
    header = struct.pack("=8BI", socket.AF_INET, 32, 0, 0, 252, 0, 255, 0, 0)
    table = attribute(15, struct.pack("=I", NO_SUCH_TABLE))
    return Request(DELETE_ROUTE, 0, (header, attribute(1, bytes((192, 0, 2, 1))), table))


def links(netlink: Netlink) -> list[bytes]:
    found = netlink.ask(GET_LINK, DUMP, (bytes(16),), lambda _, body: bytes(body))
    assert found
    return found


def test_what_the_kernel_said_is_wiped_once_it_is_read(netlink: Netlink) -> None:
    assert any(any(link) for link in links(netlink))
    assert not any(netlink._buffer)


def test_it_is_wiped_even_if_it_could_not_be_read(netlink: Netlink) -> None:
    def refuse(kind: int, body: memoryview) -> None:
        assert any(body)
        raise GarbledAnswer

    with pytest.raises(GarbledAnswer):
        netlink.ask(GET_LINK, DUMP, (bytes(16),), refuse)
    assert not any(netlink._buffer)
    links(netlink)


def test_each_request_in_a_row_has_an_answer_of_its_own(netlink: Netlink) -> None:
    """Without rights it is a refusal as well, only another one."""
    refusals = netlink.attempt(no_such_route(), Request(NOOP, 0, ()), no_such_route())
    assert [isinstance(refusal, NetlinkError) for refusal in refusals] == [True, False, True]
    with pytest.raises(NetlinkError):
        netlink.command(Request(NOOP, 0, ()), no_such_route())
    links(netlink)


def test_nothing_to_do(netlink: Netlink) -> None:
    assert netlink.attempt() == []
    netlink.command()


@given(st.dictionaries(st.integers(1, 0x3FFF), st.binary(max_size=40)))
def test_attributes_come_back(values: dict[int, bytes]) -> None:
    octets = b"".join(attribute(kind, value) for kind, value in values.items())
    assert {kind: bytes(value) for kind, value in attributes(octets).items()} == values


def test_flags_are_no_part_of_a_type() -> None:
    assert attributes(struct.pack("=HH", 4, 0x8000 | 5)).keys() == {5}


@given(st.binary(max_size=100))
def test_any_attributes_are_read_or_refused(octets: bytes) -> None:
    with suppress(GarbledAnswer):
        attributes(octets)


def test_notifications_of_other_processes_are_dropped() -> None:
    """Only the kernel may say what has changed; what others sent is wiped as well."""
    notifications = Notifications(socket.NETLINK_USERSOCK, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_USERSOCK) as other:
        other.bind((0, 0))
        other.sendto(b"forged" * 9, (notifications._socket.getsockname()[0], 0))
        assert list(notifications.read()) == []
    assert not any(notifications._buffer)
    notifications.close()


def test_notifications_are_wiped_behind_the_reader() -> None:
    notifications, octets = Notifications(socket.NETLINK_USERSOCK, 0), b"secret"
    notifications._socket.close()
    notifications._socket = _Kernel([octets, OSError(errno.ENOBUFS, ""), octets])  # type: ignore[assignment]
    seen = [None if found is None else bytes(found) for found in notifications.read()]
    assert seen == [octets, None, octets]
    assert not any(notifications._buffer)


class _Kernel:
    """A socket whose reads are scripted: octets of the kernel, or an error."""

    def __init__(self, reads: list[bytes | OSError]) -> None:
        self._reads = reads

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, tuple[int, int]]:
        if not self._reads:
            raise BlockingIOError
        read = self._reads.pop(0)
        if isinstance(read, OSError):
            raise read
        buffer[: len(read)] = read
        return len(read), (0, 0)
