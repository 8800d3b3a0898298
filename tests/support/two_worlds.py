"""One conversation in two worlds: undisturbed in the one, and in the other with an outsider who may inject datagrams.

Both worlds have the same settings, hear the same wishes and have the same clock. What the outsider does must make no
difference that the peers see, so the two are compared whenever all is quiet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import authority
from configured import ALICE, BOB, SECRET, connection, policy, settings, suite, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecMode
from ikev1.core.records.events import ChildDown, ChildUp, IkeDown, IkeUp
from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeSa, IkeState, Liveness
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey, XauthRole
from ikev1.crypto import public_keys
from ikev1.wire.registry import AuthenticationMethod
from nat import NatBox
from playbook import Datagram, Network, Peer

OUTSIDE, BOB_OUTSIDE = "203.0.113.1", "203.0.113.2"
_L2TP: dict[str, Any] = {"local": "dynamic[udp/1701]", "remote": "dynamic[udp/1701]", "mode": IpsecMode.TRANSPORT}
_LIFETIME = 30 * 86_400  # seconds: nothing is renewed but by a wish
_DPD: dict[str, Any] = {"dpd_delay": 3600.0, "dpd_timeout": 30.0}
_KEYS = authority.rsa_key(1), authority.rsa_key(2)
_METHODS = {
    "signatures": AuthenticationMethod.RSA_SIGNATURES,  # which are the same whenever the same is signed
    "encryption": AuthenticationMethod.REVISED_RSA_ENCRYPTION,
}
PROOFS = ("psk", "xauth", *_METHODS)


class Kind(NamedTuple):
    """What kind of conversation it is."""

    mode: Mode
    proof: str  # one of `PROOFS`
    hidden: tuple[str, ...]  # who is behind a NAT
    transport: bool


class World:
    """Alice, bob and what is between them. Bob is called by alice, and calls her where she is not behind a NAT."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.network = Network()
        self.hosts = {
            "alice": OUTSIDE if "alice" in kind.hidden else ALICE,
            "bob": BOB_OUTSIDE if "bob" in kind.hidden else BOB,
        }
        from_bob = "%any" if "alice" in kind.hidden else ALICE
        of_tunnel: dict[str, Any] = {"lifetime": _LIFETIME} | (_L2TP if kind.transport else {})
        ours, theirs = tunnel(**of_tunnel), tunnel(mirrored=not kind.transport, **of_tunnel)
        self.alice = self.network.peer(
            "alice",
            ALICE,
            settings(connection(ALICE, self.hosts["bob"], ours, remote_id=BOB, **_proof(kind, 0))),
        )
        self.bob = self.network.peer(
            "bob", BOB, settings(connection(BOB, from_bob, theirs, remote_id=ALICE, **_proof(kind, 1)))
        )
        self.bob.checks = _check
        self.box = NatBox(self.network, self.alice, OUTSIDE) if "alice" in kind.hidden else None
        if "bob" in kind.hidden:
            NatBox(self.network, self.bob, BOB_OUTSIDE, forwards=True)
        self.peers = (self.alice, self.bob)
        self.callers = self.peers if self.box is None else (self.alice,)

    def other(self, peer: Peer) -> Peer:
        """Whom ``peer`` talks to."""
        return self.bob if peer is self.alice else self.alice

    # --- wishes

    def calls(self, peer: Peer, name: str | None = "net") -> None:
        """``peer`` wants a tunnel, if it can call."""
        if peer in self.callers:
            peer.calls(name, host=self.hosts[self.other(peer).name])

    def calls_for_ike(self, peer: Peer) -> None:
        """``peer`` wants an ISAKMP SA without a tunnel, if it can call."""
        self.calls(peer, None)

    def renews_pair(self, peer: Peer) -> None:
        """``peer`` rekeys the pair that it sends with."""
        for child in list(peer.outbound.values()):
            _wish(peer, Engine.rekey_child, child)

    def renews_ike(self, peer: Peer) -> None:
        """``peer`` rekeys the newest ISAKMP SA."""
        for sa in _up(peer)[-1:]:
            _wish(peer, Engine.rekey_ike, sa)

    def closes_pair(self, peer: Peer) -> None:
        """``peer`` deletes the pair that it sends with."""
        for child in list(peer.outbound.values()):
            _wish(peer, Engine.close_child, child)

    def closes_ike(self, peer: Peer) -> None:
        """``peer`` deletes the newest ISAKMP SA."""
        for sa in _up(peer)[-1:]:
            _wish(peer, Engine.close_ike, sa)

    def loses_its_ports(self, peer: Peer) -> None:
        """Alice's NAT box forgets the ports that it gave her, and she renews the pair whoever wished."""
        if self.box is not None and self.alice.outbound:
            self.box.rebind()
            self.renews_pair(self.alice)

    def carries_traffic(self) -> None:
        """Each peer sends a packet with each pair that it sends with, and the other one sees where it comes from."""
        for sender in self.peers:
            receiver = self.other(sender)
            for child in list(sender.outbound.values()):
                path = child.path
                source, destination = (path.local_host, path.local_port), (path.remote_host, path.remote_port)
                for seen in self.network.link(Datagram(source, destination, b"", "ESP", sender.name)):
                    self.arrives(receiver, child.outbound.spi, UdpPath(*seen.destination, *seen.source))

    def arrives(self, receiver: Peer, spi: int, path: UdpPath) -> None:
        """An ESP packet arrives by ``path``, and is the first of its sequence number."""
        child = receiver.inbound.get(spi)
        if child is not None and child.udp_encapsulation and path.local_host == receiver.address:
            receiver.does(lambda engine: engine.peer_moved(spi, path, self.network.now))

    # --- what became of it

    def portrait(self) -> dict[str, Any]:
        """What the peers see of one another, without the numbers that chance decides."""
        return {peer.name: _portrait(peer, self._inside) for peer in self.peers}

    def _inside(self, path: UdpPath) -> UdpPath:
        """``path`` with the port that alice herself has, 0 where her NAT box gave up the one in it: which numbers it
        hands out depends on all that she ever sent.
        """
        if self.box is None or path.remote_host != OUTSIDE:
            return path
        return path._replace(remote_port=self.box.inside_of(path.remote_port))

    def outline(self) -> dict[str, Any]:
        """The same without what depends on which of two exchanges was faster."""
        return {peer.name: (len(_up(peer)), len(peer.outbound)) for peer in self.peers}

    def agrees(self) -> bool:
        """Whether each peer sends what the other one receives, under ISAKMP SAs that both have."""
        cookies = [{sa.cookies for sa in _up(peer)} for peer in self.peers]
        one, other = self.peers
        return cookies[0] == cookies[1] and all(
            child.outbound.spi in receiver.inbound
            for sender, receiver in ((one, other), (other, one))
            for child in sender.outbound.values()
        )


