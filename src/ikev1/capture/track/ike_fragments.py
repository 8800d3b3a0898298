"""IKE fragments: one message in several datagrams (MS-IKEE §2.2.3.1, §3.1.5), put together again."""

from __future__ import annotations

from ikev1.capture.records.packets import Datagram
from ikev1.wire.header import HEADER_SIZE, Header
from ikev1.wire.message import parse_message
from ikev1.wire.payloads import Fragment
from ikev1.wire.registry import PayloadType

_MOST_WAITING = 16  # messages at a time, in one conversation
_MOST_OCTETS = 1 << 16  # of one message: more no UDP datagram could have carried whole


def fragment_of(header: Header, octets: bytes) -> Fragment | None:
    """The fragment that a message is, or None: it then stands alone (MS-IKEE §2.2.3.1).

    Raises:
        WireError: it should be one, and is malformed.
    """
    if header.next_payload != PayloadType.FRAGMENT or header.encrypted:
        return None
    return parse_message(header, octets[HEADER_SIZE:]).one(Fragment)


class IkeReassembly:
    """The messages of one conversation of which pieces are still missing, the oldest forgotten first."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int, int], dict[int, tuple[Fragment, Datagram]]] = {}

    def take(self, fragment: Fragment, datagram: Datagram) -> Datagram | None:
        """The whole message, once this is its last missing piece."""
        name = (datagram.source, datagram.source_port, fragment.id)
        pieces = self._waiting.setdefault(name, {})
        pieces[fragment.number] = fragment, datagram
        last = max((each.number for each, _ in pieces.values() if each.last), default=0)
        if last and all(number in pieces for number in range(1, last + 1)):
            del self._waiting[name]
            return _whole([pieces[number] for number in range(1, last + 1)])
        if sum(len(each.data) for each, _ in pieces.values()) > _MOST_OCTETS:
            del self._waiting[name]
        elif len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        return None

    def missing(self) -> list[str]:
        """What never came, in words."""
        return [
            f"of a message in IKE fragments from {host} only {', '.join(map(str, sorted(pieces)))} are there "
            f"(frames {', '.join(str(datagram.frames[0]) for _, datagram in pieces.values())})"
            for (host, _, _), pieces in self._waiting.items()
        ]


def _whole(pieces: list[tuple[Fragment, Datagram]]) -> Datagram:
    frames = sorted({frame for _, datagram in pieces for frame in datagram.frames})
    newest = max(pieces, key=lambda piece: piece[1].time)[1]
    return newest._replace(frames=tuple(frames), payload=b"".join([fragment.data for fragment, _ in pieces]))
