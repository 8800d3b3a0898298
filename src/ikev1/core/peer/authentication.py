"""Keys and identities of phase 1: SKEYID of each authentication method, and the identities (RFC 2409 §5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ikev1.core.negotiation.phase1_proposal import allows_suite
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import accepts_mode, expected
from ikev1.core.peer.reflection import names_one, refuse_own_identity
from ikev1.core.records.answers import Failed
from ikev1.core.records.context import ExchangeContext
from ikev1.core.records.events import Code, Note
from ikev1.core.records.exchange import KeyShare, Role
from ikev1.core.records.ike_sa import Keys, Phase1Suite
from ikev1.core.records.key_exchange import ComputeSharedSecret, NeedsSharedSecret, SharedSecret
from ikev1.core.records.methods import ENCRYPTING, SHARED
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import Connection, Credential, Trust
from ikev1.crypto import certificates, cipher, distinguished_name, keymat
from ikev1.crypto.errors import InvalidPublicValue
from ikev1.crypto.groups import group
from ikev1.wire.message import Message
from ikev1.wire.payloads import Identification, build_body
from ikev1.wire.registry import IdType, NotifyType

_INITIATOR, _RESPONDER = Role.INITIATOR, Role.RESPONDER  # looked up once, as in `ikev1.core.records.exchange`
_MOST_RIVALS = 16  # connections whose CAs are tried for one certificate

# --- keys -----------------------------------------------------------------------------------------------------------


def exchanged(context: ExchangeContext, number: int, private: bytes, public: bytes) -> SharedSecret:
    """Compute g^xy of phase 1 as initiator or, without ``private``, our public value and g^xy as responder.

    Raises:
        NeedsSharedSecret: the caller of the engine computes it.
        Refusal: the peer's public value is not valid in this group.
    """
    computed = context.computed
    if computed is None:
        if number in context.engine.large_groups and not context.exchange.is_aggressive:
            raise NeedsSharedSecret(ComputeSharedSecret(0, number, private, public))
        if private:
            return SharedSecret(b"", shared_secret(number, private, public))
        return SharedSecret(*respond(number, public, context.engine.random))
    if isinstance(computed, Failed):
        raise _bad_value(computed.reason)
    return computed


def shared_secret(number: int, private: bytes, public: bytes) -> bytes:
    """Compute g^xy of group ``number``.

    Raises:
        Refusal: the peer's public value is not valid in this group.
    """
    try:
        return group(number).shared(private, public)
    except InvalidPublicValue as error:
        raise _bad_value(str(error)) from error


def respond(number: int, public: bytes, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Generate our public value of group ``number`` as responder, and compute g^xy with the initiator's.

    Raises:
        Refusal: the peer's public value is not valid in this group.
    """
    try:
        return group(number).respond(random, public)
    except InvalidPublicValue as error:
        raise _bad_value(str(error)) from error


def _bad_value(reason: str) -> Refusal:
    return Refusal(Code.MALFORMED, f"invalid key exchange value: {reason}", notify=NotifyType.INVALID_KEY_INFORMATION)


def derive(context: ExchangeContext, share: KeyShare, g_xy: bytes) -> None:
    """Derive SKEYID and its three keys, and the IV of the first encrypted message, from the two key exchange payloads,
    which are in ``share``.

    Raises:
        Refusal: the secret is no longer configured.
    """
    sa = context.sa
    suite = sa.suite
    algorithm, encryption = suite.hash, suite.encryption
    SKEYID = _SKEYID(context, suite, share, g_xy)
    SKEYID_d, SKEYID_a, SKEYID_e = keymat.derive(algorithm, SKEYID, g_xy, sa.CKY_I, sa.CKY_R)
    key = keymat.encryption_key(algorithm, SKEYID_e, cipher.key_size(encryption, suite.key_length))
    iv = keymat.phase1_iv(algorithm, share.g_xi, share.g_xr, cipher.block_size(encryption))
    context.sa = replace(sa, share=share, keys=Keys(SKEYID, SKEYID_d, SKEYID_a, key, b""))
    context.exchange = replace(context.exchange, iv=iv)