def _proof(kind: Kind, who: int) -> dict[str, Any]:
    modes = {"mode": kind.mode, "aggressive": Aggressive.ACCEPT_PSK, **_DPD}
    if kind.proof == "psk":
        return {"secret": SECRET, "policies": (policy(lifetime=_LIFETIME),), **modes}
    if kind.proof == "xauth":  # alice is the user, whoever calls
        both = (AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.XAUTH_RESP_PRE_SHARED)
        usual = policy(lifetime=_LIFETIME)
        offered = tuple(replace(usual, suite=replace(usual.suite, authentication=int(method))) for method in both)
        user = {"xauth": XauthRole.CLIENT, "xauth_user": "carol", "xauth_secret": b"her password"}
        return {"policies": offered, **modes, **(user if who == 0 else {"xauth": XauthRole.SERVER})}
    mine, theirs = _KEYS[who], _KEYS[1 - who]
    phase1 = replace(suite("aes128-sha1-ecp256"), authentication=int(_METHODS[kind.proof]))
    return {
        "secret": b"",
        "policies": (replace(policy(lifetime=_LIFETIME), suite=phase1),),
        "credential": Credential(authority.pkcs8(mine)),
        "trust": Trust(public_keys=(TrustedKey(public_keys.encode(theirs.public_key())),)),
        **modes,
    }


def _check(attempt: XauthAttempt) -> Verdict:
    right = (attempt.user, attempt.password) == ("carol", b"her password")
    return Accepted(User(attempt.user)) if right else Rejected("another user")


