"""The settings of an `Ike` in few words: `psk` or `certificate` for the peer, `tunnel` for what is protected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from typing import Literal, TypedDict, Unpack

from ikev1.core.peer.identity import identification
from ikev1.core.records.child_sa import IpsecMode, IpsecSuite
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import (
    DAY,
    HOUR,
    Aggressive,
    Connection,
    Credential,
    IpsecProposal,
    Mode,
    NatTraversal,
    Policy,
    ProposalCheck,
    Revocation,
    Trust,
    Tunnel,
    Unique,
)
from ikev1.crypto import certificates as x509
from ikev1.crypto import distinguished_name, private_keys, signatures
from ikev1.crypto.suites import (
    DEFAULT_ESP,
    DEFAULT_IKE,
    parse_ah_proposal,
    parse_esp_proposal,
    parse_ike_proposal,
)
from ikev1.library.translate_errors import Misuse, of_caller
from ikev1.wire.registry import AuthenticationMethod, ProtocolId

_ANY = "%any"
_LONGEST_LIFE = 0xFFFF_FFFF  # what a Life Duration of 4 octets can say (RFC 2407 §4.5)


class ConnectionOptions(TypedDict, total=False):
    """What `psk` and `certificate` accept besides their own arguments; every option may be left out."""

    ike: str | Sequence[str]
    """Phase 1 suites in strongSwan's notation, the preferred first, such as ``"aes256-sha256-modp2048"``."""
    local: str
    """Our address or network, ``"%any"`` (the default) for every address: a peer that calls another is not answered."""
    remote: str
    """The peer's address or network, ``"%any"`` (the default) for every address."""
    local_id: str | None
    """Our identity (RFC 2407 §4.6.2.1): an address, ``name.example``, ``user@example``, a distinguished name,
    ``keyid:text`` or ``@#hex``. By default our address or, with a certificate, its subject."""
    remote_id: str | None
    """The identity that the peer must prove; ``*`` stands for part of a name. By default the single address of
    ``remote``, else anybody who has the key."""
    mode: Literal["main", "aggressive"]
    """The phase 1 exchange in which we call (RFC 2409 §5)."""
    aggressive: Literal["refuse", "accept", "accept-psk"]
    """Whether a caller may use Aggressive Mode; ``"accept"``, the default, excludes pre-shared keys, for an answer lets
    everybody guess them offline."""
    lifetime: int
    """Of the ISAKMP SA in seconds, 86,400 by default (RFC 2409 Appendix A)."""
    lifetime_kilobytes: int
    """Of the ISAKMP SA in units of 1,024 octets; 0, the default, is no limit."""
    proposal_check: Literal["obey", "claim", "strict", "exact"]
    """How far a caller's offer may differ from ours, in racoon's words; ``"claim"`` by default."""
    nat_traversal: Literal["auto", "off", "force"]
    """``"auto"``, the default, sends ESP in UDP where a NAT is detected (RFC 3947, RFC 3948), ``"force"`` always, and
    ``"off"`` never: NAT traversal is then neither announced nor accepted."""
    encapsulation: bool
    """True is short for ``nat_traversal="force"``."""
    rekey: bool
    """Whether we replace SAs before they expire; true by default."""
    unique: Literal["replace", "keep", "never"]
    """What a second ISAKMP SA with the same peer does to the first; ``"replace"`` by default."""
    same_identity: bool
    """Whether the peer may have our own identity."""


def psk(name: str, secret: bytes, *tunnels: Tunnel, **options: Unpack[ConnectionOptions]) -> Connection:
    """A peer with which we share a pre-shared key (RFC 2409 §5.4).

    Args:
        name: names the connection in `Ike.connect` and in events.
        secret: the pre-shared key as it is, at least one octet.
        tunnels: what is protected, each made by `tunnel`, with different names.
        options: see `ConnectionOptions`.

    Raises:
        LocalError: an argument is not possible; the text says which, and what is.
    """
    if not isinstance(secret, bytes) or not secret:
        raise Misuse(f"psk {name!r}: the secret must be bytes, at least one octet, such as b'what both know'")
    return _connection(name, tunnels, options, AuthenticationMethod.PRE_SHARED_KEY, secret=secret)


