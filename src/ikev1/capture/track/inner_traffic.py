"""A one-line summary of decrypted ESP payloads: hosts, protocols and counts."""

from __future__ import annotations

from collections import Counter

from ikev1.errors import RemoteError
from ikev1.esp.inner import IPV4, IPV6, InnerPacketError, decode, parse

_MOST_KINDS = 64  # counted separately
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
    """The decrypted payload has no valid ESP trailer."""

    code = "malformed"


def without_trailer(payload: bytes) -> tuple[bytes, int]:
    """Split off the trailer: return the inner packet and its next header (RFC 4303 §2.4 to §2.6).

    Raises:
        TrailerError: the padding is longer than the payload, or is not 1, 2, 3 ...
    """
    if len(payload) < 2:
        raise TrailerError("there is no trailer")
    padding, following = payload[-2], payload[-1]
    end = len(payload) - 2 - padding
    if end < 0 or payload[end:-2] != bytes(range(1, padding + 1)):
        raise TrailerError("the padding is not 1, 2, 3 ...")
    return payload[:end], following


def is_plausible(packet: bytes, following: int) -> bool:
    """Whether the payload is a plausible inner packet. Random octets have a valid trailer in one of 256 cases."""
    if following in (IPV4, IPV6):
        try:
            parse(packet)
        except InnerPacketError:
            return False
        return True
    return following == _NO_NEXT_HEADER or following in _PROTOCOLS


class InnerPackets:
    """Counts inner packets by kind."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._others = 0

    def add(self, packet: bytes, following: int) -> None:
        """Count an inner packet; ``following`` is the next header of ESP."""
        kind = _kind(packet, following)
        if kind in self._kinds or len(self._kinds) < _MOST_KINDS:
            self._kinds[kind] += 1
        else:
            self._others += 1

    def line(self) -> str:
        """The kinds with their counts, the most frequent first; empty without packets."""
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
        return f"not an IP packet ({error})"
    found = decode(flow)
    source, destination = str(found).split(",")[0].split(" -> ")
    return f"{source} -> {destination} {_words(found.protocol, packet[upper:] if upper else b'')}"


def _words(protocol: int, upper: bytes) -> str:
    name = _PROTOCOLS.get(protocol, f"protocol {protocol}")
    echo = _ECHOES.get((protocol, upper[0])) if upper else None
    return f"{name} {echo}" if echo else name
