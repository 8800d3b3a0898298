"""The row functions that the phase 1 exchanges share: SA, key exchange and NAT discovery, and the end (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.core.negotiation import phase1_proposal
from ikev1.core.negotiation.private_attributes import note_ignored
from ikev1.core.negotiation.rekey_times import deadlines
from ikev1.core.peer import nat_traversal, reflection, vendor_ids
from ikev1.core.peer.authentication import derive, respond, shared_secret
from ikev1.core.peer.phase1_auth import is_hybrid, note_requests, request_certificates
from ikev1.core.peer.weak_algorithms import warn_of_phase1
from ikev1.core.records.context import Turn
from ikev1.core.records.events import Code, IkeUp, Note
from ikev1.core.records.methods import ENCRYPTING
from ikev1.core.records.model import Anchor, Chosen, IkeState, KeyShare, Path, Role
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Connection
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

__all__ = [
    "NONCE_LENGTH",
    "accept_sa",
    "answer_sa",
    "choose_among",
    "choose_sa",
    "establish",
    "look_for_nat",
    "nat_d",
    "no_connection",
    "offer_sa",
    "send_ke",
    "send_share",
    "take_ke",
    "take_share",
]

_USER_PATIENCE = 60  # seconds in which XAUTH must authenticate the client of a hybrid phase 1
NONCE_LENGTH = 32  # octets; RFC 2409 §5: "The length of nonce payload MUST be between 8 and 256 bytes inclusive"


# --- SA -------------------------------------------------------------------------------------------------------------


def offer_sa(turn: Turn) -> list[Payload]:
    """Offers the policies of the connection, and says what we can do."""
    offered = phase1_proposal.offer(turn.connection.policies)
    turn.sa = replace(turn.sa, SAi_b=build_body(offered))
    return [offered, *vendor_ids.OURS]


def choose_sa(turn: Turn, message: Message) -> None:
    """Chooses connection and policy: the first connection, the most specific first, whose policies the offer meets."""
    candidates = turn.context.candidates(turn.sa)
    if not candidates:
        raise no_connection(turn.sa.path)
    choose_among(candidates, turn, message)


def no_connection(path: Path) -> Refusal:
    """Why nobody is answered who calls along ``path``."""
    text = f"no connection is configured for a peer at {path.remote_host} that calls {path.local_host}"
    return Refusal(Code.NO_CONNECTION, text, notify=NotifyType.NO_PROPOSAL_CHOSEN)


def choose_among(candidates: tuple[Connection, ...], turn: Turn, message: Message) -> None:
    """Chooses the first of ``candidates`` whose policies the offer meets, and prepares the answer.

    Raises:
        Refusal: no policy of any of them is in the offer; the reason is that of the first.
    """
    offered = message.one(SecurityAssociation)
    place, chosen, answer = phase1_proposal.choose_among([each.policies for each in candidates], offered)
    turn.connection = candidates[place]
    turn.sa = replace(
        turn.sa,
        connection=turn.connection.name,
        chosen=chosen,
        SAi_b=message.body_of(offered),
        vendors=tuple(payload.data for payload in message.all(VendorId)),
    )
    turn.prepared = [answer, *vendor_ids.answer_to(turn.sa.vendors)]
    _follow_method(turn, chosen)


def _follow_method(turn: Turn, chosen: Chosen) -> None:
    """Goes on by the table for what was chosen, where that has one: "The authentication method negotiated [...]
    influences the composition of the payloads but not their purpose" (RFC 2409 §5).
    """
    method = chosen.suite.authentication
    if method in ENCRYPTING:
        turn.exchange = replace(turn.exchange, method=method)


def answer_sa(turn: Turn) -> list[Payload]:
    """Answers with what was chosen."""
    return turn.prepared


def accept_sa(turn: Turn, message: Message) -> None:
    """Takes the responder's choice, which must be one of our offers."""
    reflection.refuse_own_cookie(turn, message.header.CKY_R)
    offered = parse_body(PayloadType.SECURITY_ASSOCIATION, turn.sa.SAi_b)
    assert isinstance(offered, SecurityAssociation)
    chosen = phase1_proposal.accept(offered, message.one(SecurityAssociation))
    turn.sa = replace(
        turn.sa,
        CKY_R=message.header.CKY_R,
        chosen=chosen,
        vendors=tuple(payload.data for payload in message.all(VendorId)),
    )
    _follow_method(turn, chosen)


# --- KE, nonces, NAT-D ----------------------------------------------------------------------------------------------


