"""Events of the engine as events of VICI."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import ChildDown, ChildUp, Event, IkeDown, IkeUp, XauthUp
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.record import replace
from ikev1.daemon.observe.event_log import Level, Line
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.sections import child_key, child_section, ike_section
from ikev1.esp.plane import Counters

# Names that a client may register for. Some are never raised: IKEv1 has no ike-rekey, and the rest are answers.
EVENT_NAMES = frozenset(
    {"log", "control-log", "ike-updown", "ike-rekey", "ike-update", "child-updown", "child-rekey", "alert"}
    | {"list-sa", "list-policy", "list-conn", "list-cert", "list-authority"}
    | {"list-tunnel", "list-ike-policy"}  # extensions
)

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
            old = replace(event.replaces, state=ChildState.REKEYED)
            both = {"old": _child(old, counters_of, now), "new": _child(event.child, counters_of, now)}
            return "child-rekey", _ike(event.sa, {event.child.name: both}, now)
        return "child-updown", {"up": "yes", **_one_child(event.sa, event.child, counters_of, now)}
    if isinstance(event, ChildDown) and event.child.state is not ChildState.REKEYED:
        return "child-updown", _one_child(event.sa, replace(event.child, state=ChildState.DELETED), counters_of, now)
    return None


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
