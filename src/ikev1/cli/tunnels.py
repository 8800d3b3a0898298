"""The configured tunnels, with the reason why one is down: the records behind `show tunnels`, and their text.

They are made only from `list-tunnel`, an extension of VICI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ikev1.cli.control import Section
from ikev1.cli.tables import duration, table
from ikev1.core.peer.connection_lookup import is_address, is_host_name

_BEGINS = {
    "start": "the gateway brings it up",
    "trap": "comes up with its first packet",
    "none": "comes up when the peer calls, or with `ikev1 up`",
}
_CALLED = "comes up when a peer calls"  # nobody knows where the peer is


class LastFailure(msgspec.Struct, frozen=True):
    """The last failure of a tunnel; ``ago`` is in seconds. ``caller`` is the address of the peer if it called and had
    proved nothing yet: then it may be anyone.
    """

    code: str
    text: str
    ago: int
    caller: str | None


class ConfiguredTunnel(msgspec.Struct, frozen=True):
    """A line of `show tunnels`; times are in seconds."""

    connection: str
    tunnel: str
    state: str  # "UP", "CONNECTING" or "DOWN"
    peers: list[str]
    local_ident: list[str]
    remote_ident: list[str]
    start: str
    waits_for: str | None
    next_attempt: int | None
    last_failure: LastFailure | None
    ended: int | None  # since the last pair of IPsec SAs ended
    end_reason: str | None


def tunnels_of(sections: Iterable[Section], peer: str | None = None) -> list[ConfiguredTunnel]:
    """The tunnels in the events `list-tunnel`: all, or those whose peer has the configured address ``peer``."""
    return [_tunnel(section) for section in sections if peer is None or peer in section["remote_addrs"]]


def _tunnel(section: Section) -> ConfiguredTunnel:
    return ConfiguredTunnel(
        connection=section["connection"],
        tunnel=section["tunnel"],
        state=section["state"],
        peers=section["remote_addrs"],
        local_ident=section["local-ts"],
        remote_ident=section["remote-ts"],
        start=section["start_action"],
        waits_for=section.get("waits-for"),
        next_attempt=_number(section, "next-attempt"),
        last_failure=_last_failure(section) if "failure-code" in section else None,
        ended=_number(section, "ended"),
        end_reason=section.get("end-reason"),
    )


def _last_failure(section: Section) -> LastFailure:
    return LastFailure(
        section["failure-code"], section["failure"], int(section["failed"]), section.get("failure-caller")
    )


def _number(section: Section, key: str) -> int | None:
    return int(section[key]) if key in section else None


def tunnels_table(tunnels: Iterable[ConfiguredTunnel]) -> str:
    """The table of `show tunnels`."""
    return table(("tunnel", "peer", "local", "remote", "state", "next attempt"), map(_line, tunnels))


def _line(tunnel: ConfiguredTunnel) -> tuple[str, ...]:
    words = (", ".join(each) for each in (tunnel.peers, tunnel.local_ident, tunnel.remote_ident))
    return (f"{tunnel.connection}/{tunnel.tunnel}", *words, tunnel.state, duration(tunnel.next_attempt))


def reasons_text(tunnels: Iterable[ConfiguredTunnel]) -> str:
    """Why each tunnel that is not up is down, in a few lines for each; empty if all are up."""
    return "\n".join("\n  ".join(_reasons(tunnel)) for tunnel in tunnels if tunnel.state != "UP")


def _reasons(tunnel: ConfiguredTunnel) -> Iterator[str]:
    begins = _BEGINS.get(tunnel.start, tunnel.start)
    if tunnel.start == "none" and not any(is_address(each) or is_host_name(each) for each in tunnel.peers):
        begins = _CALLED
    yield f"{tunnel.connection}/{tunnel.tunnel}: {tunnel.waits_for or begins}"
    if tunnel.end_reason is not None:
        yield f"went down {duration(tunnel.ended)} ago: {tunnel.end_reason}"
    failure = tunnel.last_failure
    if failure is not None:
        caller = f", of a call from {failure.caller} that proved nothing" if failure.caller else ""
        yield f"last failure {duration(failure.ago)} ago{caller}: {failure.text} ({failure.code})"
