"""Which messages are sent in IKE fragments, and of which size (MS-IKEE §3.3)."""

from __future__ import annotations

from ikev1.core.peer.vendor_ids import takes_fragments
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Role
from ikev1.core.records.settings import Fragmentation
from ikev1.wire.fragmentation import in_fragments
from ikev1.wire.header import NO_COOKIE

SMALLEST = 500
"""Octets that every path carries in one packet: shorter messages are never fragmented."""

_UDP = 8
_NON_ESP_MARKER = 4  # counted in any case: a message may be repeated on another port
_IPV4, _IPV6 = 20, 40  # octets of an IP header
_DEFAULT_IPV4, _DEFAULT_IPV6 = 576, 1280  # octets of an IP packet: "the minimum MTU for the protocol" (MS-IKEE §3.3.1)


def datagrams_of(context: ExchangeContext, message: bytes) -> tuple[bytes, ...]:
    """Return the datagrams that carry ``message``, the next one of the exchange: several if it is too long for one, and
    the connection and the peer allow that.
    """
    wanted = context.connection.fragmentation
    if wanted is not Fragmentation.FORCE and (
        wanted is not Fragmentation.YES or not takes_fragments(context.sa.vendors)
    ):
        return (message,)
    if context.exchange.role is Role.RESPONDER and context.sa.CKY_R == NO_COOKIE:
        return (message,)  # the stateless answer to message 1 of Main Mode, which is about as long as that
    return in_fragments(message, _room(context))


def _room(context: ExchangeContext) -> int:
    """Return the octets of an ISAKMP datagram that fits into an IP packet of the configured size."""
    is_ipv6 = ":" in context.sa.path.remote_host
    size = context.connection.fragment_size
    if size is None:
        size = context.engine.settings.fragment_size
    size = size or (_DEFAULT_IPV6 if is_ipv6 else _DEFAULT_IPV4)
    return size - (_IPV6 if is_ipv6 else _IPV4) - _UDP - _NON_ESP_MARKER
