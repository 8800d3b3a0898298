"""Quick Mode: three messages that negotiate a pair of IPsec SAs under an ISAKMP SA (RFC 2409 §5.5)."""

from __future__ import annotations

import math

from ikev1.core.exchanges.interpreter import Row, Script
from ikev1.core.exchanges.negotiated_pair import negotiated_pair
from ikev1.core.exchanges.pair_replacement import (
    finish,
    heir_of,
    known_pairs,
    previous_of,
    put_pair,
    sends_for,
)
from ikev1.core.exchanges.phase1_steps import NONCE_LENGTH
from ikev1.core.negotiation import phase2_proposal
from ikev1.core.negotiation.ipsec_suite import is_ah
from ikev1.core.negotiation.lifetime_attributes import PHASE_2, note_changed_life
from ikev1.core.negotiation.private_attributes import note_ignored
from ikev1.core.negotiation.responder_lifetime import lifetime_notify, notified_life
from ikev1.core.peer import nat_traversal
from ikev1.core.peer.authentication import respond, shared_secret
from ikev1.core.peer.selector_payload import payload_of
from ikev1.core.peer.traffic_selectors import answered_identities, check_still_free, selected_traffic, wanted_tunnel
from ikev1.core.peer.vendor_ids import is_vpnc
from ikev1.core.records.actions import AllocateSpi, InstallInbound, InstallOutbound, Question
from ikev1.core.records.answers import Answer, Done, Failed, Spis
from ikev1.core.records.child_sa import ChildState, IpsecMode, OriginalAddresses
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import ChildReady, Code
from ikev1.core.records.exchange import Agreed, Choice, KeyShare, QuickMode, QuickModeDecision
from ikev1.core.records.record import present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Tunnel
from ikev1.core.records.spi import is_usable
from ikev1.crypto.groups import group
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    KeyExchange,
    NatOriginalAddress,
    Nonce,
    Payload,
    SecurityAssociation,
    build_body,
    parse_body,
)
from ikev1.wire.registry import ExchangeType, NotifyType, PayloadType, ProtocolId

_CISCO_NONCE = 20  # octets
_DRAWS = 4  # attempts to allocate an SPI that differs from the peer's
SWITCHES_AFTER = 5.0  # seconds after QM3: a peer that missed it repeats QM2 earlier than that


# --- QM1 ------------------------------------------------------------------------------------------------------------


def _offer(context: ExchangeContext, _: QuickMode) -> list[Payload]:
    wanted = _quick(context)
    tunnel = _tunnel(context, wanted.tunnel)
    wanted = replace(wanted, known=known_pairs(context, tunnel, wanted.local, wanted.remote))
    received, chosen = context.sa.received, context.sa.chosen
    if received is not None and received.pfs and chosen is not None:
        tunnel = phase2_proposal.with_forward_secrecy(tunnel, chosen.suite.group)
    previous = previous_of(context, wanted)
    preferred = context.sa.suite.group
    if previous is not None:
        tunnel = phase2_proposal.as_before(tunnel, previous.suite, previous.group)
        preferred = previous.group
    if wanted.group:
        tunnel = phase2_proposal.with_forward_secrecy(tunnel, wanted.group)
    tunnel = phase2_proposal.of_one_group(tunnel, preferred)
    _check_nat(context, tunnel)
    mode = nat_traversal.encapsulation_mode(tunnel.mode, context.sa.nat)
    offered = phase2_proposal.offer(tunnel, wanted.spi, mode, wanted.cpi)
    pfs = tunnel.proposals[0].group
    private, public = group(pfs).generate(context.engine.random) if pfs else (b"", b"")
    # vpnc derives keys from 20 octets of its nonce, and sends as many as it has received
    nonce = context.engine.random(_CISCO_NONCE if is_vpnc(context.sa.vendors) else NONCE_LENGTH)
    share = KeyShare(private, g_xi=public, Ni_b=nonce)
    context.exchange = replace(
        context.exchange, data=replace(wanted, share=share, group=pfs, offer=build_body(offered))
    )
    identities = [payload_of(wanted.local), payload_of(wanted.remote)]
    return [offered, Nonce(nonce), *_key_exchange(public), *identities, *_original_addresses(context, tunnel)]