def _wish(peer: Peer, wish: Callable[..., Any], of: IkeSa | ChildSa) -> None:
    peer.does(lambda engine: wish(engine, of.unique_id, peer.network.now))


def _up(peer: Peer) -> list[IkeSa]:
    return sorted((sa for sa in peer.engine.sas.values() if sa.is_up), key=lambda sa: sa.unique_id)


# --- comparing ------------------------------------------------------------------------------------------------------


def _portrait(peer: Peer, inside: Callable[[UdpPath], UdpPath]) -> dict[str, Any]:
    sas = sorted((sa for sa in peer.engine.sas.values() if sa.anchor is not None), key=lambda sa: sa.unique_id)
    order = {child.inbound.spi: place for place, child in enumerate(peer.children)}
    lives = Counter(type(event).__name__ for event in peer.events if isinstance(event, (IkeUp, ChildUp, ChildDown)))
    lives["IkeDown"] = sum(isinstance(event, IkeDown) and event.sa.anchor is not None for event in peer.events)
    return {
        "sas": [_of_ike(sa, inside) for sa in sas],
        "sends": {traffic: order[child.inbound.spi] for traffic, child in peer.outbound.items()},
        "plane": [
            _of_child(child, inside) for _, child in sorted(peer.inbound.items(), key=lambda item: order[item[0]])
        ],
        "events": lives,
    }


def _of_ike(sa: IkeSa, inside: Callable[[UdpPath], UdpPath]) -> tuple[Any, ...]:
    return (
        sa.state,
        sa.connection,
        sa.role,
        inside(sa.path),
        sa.anchor,
        sa.nat,
        sa.chosen,
        (sa.IDii_b, sa.IDir_b),
        (sa.confirmed, sa.initial_contact, sa.awaits_user, sa.user_name, sa.awaits_config),
        bool(sa.rekey_at),
        [(exchange.script, exchange.step) for exchange in sa.exchanges],
        [_of_child(child, inside) for child in sorted(sa.children, key=lambda child: child.unique_id)],
    )


def _of_child(child: ChildSa, inside: Callable[[UdpPath], UdpPath]) -> tuple[Any, ...]:
    return (
        child.name,
        child.connection,
        child.suite,
        child.mode,
        (child.local, child.remote),
        inside(child.path),
        child.udp_encapsulation,
        child.initiator,
        child.state is ChildState.INSTALLED,
        bool(child.rekey_at),
    )


class Snapshot(NamedTuple):
    """All that a peer knows of the ISAKMP SAs that are up, and of their pairs."""

    sas: dict[bytes, IkeSa]
    inbound: dict[int, ChildSa]
    outbound: dict[Any, int]
    stored: dict[bytes, IkeSa]

    def paths(self) -> set[UdpPath]:
        """All paths in it."""
        return {sa.path for sa in self.sas.values()} | {child.path for child in self.inbound.values()}

    def wherever(self) -> Snapshot:
        """It, without where the peer is and whether it is asked there, for which an informational message goes out."""
        return Snapshot(
            {cookies: _nowhere(sa) for cookies, sa in self.sas.items()},
            {spi: _unplaced(child) for spi, child in self.inbound.items()},
            self.outbound,
            {cookies: _nowhere(sa) for cookies, sa in self.stored.items()},
        )

    def unasked(self) -> Snapshot:
        """It, without whether the peer is asked if it is alive, for which an informational message goes out."""
        return self._replace(
            sas={cookies: _unasked(sa) for cookies, sa in self.sas.items()},
            stored={cookies: _unasked(sa) for cookies, sa in self.stored.items()},
        )

    def without_complaints(self) -> Snapshot:
        """It, without what junk leaves of a phase 1 under way: a complaint, and how long is waited on after it."""
        return self._replace(sas=_quiet(self.sas))

    def differences(self, other: Snapshot) -> list[str]:
        """What is not the same in ``other``, in few words."""
        found = []
        for name in self._fields:
            ours: dict[Any, Any] = getattr(self, name)
            theirs: dict[Any, Any] = getattr(other, name)
            for key in ours.keys() | theirs.keys():
                one, two = ours.get(key), theirs.get(key)
                if isinstance(one, (IkeSa, ChildSa)) and isinstance(two, type(one)):
                    fields = (field for field in one.__struct_fields__ if getattr(one, field) != getattr(two, field))
                    found += [f"{name}.{field}: {getattr(one, field)} | {getattr(two, field)}" for field in fields]
                elif one != two:
                    found.append(f"{name}: {one} | {two}")
        return found


