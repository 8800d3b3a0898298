"""Row functions shared by the phase 1 exchanges: SA, key exchange, NAT discovery, establishment (RFC 2409 §5)."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.negotiation import phase1_proposal
from ikev1.core.negotiation.lifetime_attributes import PHASE_1, note_changed_life
from ikev1.core.negotiation.private_attributes import note_ignored
from ikev1.core.negotiation.rekey_times import deadlines
from ikev1.core.peer import nat_traversal, reflection, vendor_ids
from ikev1.core.peer.authentication import derive, exchanged
from ikev1.core.peer.phase1_auth import note_requests, request_certificates
from ikev1.core.peer.weak_algorithms import warn_of_phase1
from ikev1.core.peer.xauth_role import as_initiator, with_policies_as, xauth_role
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, IkeUp, Note
from ikev1.core.records.exchange import KeyShare, Life, Role
from ikev1.core.records.ike_sa import Anchor, Chosen, IkeState
from ikev1.core.records.methods import ENCRYPTING, base_of
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import astuple, present, replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.remote_access import Xauth
from ikev1.core.records.settings import Connection, NatTraversal, XauthRole
from ikev1.crypto.groups import group
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    KeyExchange,
    NatDiscovery,
    Nonce,
    Payload,
    SecurityAssociation,
    VendorId,
    build_body,
    parse_body,
)
from ikev1.wire.registry import NotifyType, PayloadType

_INITIATOR, _FORCE = Role.INITIATOR, NatTraversal.FORCE  # looked up once, as in `ikev1.core.records.exchange`
NONCE_LENGTH = 32  # octets; RFC 2409 §5: "The length of nonce payload MUST be between 8 and 256 bytes inclusive"


# --- SA -------------------------------------------------------------------------------------------------------------


def offer_sa(context: ExchangeContext, _: None = None) -> list[Payload]:
    """Offer the policies of the connection, and announce extensions by vendor IDs."""
    context.connection = as_initiator(context.connection)
    offered = phase1_proposal.offer(context.connection.policies)
    context.sa = replace(context.sa, SAi_b=build_body(offered))
    return [offered, *vendor_ids.announced(context.connection)]


class SaReply(NamedTuple):
    """A responder's decision about an offer: the SA payload of the answer, and the vendor IDs to send with it."""

    choice: SecurityAssociation
    vendors: tuple[VendorId, ...]


def choose_sa(context: ExchangeContext, message: Message) -> SaReply:
    """Choose the connection and the policy: the most specific connection with a policy that the offer contains."""
    candidates = context.engine.candidates(context.sa)
    if not candidates:
        raise no_connection(context.sa.path)
    return choose_among(tuple(with_policies_as(each, Role.RESPONDER) for each in candidates), context, message)


def no_connection(path: UdpPath) -> Refusal:
    """Return the refusal of an initiator on ``path``, whose addresses match no connection."""
    text = f"no connection matches remote address {path.remote_host} and local address {path.local_host}"
    return Refusal(Code.NO_CONNECTION, text, notify=NotifyType.NO_PROPOSAL_CHOSEN)


def choose_among(candidates: tuple[Connection, ...], context: ExchangeContext, message: Message) -> SaReply:
    """Choose the first of ``candidates`` with a policy that the offer contains.

    Raises:
        Refusal: the offer contains no policy of any candidate; the reason given is that of the first candidate.
    """
    offered = message.one(SecurityAssociation)
    place, chosen, choice = phase1_proposal.choose_among([each.policies for each in candidates], offered)
    context.connection = candidates[place]
    context.sa = replace(
        context.sa,
        connection=context.connection.name,
        chosen=chosen,
        SAi_b=message.body_of(offered),
        vendors=vendor_ids.accepted(message.all(VendorId), context.connection.nat_traversal),
    )
    _follow_method(context, chosen)
    return SaReply(choice, vendor_ids.answer_to(context.sa.vendors, context.connection))


def _follow_method(context: ExchangeContext, chosen: Chosen) -> None:
    """Switch to the table of the chosen authentication method, if it has its own: "The authentication method negotiated
    [...] influences the composition of the payloads but not their purpose" (RFC 2409 §5).
    """
    method = chosen.suite.authentication
    if method in ENCRYPTING:
        context.exchange = replace(context.exchange, method=base_of(method))


def answer_sa(context: ExchangeContext, reply: SaReply) -> list[Payload]:
    """Answer with the chosen SA payload and the vendor IDs."""
    return [reply.choice, *reply.vendors]


def accept_sa(context: ExchangeContext, message: Message) -> None:
    """Accept the responder's choice, which must be one of the offered transforms."""
    reflection.refuse_own_cookie(context, message.header.CKY_R)
    offered = parse_body(PayloadType.SECURITY_ASSOCIATION, context.sa.SAi_b)
    assert isinstance(offered, SecurityAssociation)
    answer = message.one(SecurityAssociation)
    chosen = phase1_proposal.accept(offered, answer)
    note_changed_life(context, offered, answer, PHASE_1, Life(chosen.lifetime, chosen.lifetime_kilobytes))
    context.sa = replace(
        context.sa,
        CKY_R=message.header.CKY_R,
        chosen=chosen,
        vendors=vendor_ids.accepted(message.all(VendorId), context.connection.nat_traversal),
    )
    _follow_method(context, chosen)


