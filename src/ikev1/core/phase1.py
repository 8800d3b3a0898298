"""The row functions that the phase 1 exchanges share: what each payload group of Main Mode means (RFC 2409 §5)."""

from __future__ import annotations

import hmac

from ikev1.core import identity, natt, proposal, vendor
from ikev1.core.events import Code, IkeUp, Note
from ikev1.core.lifetime import deadlines
from ikev1.core.model import Chosen, IkeSa, IkeState, Keys, KeyShare, Role
from ikev1.core.record import replace
from ikev1.core.refusal import Refusal
from ikev1.core.settings import Connection
from ikev1.core.turn import Turn
from ikev1.crypto import cipher, keymat
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.groups import group
from ikev1.wire.message import Message
from ikev1.wire.payloads import (
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
    build_body,
    parse_body,
)
from ikev1.wire.registry import DOI, NotifyType, PayloadType, ProtocolId

__all__ = [
    "accept_sa",
    "answer_sa",
    "choose_sa",
    "establish",
    "offer_sa",
    "send_auth",
    "send_ke",
    "take_ke",
    "verify_auth",
]

NONCE_LENGTH = 32  # octets; RFC 2409 §5: "The length of nonce payload MUST be between 8 and 256 bytes inclusive"


# --- SA -------------------------------------------------------------------------------------------------------------


def offer_sa(turn: Turn) -> list[Payload]:
    """Offers the policies of the connection, and says what we can do."""
    offered = proposal.offer(turn.connection.policies)
    turn.sa = replace(turn.sa, SAi_b=build_body(offered))
    return [offered, *vendor.OURS]


def choose_sa(turn: Turn, message: Message) -> None:
    """Chooses connection and policy: the first connection, the most specific first, whose policies the offer meets."""
    offered = message.one(SecurityAssociation)
    candidates = turn.context.candidates(turn.sa)
    if not candidates:
        path = turn.sa.path
        raise Refusal(
            Code.NO_CONNECTION,
            f"no connection is configured for a peer at {path.remote_host} that calls {path.local_host}",
            notify=NotifyType.NO_PROPOSAL_CHOSEN,
        )
    turn.connection, chosen, answer = _first_that_fits(candidates, offered)
    turn.sa = replace(
        turn.sa,
        connection=turn.connection.name,
        chosen=chosen,
        SAi_b=message.body_of(offered),
        vendors=tuple(payload.data for payload in message.all(VendorId)),
    )
    turn.prepared = [answer, *vendor.answer_to(turn.sa.vendors)]


def _first_that_fits(
    candidates: tuple[Connection, ...], offered: SecurityAssociation
) -> tuple[Connection, Chosen, SecurityAssociation]:
    refusals: list[Refusal] = []
    for connection in candidates:
        try:
            return connection, *proposal.choose(connection.policies, offered)
        except Refusal as refusal:
            refusals.append(refusal)
    raise refusals[0]


def answer_sa(turn: Turn) -> list[Payload]:
    """Answers with what was chosen."""
    return turn.prepared


def accept_sa(turn: Turn, message: Message) -> None:
    """Takes the responder's choice, which must be one of our offers."""
    offered = parse_body(PayloadType.SECURITY_ASSOCIATION, turn.sa.SAi_b)
    assert isinstance(offered, SecurityAssociation)
    turn.sa = replace(
        turn.sa,
        CKY_R=message.header.CKY_R,
        chosen=proposal.accept(offered, message.one(SecurityAssociation)),
        vendors=tuple(payload.data for payload in message.all(VendorId)),
    )


# --- KE, nonces, NAT-D ----------------------------------------------------------------------------------------------


def send_ke(turn: Turn) -> list[Payload]:
    """Sends our public value and nonce, and what the peer needs to find a NAT."""
    sa = turn.sa
    assert sa.chosen is not None
    private, public = group(sa.chosen.suite.group).generate(turn.context.random)
    nonce = turn.context.random(NONCE_LENGTH)
    if sa.role is Role.INITIATOR:
        share = KeyShare(private, g_xi=public, Ni_b=nonce)
    else:
        assert sa.share is not None
        share = replace(sa.share, private=private, g_xr=public, Nr_b=nonce)
    turn.sa = replace(sa, share=share)
    if sa.role is Role.RESPONDER:
        _derive(turn)
    return [KeyExchange(public), Nonce(nonce), *_nat_d(turn)]


