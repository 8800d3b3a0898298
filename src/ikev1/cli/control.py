"""The command line's connection to the daemon: a VICI client on its control socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from vici import Session
from vici.exception import CommandException, EventUnknownException, SessionException

from ikev1.daemon.vici.codec import PacketError, PacketType, build_packet, parse_message, parse_packet
from ikev1.files.places import CONTROL_SOCKET

Section = dict[str, Any]
"""A VICI message: text, lists of text, and sections."""

socket_option: Callable[..., Any] = click.option(
    "--socket",
    "path",
    default=CONTROL_SOCKET,
    envvar="IKEV1_SOCKET",
    show_default=True,
    show_envvar=True,
    help="The daemon's control socket.",
)


@contextmanager
def daemon(path: str) -> Iterator[Session]:
    """A session with the daemon that listens at ``path``.

    Raises:
        click.ClickException: the daemon is not running, closed the connection, or rejected the command (exit 1).
    """
    client = socket.socket(socket.AF_UNIX)
    try:
        try:
            client.connect(path)
        except OSError as error:
            raise click.ClickException(_unreachable(path, error)) from error
        yield Session(client)
    except CommandException as error:
        raise click.ClickException(str(error).removeprefix("Command failed: ")) from error
    except (EventUnknownException, SessionException) as error:
        raise click.ClickException(f"The daemon at {path} does not support this command: {error}.") from error
    except PacketError as error:
        raise click.ClickException(f"The daemon at {path} sent what is not VICI: {error}.") from error
    except OSError as error:
        raise click.ClickException(f"The daemon at {path} closed the connection: {error.strerror or error}.") from error
    finally:
        client.close()


def answers(path: str) -> bool:
    """Whether a daemon that listens at ``path`` answers."""
    try:
        with daemon(path) as session:
            session.version()
    except click.ClickException:
        return False
    return True


def _unreachable(path: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"Permission denied for the control socket {path}: run as root, or as a member of the socket's group."
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return f"No daemon is listening at {path}: start it with `ikev1 run`, or give its socket with --socket."
    return f"Cannot connect to the control socket {path}: {error.strerror or error}."


def decoded(value: Any) -> Any:
    """A received message, with octets decoded to text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [decoded(item) for item in value]
    return {
        key: item.decode("utf-8", "replace") if type(item) is bytes else decoded(item) for key, item in value.items()
    }


def _streamed(session: Session, command: str, event: str, **wanted: str | None) -> Iterator[Section]:
    """The events of ``command``, as they come; the package reads them at half the speed.

    Raises:
        SessionException: the daemon does not have the command.
    """
    stream, request = session.transport, {key.replace("_", "-"): value for key, value in wanted.items() if value}
    stream.send(build_packet(PacketType.EVENT_REGISTER, event))
    stream.send(build_packet(PacketType.CMD_REQUEST, command, request))
    while (packet := parse_packet(stream.receive())).type is not PacketType.CMD_RESPONSE:
        if packet.type is PacketType.EVENT:
            yield decoded(parse_message(packet.body))
        elif packet.type is not PacketType.EVENT_CONFIRM:
            raise SessionException(packet.type.name)
    stream.send(build_packet(PacketType.EVENT_UNREGISTER, event))
    stream.receive()


def each_sa(
    session: Session, connection: str | None = None, peer: str | None = None, *, children: bool = True
) -> Iterator[tuple[str, Section]]:
    """Every ISAKMP SA with its connection's name, or those of one ``connection`` or with the address ``peer``; with
    ``children``, its pairs of IPsec SAs are in it. One with very many pairs comes several times, with some of them.
    """
    wanted = {"ike": connection, "remote_host": peer, "child_sas": None if children else "no"}
    for event in _streamed(session, "list-sas", "list-sa", **wanted):
        yield from event.items()


def list_sas(session: Session, connection: str | None = None) -> list[tuple[str, Section]]:
    """All ISAKMP SAs with their connections' names, or those of one ``connection``."""
    found: dict[str, tuple[str, Section]] = {}
    for name, sa in each_sa(session, connection):
        known = found.setdefault(sa["uniqueid"], (name, sa))[1]
        known["child-sas"].update(sa["child-sas"])
    return list(found.values())


def list_tunnels(session: Session, connection: str | None = None, *, down: bool = False) -> Iterator[Section]:
    """Every configured tunnel, or those of one ``connection``; with ``down``, only those that are not up."""
    return _streamed(session, "list-tunnels", "list-tunnel", ike=connection, down="yes" if down else None)


def list_policies(session: Session, connection: str | None = None) -> Iterator[Section]:
    """Every policy of phase 1 with its connection's name, or those of one ``connection``."""
    return _streamed(session, "list-ike-policies", "list-ike-policy", ike=connection)


def list_connections(session: Session) -> dict[str, Section]:
    """Every connection by name, without shunts, which nobody initiates."""
    found = {name: section for event in session.list_conns() for name, section in decoded(event).items()}
    return {name: section for name, section in found.items() if not _is_shunt(section)}


def _is_shunt(section: Section) -> bool:
    return any(child["mode"] in ("PASS", "DROP") for child in section["children"].values())


def get_pools(session: Session, *, leases: bool = False) -> Section:
    """The pools of virtual addresses by name, with their leases or without."""
    pools: Section = decoded(session.get_pools({"leases": "yes" if leases else "no"}))
    return pools


def statistics(session: Session) -> Section:
    """The daemon's statistics."""
    stats: Section = decoded(session.stats())
    return stats