def _key_exchange(public: bytes) -> list[KeyExchange]:
    """Return the KE payload with perfect forward secrecy, none without."""
    return [KeyExchange(public)] if public else []


def _original_addresses(context: ExchangeContext, tunnel: Tunnel) -> list[NatOriginalAddress]:
    """Return the NAT-OA payloads: "In the case of transport mode, both ends MUST send both original Initiator and
    Responder addresses to the other end. For tunnel mode, both ends SHOULD NOT" (RFC 3947 §5.2).
    """
    nat = context.sa.nat
    if nat is None or not nat.encapsulate or tunnel.mode is IpsecMode.TUNNEL:
        return []
    return nat_traversal.original_addresses(nat, context.sa.path, context.exchange.role)


def _choose(context: ExchangeContext, message: Message) -> Choice:
    tunnel, local, remote = wanted_tunnel(context, message)
    _check_nat(context, tunnel)
    offered = message.one(SecurityAssociation)
    mode = nat_traversal.encapsulation_mode(tunnel.mode, context.sa.nat)
    agreed, taken = phase2_proposal.choose(tunnel, offered, mode)
    public = _peer_public(message, agreed.group)
    nonce, identities = message.one(Nonce).data, answered_identities(context, tunnel, (local, remote), message)
    note_ignored(context, agreed.ignored)
    chosen = phase2_proposal.chosen_sa(offered, taken, 0, 0)
    original = _named_addresses(context, tunnel, message)
    return Choice(tunnel.name, local, remote, agreed, chosen, nonce, public, identities, original)


def _named_addresses(context: ExchangeContext, tunnel: Tunnel, message: Message) -> OriginalAddresses | None:
    """Return the addresses in the peer's NAT-OA payloads, which are for transport mode alone."""
    if tunnel.mode is IpsecMode.TUNNEL:
        return None
    sa, payloads = context.sa, message.all(NatOriginalAddress)
    return nat_traversal.named_addresses(sa.nat, sa.path, context.exchange.role, payloads)


def _check_nat(context: ExchangeContext, tunnel: Tunnel) -> None:
    """Refuse AH if there is a NAT between the peers: AH protects the addresses that a NAT changes (RFC 3715 §2.1)."""
    if context.sa.nat is not None and context.sa.nat.encapsulate and is_ah(tunnel.proposals[0].suite):
        raise Refusal(
            Code.NO_PROPOSAL_CHOSEN,
            f"tunnel {tunnel.name!r} uses AH, which works neither through a NAT nor in UDP; a NAT was detected: use "
            "ESP with null encryption instead",
            notify=NotifyType.NO_PROPOSAL_CHOSEN,
        )


def _peer_public(message: Message, pfs: int) -> bytes:
    """Return the peer's public value, which is required if the transform has a group, and otherwise forbidden (RFC 2409
    §5.5).
    """
    key_exchange = message.first(KeyExchange)
    if (key_exchange is None) is not (pfs == 0):
        fault = "the KE payload is missing" if pfs else "KE payload, but no group in the transform"
        raise Refusal(Code.MALFORMED, f"perfect forward secrecy: {fault}", notify=NotifyType.INVALID_KEY_INFORMATION)
    return key_exchange.data if key_exchange is not None else b""


# --- QM2 ------------------------------------------------------------------------------------------------------------


def _agree(context: ExchangeContext, choice: Choice, spis: Spis) -> None:
    """Generate the nonce and public value of the responder, and derive the pair of IPsec SAs."""
    agreed, random = choice.agreed, context.engine.random
    public, g_xy = respond(agreed.group, choice.public, random) if agreed.group else (b"", b"")
    nonce = random(NONCE_LENGTH)
    share = KeyShare(b"", g_xi=choice.public, g_xr=public, Ni_b=choice.nonce, Nr_b=nonce)
    tunnel, local, remote = _tunnel(context, choice.tunnel), choice.local, choice.remote
    known = known_pairs(context, tunnel, local, remote)
    quick = QuickMode(
        tunnel.name, share, spis.spi, local, remote, spis.cpi, agreed.group, known=known, original=choice.original
    )
    _make_pair(context, tunnel, quick, agreed, g_xy)


