"""Who is who: the addresses at the two ends of a conversation, through floats to port 4500 and changes of a NAT."""

from __future__ import annotations

from ikev1.capture.records.packets import Datagram
from ikev1.core.records.model import Role

_MOST_PORTS = 64  # that are remembered of one end: a NAT box may hand out a new one every minute


def other(role: Role) -> Role:
    """The other side."""
    return Role.RESPONDER if role is Role.INITIATOR else Role.INITIATOR


class Endpoints:
    """``initiator`` and ``responder`` are the ends' sockets, the newest last, as far as the capture shows them."""

    def __init__(self, opening: Datagram, sender: Role) -> None:
        self.sockets: dict[Role, list[tuple[str, int]]] = {Role.INITIATOR: [], Role.RESPONDER: []}
        self._note(opening, sender)

    def sender_of(self, datagram: Datagram) -> Role:
        """Who sent ``datagram``; its sockets are remembered."""
        sender = self._known(datagram)
        self._note(datagram, sender)
        return sender

    def host(self, role: Role) -> str:
        """The address that was seen last."""
        return self.sockets[role][-1][0]

    def ports(self, role: Role) -> tuple[int, ...]:
        """All its ports, in the order in which they were first seen."""
        return tuple(dict.fromkeys(port for _, port in self.sockets[role]))

    def hosts(self, role: Role) -> frozenset[str]:
        """All its addresses."""
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