def _SKEYID(context: ExchangeContext, suite: Phase1Suite, share: KeyShare, g_xy: bytes) -> bytes:
    algorithm = suite.hash
    if suite.authentication in ENCRYPTING:
        return keymat.SKEYID_public_key(algorithm, share.Ni_b, share.Nr_b, context.sa.CKY_I, context.sa.CKY_R)
    if suite.authentication not in SHARED:
        return keymat.SKEYID_signatures(algorithm, share.Ni_b, share.Nr_b, g_xy)
    if not context.connection.secret:
        raise Refusal(
            Code.NO_CONNECTION,
            f"connection {context.sa.connection!r} or its secret was removed during phase 1",
            notify=NotifyType.AUTHENTICATION_FAILED,
            ends=True,
        )
    # In Main Mode the address selects the secret: the identity is encrypted with a key that is derived from the secret
    # (RFC 2409 §5.4)
    return keymat.SKEYID_psk(algorithm, context.connection.secret, share.Ni_b, share.Nr_b)


# --- identities -----------------------------------------------------------------------------------------------------


def identify_self(context: ExchangeContext) -> Identification:
    """Record and return our own identity: ``local_id`` if configured, else our address."""
    own = _own_identity(context)
    body = build_body(own)
    sa = context.sa
    context.sa = replace(sa, IDii_b=body) if sa.role is _INITIATOR else replace(sa, IDir_b=body)
    return own


def _own_identity(context: ExchangeContext) -> Identification:
    connection = context.connection
    own = identity.identification(connection.local_id or context.sa.path.local_host)
    if connection.credential is not None and own.id_type == IdType.DER_ASN1_DN:
        own = own._replace(data=_as_certified(own.data, connection.credential))
    return own


def _as_certified(name: bytes, credential: Credential) -> bytes:
    """Return a DER name in the octets of our certificate if the name is its subject, since the configured text does not
    specify the ASN.1 types of strings: "MUST populate the contents of ID with the Subject field from the end-entity
    certificate, and MUST do so such that a binary comparison of the two will succeed" (RFC 4945 §3.1.5).
    """
    subjects = (certificates.names(certificate).subject for certificate in credential.certificates[:1])
    return next((subject for subject in subjects if distinguished_name.equal(subject, name)), name)


def identify_peer(context: ExchangeContext, message: Message) -> Identification:
    """Record and return the identity that the peer claims.

    Raises:
        Refusal: its protocol or port is not allowed in phase 1.
    """
    theirs = message.one(Identification)
    check_port(theirs)
    body = message.body_of(theirs)
    sa = context.sa
    context.sa = replace(sa, IDir_b=body) if sa.role is _INITIATOR else replace(sa, IDii_b=body)
    return theirs


def check_port(theirs: Identification) -> None:
    """Check protocol and port of an identity of phase 1.

    Raises:
        Refusal: they are not allowed in phase 1.
    """
    # RFC 2407 §4.6.2: "the ID port and protocol fields MUST be set to zero or to UDP port 500. If an implementation
    # receives any other values, this MUST be treated as an error"; some peers send the port they floated to
    if theirs.protocol not in (0, 17) or theirs.port not in (0, 500, 4500):
        raise Refusal(
            Code.ID_MISMATCH,
            f"invalid protocol {theirs.protocol} and port {theirs.port} in identity {identity.text_of(theirs)}",
            notify=NotifyType.INVALID_ID_INFORMATION,
        )


def settle_connection(context: ExchangeContext, theirs: Identification) -> None:
    """Select the connection for the authenticated identity of the peer.

    Raises:
        Refusal: no connection with the same secret, trust and policy expects this identity.
    """
    possible = eligible(context)
    matching = _matching(possible, theirs)
    fitting = matching or _naming_address(possible, theirs, context.sa.suite.authentication)
    if fitting:
        chosen, *others = fitting
        context.connection = chosen
        refuse_own_identity(context, theirs, _own_identity(context))
        if context.sa.connection != chosen.name:
            context.sa = replace(context.sa, connection=chosen.name)
        _name_runner_up(context, others)
        if not matching:
            text = f"the peer sends its address {expected(chosen)} as a name: accepted as if it were the address"
            context.report(Note(Code.ADDRESS_AS_NAME, text, context.sa))
        return
    raise Refusal(
        Code.ID_MISMATCH,
        _unexpected(context.connection, identity.text_of(theirs)),
        notify=NotifyType.INVALID_ID_INFORMATION,
        ends=True,
    )


