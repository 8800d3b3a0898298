"""What `ikev1 connect` shows: lines as things happen, then one status line, rewritten each second on a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.events import ChildUp, ConfigReceived, Event, Failure, IkeDown, IkeUp, Note, XauthUp
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.record import present
from ikev1.daemon.l2tp.link import LinkAddresses
from ikev1.daemon.observe.event_log import Line
from ikev1.esp.plane import Counters
from ikev1.wire.words import printable

_ERASE = "\r\x1b[K"
_MOST_NETWORKS = 2  # in the status line
_MOST_LINES = 100  # of a banner: a gateway may send many again and again
_PATIENT = 3.0  # seconds without news that are not worth a status line
_LOCAL_LAN = {  # by whether the gateway permits it
    True: "the gateway permits direct access to the local network: --local-lan uses that",
    False: "the gateway does not permit direct access to the local network: --local-lan has no effect",
}
_UP = ("disconnected", "lost", "link-failed", "interrupted")
_OF_THIS_HOST = ("NET", "ESP", "CFG", "DMN")
_UNITS = ("B", "kB", "MB", "GB", "TB")


class TerminalView:
    """Follows a client connection on ``stream``; ``on_up`` is called once, after the line that says so. ``said`` puts
    what events say into the words of the user, and Ctrl-C does not disconnect what is ``background``. ``local_lan``:
    the user wants to reach the local network directly.
    """

    def __init__(
        self,
        stream: TextIO,
        gateway: str,
        user: str,
        on_up: Callable[[], None] = lambda: None,
        *,
        said: Callable[[str], str] = str,
        background: bool = False,
        local_lan: bool = False,
    ) -> None:
        self._stream = stream
        self._gateway = gateway
        self._terminal = stream.isatty()
        self._user = user
        self._on_up = on_up
        self._said = said
        self._background = background
        self._local_lan = local_lan
        self._quiet = False
        self._status = ""
        self._failure = ""  # the last one: the end of the ISAKMP SA that follows has the same reason
        self._link = ""

    @property
    def live(self) -> bool:
        """Whether there is a status line: somebody looks at a terminal."""
        return self._terminal and not self._quiet

    def calling(self, patience: float) -> None:
        """Say who is called, and for how many seconds without a response."""
        self._line(f"calling {self._gateway}; giving up after {duration(patience)} without a response")

    def calls_instead(self, gateway: str) -> None:
        """Say that a backup server of the gateway is called."""
        self._line(f"{self._gateway} does not answer any more; its backup server is tried")
        self._gateway = gateway

    def event(self, event: Event) -> None:
        """Write a line about what the user can understand."""
        if isinstance(event, IkeUp):
            self._line("phase 1 is complete")
        elif isinstance(event, XauthUp):
            self._line("the gateway has accepted the user")
        elif isinstance(event, ConfigReceived) and event.sa.received not in (None, event.before):
            self._configuration(present(event.sa.received))
        elif isinstance(event, ChildUp) and event.replaces is None:
            self._line(f"tunnel {event.child.local} to {event.child.remote}")
        elif isinstance(event, Failure):
            self._failure = event.text
            self._line(f"{self._said(event.text)} ({event.code})")
        elif isinstance(event, IkeDown) and event.reason != self._failure:
            self._line(f"ISAKMP SA closed: {self._said(event.reason)}")

    def silent(self, note: Note, left: float) -> None:
        """Say that a message is repeated, and for how many seconds at most the gateway is waited for."""
        self._line(f"{note.text}; giving up in {duration(left)}")

    def waiting(self, sa: IkeSa, since: float, left: float) -> None:
        """Rewrite the status line, on a terminal: what has not come for ``since`` seconds, and when that ends."""
        if since < _PATIENT or sa.awaits_user:  # a question to the user may be open
            return
        what = "the address" if sa.awaits_config else "the tunnel" if sa.is_up else "phase 1"
        self._show(f"waiting {duration(since)} for {what}, giving up in {duration(left)}")

    def failed(self, reason: str) -> None:
        """Say why the gateway cannot be called, or why there is no PPP link."""
        self._line(self._said(reason))

    def warn(self, line: Line) -> None:
        """Write a line of the log about this host; `event` has those about the gateway."""
        if line.group in _OF_THIS_HOST:
            self._line(f"warning: {self._said(line.text)}")

    def link(self, addresses: LinkAddresses) -> None:
        """Write a line about the PPP link, which the status line names from now on."""
        self._link = f"{addresses.interface} {addresses.local}"
        self._line(f"PPP link {self._link}, peer {addresses.peer}")
        if addresses.name_servers:
            self._line(f"name servers {', '.join(addresses.name_servers)}")

    def up(self) -> None:
        """Say that the connection is usable."""
        self._line("connected; Ctrl-C disconnects" if self._terminal and not self._background else "connected")
        if self._background:
            self._line(f"in the background, process {os.getpid()}: `ikev1 disconnect {self._gateway}` disconnects")
        self._on_up()
        self._on_up = lambda: None

    def tick(self, sa: IkeSa, children: list[tuple[ChildSa, Counters]], now: float) -> None:
        """Rewrite the status line, on a terminal."""
        address = ", ".join(sa.received.addresses) if sa.received is not None else self._link
        octets_in = sum(counters.bytes_in for _, counters in children)
        octets_out = sum(counters.bytes_out for _, counters in children)
        rekeys = [child.rekey_at for child, _ in children if child.rekey_at]
        networks = list(dict.fromkeys(str(child.remote) for child, _ in children))
        more = f" and {len(networks) - _MOST_NETWORKS} more" if len(networks) > _MOST_NETWORKS else ""
        to = f"to {', '.join(networks[:_MOST_NETWORKS])}{more}" if networks else ""
        phase = "user asked" if sa.awaits_user else "up" if networks else "no tunnel"
        parts = [phase, self._user, address, to, f"in {amount(octets_in)}", f"out {amount(octets_out)}"]
        if rekeys:
            parts.append(f"rekey in {duration(min(rekeys) - now)}")
        self._show("  ".join(part for part in parts if part))

    def end(self, outcome: str, reason: str = "") -> None:
        """Say how the connection ended."""
        text = outcome if outcome in _UP else f"not connected: {outcome}"
        self._line(f"{text}: {reason}" if reason else text)

    def silence(self) -> None:
        """Write nothing any more: nobody looks."""
        self._quiet = True

    def _configuration(self, received: ModeConfig) -> None:
        if received.addresses:
            self._line(f"address {', '.join(received.addresses)}")
        if received.dns:
            domain = f" for {printable(received.default_domain)}" if received.default_domain else ""
            self._line(f"name servers {', '.join(received.dns)}{domain}")
        if received.backup_servers:
            self._line(f"backup servers {printable(', '.join(received.backup_servers))}")
        if received.local_lan != self._local_lan:
            self._line(_LOCAL_LAN[received.local_lan])
        for line in received.banner.splitlines()[:_MOST_LINES]:
            self._line(f"| {printable(line)}")

    def _show(self, status: str) -> None:
        """Rewrite the status line; one that is wider than the terminal would leave a line behind each time."""
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError):
            width = 0
        self._status = status[: width - 1] if width > 1 else status
        self._write(f"{_ERASE}{self._status}")

    def _line(self, text: str) -> None:
        erase = _ERASE if self._terminal and self._status else ""
        self._status = ""
        self._write(f"{erase}{text}\n")

    def _write(self, text: str) -> None:
        if self._quiet:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # the terminal is closed
            self._quiet = True


def amount(octets: int) -> str:
    """Octets in the unit that needs few digits."""
    value = float(octets)
    for unit in _UNITS[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    left = max(0, int(seconds))
    if left >= 3600:
        return f"{left // 3600}h {left % 3600 // 60:02}m"
    return f"{left // 60}m {left % 60:02}s"