def certificate(
    name: str,
    private_key: bytes,
    certificates: bytes,
    authorities: bytes,
    *tunnels: Tunnel,
    passphrase: bytes | None = None,
    revocation: Literal["strict", "if-present", "off"] = "if-present",
    **options: Unpack[ConnectionOptions],
) -> Connection:
    """A peer that proves itself by a certificate, as we do: RSA (RFC 2409 §5.1) or ECDSA signatures (RFC 4754).

    Whether the peer's certificate is good is not decided by `Ike`: it asks by `ikev1.events.CheckCertificate`.

    Args:
        name: names the connection in `Ike.connect` and in events.
        private_key: our key in PEM or DER (PKCS#8, PKCS#1 or SEC 1).
        certificates: ours, in PEM or DER; in PEM those may follow that lead from it to a CA.
        authorities: the certificates of the CAs that the peer's may be issued by, in PEM or DER.
        tunnels: what is protected, each made by `tunnel`, with different names.
        passphrase: of ``private_key``, where that is encrypted.
        revocation: what must be known of the peer's certificate: that it is not revoked (``"strict"``), nothing worse
            than no news (``"if-present"``), or nothing (``"off"``). For whoever answers the question.
        options: see `ConnectionOptions`; ``local_id`` is by default the subject of our certificate.

    Raises:
        LocalError: an argument is not possible; the text says which, and what is.
    """
    with of_caller(f"certificate {name!r}"):
        credential = Credential(private_keys.parse(private_key, passphrase), x509.parse(certificates))
        trust = Trust(authorities=x509.parse(authorities), revocation=Revocation(revocation))
        method = signatures.method_of(private_keys.load(credential.private_key))
        options.setdefault("local_id", distinguished_name.to_text(x509.names(credential.certificates[0]).subject))
    return _connection(name, tunnels, options, method, credential=credential, trust=trust)


def tunnel(
    name: str,
    local: str = "dynamic",
    remote: str = "dynamic",
    *,
    esp: str | Iterable[str] | None = None,
    ah: str | Iterable[str] | None = None,
    lifetime: int = HOUR,
    lifetime_kilobytes: int = 0,
    mode: Literal["tunnel", "transport"] = "tunnel",
    compress: bool = False,
    replay_window: int = 64,
    proposal_check: Literal["obey", "claim", "strict", "exact"] = "claim",
) -> Tunnel:
    """A pair of networks whose traffic a pair of IPsec SAs protects (RFC 2409 §5.5).

    Args:
        name: names the tunnel in `Ike.connect` and in events.
        local: ours: ``10.1.0.0/16``, an address, ``FIRST-LAST`` or ``dynamic`` (our own address), each with
            ``[PROTOCOL/PORT]`` after it, such as ``dynamic[udp/1701]``.
        remote: the peer's, likewise.
        esp: ESP suites in strongSwan's notation, the preferred first, such as ``"aes256gcm16"``; with a group,
            ``"aes256-sha256-modp2048"``, there is perfect forward secrecy. The same group, or none, in all of them.
        ah: AH suites in place of ESP, such as ``"sha256"``.
        lifetime: in seconds.
        lifetime_kilobytes: in units of 1,024 octets; 0 is no limit.
        mode: ``"tunnel"`` or ``"transport"`` (RFC 4301 §3.2).
        compress: whether to offer IPComp (RFC 3173) as well.
        replay_window: in packets; for the data plane.
        proposal_check: how far a caller's offer may differ from ours, in racoon's words.

    Raises:
        LocalError: an argument is not possible; the text says which, and what is.
    """
    what = f"tunnel {name!r}"
    _check_name("tunnel", name)
    if esp is not None and ah is not None:
        raise Misuse(f"{what}: esp and ah exclude each other: give one of them")
    with of_caller(what):
        proposals = tuple(map(_ah, _several(ah))) if ah is not None else tuple(map(_esp, _several(esp or DEFAULT_ESP)))
        if not proposals or len({proposal.group for proposal in proposals}) > 1:
            raise ValueError("give at least one suite, and the same group or none in all of them (RFC 2409 §5.5)")
        return Tunnel(
            name,
            Selector.parse(local),
            Selector.parse(remote),
            proposals,
            lifetime=_life(lifetime, 1),
            lifetime_kilobytes=_life(lifetime_kilobytes, 0),
            lifetime_set=lifetime != HOUR,
            check=ProposalCheck(proposal_check),
            mode=IpsecMode(mode),
            compress=compress,
            replay_window=replay_window,
        )


