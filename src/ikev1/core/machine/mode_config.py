"""The place of mode config: after the peer and its user are authenticated, before any Quick Mode that needs it.

As client, this gateway requests a configuration (pull) or awaits it (push) for each ISAKMP SA, because many gateways
bind the addresses to the ISAKMP SA. As gateway, it assigns and sends addresses (push), or waits for requests (pull).
With a client that it has called, it begins no Quick Mode before that has requested its address.
Until the configuration is complete, Quick Modes wait (`IkeSa.awaits_config`).

An ISAKMP SA that renews another one inherits its configuration, so that the client keeps its addresses.
"""

from __future__ import annotations

from ikev1.core.exchanges.mode_config import MODE_CONFIG, requested_versions
from ikev1.core.exchanges.retransmission import patience
from ikev1.core.machine import closing, commands, established, lineage
from ikev1.core.machine.transact import fresh_identifier, transact
from ikev1.core.machine.transaction import SaRef
from ikev1.core.negotiation import mode_config as attributes
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.exchange import Exchange, Role, TransactionData
from ikev1.core.records.mode_config import ConfigPush, ModeConfigMethod
from ikev1.core.records.remote_access import Saying
from ikev1.core.records.settings import Connection, Unique
from ikev1.wire.registry import ConfigType

_INITIATOR = Role.INITIATOR  # looked up once, as in `ikev1.core.records.exchange`


def inherit(ref: SaRef) -> None:
    """Inherit the configuration of an older ISAKMP SA with the same peer, if this one has none."""
    sa = ref.sa
    if sa.assigned is not None or sa.received is not None:
        return
    for other in reversed(ref.tx.state.table.of_claim(sa)):
        if other.assigned is None and other.received is None:
            continue
        if lineage.unique(ref) is Unique.REPLACE or lineage.is_renewal(other, sa):
            ref.change(assigned=other.assigned, received=other.received)
            return


def begin(ref: SaRef) -> None:
    """Begin mode config under an ISAKMP SA whose peer, and its user if there is one, is authenticated."""
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None or not (connection.vips or connection.pools):
        return
    pulls = connection.mode_config is ModeConfigMethod.PULL
    ends_at = ref.tx.now + patience(ref.tx.state.settings)
    if connection.vips:
        ref.change(awaits_config=True, config_due_at=ends_at)
        if pulls:
            _request(ref, connection, ends_at)
    elif connection.pools and not pulls:
        ref.change(awaits_config=True, config_due_at=ends_at)
        transact(ref, MODE_CONFIG.name, ConfigPush(fresh_identifier(ref), _versions(ref, connection)), ends_at)
    elif ref.sa.role is _INITIATOR and _needs_address(ref, connection):
        ref.change(config_due_at=ends_at)


def _needs_address(ref: SaRef, connection: Connection) -> bool:
    """Whether a client that was called has no address yet, as it has to request one, and a queued tunnel is for it."""
    queued = (connection.tunnel(name) for name in ref.sa.queued)
    return ref.sa.assigned is None and any(tunnel is not None and tunnel.remote.dynamic for tunnel in queued)


def _request(ref: SaRef, connection: Connection, ends_at: float) -> None:
    received = ref.sa.received
    had = [address for address in connection.vips if address not in ("0.0.0.0", "::")]  # noqa: S104
    had += () if received is None else received.addresses
    wanted = attributes.request(requested_versions(connection), had, unity=True)
    transact(ref, MODE_CONFIG.name, Saying(ConfigType.REQUEST, fresh_identifier(ref), wanted), ends_at)


def _versions(ref: SaRef, connection: Connection) -> tuple[int, ...]:
    """The IP versions of the addresses in the pools of a connection."""
    pools = (pool for pool in ref.tx.state.settings.pools if pool.name in connection.pools)
    return tuple(sorted({selector.version for pool in pools for selector in pool.selectors}))


def after_exchange(ref: SaRef, exchange: Exchange) -> None:
    """Continue after a message of mode config, or after the answer to its question."""
    data = exchange.transaction or _data_now(ref, exchange)
    if data is None or data.topic != MODE_CONFIG.name:
        return
    sa, connection = ref.sa, ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is None:
        return
    pushes = bool(connection.pools) and connection.mode_config is ModeConfigMethod.PUSH
    given = sa.received if connection.vips else sa.assigned if pushes else None
    if given is not None and not given.addresses:
        side = "the gateway gave" if connection.vips else "there is"
        _fail(ref, f"{side} no virtual address")
    elif not sa.awaits_config:
        if sa.config_due_at:
            if sa.assigned is None:
                return  # the pools have not answered yet, or the client has requested something else
            ref.change(config_due_at=0.0)
        _forget_old_networks(ref)
        established.negotiate_queued(ref)


def _data_now(ref: SaRef, exchange: Exchange) -> TransactionData | None:
    found = (each.transaction for each in ref.sa.exchanges if each.message_id == exchange.message_id)
    return next(found, None)


def _forget_old_networks(ref: SaRef) -> None:
    """Replace the pairs for virtual addresses that the gateway has not assigned again."""
    for child in ref.sa.complete_children:
        if ref.sa.received is not None and commands.wants_other_networks(ref, child):
            closing.close_traffic(ref, child, "the gateway assigned another virtual address")
            if not commands.is_under_way(ref.sa, child.name):
                commands.begin_quick_mode(ref, child.name)


def given_up(ref: SaRef) -> None:
    """End the ISAKMP SA if the peer has not answered, or has not begun mode config, in time."""
    if not ref.sa.awaits_config:
        if ref.sa.config_due_at:  # the client has requested no address: its tunnels report that
            ref.change(config_due_at=0.0)
            established.negotiate_queued(ref)
        return
    connection = ref.tx.state.lookup.by_name(ref.sa.connection)
    if connection is not None and connection.vips:
        _fail(ref, f"{ref.sa.path.remote} gave no configuration in time; check which peer begins (mode_config)")
    else:
        _fail(ref, f"{ref.sa.path.remote} did not accept its configuration in time")


def _fail(ref: SaRef, text: str) -> None:
    for tunnel in ref.sa.queued or ("",):
        ref.tx.report(Failure(Code.NO_ADDRESS, f"mode config: {text}", ref.sa.path.remote, ref.sa, tunnel))
    closing.close_ike(ref, f"mode config: {text}")
