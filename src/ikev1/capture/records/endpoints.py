"""The addresses and ports of the two peers, across the switch to port 4500 and NAT rebinding."""

from __future__ import annotations

from ikev1.capture.records.packets import Datagram
from ikev1.core.records.exchange import Role

_MOST_PORTS = 64  # kept per peer: a NAT device may assign a new one every minute


def other(role: Role) -> Role:
    """The opposite role."""
    return Role.RESPONDER if role is Role.INITIATOR else Role.INITIATOR


class Endpoints:
    """``sockets`` are the addresses and ports seen for each role, the most recent last."""

    def __init__(self, opening: Datagram, sender: Role) -> None:
        self.sockets: dict[Role, list[tuple[str, int]]] = {Role.INITIATOR: [], Role.RESPONDER: []}
        self._note(opening, sender)

    def sender_of(self, datagram: Datagram) -> Role:
        """The role of the sender of ``datagram``, whose addresses are recorded."""
        sender = self._known(datagram)
        self._note(datagram, sender)
        return sender

    def host(self, role: Role) -> str:
        """The most recent address."""
        return self.sockets[role][-1][0]

    def ports(self, role: Role) -> tuple[int, ...]:
        """All ports of the peer, in order of use."""
        return tuple(dict.fromkeys(port for _, port in self.sockets[role]))

    def hosts(self, role: Role) -> frozenset[str]:
        """All addresses of the peer."""
        return frozenset(host for host, _ in self.sockets[role])

    def _known(self, datagram: Datagram) -> Role:
        source = (datagram.source, datagram.source_port)
        destination = (datagram.destination, datagram.destination_port)
        for role in Role:
            here, there = self.sockets[role], self.sockets[other(role)]
            if (source in here and source not in there) or (destination in there and destination not in here):
                return role
        if datagram.source in self.hosts(Role.INITIATOR):
            return Role.INITIATOR
        return Role.INITIATOR if datagram.destination in self.hosts(Role.RESPONDER) else Role.RESPONDER

    def _note(self, datagram: Datagram, sender: Role) -> None:
        self._add(sender, (datagram.source, datagram.source_port))
        self._add(other(sender), (datagram.destination, datagram.destination_port))

    def _add(self, role: Role, socket: tuple[str, int]) -> None:
        known = self.sockets[role]
        if socket in known:
            known.remove(socket)
        elif len(known) == _MOST_PORTS:
            del known[1]
        known.append(socket)
