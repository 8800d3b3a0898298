"""SAs and connections as sections of VICI messages.

Two habits of swanctl rule the order and presence of keys: it prints an ISAKMP SA when it meets ``child-sas``, so that
comes last and always; and for most keys presence counts, whatever the value, so what is not true is not there.
The keys have the order in which charon sends them, which scripts match. Extensions, which swanctl ignores, are behind
them: before ``child-sas``, and at the end of a pair of IPsec SAs.
"""

from __future__ import annotations

from collections.abc import Sequence

from ikev1.core.exchanges.registry import cisco_state, script_of
from ikev1.core.negotiation import ipsec_suite
from ikev1.core.peer import identity
from ikev1.core.peer.connection_lookup import expected
from ikev1.core.records.child_sa import ChildSa, Mark, PacketMarks
from ikev1.core.records.exchange import Exchange, Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.methods import SHARED, SIGNER
from ikev1.core.records.settings import Connection, Policy, Shunt, Tunnel, XauthRole
from ikev1.crypto import certificates, distinguished_name
from ikev1.crypto.suites import DisplayWords, ike_display
from ikev1.daemon.dead_peers import action_for
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.selector_text import selector_text
from ikev1.esp.plane import Counters
from ikev1.wire.registry import AuthenticationMethod, ProtocolId
from ikev1.wire.vendors import maker_of

YES = "yes"
_TASKS = {"MM": "MAIN_MODE", "AM": "AGGRESSIVE_MODE", "QM": "QUICK_MODE", "INFO": "INFORMATIONAL"}
_TOPICS = {"xauth": "XAUTH", "config": "MODE_CONFIG"}  # of Transaction exchanges


def ike_section(sa: IkeSa, now: float, children: Section, *, removed: bool = False) -> Section:
    """The fields of ``sa`` in charon's order, so that scripts which expect virtual addresses right before the sections
    of the ``children`` work: extensions stand before both. ``removed`` says that its connection is not configured any
    more.
    """
    return {
        "uniqueid": str(sa.unique_id),
        "version": "1",
        "state": str(sa.state),
        "local-host": sa.path.local_host,
        "local-port": str(sa.path.local_port),
        "local-id": _identity(sa.local_id_body),
        "remote-host": sa.path.remote_host,
        "remote-port": str(sa.path.remote_port),
        "remote-id": _identity(sa.peer_id_body),
        **({"remote-xauth-id": sa.user_name} if sa.user is not None else {}),
        **({"initiator": YES} if sa.role is Role.INITIATOR else {}),
        "initiator-spi": sa.CKY_I.hex(),
        "responder-spi": sa.CKY_R.hex().rjust(16, "0"),
        **_nat(sa),
        **_ike_suite(sa),
        **_ike_times(sa, now),
        **({"local-vips": sa.received.addresses} if sa.received and sa.received.addresses else {}),
        **({"remote-vips": sa.assigned_addresses} if sa.assigned_addresses else {}),
        **_tasks(sa),
        "child-sas": children,
        **_ike_extensions(sa, now),
        **marked_removed(removed),
    }


def _ike_extensions(sa: IkeSa, now: float) -> Section:
    return {
        "cisco-state": cisco_state(sa),
        **({"peer-maker": maker} if (maker := maker_of(sa.vendors)) else {}),
        **({"moves": str(sa.moves), "moved": _seconds(now - sa.moved_at)} if sa.moves else {}),
    }


def marked_removed(removed: bool) -> Section:
    """The extension ``removed``: the connection or tunnel is not configured any more."""
    return {"removed": YES} if removed else {}


def _identity(body: bytes) -> str:
    return identity.text_of(identity.parse(body)) if body else "%any"


def _nat(sa: IkeSa) -> Section:
    if sa.nat is None:
        return {}
    found = {
        "nat-local": sa.nat.local_behind,
        "nat-remote": sa.nat.remote_behind,
        "nat-fake": sa.nat.forced,
        "nat-any": sa.nat.encapsulate,
    }
    return {key: YES for key, true in found.items() if true}


def _suite(words: DisplayWords) -> Section:
    named = {
        "encr-alg": words.encryption,
        "encr-keysize": words.key_size,
        "integ-alg": words.integrity,
        "prf-alg": words.prf,
        "dh-group": words.group,
    }
    return {key: word for key, word in named.items() if word}


def _ike_suite(sa: IkeSa) -> Section:
    if sa.chosen is None:
        return {}
    suite = sa.chosen.suite
    return _suite(ike_display(suite.encryption, suite.key_length, suite.hash, suite.group))


def _seconds(duration: float) -> str:
    return str(max(0, int(duration)))


