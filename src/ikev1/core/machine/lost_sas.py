"""Messages and packets for SAs that one of the peers has lost: INVALID-COOKIE and INVALID-SPI, sent and received.

*Sent.* A peer that uses an ISAKMP SA or a pair of IPsec SAs which this gateway no longer has (RFC 2408 §5.2, §3.14.1)
is notified: only at an address where a peer is known, at most once in some seconds for each address, in a limited
number for all, and never in reply to a message in the clear, so that two gateways cannot answer one another. The reply
is smaller than the message. Nothing authenticates it, except where an ISAKMP SA with the peer is up.

*Received.* Anybody can send such an error in the clear. It is a hint to ask the peer whether it is alive
(`ikev1.core.machine.liveness.hinted`) and nothing else. An authenticated INVALID-SPI is believed: the pair is replaced.
"""

from __future__ import annotations

from itertools import islice

from ikev1.core.exchanges.informational import clear_invalid_spi, clear_notify
from ikev1.core.machine import commands, liveness
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.boundary import contain
from ikev1.core.machine.engine_state import Arrival, State
from ikev1.core.machine.transaction import SaRef, Transaction
from ikev1.core.peer.path_changes import same_hosts
from ikev1.core.records.actions import Action, Send
from ikev1.core.records.child_sa import ChildState
from ikev1.core.records.events import Code, Failure, Note
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.refusal import Refusal
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE
from ikev1.wire.message import Message, parse_unproved
from ikev1.wire.payloads import Notification
from ikev1.wire.registry import DOI, ExchangeType, NotifyType

_OF_PHASE_2 = frozenset({ExchangeType.QUICK_MODE, ExchangeType.INFORMATIONAL, ExchangeType.TRANSACTION})
_SPI_SIZE = 4  # octets
_MOST_LOOKED_AT = 16  # ISAKMP SAs at one address whose pairs are compared with an SPI
_SETTLED = 5.0  # seconds after which a pair is established at both ends


# --- sent -----------------------------------------------------------------------------------------------------------


def tell_invalid_cookie(tx: Transaction, arrival: Arrival) -> None:
    """Tell a known peer that there is no ISAKMP SA with the cookies of its encrypted message."""
    header, path = arrival.header, arrival.path
    if not header.encrypted or header.message_id == 0 or header.exchange not in _OF_PHASE_2:
        return
    if not tx.state.knows_peer_at(path) or not tx.state.limits.may_tell(path.remote_host, tx.now):
        return
    number = int.from_bytes(tx.state.random(4))
    reply = clear_notify(header.CKY_I, header.CKY_R, NotifyType.INVALID_COOKIE, number)
    if is_proportionate(len(reply), len(arrival.datagram)):
        tx.actions.append(Send(path, reply))


def unknown_spi(state: State, spi: int, protocol: int, path: UdpPath, now: float) -> list[Action]:
    """Tell a known peer that there is no SA with the SPI of its packets, under an ISAKMP SA if one is up."""

    def tell(tx: Transaction) -> None:
        if not state.knows_peer_at(path) or not state.limits.may_tell(path.remote_host, now):
            return
        text = f"{path.remote_host} sends packets with the unknown SPI {spi:08x}: telling it by INVALID-SPI"
        invalid = Notification(DOI.IPSEC, protocol, spi.to_bytes(_SPI_SIZE), NotifyType.INVALID_SPI, b"")
        sa = _established_with(state, path)
        if sa is not None:
            tx.report(Note(Code.UNKNOWN_SPI, text, sa))
            tx.of(sa).say(invalid)
            return
        tx.report(Note(Code.UNKNOWN_SPI, text))
        tx.actions.append(Send(path, clear_invalid_spi(state.random(8), invalid, int.from_bytes(state.random(4)))))

    def abandon(tx: Transaction, fault: Refusal) -> None:
        tx.report(Failure(fault.code, fault.text, path.remote))

    return contain(state, now, tell, abandon, path)


def _established_with(state: State, path: UdpPath) -> IkeSa | None:
    """Return the newest ISAKMP SA that is up between the two hosts of ``path``; None if several peers are there."""
    found = islice(state.table.of_host(path.remote_host), _MOST_LOOKED_AT)
    here = [sa for sa in found if sa.is_current and sa.confirmed and same_hosts(sa.path, path)]
    return here[-1] if here and all(sa.peer == here[0].peer for sa in here) else None


# --- received -------------------------------------------------------------------------------------------------------


def take_invalid_cookie(ref: SaRef, arrival: Arrival) -> bool:
    """Take an error in the clear with the cookies of this SA, from the address of its peer, as a hint.

    Returns:
        Whether it is such an error, which is not reported otherwise.
    """
    if arrival.header.encrypted or not same_hosts(ref.sa.path, arrival.path):
        return False
    kinds = {payload.type for payload in _errors(arrival)} & {NotifyType.INVALID_COOKIE, NotifyType.INVALID_SPI}
    for kind in sorted(kinds):
        liveness.hinted(ref, NotifyType(kind).name)
    return bool(kinds)


def take_invalid_spi(tx: Transaction, arrival: Arrival) -> bool:
    """Take INVALID-SPI in the clear, from a peer that has no ISAKMP SA any more, as a hint.

    Returns:
        Whether it names the outbound SPI of a pair with a peer at that address.
    """
    header, path = arrival.header, arrival.path
    if header.encrypted or header.exchange != ExchangeType.INFORMATIONAL:
        return False
    spis = {_spi(payload) for payload in _errors(arrival) if payload.type == NotifyType.INVALID_SPI}
    if not spis:
        return False
    for sa in islice(tx.state.table.of_host(path.remote_host), _MOST_LOOKED_AT):
        if same_hosts(sa.path, path) and any(child.outbound.spi in spis for child in sa.children):
            liveness.hinted(tx.of(sa), NotifyType.INVALID_SPI.name)
            return True
    return False


def replace_lost(ref: SaRef, message: Message) -> None:
    """Replace the pairs that the peer does not have according to an authenticated INVALID-SPI."""
    if ref.has_ended or not ref.sa.is_up:
        return
    spis = {_spi(payload) for payload in message.all(Notification) if payload.type == NotifyType.INVALID_SPI}
    for child in ref.sa.children if spis else ():
        settled = child.state is ChildState.INSTALLED and ref.tx.now - child.created_at >= _SETTLED
        if child.outbound.spi in spis and settled and not commands.is_being_replaced(ref.sa, child):
            text = f"the peer has no SA for SPI {child.outbound.spi:08x} of {child.name!r}: negotiating another"
            ref.note(Code.UNKNOWN_SPI, text)
            commands.rekey_child(ref, child)


def _errors(arrival: Arrival) -> tuple[Notification, ...]:
    header = arrival.header
    try:
        return parse_unproved(header, arrival.datagram[HEADER_SIZE : header.length]).all(Notification)
    except WireError:
        return ()


def _spi(payload: Notification) -> int:
    """Return the SPI that a notification is about: in the field for it or, as some peers do, in the data; 0 for none.

    RFC 4303 §2.1: no SA has the SPI 0.
    """
    octets = payload.spi if len(payload.spi) == _SPI_SIZE else payload.data
    return int.from_bytes(octets) if len(octets) == _SPI_SIZE else 0