def send_share(turn: Turn, number: int) -> list[Payload]:
    """Sends our public value of group ``number`` and nonce; a responder has both halves then, and derives the keys."""
    sa, random = turn.sa, turn.context.random
    if sa.role is Role.INITIATOR:
        private, public = group(number).generate(random)
        nonce = random(NONCE_LENGTH)
        turn.sa = replace(sa, share=KeyShare(private, g_xi=public, Ni_b=nonce))
    else:
        assert sa.share is not None
        public, g_xy = respond(number, sa.share.g_xi, random)
        nonce = random(NONCE_LENGTH)
        turn.sa = replace(sa, share=replace(sa.share, g_xr=public, Nr_b=nonce))
        derive(turn, g_xy)
    return [KeyExchange(public), Nonce(nonce)]


def send_ke(turn: Turn) -> list[Payload]:
    """Sends our public value and nonce, and what the peer needs to find a NAT."""
    assert turn.sa.chosen is not None
    return [*send_share(turn, turn.sa.chosen.suite.group), *request_certificates(turn), *nat_d(turn)]


def take_ke(turn: Turn, message: Message) -> None:
    """Takes the peer's public value and nonce, and looks for a NAT."""
    take_share(turn, message)
    look_for_nat(turn, message)


def take_share(turn: Turn, message: Message) -> None:
    """Takes the peer's public value and nonce; an initiator has both halves then, and derives the keys."""
    note_requests(turn, message)
    sa = turn.sa
    public, nonce = message.one(KeyExchange).data, message.one(Nonce).data
    if sa.role is Role.INITIATOR:
        reflection.refuse_own_share(turn, public, nonce)
        assert sa.share is not None
        assert sa.chosen is not None
        g_xy = shared_secret(sa.chosen.suite.group, sa.share.private, public)
        turn.sa = replace(sa, share=replace(sa.share, private=b"", g_xr=public, Nr_b=nonce))
        derive(turn, g_xy)
    else:
        turn.sa = replace(sa, share=KeyShare(b"", g_xi=public, Ni_b=nonce))


def nat_d(turn: Turn) -> list[NatDiscovery]:
    """What the peer needs to find a NAT, if it knows NAT traversal."""
    sa = turn.sa
    flavour = vendor_ids.flavour_of(sa.vendors)
    if flavour is None:
        return []
    assert sa.chosen is not None
    return nat_traversal.nat_d(sa.chosen.suite.hash, sa.cookies, sa.path, flavour, turn.connection.encapsulation)


def look_for_nat(turn: Turn, message: Message) -> None:
    """Looks for a NAT by what the peer sent for that."""
    sa = turn.sa
    flavour = vendor_ids.flavour_of(sa.vendors)
    if flavour is None:
        return
    assert sa.chosen is not None
    forced = turn.connection.encapsulation
    nat = nat_traversal.discover(sa.chosen.suite.hash, sa.cookies, sa.path, flavour, message.all(NatDiscovery), forced)
    if nat is None:
        return
    path = sa.path
    if sa.role is Role.INITIATOR:
        # RFC 3947 §4: "the initiator MUST change ports when sending the ID payload"
        path = nat_traversal.floated(path, nat, turn.context.settings.encapsulation_port)
    turn.sa = replace(sa, nat=nat, path=path)
    if nat.encapsulate:
        ends = {(True, True): "both of us", (True, False): "us", (False, True): "the peer"}
        who = ends.get((nat.local_behind, nat.remote_behind))
        found = f"a NAT is before {who}" if who else "no NAT, but the connection asks for encapsulation"
        turn.report(Note(Code.NAT_FOUND, f"{found}: ESP will travel in UDP ({flavour})", turn.sa))


# --- the end --------------------------------------------------------------------------------------------------------


def establish(turn: Turn) -> None:
    """The ISAKMP SA is up: keeps what later exchanges need and forgets the rest."""
    sa = turn.sa
    assert sa.keys is not None
    assert sa.chosen is not None
    awaits_user = is_hybrid(sa.chosen.suite.authentication)
    lifetime = _USER_PATIENCE if awaits_user else sa.chosen.lifetime
    rekey_at, expires_at = deadlines(turn.now, lifetime, sa.role, turn.connection, turn.context.random)
    turn.sa = replace(
        sa,
        state=IkeState.ESTABLISHED,
        anchor=Anchor(*sa.hosts, turn.context.fingerprint(turn.connection)),
        confirmed=not turn.speaks_last,
        # a responder answered where we called it; an initiator floats with its last message
        reached=(sa.path.remote_host, sa.path.remote_port) if sa.role is Role.INITIATOR else None,
        awaits_user=awaits_user,
        share=None,
        SAi_b=b"",
        requested=(),
        keys=replace(sa.keys, SKEYID=b"", last_block=turn.exchange.iv),
        established_at=turn.now,
        rekey_at=0.0 if awaits_user else rekey_at,
        expires_at=expires_at,
    )
    turn.report(IkeUp(turn.sa))
    note_ignored(turn, sa.chosen.ignored)
    warn_of_phase1(turn, sa.chosen.suite)
