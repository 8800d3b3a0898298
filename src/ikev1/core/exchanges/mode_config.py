"""Mode config as a topic of the Transaction exchange: addresses and networks of a client.

As gateway, the caller assigns the addresses (`AssignAddresses`) before a client's REQUEST is answered, or before a SET
is sent. As client, a REPLY or SET is stored in `IkeSa.received`. Without a pool, a REQUEST is answered without
addresses; an unexpected SET is acknowledged without accepting anything (draft-dukes-ike-mode-cfg-02 §2).
"""

from __future__ import annotations

from ikev1.core.exchanges.transaction_topic import Topic
from ikev1.core.negotiation import mode_config as attributes
from ikev1.core.peer.vendor_ids import speaks_unity
from ikev1.core.records.actions import AssignAddresses, Question
from ikev1.core.records.answers import AddressesAssigned, Answer
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, ConfigAssigned, ConfigReceived, Failure
from ikev1.core.records.exchange import TransactionDecision
from ikev1.core.records.mode_config import ConfigPush, ConfigRequest, ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.remote_access import Saying
from ikev1.core.records.settings import Connection
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigType, NotifyType

_VERSION = "ikev1"  # for peers without a pool
_LEAST_EXPIRY = 60  # seconds
_RENEWED = 0.9  # of the expiry


def requested_versions(connection: Connection) -> tuple[int, ...]:
    """The IP versions, 4 and 6, of the virtual addresses that we request as client."""
    return tuple(sorted(map(ip_version, connection.vips)))


# --- REQUEST and SET of the peer -------------------------------------------------------------------------------------


def _asked(context: ExchangeContext, payload: ConfigAttributes) -> TransactionDecision:
    if payload.type == ConfigType.SET:
        return _set(context, payload)
    request = attributes.requested(payload.attributes)
    if context.connection.pools:
        return request
    return _reply(context, ModeConfig(application_version=_VERSION), request)


def _set(context: ExchangeContext, payload: ConfigAttributes) -> Saying:
    accepted: tuple[Attribute, ...] = ()
    if context.connection.vips:
        _take(context, attributes.received(payload.attributes))
        accepted = attributes.acknowledged(payload.attributes)
    return Saying(ConfigType.ACK, payload.identifier, accepted)


def _answer(context: ExchangeContext, decision: Saying) -> Saying:
    return decision


def _reply(context: ExchangeContext, config: ModeConfig, request: ConfigRequest) -> Saying:
    data = present(context.exchange.transaction)
    return Saying(ConfigType.REPLY, data.identifier, attributes.reply(config, request))


# --- REPLY and ACK of the peer ---------------------------------------------------------------------------------------


def _answered(context: ExchangeContext, payload: ConfigAttributes) -> None:
    if payload.type == ConfigType.REPLY:
        _take(context, attributes.received(payload.attributes))
    else:
        context.sa = replace(context.sa, awaits_config=False, config_due_at=0.0)


def _take(context: ExchangeContext, config: ModeConfig) -> None:
    """Store a configuration from the gateway. One without addresses, such as a banner, changes only what it contains:
    it does not have everything sent through the tunnel that was for some networks.

    Raises:
        Refusal: an address is that of the gateway, which nobody here would reach any more.
    """
    sa, before = context.sa, context.sa.received
    if sa.path.remote_host in config.addresses:
        text = f"mode config: the gateway gives its own address {sa.path.remote_host} to this client"
        raise Refusal(Code.MALFORMED, text, notify=NotifyType.PAYLOAD_MALFORMED)
    if not config.addresses and before is not None and not sa.awaits_config:
        unset = ModeConfig()
        values = ((name, getattr(config, name)) for name in config.__struct_fields__)
        config = replace(before, **{name: value for name, value in values if value != getattr(unset, name)})
    rekey_at = _renewed_at(context, config.expiry) if config.expiry and sa.is_current else sa.rekey_at
    context.sa = replace(sa, received=config, awaits_config=False, config_due_at=0.0, rekey_at=rekey_at)
    context.report(ConfigReceived(context.sa, before))


def _renewed_at(context: ExchangeContext, expiry: int) -> float:
    """When the ISAKMP SA is renewed, and the addresses are requested again: in time before they expire in ``expiry``
    seconds. "The host MUST renew the IP address before this expiry time" (draft-dukes-ike-mode-cfg-02 §3.4).
    """
    at = context.now + max(expiry, _LEAST_EXPIRY) * _RENEWED
    return min(context.sa.rekey_at or at, at)


# --- the addresses of a client ---------------------------------------------------------------------------------------


def _ask(context: ExchangeContext, decision: TransactionDecision) -> Question | None:
    sa = context.sa
    if isinstance(decision, ConfigRequest):
        versions, suggested = attributes.requested_versions(decision), decision.addresses
    elif isinstance(decision, ConfigPush):
        versions, suggested = decision.versions, ()
    else:
        return None
    return AssignAddresses(0, sa, context.connection, versions, suggested, sa.assigned_addresses)


def _take_answer(context: ExchangeContext, decision: TransactionDecision, answer: Answer) -> TransactionDecision | None:
    config, reason = ModeConfig(), "the addresses cannot be assigned"
    if isinstance(answer, AddressesAssigned):
        config, reason = answer.config, answer.reason
    asked = _ask(context, decision)
    wanted = asked.versions if isinstance(asked, AssignAddresses) else ()
    if wanted:
        others = [a for a in context.sa.assigned_addresses if ip_version(a) not in wanted]
        config = replace(config, addresses=(*config.addresses, *others))
        context.sa = replace(context.sa, assigned=config)
        if config.addresses:
            context.report(ConfigAssigned(context.sa))
    if reason and wanted:
        sa = context.sa
        context.report(Failure(Code.NO_ADDRESS, f"no virtual address for the client: {reason}", sa.path.remote, sa))
    if isinstance(decision, ConfigRequest):
        return _reply(context, config, decision)
    push = present(decision if isinstance(decision, ConfigPush) else None)
    unity = speaks_unity(context.sa.vendors)
    return Saying(ConfigType.SET, push.identifier, attributes.pushed(config, unity=unity))


def _goes_on(saying: Saying) -> bool:
    return False


MODE_CONFIG = Topic("config", _asked, _answer, _answered, _ask, _take_answer, _goes_on)