def _ike_times(sa: IkeSa, now: float) -> Section:
    if not sa.is_up:
        return {}
    return {
        "established": _seconds(now - sa.established_at),
        **({"rekey-time": _seconds(sa.rekey_at - now)} if sa.rekey_at else {}),
        # charon has none, but swanctl shows it, if it is before the children
        **({"life-time": _seconds(sa.expires_at - now)} if sa.expires_at else {}),
    }


def _tasks(sa: IkeSa) -> Section:
    tasks = {
        "tasks-queued": ["QUICK_MODE" for _ in sa.queued],
        "tasks-active": _running(sa, Role.INITIATOR),
        "tasks-passive": _running(sa, Role.RESPONDER),
    }
    return {key: names for key, names in tasks.items() if names}


def _running(sa: IkeSa, role: Role) -> Sequence[str]:
    """The exchanges that wait for a message; those that only linger to repeat their last one, or why a first
    message was refused, are done, and so are Transaction exchanges of the peer that it may continue."""
    return [
        _task(exchange)
        for exchange in filter(None, (sa.phase1, *sa.exchanges))
        if exchange.role is role and exchange.step and not script_of(exchange).is_over(exchange)
        if role is Role.INITIATOR or exchange.transaction is None or exchange.waiting is not None
    ]


def _task(exchange: Exchange) -> str:
    data = exchange.transaction
    return _TOPICS[data.topic] if data is not None else _TASKS[exchange.script]


def child_key(child: ChildSa) -> str:
    """The name of the section of ``child``: unique among those of an ISAKMP SA."""
    return f"{child.name}-{child.unique_id}"


def child_section(child: ChildSa, counters: Counters, now: float) -> Section:
    """The fields of ``child``."""
    return {
        "name": child.name,
        "uniqueid": str(child.unique_id),
        "reqid": str(child.reqid),
        "state": str(child.state),
        "mode": mode_word(child),
        "protocol": ProtocolId(child.suite.protocol).name,
        **({"encap": YES} if child.udp_encapsulation else {}),
        "spi-in": f"{child.inbound.spi:08x}",
        "spi-out": f"{child.outbound.spi:08x}",
        **_compression(child),
        **_marks(child.marks),
        **_suite(ipsec_suite.display(child.suite, child.group)),
        **({"esn": "1"} if child.suite.esn else {}),
        "bytes-in": str(counters.bytes_in),
        "packets-in": str(counters.packets_in),
        **({"use-in": _seconds(counters.idle_in)} if counters.idle_in is not None else {}),
        "bytes-out": str(counters.bytes_out),
        "packets-out": str(counters.packets_out),
        **({"use-out": _seconds(counters.idle_out)} if counters.idle_out is not None else {}),
        **({"rekey-time": _seconds(child.rekey_at - now)} if child.rekey_at else {}),
        **({"life-time": _seconds(child.expires_at - now)} if child.expires_at else {}),
        "install-time": _seconds(now - child.created_at),
        "local-ts": [selector_text(local) for local in child.locals],
        "remote-ts": [selector_text(child.remote)],
        **refused(counters),
    }


def mode_word(child: ChildSa | Tunnel) -> str:
    """The mode as VICI has it: TUNNEL or TRANSPORT."""
    return child.mode.upper()


def _compression(child: ChildSa) -> Section:
    if child.compression is None:
        return {}
    return {"cpi-in": f"{child.compression.inbound_cpi:04x}", "cpi-out": f"{child.compression.outbound_cpi:04x}"}


def _marks(packet_marks: PacketMarks) -> Section:
    found: dict[str, str] = {}
    for way, mark in (("in", packet_marks.mark_in), ("out", packet_marks.mark_out)):
        if mark != Mark():
            found |= {f"mark-{way}": f"{mark.value:08x}", f"mark-mask-{way}": f"{mark.mask:08x}"}
    interfaces = {"if-id-in": packet_marks.if_id_in, "if-id-out": packet_marks.if_id_out}
    return found | {key: f"{number:08x}" for key, number in interfaces.items() if number}


def refused(counters: Counters) -> Section:
    """Counters of dropped packets; the keys are extensions."""
    return {
        "replays-in": str(counters.replays),
        "integrity-failures-in": str(counters.integrity_failures),
        "malformed-in": str(counters.malformed),
        "selector-drops-in": str(counters.selector_drops),
        "dummies-in": str(counters.dummies),
        "refused-out": str(counters.refused_out),
        "unsent-out": str(counters.unsent),
    }


