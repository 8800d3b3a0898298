"""Commands about the daemon itself."""

from __future__ import annotations

import os
import time
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

from ikev1.config.findings import ConfigError
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.reload import Reload
from ikev1.crypto import cipher
from ikev1.crypto.algorithms import GROUPS, HASHES, IKE_CIPHERS
from ikev1.daemon.observe.message_counters import NAMES
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def _own_version() -> str:
    try:
        return version("ikev1")
    except PackageNotFoundError:
        return "unknown"


async def show_version(call: Call) -> Section:
    """Name and version of the daemon and the system; the last key is an extension."""
    system = os.uname()
    return {
        "daemon": "ikev1",
        "version": _own_version(),
        "sysname": system.sysname,
        "release": system.release,
        "machine": system.machine,
        "data-plane": call.gateway.chosen.name,
    }


def _duration(seconds: float) -> str:
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= size), _UNITS[-1])
    return f"{int(seconds // size)} {unit}"


async def stats(call: Call) -> Section:
    """Uptime and number of SAs. There is one event loop where strongSwan has a pool of workers.

    Two sections are extensions: ``data-plane``, and ``drops``, the packets dropped since the daemon started.
    """
    gateway = call.gateway
    running = gateway.now() - gateway.started_at
    none = {"critical": "0", "high": "0", "medium": "0", "low": "0"}
    states = Counter(sa.state for sa in gateway.engine.sas.values())
    return {
        "uptime": {
            "running": _duration(running),
            "since": time.strftime("%b %d %H:%M:%S %Y", time.localtime(gateway.wall() - running)),
        },
        "workers": {"total": "1", "idle": "0", "active": none | {"medium": "1"}},
        "queues": none,
        "scheduled": "1",
        "ikesas": {"total": str(states.total()), "half-open": str(states[IkeState.CONNECTING])},
        "plugins": [],
        "data-plane": {"name": gateway.chosen.name, "reason": gateway.chosen.reason},
        "drops": {name: str(count) for name, count in gateway.drops.moved().items()},
    }


async def reload_settings(call: Call) -> Section:
    """Read ikev1.toml again; if it has errors, nothing changes and they are reported.

    Two keys are extensions: ``now`` replaces SAs that do not match the configuration at once, and with ``drain`` SAs
    of connections and tunnels that were removed are used until they expire.
    """
    how = Reload(at_once=call.request.flag("now"), drain=call.request.flag("drain"))
    try:
        call.gateway.reload(how)
    except ConfigError as error:
        raise Refused("; ".join(map(str, error.findings))) from error
    return SUCCESS


async def flush_certs(call: Call) -> Section:
    """Forget the CRLs and OCSP responses that were retrieved; other certificates are not cached."""
    if (call.request.text("type") or "any").lower() in ("any", "x509_crl", "ocsp_response"):
        call.gateway.certificate_checker.flush()
    return SUCCESS


async def get_algorithms(_: Call) -> Section:
    """The algorithms of phase 1, and the libraries that implement them."""
    ciphers = {
        word.display: "af-alg" if word.number in cipher.OF_THE_KERNEL else "cryptography"
        for word in IKE_CIPHERS.values()
        if not cipher.missing(word.number)
    }
    integrity = {word.display: "hashlib" for word in HASHES.values()}
    functions = {word.prf_display: "hashlib" for word in HASHES.values()}
    groups = {
        word.display: "pycryptodome" if word.display.startswith("MODP") else "cryptography" for word in GROUPS.values()
    }
    return {"encryption": ciphers, "integrity": integrity, "prf": functions, "dh": groups}


async def get_counters(call: Call) -> Section:
    """The counters of one connection, of ``all`` connections, or in total: those of strongSwan, then events by their
    names.
    """
    gateway, name = call.gateway, call.request.text("name")
    events, messages = gateway.counters.by_connection, gateway.messages.by_connection
    if name is not None:
        _demand_counters(call, name)
        shown = [name]
    elif call.request.flag("all"):
        shown = [*events, *(connection for connection in messages if connection not in events)]
    else:
        return {"counters": {"": _counters(gateway.messages.total, gateway.counters.total)}, **SUCCESS}
    none: Counter[str] = Counter()
    return {
        "counters": {each: _counters(messages.get(each, none), events.get(each, none)) for each in shown},
        **SUCCESS,
    }


def _counters(messages: Counter[str], events: Counter[str]) -> Section:
    counts = {name: messages[name] or events[name] for name in NAMES} | events
    return {name: str(count) for name, count in counts.items()}


def _demand_counters(call: Call, name: str) -> None:
    if name not in call.gateway.counters.by_connection and name not in call.gateway.messages.by_connection:
        raise Refused("no counters found for this connection")


async def reset_counters(call: Call) -> Section:
    """Reset the counters of one connection, or all of them."""
    name = call.request.text("name")
    if name is not None:
        _demand_counters(call, name)
    call.gateway.counters.reset(name)
    call.gateway.messages.reset(name)
    return SUCCESS


COMMANDS: dict[str, Command] = {
    "version": show_version,
    "stats": stats,
    "reload-settings": reload_settings,
    "flush-certs": flush_certs,
    "get-algorithms": get_algorithms,
    "get-counters": get_counters,
    "reset-counters": reset_counters,
}
