"""The status line, on a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from ikev1.cli.connect.view import TerminalView, amount, duration
from ikev1.core.records.events import Code, ConfigReceived, Failure, IkeDown, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Xauth
from ikev1.daemon.l2tp.link import LinkAddresses
from ikev1.daemon.observe.event_log import Level, Line


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (10**18, "1000000.0 TB")],
)
def test_amounts(octets: int, text: str) -> None:
    assert amount(octets) == text


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0m 00s"), (61.9, "1m 01s"), (3600, "1h 00m"), (86_399, "23h 59m")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_configuration_with_control_characters_and_many_lines() -> None:
    """What a gateway sends moves no cursor, and begins no line of its own that looks like ours."""
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol")
    banner = "\x1b[2Jhello\r\nname servers 6.6.6.6\u2028address 6.6.6.6\x07" + 1000 * "\n"
    config = ModeConfig(dns=("10.1.0.53",), default_domain="\x1b]0;x\x07\n6.6.6.6", banner=banner)
    path = UdpPath("192.0.2.9", 500, "192.0.2.1", 500)
    received = ConfigReceived(IkeSa(1, "connect", Role.INITIATOR, path, b"i" * 8, b"r" * 8, 0.0, received=config))
    view.event(received)
    shown = stream.getvalue()
    assert all(character.isprintable() or character == "\n" for character in shown)
    lines = shown.splitlines()
    assert len(lines) < 200
    assert [line for line in lines if not line.startswith("| ")] == lines[:1]
    view.event(received._replace(before=config))
    assert stream.getvalue() == shown, "the same again, as after each renewal of phase 1"


def test_the_end_of_an_sa_does_not_repeat_the_failure() -> None:
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol")
    path = UdpPath("192.0.2.9", 500, "192.0.2.1", 500)
    sa = IkeSa(1, "connect", Role.INITIATOR, path, b"i" * 8, b"r" * 8, 0.0)
    view.event(Failure(Code.XAUTH_FAILED, "wrong password", path.remote, sa))
    view.event(IkeDown(sa, "wrong password"))
    view.event(IkeDown(sa, "another reason"))
    assert stream.getvalue().count("wrong password") == 1
    assert "another reason" in stream.getvalue()


def test_lines_of_the_log_about_this_host() -> None:
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol")
    view.warn(Line(Level.WARNING, "NET", "no name servers"))
    view.warn(Line(Level.WARNING, "IKE", "shown as an event"))
    assert stream.getvalue() == "warning: no name servers\n"


class Terminal(io.StringIO):
    """A terminal with this many columns."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._own, other = pty.openpty()
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        os.close(other)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._own

    def close(self) -> None:
        os.close(self._own)
        super().close()


PATH = UdpPath("192.0.2.9", 500, "192.0.2.1", 500)
CALLING = IkeSa(1, "connect", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, 0.0)


@pytest.mark.parametrize("columns", [20, 80])
def test_a_status_line_is_not_wider_than_the_terminal(columns: int) -> None:
    with Terminal(columns) as stream:
        view = TerminalView(stream, "192.0.2.1", "a user with a long name")
        view.tick(replace(CALLING, received=ModeConfig(addresses=("10.99.0.10",))), [], 0.0)
        (status,) = stream.getvalue().split("\x1b[K")[1:]
    assert 0 < len(status) < columns
    assert status.startswith("no tunnel  a user w")


def test_a_gateway_that_does_not_answer() -> None:
    """A line for each repetition, and on a terminal a status line after some seconds; none over an open question."""
    with Terminal(80) as stream:
        view = TerminalView(stream, "192.0.2.1", "carol")
        view.calling(165.0)
        view.waiting(CALLING, 1.0, 164.0)
        before = stream.getvalue()
        assert (before.count("\n"), "\x1b" in before, "2m 45s" in before) == (1, False, True)
        view.silent(Note(Code.RETRANSMIT, "again", CALLING), 61.0)
        assert stream.getvalue().endswith("again; giving up in 1m 01s\n")
        view.waiting(CALLING, 10.0, 60.0)
        assert "0m 10s" in stream.getvalue().rpartition("\x1b[K")[2]
        shown = stream.getvalue()
        view.waiting(replace(CALLING, xauth=Xauth(serves=False)), 10.0, 60.0)
        assert stream.getvalue() == shown


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("permitted", [True, False])
def test_a_gateway_that_permits_what_the_user_does_not_want(wanted: bool, permitted: bool) -> None:
    """Or the other way round."""
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol", local_lan=wanted)
    config = ModeConfig(split_exclude=("0.0.0.0/32",) if permitted else (), backup_servers=("gw2\x1b", "gw3"))
    view.event(ConfigReceived(replace(CALLING, received=config), None))
    first, *others = stream.getvalue().splitlines()
    assert first.endswith("gw2?, gw3")
    assert ["--local-lan" in line for line in others] == [True] * (wanted is not permitted)


def test_the_words_of_the_user() -> None:
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol", said=lambda text: text.replace("remote_id", "--remote-id"))
    view.event(Failure(Code.ID_MISMATCH, "set remote_id", "192.0.2.1", CALLING))
    view.failed("check remote_id")
    assert stream.getvalue().splitlines() == ["set --remote-id (id-mismatch)", "check --remote-id"]


def test_a_ppp_link() -> None:
    stream = io.StringIO()
    view = TerminalView(stream, "192.0.2.1", "carol")
    view.link(LinkAddresses("ikev1ppp0", "10.99.0.10", "10.99.0.1", ("10.1.0.53",)))
    lines = stream.getvalue().splitlines()
    assert all(each in lines[0] for each in ("ikev1ppp0", "10.99.0.10", "10.99.0.1"))
    assert lines[1].endswith("10.1.0.53")


def test_what_is_hidden_once_nobody_looks() -> None:
    stream = io.StringIO()
    called: list[str] = []
    view = TerminalView(stream, "192.0.2.1", "carol", lambda: called.append("up"))
    view.up()
    assert called == ["up"]
    shown = stream.getvalue()
    assert "\x1b" not in shown
    view.silence()
    view.end("lost")
    assert stream.getvalue() == shown
