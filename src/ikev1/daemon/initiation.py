"""The addresses and ports between which phase 1 with a peer begins."""

from __future__ import annotations

from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.path import UdpPath
from ikev1.core.records.settings import Settings
from ikev1.daemon.net.udp import local_address_towards
from ikev1.daemon.pending_operations import NotEstablished


def first_path(settings: Settings, name: str, local_port: int) -> UdpPath:
    """The path from ``local_port`` to the configured address of the peer of connection ``name``.

    Raises:
        NotEstablished: the configuration has no single address of the peer, or there is no route to it.
    """
    connection = next((known for known in settings.connections if known.name == name), None)
    if connection is None:
        raise NotEstablished(f"there is no connection {name!r}")
    local, remote = connection.local_address, connection.remote_address
    if not is_address(remote):
        raise NotEstablished(f"remote_address of {name} is {remote}: initiating needs a single address")
    if not is_address(local):
        try:
            local = local_address_towards(remote)
        except OSError as error:
            raise NotEstablished(f"no route to {remote}: {error.strerror}") from error
    return UdpPath(local.partition("%")[0], local_port, remote, connection.remote_port)
