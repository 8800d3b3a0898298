"""What was inside of ESP, in a line: which hosts exchanged what, and how often."""

from __future__ import annotations

from collections import Counter

from ikev1.errors import RemoteError
from ikev1.esp.inner import IPV4, IPV6, InnerPacketError, decode, parse

_MOST_KINDS = 64  # that are told apart while counting
_SHOWN = 4
_NO_NEXT_HEADER = 59  # RFC 4303 §2.6: a dummy packet
_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
_PROTOCOLS = {_ICMP: "ICMP", _TCP: "TCP", _UDP: "UDP", 47: "GRE", _ICMPV6: "ICMPv6", 108: "IPComp", 132: "SCTP"}
_ECHOES = {
    (_ICMP, 8): "echo request",
    (_ICMP, 0): "echo reply",
    (_ICMP, 3): "unreachable",
    (_ICMPV6, 128): "echo request",
    (_ICMPV6, 129): "echo reply",
}


class TrailerError(RemoteError, ValueError):
    """What was decrypted does not end as ESP does."""

    code = "malformed"


def without_trailer(payload: bytes) -> tuple[bytes, int]:
    """The packet, and the next header that says what it is (RFC 4303 §2.4 to §2.6).

    Raises:
        TrailerError: the padding is longer than the payload, or not what the RFC says.
    """
    if len(payload) < 2:
        raise TrailerError("there is no trailer")
    padding, following = payload[-2], payload[-1]
    end = len(payload) - 2 - padding
    if end < 0 or payload[end:-2] != bytes(range(1, padding + 1)):
        raise TrailerError("the padding is not 1, 2, 3 ...")
    return payload[:end], following


def is_plausible(packet: bytes, following: int) -> bool:
    """Whether that can have been inside of ESP: random octets end as ESP does once in 256 times, but seldom so."""
    if following in (IPV4, IPV6):
        try:
            parse(packet)
        except InnerPacketError:
            return False
        return True
    return following == _NO_NEXT_HEADER or following in _PROTOCOLS


class InnerPackets:
    """Counts packets by what they are."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._others = 0

    def add(self, packet: bytes, following: int) -> None:
        """Takes a packet that was inside of ESP; ``following`` is ESP's next header."""
        kind = _kind(packet, following)
        if kind in self._kinds or len(self._kinds) < _MOST_KINDS:
            self._kinds[kind] += 1
        else:
            self._others += 1

    def line(self) -> str:
        """The most frequent first; empty if there were none."""
        shown = [f"{kind} ×{count}" if count > 1 else kind for kind, count in self._kinds.most_common(_SHOWN)]
        rest = sum(self._kinds.values()) + self._others - sum(n for _, n in self._kinds.most_common(_SHOWN))
        return ", ".join(shown + ([f"{rest} others"] if rest else []))


def _kind(packet: bytes, following: int) -> str:
    if following == _NO_NEXT_HEADER:
        return "nothing (a dummy packet)"
    if following not in (IPV4, IPV6):
        return f"{_words(following, packet)} (transport mode)"
    try:
        flow, upper, _ = parse(packet)
    except InnerPacketError as error:
        return f"no IP packet ({error})"
    found = decode(flow)
    source, destination = str(found).split(",")[0].split(" -> ")
    return f"{source} -> {destination} {_words(found.protocol, packet[upper:] if upper else b'')}"


def _words(protocol: int, upper: bytes) -> str:
    name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    echo = _ECHOES.get((protocol, upper[0])) if upper else None
    return f"{name} {echo}" if echo else name
