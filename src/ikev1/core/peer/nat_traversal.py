"""NAT traversal: NAT detection, and what changes if there is a NAT (RFC 3947, drafts 02 and 03)."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_pton

from ikev1.core.records.child_sa import IpsecMode, OriginalAddresses
from ikev1.core.records.exchange import Role
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.crypto.hashes import digest
from ikev1.wire.payloads import NatDiscovery, NatOriginalAddress
from ikev1.wire.registry import EncapsulationMode, IdType, PayloadType

_MODES = {IpsecMode.TUNNEL: EncapsulationMode.TUNNEL, IpsecMode.TRANSPORT: EncapsulationMode.TRANSPORT}
_UDP_MODES = {IpsecMode.TUNNEL: EncapsulationMode.UDP_TUNNEL, IpsecMode.TRANSPORT: EncapsulationMode.UDP_TRANSPORT}
_DRAFT_MODES = {
    IpsecMode.TUNNEL: EncapsulationMode.UDP_TUNNEL_DRAFT,
    IpsecMode.TRANSPORT: EncapsulationMode.UDP_TRANSPORT_DRAFT,
}

_NAT_D_NUMBERS = {
    NatTraversalVersion.RFC_3947: PayloadType.NAT_D,
    NatTraversalVersion.DRAFT_03: PayloadType.NAT_D_DRAFT,
    NatTraversalVersion.DRAFT_02: PayloadType.NAT_D_DRAFT,
}


@lru_cache(maxsize=16)  # a response to a message with NAT-D payloads has the same hashes
def nat_d_hash(algorithm: int, cookies: bytes, host: str, port: int) -> bytes:
    """The content of a NAT-D payload for an address and port (RFC 3947 §3.2).

    Raises:
        UnsupportedAlgorithm: the hash algorithm is unknown.
    """
    family = AF_INET6 if ":" in host else AF_INET
    # RFC 3947 §3.2: HASH = HASH(CKY-I | CKY-R | IP | Port)
    return digest(algorithm, cookies + inet_pton(family, host.partition("%")[0]) + port.to_bytes(2))


def nat_d(
    algorithm: int, cookies: bytes, path: UdpPath, version: NatTraversalVersion, forced: bool
) -> list[NatDiscovery]:
    """The NAT-D payloads to send: the hash of the remote end of ``path`` first, then the local end (RFC 3947 §3.2).

    With ``forced``, the hash of the local end never matches, so that the peer detects a NAT and uses encapsulation.
    """
    number = _NAT_D_NUMBERS[version]
    remote = nat_d_hash(algorithm, cookies, path.remote_host, path.remote_port)
    local = nat_d_hash(algorithm, cookies, path.local_host, 0 if forced else path.local_port)
    return [NatDiscovery(remote, number), NatDiscovery(local, number)]


def discover(
    algorithm: int,
    cookies: bytes,
    path: UdpPath,
    version: NatTraversalVersion,
    received: tuple[NatDiscovery, ...],
    forced: bool,
) -> Nat | None:
    """The NATs that the peer's NAT-D payloads reveal; None if the peer sent no NAT-D payloads.

    "The first NAT-D payload received should match one of the local NAT-D payloads [...] and one of the other NAT-D
    payloads must match the remote end's IP address and port" (RFC 3947 §3.2).
    """
    if not received:
        return None
    seen, *own = [payload.data for payload in received]
    return Nat(
        version,
        local_behind=seen != nat_d_hash(algorithm, cookies, path.local_host, path.local_port),
        remote_behind=nat_d_hash(algorithm, cookies, path.remote_host, path.remote_port) not in own,
        forced=forced,
    )


def floated(path: UdpPath, nat: Nat, port: int, peer_port: int) -> UdpPath:
    """The path after the port change, "if there is NAT between the hosts" (RFC 3947 §4): to ``port`` at our end, to
    ``peer_port`` at the peer's.
    """
    if not nat.encapsulate or path.local_port == port:
        return path
    return path._replace(local_port=port, remote_port=peer_port)


def encapsulation_mode(mode: IpsecMode, nat: Nat | None) -> EncapsulationMode:
    """The encapsulation mode in transforms of Quick Mode (RFC 3947 §5.1), or the private number of the drafts."""
    if nat is None or not nat.encapsulate:
        return _MODES[mode]
    return (_UDP_MODES if nat.version is NatTraversalVersion.RFC_3947 else _DRAFT_MODES)[mode]


def original_addresses(nat: Nat, path: UdpPath, role: Role) -> list[NatOriginalAddress]:
    """The NAT-OA payloads to send in Quick Mode for transport mode; ``role`` is our role (RFC 3947 §5.2).

    "The Initiator NAT-OA payload is first. The Responder NAT-OA payload is second." In the drafts there is
    only one, with the address of the sender.
    """
    local, remote = _nat_oa(nat.version, path.local_host), _nat_oa(nat.version, path.remote_host)
    if nat.version is not NatTraversalVersion.RFC_3947:
        return [local]
    return [local, remote] if role is Role.INITIATOR else [remote, local]


def named_addresses(
    nat: Nat | None, path: UdpPath, role: Role, payloads: tuple[NatOriginalAddress, ...]
) -> OriginalAddresses | None:
    """The addresses that the peer's packets have before a NAT changes them, from its NAT-OA payloads; ``role`` is ours.

    They are what the peer says of itself, and serve to correct checksums alone: nothing is sent to them. None if they
    are incomplete or of another IP version than the path. In the drafts the peer names its own address alone, so ours
    is known only if no NAT hides it.
    """
    if nat is None or not nat.encapsulate or not payloads:
        return None
    local = ip_address(path.local_host.partition("%")[0]).packed
    if nat.version is NatTraversalVersion.RFC_3947 and len(payloads) == 2:
        initiators, responders = (payload.address for payload in payloads)
        peers, ours = (responders, initiators) if role is Role.INITIATOR else (initiators, responders)
    elif nat.version is not NatTraversalVersion.RFC_3947 and len(payloads) == 1 and not nat.local_behind:
        peers, ours = payloads[0].address, local
    else:
        return None
    return OriginalAddresses(peers, ours) if len(peers) == len(ours) == len(local) else None


def _nat_oa(version: NatTraversalVersion, host: str) -> NatOriginalAddress:
    address = ip_address(host.partition("%")[0])
    id_type = IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR
    number = PayloadType.NAT_OA if version is NatTraversalVersion.RFC_3947 else PayloadType.NAT_OA_DRAFT
    return NatOriginalAddress(id_type, address.packed, number)
