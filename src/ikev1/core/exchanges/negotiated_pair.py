"""The pair of IPsec SAs that a Quick Mode negotiates: its record, and its keys (RFC 2409 §5.5)."""

from __future__ import annotations

from hashlib import blake2s

from ikev1.core.exchanges.pair_replacement import previous_of
from ikev1.core.exchanges.protection import keys_of
from ikev1.core.negotiation.ipsec_suite import key_sizes
from ikev1.core.negotiation.rekey_times import deadlines, volumes
from ikev1.core.peer.selector_conflicts import may_share_address
from ikev1.core.peer.traffic_selectors import carried_networks
from ikev1.core.records.child_sa import ChildSa, Compression, IpsecKeys
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.exchange import Agreed, QuickMode
from ikev1.core.records.record import astuple, present
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Tunnel
from ikev1.crypto import keymat


def negotiated_pair(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, agreed: Agreed, g_xy: bytes) -> ChildSa:
    """Return the pair of IPsec SAs that this Quick Mode negotiated; ``g_xy`` is empty without a KE payload."""
    sa = context.sa
    previous = previous_of(context, quick)
    random, rekeying = context.engine.random, tunnel.rekeying if context.connection.rekey else None
    rekey_at, expires_at = deadlines(context.now, agreed.life.seconds, context.exchange.role, rekeying, random)
    rekey_bytes, rekey_packets = (0, 0) if rekeying is None else volumes(rekeying, random)
    return ChildSa(
        unique_id=context.engine.next_pair_id(),
        name=quick.tunnel,
        connection=context.connection.name,
        suite=agreed.suite,
        inbound=_keys(context, quick, agreed, quick.spi, g_xy),
        outbound=_keys(context, quick, agreed, agreed.spi, g_xy),
        local=quick.local,
        remote=quick.remote,
        path=sa.path,
        udp_encapsulation=sa.nat is not None and sa.nat.encapsulate,
        initiator=context.initiates,
        created_at=context.now,
        rekey_at=rekey_at,
        expires_at=expires_at,
        lifetime_kilobytes=agreed.life.kilobytes,
        rekey_bytes=rekey_bytes,
        rekey_packets=rekey_packets,
        replay_window=tunnel.replay_window,
        group=agreed.group,
        networks_of_peer=previous.networks_of_peer if previous is not None else not context.initiates,
        reqid=previous.reqid if previous is not None else context.engine.next_reqid(),
        mode=tunnel.mode,
        compression=Compression(agreed.compression, quick.cpi, agreed.cpi) if agreed.compression else None,
        marks=tunnel.marks,
        peer=_peer_name(context) if may_share_address(context, tunnel) else b"",
        original_addresses=quick.original,
        networks=_networks(context, tunnel, quick, previous),
    )


def _networks(
    context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, previous: ChildSa | None
) -> tuple[Selector, ...]:
    """Return what the pair carries of the traffic that it has: as ``previous``, which it replaces, as long as that is
    allowed, because the data plane switches between pairs of the same packets.
    """
    networks = carried_networks(context, tunnel, quick.local, quick.remote)
    if previous is not None and previous.networks and {*previous.networks} <= {*networks}:
        return previous.networks
    return networks


def _peer_name(context: ExchangeContext) -> bytes:
    """Return a digest of the key of the peer, by which the data plane knows its next pairs."""
    return blake2s(repr(astuple(present(context.sa.claim))).encode(), digest_size=8).digest()


def _keys(context: ExchangeContext, quick: QuickMode, agreed: Agreed, spi: int, g_xy: bytes) -> IpsecKeys:
    """Return the keys of one direction: "the SPI chosen by the destination of the SA is used to derive KEYMAT" (RFC
    2409 §5.5).
    """
    sa, share = context.sa, quick.share
    cipher_octets, integrity_octets = key_sizes(agreed.suite)
    material = keymat.KEYMAT(
        sa.suite.hash,
        keys_of(sa).SKEYID_d,
        agreed.suite.protocol,
        spi.to_bytes(4),
        share.Ni_b,
        share.Nr_b,
        cipher_octets + integrity_octets,
        g_xy,
    )
    # RFC 2407 §4.4.4 leaves the order to the transforms. RFC 2401 §4.4.3: "the encryption key(s) MUST be taken from the
    # first (leftmost) bits and the authentication key from the remaining bits"
    return IpsecKeys(spi, material[:cipher_octets], material[cipher_octets:])