# --- KE, nonces, NAT-D ----------------------------------------------------------------------------------------------


def send_share(context: ExchangeContext, number: int) -> tuple[KeyExchange, Nonce]:
    """Generate a public value in group ``number`` and a nonce; a responder then derives the keys."""
    sa, random = context.sa, context.engine.random
    if sa.role is _INITIATOR:
        private, public = group(number).generate(random)
        nonce = random(NONCE_LENGTH)
        context.sa = replace(sa, share=KeyShare(private, g_xi=public, Ni_b=nonce))
    else:
        share = present(sa.share)
        public, g_xy = astuple(exchanged(context, number, b"", share.g_xi))
        nonce = random(NONCE_LENGTH)
        derive(context, replace(share, g_xr=public, Nr_b=nonce), g_xy)
    return KeyExchange(public), Nonce(nonce)


def send_ke(context: ExchangeContext, _: None) -> list[Payload]:
    """Send the public value, the nonce, certificate requests, and the NAT-D payloads."""
    return [*send_share(context, context.sa.suite.group), *request_certificates(context), *nat_d(context)]


def take_ke(context: ExchangeContext, message: Message) -> None:
    """Process the peer's public value and nonce, and detect a NAT."""
    take_share(context, message)
    look_for_nat(context, message)


def take_share(context: ExchangeContext, message: Message) -> None:
    """Process the peer's public value and nonce; an initiator then derives the keys."""
    note_requests(context, message)
    sa = context.sa
    public, nonce = message.one(KeyExchange).data, message.one(Nonce).data
    if sa.role is _INITIATOR:
        reflection.refuse_own_share(context, public, nonce)
        share = present(sa.share)
        g_xy = exchanged(context, sa.suite.group, share.private, public).shared
        derive(context, replace(share, private=b"", g_xr=public, Nr_b=nonce), g_xy)
    else:
        context.sa = replace(sa, share=KeyShare(b"", g_xi=public, Ni_b=nonce))


def nat_d(context: ExchangeContext) -> list[NatDiscovery]:
    """Return the NAT-D payloads; none if the peer does not support NAT traversal."""
    sa = context.sa
    version = vendor_ids.version_of(sa.vendors)
    if version is None:
        return []
    forced = context.connection.nat_traversal is _FORCE
    return nat_traversal.nat_d(sa.suite.hash, sa.cookies, sa.path, version, forced)


def look_for_nat(context: ExchangeContext, message: Message) -> None:
    """Detect a NAT by the peer's NAT-D payloads."""
    sa = context.sa
    version = vendor_ids.version_of(sa.vendors)
    if version is None:
        return
    forced = context.connection.nat_traversal is _FORCE
    nat = nat_traversal.discover(sa.suite.hash, sa.cookies, sa.path, version, message.all(NatDiscovery), forced)
    if nat is None:
        return
    path = sa.path
    if sa.role is _INITIATOR:
        # RFC 3947 §4: "the initiator MUST change ports when sending the ID payload"
        path = nat_traversal.floated(path, nat, *context.engine.settings.floated_ports)
    context.sa = replace(sa, nat=nat, path=path)
    if nat.encapsulate:
        ends = {(True, True): "both peers", (True, False): "this host", (False, True): "the peer"}
        who = ends.get((nat.local_behind, nat.remote_behind))
        found = f"NAT detected in front of {who}" if who else "no NAT, but NAT traversal is forced"
        context.report(Note(Code.NAT_FOUND, f"{found}: using UDP encapsulation ({version})", context.sa))


# --- establishment --------------------------------------------------------------------------------------------------


def establish(context: ExchangeContext) -> None:
    """Mark the ISAKMP SA as established, and clear the fields that later exchanges do not need."""
    sa = context.sa
    chosen = present(sa.chosen)
    as_user = xauth_role(chosen.suite.authentication, sa.role, context.connection)
    rekeying = context.connection.rekeying if context.connection.rekey else None
    if as_user is None:
        rekey_at, expires_at = deadlines(context.now, chosen.lifetime, sa.role, rekeying, context.engine.random)
    else:  # until the user is authenticated
        rekey_at, expires_at = 0.0, context.now + context.connection.xauth_timeout
    context.sa = replace(
        sa,
        state=IkeState.ESTABLISHED,
        anchor=Anchor(*sa.hosts, context.engine.fingerprint(context.connection)),
        confirmed=not context.speaks_last,
        # a responder answered at the address of the initiator's request; an initiator floats with its last message
        reached=(sa.path.remote_host, sa.path.remote_port) if sa.role is _INITIATOR else None,
        xauth=None if as_user is None else Xauth(serves=as_user is XauthRole.SERVER),
        share=None,
        SAi_b=b"",
        requested=(),
        keys=replace(present(sa.keys), SKEYID=b"", last_block=context.exchange.iv),
        established_at=context.now,
        rekey_at=rekey_at,
        expires_at=expires_at,
    )
    context.report(IkeUp(context.sa))
    note_ignored(context, chosen.ignored)
    warn_of_phase1(context, chosen.suite)