def connection_section(connection: Connection) -> Section:
    """The configuration of ``connection`` as list-conns shows it, without its secret."""
    lifetime = str(max((policy.lifetime for policy in connection.policies), default=0)) if connection.rekey else "0"
    return {
        "local_addrs": [connection.local_address],
        "remote_addrs": list(connection.remotes),
        "version": "IKEv1",
        "reauth_time": lifetime,
        "rekey_time": "0",
        "unique": f"UNIQUE_{connection.unique.upper()}",
        **_dead_peer_detection(connection),
        "local_port": "500",
        "remote_port": str(connection.remote_port),
        **_rounds(connection),
        "children": {tunnel.name: _tunnel_section(connection, tunnel) for tunnel in connection.tunnels},
    }


def shunt_section(shunt: Shunt) -> Section:
    """The configuration of ``shunt`` as list-conns shows it: a connection with nothing but this child."""
    child = {
        "mode": shunt.action.upper(),
        "rekey_time": "0",
        "rekey_bytes": "0",
        "rekey_packets": "0",
        "dpd_action": "none",
        "close_action": "none",
        "local-ts": [str(shunt.local)],
        "remote-ts": [str(shunt.remote)],
    }
    return {
        "local_addrs": ["%any"],
        "remote_addrs": ["%any"],
        "version": "IKEv1",
        "reauth_time": "0",
        "rekey_time": "0",
        "unique": "UNIQUE_NO",
        "children": {shunt.name: child},
    }


def policy_section(connection: Connection, policy: Policy) -> Section:
    """The fields of a ``policy`` of ``connection``; all of this section is an extension."""
    suite = policy.suite
    words = ike_display(suite.encryption, suite.key_length, suite.hash, suite.group)
    return {
        "connection": connection.name,
        "priority": str(policy.priority),
        "encryption": "-".join(filter(None, (words.encryption, words.key_size))),
        "hash": words.prf.removeprefix("PRF_HMAC_"),
        "authentication": AuthenticationMethod(suite.authentication).name,
        "dh-group": words.group,
        "life-time": str(policy.lifetime),
        "life-kilobytes": str(policy.lifetime_kilobytes),
    }


def _round(connection: Connection, identity: str | None) -> Section:
    """How one peer authenticates; both use the method of the preferred policy."""
    methods = [policy.suite.authentication for policy in connection.policies[:1]]
    shared = bool(methods) and methods[0] in SHARED
    return {"class": "pre-shared key" if shared else "public key", **({"id": identity} if identity else {})}


def _rounds(connection: Connection) -> Section:
    """The authentication rounds of each peer. XAUTH is the second round of the client or, with hybrid authentication,
    its only one.
    """
    local: Section = {**_round(connection, connection.local_id), **_own_certificate(connection)}
    remote: Section = {
        **_round(connection, expected(connection)),
        **_subjects("certs", connection.trust.peers),
        **_subjects("cacerts", connection.trust.authorities),
    }
    if connection.xauth is None:
        return {"local-1": local, "remote-1": remote}
    asked: Section = {"class": "XAUTH", **({"xauth_id": connection.xauth_user} if connection.xauth_user else {})}
    side = "remote" if connection.xauth is XauthRole.SERVER else "local"
    hybrid = any(policy.suite.authentication in SIGNER for policy in connection.policies[:1])
    return {"local-1": local, "remote-1": remote} | {f"{side}-{1 if hybrid else 2}": asked}


def _own_certificate(connection: Connection) -> Section:
    chain = connection.credential.certificates[:1] if connection.credential is not None else ()
    return _subjects("certs", chain)


def _subjects(key: str, found: Sequence[bytes]) -> Section:
    subjects = [distinguished_name.to_text(certificates.names(certificate).subject) for certificate in found]
    return {key: subjects} if subjects else {}


def _dead_peer_detection(connection: Connection) -> Section:
    if not connection.dpd_delay:
        return {}
    return {"dpd_delay": _seconds(connection.dpd_delay), "dpd_timeout": _seconds(connection.dpd_timeout)}


def _tunnel_section(connection: Connection, tunnel: Tunnel) -> Section:
    rekey = connection.rekey
    local, remote = selectors(tunnel)
    return {
        "mode": mode_word(tunnel),
        "rekey_time": str(tunnel.rekeying.rekey_time or tunnel.lifetime) if rekey else "0",
        "rekey_bytes": str(tunnel.rekeying.rekey_bytes or tunnel.lifetime_kilobytes * 1024) if rekey else "0",
        "rekey_packets": str(tunnel.rekeying.rekey_packets) if rekey else "0",
        "dpd_action": str(action_for(connection, tunnel)) if connection.dpd_delay else "none",
        "close_action": "none",
        "local-ts": local,
        "remote-ts": remote,
    }


def selectors(tunnel: Tunnel) -> tuple[Sequence[str], Sequence[str]]:
    """The two networks of ``tunnel`` in text, ``dynamic`` for an end's own address."""
    return [selector_text(tunnel.local)], [selector_text(tunnel.remote)]