def _quiet(sas: dict[bytes, IkeSa]) -> dict[bytes, IkeSa]:
    return {
        cookies: replace(sa, phase1=_uncomplaining(sa.phase1)) if sa.state is IkeState.CONNECTING else sa
        for cookies, sa in sas.items()
    }


def _uncomplaining(exchange: Any) -> Any:
    return exchange and replace(exchange, complaint=None, resend_at=0.0, ends_at=0.0, tries=0)


def _unasked(sa: IkeSa) -> IkeSa:
    probe = sa.probe if sa.probe is not None and not sa.probe.ends_at else None
    blank: IkeSa = replace(sa, probe=probe, own_message_ids=0, own_sequence=None, liveness=Liveness())
    return blank


_NOWHERE = UdpPath("", 0, "", 0)


def _nowhere(sa: IkeSa) -> IkeSa:
    blank: IkeSa = replace(
        sa,
        path=_NOWHERE,
        probe=None,
        reached=None,
        own_message_ids=0,
        own_sequence=None,
        moved_at=0.0,
        moves=0,
        children=tuple(map(_unplaced, sa.children)),
        phase1=sa.phase1 and _anyhow(sa.phase1),
        exchanges=tuple(map(_anyhow, sa.exchanges)),
    )
    return blank


def _anyhow(exchange: Exchange) -> Exchange:
    """``exchange``, whoever sent the messages in it and where its pair is going to be."""
    quick = exchange.quick
    if quick is not None and quick.child is not None:
        quick = replace(quick, child=_unplaced(quick.child))
    blank: Exchange = replace(exchange, data=quick, received=())
    return blank


def _unplaced(child: ChildSa) -> ChildSa:
    """It, without where its peer is, which the digest in ``peer`` covers, too."""
    blank: ChildSa = replace(child, path=_NOWHERE, peer=b"peer" if child.peer else b"")
    return blank


def _lasting(sa: IkeSa) -> IkeSa:
    """What is kept of ``sa`` at every change; the rest is kept along with that, and may be stale."""
    lasting: IkeSa = replace(
        sa,
        state=IkeState.ESTABLISHED,
        phase1=None,
        exchanges=(),
        rekey_at=0.0,
        probe=None,
        liveness=Liveness(),
        initial_contact=False,
    )
    return lasting


def _carried(child: ChildSa) -> ChildSa:
    """What the data plane knows of ``child``."""
    carried: ChildSa = replace(child, state=ChildState.INSTALLED, rekey_at=0.0)
    return carried


def _established(sas: Iterable[IkeSa]) -> dict[bytes, IkeSa]:
    return {sa.cookies: sa for sa in sas if sa.state is not IkeState.CONNECTING}


def snapshot(peer: Peer) -> Snapshot:
    """What ``peer`` sees now."""
    outbound = {traffic: child.inbound.spi for traffic, child in peer.outbound.items()}
    stored = {cookies: _lasting(sa) for cookies, sa in peer.stored.items()}
    inbound = {spi: _carried(child) for spi, child in peer.inbound.items()}
    return Snapshot(_established(peer.engine.sas.values()), inbound, outbound, stored)


def paths_of(peer: Peer) -> set[UdpPath]:
    """Where ``peer`` sends anything."""
    return {sa.path for sa in peer.engine.sas.values()} | {child.path for child in peer.inbound.values()}


def snapshot_after(peer: Peer, datagram: Datagram) -> Snapshot:
    """What ``peer`` would see if ``datagram`` arrived now."""
    elsewhere = Network()
    elsewhere.now = peer.network.now
    other = elsewhere.peer(peer.name, peer.address, peer.settings)
    other.engine = Engine.load(peer.settings, other.random, peer.engine.dump())
    other.random.go_on_as(peer.random)
    other.spis.go_on_as(peer.spis)
    other.checks = peer.checks
    other.inbound, other.outbound, other.stored = dict(peer.inbound), dict(peer.outbound), dict(peer.stored)
    elsewhere.deliver(datagram)
    return snapshot(other)