def _answer(context: ExchangeContext, choice: Choice) -> list[Payload]:
    quick, agreed = _quick(context), choice.agreed
    answer: list[Payload] = [
        phase2_proposal.under_spis(choice.chosen, quick.spi, quick.cpi),
        Nonce(quick.share.Nr_b),
        *_key_exchange(quick.share.g_xr),
        *choice.identities,
        *_original_addresses(context, _tunnel(context, choice.tunnel)),
    ]
    if agreed.shortened:
        answer.append(lifetime_notify(agreed.suite.protocol, quick.spi.to_bytes(4), agreed.life))
    return answer


def _accept(context: ExchangeContext, message: Message) -> None:
    quick = _quick(context)
    tunnel = _tunnel(context, quick.tunnel)
    offered = parse_body(PayloadType.SECURITY_ASSOCIATION, quick.offer)
    assert isinstance(offered, SecurityAssociation)
    answer = message.one(SecurityAssociation)
    agreed = phase2_proposal.accept(tunnel, offered, answer)
    note_changed_life(context, offered, answer, PHASE_2, agreed.life)
    if agreed.spi == quick.spi:
        raise Refusal(
            Code.REFLECTION,
            f"the peer uses our SPI {quick.spi:08x} as its own: both directions would use one key (RFC 2409 §5.5). "
            "Its random numbers are bad, or it tries to send our packets back to us",
            notify=NotifyType.NO_PROPOSAL_CHOSEN,
            ends=True,
        )
    agreed = agreed._replace(life=notified_life(message, agreed.suite.protocol, agreed.life))
    local, remote = selected_traffic(context, tunnel, quick, message)
    public = _peer_public(message, agreed.group)
    g_xy = shared_secret(agreed.group, quick.share.private, public) if agreed.group else b""
    share = replace(quick.share, private=b"", g_xr=public, Nr_b=message.one(Nonce).data)
    original = _named_addresses(context, tunnel, message)
    quick = replace(quick, share=share, local=local, remote=remote, original=original)
    _make_pair(context, tunnel, quick, agreed, g_xy)


def _make_pair(context: ExchangeContext, tunnel: Tunnel, quick: QuickMode, agreed: Agreed, g_xy: bytes) -> None:
    """Derive the pair of IPsec SAs and add it to the exchange."""
    child = negotiated_pair(context, tunnel, quick, agreed, g_xy)
    context.exchange = replace(context.exchange, data=replace(quick, child=child, offer=b""))


# --- QM3 ------------------------------------------------------------------------------------------------------------


def _confirm(context: ExchangeContext, _: None) -> list[Payload]:
    """No payloads but HASH(3), which proves that the initiator has the responder's nonce.

    Many responders install nothing before they receive it. If older pairs carry the traffic, they do so for some time,
    or until the peer sends with the new pair. vpnc has only the newest pair, and knows the old one no more.
    """
    quick = _quick(context)
    older = [child for child in context.sa.children if sends_for(child, quick)]
    if older and not is_vpnc(context.sa.vendors):
        ends_at = min((child.expires_at for child in older if child.expires_at), default=math.inf)
        sends_at = context.now + min(SWITCHES_AFTER, max(0.0, ends_at - context.now) / 2)
        context.exchange = replace(context.exchange, data=replace(quick, sends_at=sends_at))
        context.report(ChildReady(context.sa, present(quick.child).without_keys(), sends_at))
    return []


def _pause(context: ExchangeContext) -> float:
    """Return the time until which the outbound SA is not installed."""
    quick = context.exchange.data
    if isinstance(quick, QuickMode) and quick.installed == 1 and QUICK_MODE.is_over(context.exchange):
        return quick.sends_at
    return 0.0


def _confirmed(context: ExchangeContext, message: Message) -> None:
    """Check that the traffic is still free, and keep it so; HASH(3) was verified when the message was decrypted."""
    quick = _quick(context)
    check_still_free(context, _tunnel(context, quick.tunnel), quick)
    put_pair(context, present(quick.child).coming(ChildState.INSTALLING))


def _quick(context: ExchangeContext) -> QuickMode:
    return present(context.exchange.quick)