def _connection(
    name: str,
    tunnels: tuple[Tunnel, ...],
    options: ConnectionOptions,
    method: AuthenticationMethod,
    *,
    secret: bytes = b"",
    credential: Credential | None = None,
    trust: Trust = Trust(),  # noqa: B008  # immutable
) -> Connection:
    _check_name("connection", name)
    for each in tunnels:
        if not isinstance(each, Tunnel):
            raise Misuse(f"connection {name!r}: a {type(each).__name__} is no tunnel: make one by ikev1.tunnel(...)")
    if len({each.name for each in tunnels}) < len(tunnels):
        raise Misuse(f"connection {name!r}: two of its tunnels have the same name: give each a name of its own")
    unknown = ", ".join(options.keys() - ConnectionOptions.__annotations__.keys())
    if unknown:
        raise Misuse(
            f"connection {name!r}: unknown options: {unknown}; known: {', '.join(ConnectionOptions.__annotations__)}"
        )
    with of_caller(f"connection {name!r}"):
        lifetime = _life(options.get("lifetime", DAY), 1)
        volume = _life(options.get("lifetime_kilobytes", 0), 0)
        check = ProposalCheck(options.get("proposal_check", "claim"))
        suites = [parse_ike_proposal(text) for text in _several(options.get("ike", DEFAULT_IKE))]
        if not suites:
            raise ValueError(f"ike: give at least one suite, such as {DEFAULT_IKE[0]!r}")
        return Connection(
            name,
            tuple(
                Policy(number, Phase1Suite(*suite, method), lifetime, volume, "lifetime" in options, check)
                for number, suite in enumerate(suites, 1)
            ),
            tunnels,
            secret=secret,
            credential=credential,
            trust=trust,
            mode=Mode(options.get("mode", "main")),
            aggressive=Aggressive(options.get("aggressive", "accept")),
            local_address=_endpoint("local", options.get("local", _ANY)),
            remote_address=_endpoint("remote", options.get("remote", _ANY)),
            local_id=_identity("local_id", options.get("local_id")),
            remote_id=_identity("remote_id", options.get("remote_id")),
            same_identity=options.get("same_identity", False),
            nat_traversal=_nat_traversal(options),
            rekey=options.get("rekey", True),
            unique=Unique(options.get("unique", "replace")),
        )


def _nat_traversal(options: ConnectionOptions) -> NatTraversal:
    chosen = NatTraversal(options.get("nat_traversal", "force" if options.get("encapsulation") else "auto"))
    if options.get("encapsulation") and chosen is not NatTraversal.FORCE:
        raise ValueError(f"encapsulation: True contradicts nat_traversal {chosen.value!r}")
    return chosen


def _check_name(what: str, name: str) -> None:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise Misuse(f"{what} {name!r}: a name is a printable string that is not empty")


def _several(suites: str | Iterable[str]) -> Iterable[str]:
    return (suites,) if isinstance(suites, str) else suites


def _esp(text: str) -> IpsecProposal:
    encryption, key_length, integrity, group, esn = parse_esp_proposal(text)
    return IpsecProposal(IpsecSuite(encryption, key_length, integrity, esn=esn), group)


def _ah(text: str) -> IpsecProposal:
    integrity, group, esn = parse_ah_proposal(text)
    return IpsecProposal(IpsecSuite(0, 0, integrity, ProtocolId.AH, esn), group)


def _life(amount: int, least: int) -> int:
    if not isinstance(amount, int) or not least <= amount <= _LONGEST_LIFE:
        raise ValueError(f"a lifetime of {amount!r} is out of range: {least} to {_LONGEST_LIFE}")
    return amount


def _endpoint(what: str, text: str) -> str:
    if text == _ANY:
        return text
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError(f"{what}={text!r}: expected an address, a network such as 192.0.2.0/24, or {_ANY}") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _identity(what: str, text: str | None) -> str | None:
    if text is not None:
        try:
            identification(text)
        except ValueError as error:
            raise ValueError(f"{what}={text!r}: {error}") from None
    return text
