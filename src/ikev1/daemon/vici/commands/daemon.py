"""Commands about the daemon itself."""

from __future__ import annotations

import os
import time
from collections import Counter
from importlib.metadata import PackageNotFoundError, version

from ikev1.config.findings import ConfigError
from ikev1.core.records.model import IkeState
from ikev1.crypto.algorithms import GROUPS, HASHES, IKE_CIPHERS
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


def _own_version() -> str:
    try:
        return version("ikev1")
    except PackageNotFoundError:
        return "unknown"


async def show_version(call: Call) -> Section:
    """Who we are and on what we run; the last key is ours."""
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
    """How long we run and how much there is. There is one event loop where strongSwan has a pool of workers.

    Two sections are ours: ``data-plane``, and in ``drops`` what was dropped since the daemon began.
    """
    gateway = call.gateway
    none = {"critical": "0", "high": "0", "medium": "0", "low": "0"}
    states = Counter(sa.state for sa in gateway.engine.sas.values())
    return {
        "uptime": {
            "running": _duration(gateway.now() - gateway.started_at),
            "since": time.strftime("%b %d %H:%M:%S %Y", time.localtime(gateway.started_at)),
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
    """Read ikev1.toml again; what is wrong with it changes nothing and is told."""
    try:
        call.gateway.reload()
    except ConfigError as error:
        raise Refused("; ".join(map(str, error.findings))) from error
    return SUCCESS


async def get_algorithms(_: Call) -> Section:
    """What phase 1 can negotiate, and which library does it."""
    ciphers = {word.display: "cryptography" for word in IKE_CIPHERS.values()}
    integrity = {word.display: "hashlib" for word in HASHES.values()}
    functions = {word.prf_display: "hashlib" for word in HASHES.values()}
    groups = {
        word.display: "pycryptodome" if word.display.startswith("MODP") else "cryptography" for word in GROUPS.values()
    }
    return {"encryption": ciphers, "integrity": integrity, "prf": functions, "dh": groups}


async def get_counters(call: Call) -> Section:
    """How often what happened: of one connection, of ``all``, or in total."""
    counters, name = call.gateway.counters, call.request.text("name")
    if name is not None:
        if name not in counters.by_connection:
            raise Refused("no counters found for this connection")
        shown = {name: counters.by_connection[name]}
    elif call.request.flag("all"):
        shown = dict(counters.by_connection)
    else:
        shown = {"": counters.total}
    sections = {name: {key: str(count) for key, count in counts.items()} for name, counts in shown.items()}
    return {"counters": sections, **SUCCESS}


async def reset_counters(call: Call) -> Section:
    """Count from 0 again: one connection, or everything."""
    counters, name = call.gateway.counters, call.request.text("name")
    if name is not None and name not in counters.by_connection:
        raise Refused("no counters found for this connection")
    counters.reset(name)
    return SUCCESS


COMMANDS: dict[str, Command] = {
    "version": show_version,
    "stats": stats,
    "reload-settings": reload_settings,
    "get-algorithms": get_algorithms,
    "get-counters": get_counters,
    "reset-counters": reset_counters,
}