def take_ke(turn: Turn, message: Message) -> None:
    """Takes the peer's public value and nonce, and looks for a NAT."""
    sa = turn.sa
    public, nonce = message.one(KeyExchange).data, message.one(Nonce).data
    check_nonce(nonce)
    if sa.role is Role.INITIATOR:
        assert sa.share is not None
        turn.sa = replace(sa, share=replace(sa.share, g_xr=public, Nr_b=nonce))
        _derive(turn)
    else:
        turn.sa = replace(sa, share=KeyShare(b"", g_xi=public, Ni_b=nonce))
    _look_for_nat(turn, message)


def check_nonce(nonce: bytes) -> None:
    """Checks the length of a nonce.

    Raises:
        Refusal: it is not between 8 and 256 octets.
    """
    if not 8 <= len(nonce) <= 256:
        raise Refusal(
            Code.MALFORMED,
            f"a nonce of {len(nonce)} octets: RFC 2409 §5 allows 8 to 256",
            notify=NotifyType.PAYLOAD_MALFORMED,
        )


def shared_secret(number: int, private: bytes, public: bytes) -> bytes:
    """g^xy of group ``number``.

    Raises:
        Refusal: the peer's public value is not one of this group.
    """
    try:
        return group(number).shared(private, public)
    except InvalidPublicValue as error:
        raise Refusal(
            Code.MALFORMED, f"the peer's key exchange value is bad: {error}", notify=NotifyType.INVALID_KEY_INFORMATION
        ) from error


def _derive(turn: Turn) -> None:
    sa = turn.sa
    share, chosen = sa.share, sa.chosen
    assert share is not None
    assert chosen is not None
    if not turn.connection.secret:
        raise Refusal(
            Code.NO_CONNECTION,
            f"connection {sa.connection!r} was removed, or its secret, while phase 1 was under way",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=True,
        )
    algorithm, encryption = chosen.suite.hash, chosen.suite.encryption
    peer_public = share.g_xr if sa.role is Role.INITIATOR else share.g_xi
    g_xy = shared_secret(chosen.suite.group, share.private, peer_public)
    # The key is chosen by address, for the identity arrives encrypted under a key that the secret makes (RFC 2409 §5.4)
    SKEYID = keymat.SKEYID_psk(algorithm, turn.connection.secret, share.Ni_b, share.Nr_b)
    SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(algorithm, SKEYID, g_xy, sa.CKY_I, sa.CKY_R)
    key = keymat.encryption_key(algorithm, SKEYID_e, cipher.key_size(encryption, chosen.suite.key_length))
    iv = keymat.phase1_iv(algorithm, share.g_xi, share.g_xr, cipher.block_size(encryption))
    turn.sa = replace(sa, keys=Keys(SKEYID, SKEYID_d, SKEYID_a, key, b""), share=replace(share, private=b""))
    turn.exchange = replace(turn.exchange, iv=iv)


def _nat_d(turn: Turn) -> list[NatDiscovery]:
    sa = turn.sa
    flavour = vendor.flavour_of(sa.vendors)
    if flavour is None:
        return []
    assert sa.chosen is not None
    return natt.nat_d(sa.chosen.suite.hash, sa.cookies, sa.path, flavour, turn.connection.encapsulation)


def _look_for_nat(turn: Turn, message: Message) -> None:
    sa = turn.sa
    flavour = vendor.flavour_of(sa.vendors)
    if flavour is None:
        return
    assert sa.chosen is not None
    forced = turn.connection.encapsulation
    nat = natt.discover(sa.chosen.suite.hash, sa.cookies, sa.path, flavour, message.all(NatDiscovery), forced)
    if nat is None:
        return
    path = sa.path
    if sa.role is Role.INITIATOR:
        # RFC 3947 §4: "the initiator MUST change ports when sending the ID payload"
        path = natt.floated(path, nat, turn.context.settings.encapsulation_port)
    turn.sa = replace(sa, nat=nat, path=path)
    if nat.encapsulate:
        ends = {(True, True): "both of us", (True, False): "us", (False, True): "the peer"}
        who = ends.get((nat.local_behind, nat.remote_behind))
        found = f"a NAT is before {who}" if who else "no NAT, but the connection asks for encapsulation"
        turn.report(Note(Code.NAT_FOUND, f"{found}: ESP will travel in UDP ({flavour})", turn.sa))


# --- ID, AUTH -------------------------------------------------------------------------------------------------------