def eligible(context: ExchangeContext) -> list[Connection]:
    """The connection of ``context``, and those that could replace it: they have the same secret and trust, and a
    policy that allows the negotiated suite.
    """
    known = context.engine.candidates(context.sa) if context.sa.role is _RESPONDER else ()
    return [
        connection
        for connection in (context.connection, *[each for each in known if each is not context.connection])
        if accepts_mode(connection, context.exchange, context.sa)
        and (connection is context.connection or _agrees(context, connection))
    ]


def those_expecting(connections: Iterable[Connection], theirs: Identification, method: int) -> list[Connection]:
    """The connections among ``connections`` that expect this identity. If there are none, and a pre-shared key
    authenticates the peer, those that expect the address which the peer sends as a name: the key proves as much as with
    the address itself. A certificate has to contain what is expected.
    """
    known = list(connections)
    return _matching(known, theirs) or _naming_address(known, theirs, method)


def _matching(connections: list[Connection], theirs: Identification) -> list[Connection]:
    return [connection for connection in connections if identity.matches(expected(connection), theirs)]


def _naming_address(connections: list[Connection], theirs: Identification, method: int) -> list[Connection]:
    if method not in SHARED:
        return []
    return [connection for connection in connections if identity.is_address_as_name(expected(connection), theirs)]


def _unexpected(connection: Connection, who: str) -> str:
    wanted = f"connection {connection.name!r} expects {expected(connection)}"
    if connection.remote_id is None:
        wanted += ", which is its remote_address, because remote_id is not set"
    if names_one(expected(connection)):
        return f'the peer\'s identity is {who}, but {wanted}. If this is the right peer, set remote_id = "{who}"'
    return (
        f"the peer's identity is {who}, but {wanted}. If this is a right peer, use a wider pattern (* matches text in "
        "one label of a name, or in one value of a distinguished name), or add a connection for this peer with "
        f'remote_id = "{who}"'
    )


def _name_runner_up(context: ExchangeContext, others: list[Connection]) -> None:
    for runner_up in others[:1]:
        chosen = context.connection.name
        text = f"connection {chosen!r} was selected; {runner_up.name!r} also matches, but is not more specific"
        context.report(Note(Code.RUNNER_UP, text, context.sa))


def rivals(context: ExchangeContext) -> list[Connection]:
    """The connections that match the addresses of an initiator in Main Mode as well, but trust other CAs. This gateway
    has proved nothing yet when it learns by which CA the certificate of the initiator was issued.
    """
    if context.sa.role is _INITIATOR or context.exchange.is_aggressive:
        return []
    suite, used = context.sa.suite, context.connection
    found = (each for each in context.engine.candidates(context.sa) if each is not used)
    others = (each for each in found if each.trust != used.trust and not each.trust.public_keys)
    return [each for each in others if any(allows_suite(policy, suite) for policy in each.policies)]


def one_of_each_trust(connections: Iterable[Connection]) -> list[Connection]:
    """The first ones of ``connections`` that trust the same CAs, each for all of these."""
    found: dict[Trust, Connection] = {}
    for each in connections:
        found.setdefault(each.trust, each)
    return [*found.values()][:_MOST_RIVALS]


def _agrees(context: ExchangeContext, connection: Connection) -> bool:
    """Whether ``connection`` has the same secret and trust, and a policy that allows the negotiated suite."""
    suite = context.sa.suite
    same = (connection.secret, connection.trust) == (context.connection.secret, context.connection.trust)
    return same and any(allows_suite(policy, suite) for policy in connection.policies)