def _tunnel(context: ExchangeContext, name: str) -> Tunnel:
    tunnel = context.connection.tunnel(name)
    if tunnel is not None:
        return tunnel
    raise Refusal(
        Code.NO_CONNECTION,
        f"connection {context.connection.name!r} no longer has a tunnel {name!r}",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


# --- questions and answers ------------------------------------------------------------------------------------------


def _ask(context: ExchangeContext, decision: QuickModeDecision) -> Question | None:
    """Return the next question: allocate an SPI first, install the inbound SA before the message that lets the peer
    send, and install the outbound SA before the pair is established.
    """
    exchange, quick = context.exchange, context.exchange.quick
    if quick is None:
        if isinstance(decision, Choice):
            suite, compress = decision.agreed.suite, decision.agreed.compression != 0
        else:
            tunnel = _tunnel(context, decision.tunnel)
            suite, compress = tunnel.proposals[0].suite, tunnel.compress
        return AllocateSpi(0, context.sa.path, suite.protocol, compress)
    if quick.child is None:
        return None
    if not quick.installed:
        return InstallInbound(0, quick.child)
    if quick.installed > 1 or not QUICK_MODE.is_over(exchange) or heir_of(context, quick) is not quick.child:
        return None
    return InstallOutbound(0, quick.child)


def _take_answer(context: ExchangeContext, decision: QuickModeDecision, answer: Answer) -> QuickModeDecision:
    quick = context.exchange.quick
    if quick is None:
        return _take_spis(context, decision, answer)
    if isinstance(answer, Failed):
        text = f"the data plane could not install the IPsec SAs of tunnel {quick.tunnel!r}: {answer.reason}"
        raise Refusal(Code.INSTALL_FAILED, text, notify=NotifyType.NO_PROPOSAL_CHOSEN)
    assert isinstance(answer, Done)
    if not quick.installed:
        child = present(quick.child)
        if answer.reqid:
            child = replace(child, reqid=answer.reqid)
            quick = replace(quick, child=child)
        # The peer relies on the pair after the next message, so it is in the record that is stored before that
        put_pair(context, child.coming(ChildState.CREATED))
    context.exchange = replace(context.exchange, data=replace(quick, installed=quick.installed + 1))
    return decision


def _take_spis(context: ExchangeContext, decision: QuickModeDecision, answer: Answer) -> QuickModeDecision:
    """Continue with an SPI that differs from the peer's. With one SPI for both directions, KEYMAT is one key for both
    (RFC 2409 §5.5): packets could be reflected to their sender, and AES-GCM counters would be reused.

    Raises:
        Refusal: the allocation failed, the SPI is unusable, or the data plane repeatedly allocates the peer's SPI.
    """
    if isinstance(answer, Failed):
        raise _no_spi(f"cannot allocate an SPI: {answer.reason}")
    assert isinstance(answer, Spis)
    if not is_usable(answer.spi) or context.engine.has_spi(answer.spi):
        raise _no_spi(f"the data plane allocated SPI {answer.spi:08x}, which is reserved or in use")
    if answer.cpi and not is_usable(answer.cpi, ProtocolId.IPCOMP):
        raise _no_spi(f"the data plane allocated CPI {answer.cpi:08x}, which is reserved")
    if isinstance(decision, QuickMode):
        context.exchange = replace(context.exchange, data=replace(decision, spi=answer.spi, cpi=answer.cpi))
    elif answer.spi != decision.agreed.spi:
        _agree(context, decision, answer)
    elif decision.draws + 1 < _DRAWS:
        return replace(decision, draws=decision.draws + 1)
    else:
        raise _no_spi(
            f"the data plane allocated the peer's SPI {answer.spi:08x} {_DRAWS} times: both directions would use "
            "one key"
        )
    return decision


def _no_spi(text: str) -> Refusal:
    return Refusal(Code.NO_SPI, text, notify=NotifyType.NO_PROPOSAL_CHOSEN)


QUICK_MODE = Script(
    "QM",
    ExchangeType.QUICK_MODE,
    (
        #   from  RFC 2409 §5.5                                                build     check
        Row("i", "HDR*, HASH(1), SA, Ni [, KE] [, IDci, IDcr] [, NAT-OA]", _offer, _choose),
        Row("r", "HDR*, HASH(2), SA, Nr [, KE] [, IDci, IDcr] [, NAT-OA]", _answer, _accept),
        Row("i", "HDR*, HASH(3)", _confirm, _confirmed),
    ),
    finish=finish,
    patient_responder=True,
    ask=_ask,
    take_answer=_take_answer,
    pause=_pause,
)