def send_auth(turn: Turn) -> list[Payload]:
    """Sends our identity and the HASH that proves it."""
    sa = turn.sa
    own = identity.identification(turn.connection.local_id or sa.path.local_host)
    own_b = build_body(own)
    if sa.role is Role.INITIATOR:
        turn.sa = sa = replace(sa, IDii_b=own_b)
        payloads: list[Payload] = [own, Hash(_hash_i(sa))]
        if turn.context.first_contact(sa):
            payloads.append(Notification(DOI.IPSEC, ProtocolId.ISAKMP, sa.cookies, NotifyType.INITIAL_CONTACT, b""))
        return payloads
    turn.sa = sa = replace(sa, IDir_b=own_b)
    return [own, Hash(_hash_r(sa))]


def verify_auth(turn: Turn, message: Message) -> None:
    """Checks the peer's HASH, and that its identity is the one we expect.

    The proof comes first: an identity that nobody proved tells nothing.
    """
    sa = turn.sa
    theirs = message.one(Identification)
    _check_port(theirs)
    body = message.body_of(theirs)
    if sa.role is Role.INITIATOR:
        turn.sa = sa = replace(sa, IDir_b=body)
        expected = _hash_r(sa)
    else:
        turn.sa = sa = replace(sa, IDii_b=body)
        expected = _hash_i(sa)
    if not hmac.compare_digest(expected, message.one(Hash).data):
        raise Refusal(
            Code.AUTHENTICATION_FAILED,
            f"{identity.text_of(theirs)} did not prove its identity: its HASH is wrong",
            notify=NotifyType.AUTHENTICATION_FAILED,
        )
    _check_identity(turn, theirs)


def _check_port(theirs: Identification) -> None:
    # RFC 2407 §4.6.2: "the ID port and protocol fields MUST be set to zero or to UDP port 500. If an implementation
    # receives any other values, this MUST be treated as an error"; some peers write the port they floated to
    if theirs.protocol not in (0, 17) or theirs.port not in (0, 500, 4500):
        raise Refusal(
            Code.ID_MISMATCH,
            f"the identity {identity.text_of(theirs)} is bound to protocol {theirs.protocol} port {theirs.port}",
            notify=NotifyType.INVALID_ID_INFORMATION,
            ends=True,
        )


def _check_identity(turn: Turn, theirs: Identification) -> None:
    """Settles on the connection whose peer this is."""
    if identity.matches(turn.connection.remote_id, theirs):
        return
    if turn.sa.role is Role.RESPONDER:
        for connection in turn.context.candidates(turn.sa):
            if identity.matches(connection.remote_id, theirs) and _agrees(turn, connection):
                turn.connection = connection
                turn.sa = replace(turn.sa, connection=connection.name)
                return
    raise Refusal(
        Code.ID_MISMATCH,
        f"the peer is {identity.text_of(theirs)}, but connection {turn.connection.name!r} expects "
        f"{turn.connection.remote_id}",
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


def _agrees(turn: Turn, connection: Connection) -> bool:
    """Whether what was negotiated so far is also what ``connection`` would have: its secret, one of its policies."""
    assert turn.sa.chosen is not None
    suite = turn.sa.chosen.suite
    return connection.secret == turn.connection.secret and any(policy.suite == suite for policy in connection.policies)


def _hash_i(sa: IkeSa) -> bytes:
    keys, share, chosen = sa.keys, sa.share, sa.chosen
    assert keys is not None
    assert share is not None
    assert chosen is not None
    return keymat.HASH_I(
        chosen.suite.hash, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDii_b
    )


def _hash_r(sa: IkeSa) -> bytes:
    keys, share, chosen = sa.keys, sa.share, sa.chosen
    assert keys is not None
    assert share is not None
    assert chosen is not None
    return keymat.HASH_R(
        chosen.suite.hash, keys.SKEYID, share.g_xi, share.g_xr, sa.CKY_I, sa.CKY_R, sa.SAi_b, sa.IDir_b
    )


# --- the end --------------------------------------------------------------------------------------------------------


def establish(turn: Turn) -> None:
    """The ISAKMP SA is up: keeps what later exchanges need and forgets the rest."""
    sa = turn.sa
    assert sa.keys is not None
    assert sa.chosen is not None
    rekey_at, expires_at = deadlines(turn.now, sa.chosen.lifetime, sa.role, turn.connection, turn.context.random)
    turn.sa = replace(
        sa,
        state=IkeState.ESTABLISHED,
        share=None,
        SAi_b=b"",
        keys=replace(sa.keys, SKEYID=b"", last_block=turn.exchange.iv),
        established_at=turn.now,
        rekey_at=rekey_at,
        expires_at=expires_at,
    )
    turn.report(IkeUp(turn.sa))
