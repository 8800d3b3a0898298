"""Before a peer is called: by which path, and whether that is not happening already."""

from __future__ import annotations

from ikev1.core.exchanges.registry import script_of
from ikev1.core.peer.connection_lookup import is_address
from ikev1.core.records.model import IkeSa, Role, UdpPath
from ikev1.core.records.settings import Settings
from ikev1.daemon.net.udp import local_address_towards
from ikev1.daemon.pending_operations import NotEstablished


def first_path(settings: Settings, name: str, local_port: int) -> UdpPath:
    """The path on which the peer of connection ``name`` is called when there is no ISAKMP SA with it.

    Raises:
        NotEstablished: nobody knows where the peer is, or there is no route to it.
    """
    connection = next((known for known in settings.connections if known.name == name), None)
    if connection is None:
        raise NotEstablished(f"there is no connection {name!r}")
    local, remote = connection.local_address, connection.remote_address
    if not is_address(remote):
        raise NotEstablished(f"the remote address of {name} is {remote}: only a single address can be called")
    if not is_address(local):
        try:
            local = local_address_towards(remote)
        except OSError as error:
            raise NotEstablished(f"no way to {remote}: {error.strerror}") from error
    return UdpPath(local, local_port, remote, connection.remote_port)


def under_way(sa: IkeSa, tunnel: str | None) -> bool:
    """Whether ``sa`` brings up ``tunnel`` already, or is to do so once it is established."""
    return tunnel in sa.queued or any(
        exchange.quick is not None
        and exchange.quick.tunnel == tunnel
        and exchange.role is Role.INITIATOR
        and not script_of(exchange).is_over(exchange)
        for exchange in sa.exchanges
    )
