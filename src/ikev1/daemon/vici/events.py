"""Events of the engine as events of VICI."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Code, Event, Failure, IkeDown, IkeUp, Note, XauthUp
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.daemon.observe.event_log import Level, Line
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.sections import child_key, child_section, ike_section
from ikev1.esp.plane import Counters

# Names that a client may register for. IKEv1 has no ike-rekey, which charon does not raise either: a new ISAKMP SA is
# another one. The list events and control-log are answers.
EVENT_NAMES = frozenset(
    {"log", "control-log", "ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey", "alert"}
    | {"list-sa", "list-policy", "list-conn", "list-cert", "list-authority"}
    | {"list-tunnel", "list-ike-policy"}  # extensions
)

# The types of alerts, strongSwan's, by our codes of failures
_ALERTS = {
    **dict.fromkeys((Code.PSK_MISMATCH, Code.AUTHENTICATION_FAILED, Code.REFLECTION), "peer-auth-failed"),
    **dict.fromkeys((Code.ID_MISMATCH, Code.CERTIFICATE_ID_MISMATCH, Code.XAUTH_FAILED), "peer-auth-failed"),
    **dict.fromkeys((Code.CERTIFICATE_MISSING, Code.CERTIFICATE_UNUSABLE), "peer-auth-failed"),
    **dict.fromkeys((Code.USER_REJECTED, Code.USER_LOCKED_OUT), "authorization-failed"),
    Code.CERTIFICATE_UNTRUSTED: "cert-untrusted-root",
    Code.CERTIFICATE_EXPIRED: "cert-expired",
    Code.CERTIFICATE_REVOKED: "cert-revoked",
    Code.REVOCATION_UNKNOWN: "cert-validation-failed",
    Code.SELECTORS_UNACCEPTABLE: "ts-mismatch",
    Code.PEER_DEAD: "retransmit-send-timeout",
    Code.NAME_NOT_RESOLVED: "peer-addr-failed",
    Code.HALF_OPEN_LIMIT: "half-open-timeout",
    Code.UNKNOWN_SA: "invalid-ike-spi",
    Code.WRONG_VERSION: "parse-error-header",
    Code.MALFORMED: "parse-error-body",
    Code.INSTALL_FAILED: "install-child-sa-failed",
    Code.NO_ADDRESS: "vip-failure",
}
_OF_PHASE_1 = {Code.NO_PROPOSAL_CHOSEN: "proposal-mismatch-ike", Code.PEER_SILENT: "peer-init-unreachable"}
_LATER = {Code.NO_PROPOSAL_CHOSEN: "proposal-mismatch-child", Code.PEER_SILENT: "retransmit-send-timeout"}

CountersOf = Callable[[ChildSa], Counters]


def translate(event: Event, counters_of: CountersOf, now: float) -> tuple[str, Section] | None:
    """The name and body of the VICI event that says the same as ``event``; None where VICI has none."""
    if isinstance(event, (IkeUp, XauthUp)):
        if event.sa.awaits_user:
            return None  # it is of no use yet
        return "ike-updown", {"up": "yes", **_ike(event.sa, {}, now)}
    if isinstance(event, IkeDown):
        gone = event.sa if event.sa.state is IkeState.CONNECTING else replace(event.sa, state=IkeState.DELETING)
        return "ike-updown", _ike(gone, {}, now)
    if isinstance(event, ChildUp):
        if event.replaces is not None:
            before = replace(event.replaces, state=ChildState.REKEYED)
            both = {"old": _child(before, counters_of, now), "new": _child(event.child, counters_of, now)}
            return "child-rekey", _ike(event.sa, {event.child.name: both}, now)
        return "child-updown", {"up": "yes", **_one_child(event.sa, event.child, counters_of, now)}
    if isinstance(event, ChildDown) and event.child.state is not ChildState.REKEYED:
        return "child-updown", _one_child(event.sa, replace(event.child, state=ChildState.DELETED), counters_of, now)
    if isinstance(event, Note) and event.sa is not None and event.before is not None:
        old = replace(event.sa, path=event.before)
        return "ike-update", {**_ends(event.sa.path), **_ike(old, {}, now)}
    if isinstance(event, Failure) and (kind := _alert(event)):
        about = {} if event.sa is None else {"ike-sa": _ike(event.sa, {}, now)}
        return "alert", {"type": kind, **about, "code": event.code, "peer": event.peer, "msg": event.text}
    return None


def _alert(failure: Failure) -> str | None:
    connecting = failure.sa is None or failure.sa.state is IkeState.CONNECTING
    return (_OF_PHASE_1 if connecting else _LATER).get(failure.code) or _ALERTS.get(failure.code)


def _ends(path: UdpPath) -> Section:
    return {
        "local-host": path.local_host,
        "local-port": str(path.local_port),
        "remote-host": path.remote_host,
        "remote-port": str(path.remote_port),
    }


def _ike(sa: IkeSa, children: Section, now: float) -> Section:
    return {sa.connection: ike_section(sa, now, children)}


def _child(child: ChildSa, counters_of: CountersOf, now: float) -> Section:
    return child_section(child, counters_of(child), now)


def _one_child(sa: IkeSa, child: ChildSa, counters_of: CountersOf, now: float) -> Section:
    return _ike(sa, {child_key(child): _child(child, counters_of, now)}, now)


def log_event(line: Line, thread: bool) -> Section:
    """A line as the body of ``log`` (with ``thread``) or ``control-log``."""
    code = f" ({line.code})" if line.code else ""
    return {
        "group": line.group,
        **({"thread": "0"} if thread else {}),
        "level": "0" if line.level >= Level.WARNING else "1" if line.level >= Level.INFO else "2",
        **({"ikesa-name": line.sa.connection, "ikesa-uniqueid": str(line.sa.unique_id)} if line.sa else {}),
        "msg": line.text + code,
    }
