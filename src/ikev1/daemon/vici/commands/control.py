"""initiate, terminate, rekey: the commands that change SAs; the client gets the log lines about them. install and
uninstall: traps and shunts by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.settings import Shunt
from ikev1.daemon.observe.event_log import Level, Line
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.daemon.vici.codec import Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused
from ikev1.daemon.vici.select import Selection
from ikev1.esp.plane import PlaneError

_LEVELS = {0: Level.WARNING, 1: Level.INFO}


@contextmanager
def _control_log(call: Call, concerns: Callable[[IkeSa], bool]) -> Iterator[None]:
    """Within it, the client gets the log lines about the ISAKMP SAs that its command ``concerns``."""
    wanted = call.request.number("loglevel")
    level = 1 if wanted is None else wanted
    if level < 0:
        yield
        return

    def forward(line: Line) -> None:
        if line.sa is not None and concerns(line.sa):
            call.control_log(line)

    detach = call.gateway.log.attach(_LEVELS.get(level, Level.DEBUG), forward)
    try:
        yield
    finally:
        detach()


def _wanted(call: Call) -> tuple[str, str | None, str]:
    """The connection and tunnel that a request names, and what strongSwan calls the SA."""
    child, ike = call.request.text("child"), call.request.text("ike")
    if child is not None:
        found = call.gateway.settings.tunnel(child, ike)
        if found is None:
            raise Refused(call.loaded.why_unusable(ike, child) or f"CHILD_SA config '{child}' not found")
        return found[0].name, child, f"CHILD_SA '{child}'"
    if ike is None:
        raise Refused("missing configuration name")
    if call.gateway.settings.connection(ike) is None:
        raise Refused(call.loaded.why_unusable(ike, None) or f"IKE_SA config '{ike}' not found")
    return ike, None, f"IKE_SA '{ike}'"


async def initiate(call: Call) -> Section:
    """Bring up a tunnel, or an ISAKMP SA alone, and answer when it is up, has failed, or ``timeout`` is over.

    ``timeout`` is in milliseconds: 0 or absent waits for the outcome, a negative one does not wait.
    """
    connection, tunnel, called = _wanted(call)
    timeout = call.request.number("timeout") or 0
    if tunnel is not None:
        call.gateway.autostart.resume(connection, tunnel)
    establishing = asyncio.ensure_future(call.gateway.initiate(connection, tunnel))
    if timeout < 0:
        establishing.add_done_callback(partial(_ended_unattended, call, called))
        return SUCCESS
    with _control_log(call, lambda sa: sa.connection == connection):
        try:
            done, _ = await asyncio.wait({establishing}, timeout=timeout / 1000 if timeout else None)
        except asyncio.CancelledError:  # the client has gone, or the gateway stops
            establishing.add_done_callback(partial(_ended_unattended, call, called))
            raise
    if not done:
        establishing.add_done_callback(partial(_ended_unattended, call, called))
        reason = call.gateway.engine.why_waiting(connection, tunnel)
        rest = f": {reason}; the gateway is still trying" if reason else ""
        raise Refused(f"{called} not established after {timeout}ms{rest}")
    try:
        establishing.result()
    except NotEstablished as error:
        raise Refused(f"establishing {called} failed: {error}") from error
    return SUCCESS


def _ended_unattended(call: Call, called: str, establishing: asyncio.Future[None]) -> None:
    """Log a bug in an operation for whose outcome no client waits; the engine has reported every other failure."""
    error = None if establishing.cancelled() else establishing.exception()
    if isinstance(error, Exception) and not isinstance(error, NotEstablished):
        call.gateway.log.bug(f"establishing {called}", error)


def _matches(call: Call, verb: str) -> list[IkeSa] | list[ChildSa]:
    selection = Selection.of(call.request)
    if selection.empty:
        raise Refused(f"missing {verb} selector")
    return selection.matches(call.gateway.engine)


async def terminate(call: Call) -> Section:
    """Delete SAs and answer once the Delete payloads were sent.

    A key is an extension: with ``reestablish``, tunnels are initiated again as their ``start`` says, as after any other
    end of their SAs, and their traffic stays protected meanwhile.
    """
    matches, stays_closed = _matches(call, "terminate"), not call.request.flag("reestablish")
    if stays_closed:
        _leave(call)
    if not matches:
        raise Refused("no matching SAs to terminate found", matches=0, terminated=0)
    ours = {match.unique_id for match in matches if isinstance(match, IkeSa)}
    owners = {match.connection for match in matches if isinstance(match, ChildSa)}
    with _control_log(call, lambda sa: sa.unique_id in ours or sa.connection in owners):
        for match in matches:
            tunnel = match.name if isinstance(match, ChildSa) else None
            if stays_closed:
                call.gateway.autostart.release(match.connection, tunnel)
                call.gateway.protection.leave(match.connection, tunnel)
            if isinstance(match, ChildSa):
                call.gateway.close_child(match)
            else:
                call.gateway.close_ike(match)
    count = str(len(matches))
    return {"success": "yes", "matches": count, "terminated": count}


def _leave(call: Call) -> None:
    """Stop protecting the tunnels that a request names, also those that never came up or are down already."""
    ike, ike_id, child, child_id = Selection.of(call.request)
    if ike_id is not None or child_id is not None:
        return  # one of possibly several SAs
    if child is not None:
        for connection in call.gateway.settings.connections:
            if ike in (None, connection.name):
                call.gateway.protection.leave(connection.name, child)
    elif ike is not None:
        call.gateway.protection.leave(ike)


async def rekey(call: Call) -> Section:
    """Begin to rekey SAs, and answer at once."""
    matches = _matches(call, "rekey")
    if not matches:
        raise Refused("no matching SAs to rekey found", matches=0)
    for match in matches:
        if isinstance(match, ChildSa):
            call.gateway.rekey_child(match)
        else:
            call.gateway.rekey_ike(match)
    return {"success": "yes", "matches": str(len(matches))}


def _named_child(call: Call) -> str:
    name = call.request.text("child")
    if name is None:
        raise Refused("missing configuration name")
    return name


def _named_shunt(call: Call) -> Shunt | None:
    """The shunt that a request names; tunnels have connections, shunts have none."""
    return None if call.request.text("ike") else call.gateway.settings.shunt(_named_child(call))


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except PlaneError as error:
        raise Refused(str(error)) from error


async def install(call: Call) -> Section:
    """Bring the tunnel up with its first packet from now on, or have a shunt in force."""
    if (shunt := _named_shunt(call)) is not None:
        with _refusing():
            call.gateway.shunts.install(shunt)
        return SUCCESS
    found = call.gateway.settings.tunnel(_named_child(call), call.request.text("ike"))
    if found is None:
        raise Refused("configuration name not found")
    reason = call.gateway.traps.install(*found)
    if reason:
        raise Refused(reason)
    call.gateway.protection.use(found[0].name, found[1].name)
    return SUCCESS


async def uninstall(call: Call) -> Section:
    """Take the trap, or the shunt, away again."""
    if (shunt := _named_shunt(call)) is not None:
        with _refusing():
            if not call.gateway.shunts.uninstall(shunt.name):
                raise Refused(f"policy '{shunt.name}' not found")
        return SUCCESS
    name = _named_child(call)
    found = call.gateway.settings.tunnel(name, call.request.text("ike"))
    if found is None or not call.gateway.traps.remove(found[0].name, name):
        raise Refused(f"policy '{name}' not found")
    call.gateway.protection.leave(found[0].name, name)
    return SUCCESS


COMMANDS: dict[str, Command] = {
    "initiate": initiate,
    "terminate": terminate,
    "rekey": rekey,
    "install": install,
    "uninstall": uninstall,
}
