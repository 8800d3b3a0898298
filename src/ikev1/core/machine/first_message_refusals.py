"""Refusal of first messages: the reasons, the reports, and the notifies sent to the initiator."""

from __future__ import annotations

from ikev1.core.exchanges.informational import clear_notify
from ikev1.core.exchanges.phase1_steps import no_connection
from ikev1.core.machine.admission import RefusedFirstMessage, is_proportionate
from ikev1.core.machine.engine_state import State
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.path import UdpPath
from ikev1.core.records.refusal import Refusal
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.registry import NotifyType

NEXT_PAYLOAD = 16  # offset of the next payload field in the header
_LARGEST = 8192  # octets; enough for dozens of proposals, vendor IDs and CA names, and any public value


def fault_of(state: State, header: Header, datagram: bytes) -> str | None:
    """Return the reason to reject a first message without parsing its payloads, or None."""
    if header.message_id or header.encrypted:
        return "first message has a message ID or is encrypted"
    if len(datagram) > _LARGEST:
        return f"first message too long ({len(datagram)} octets, limit {_LARGEST})"
    return None


def candidate_names(state: State, path: UdpPath) -> tuple[str, ...]:
    """Return the names of the connections that match the addresses of ``path``."""
    return tuple(connection.name for connection in state.lookup.candidates(path.local_host, path.remote_host))


def after_cookies(header: Header, datagram: bytes) -> bytes:
    """Return the part of message 1 of Main Mode that is the same for all peers with the same configuration."""
    return datagram[NEXT_PAYLOAD : NEXT_PAYLOAD + 1] + datagram[HEADER_SIZE : header.length]


def remember(state: State, mark: bytes, error: Refusal | WireError, path: UdpPath) -> RefusedFirstMessage:
    """Cache the refusal of a first message, so that a repetition costs one look-up."""
    refused = as_told(error)
    if path.remote_host not in refused.text:  # a text with the address of one initiator is not valid for another
        state.refusals.keep(mark, refused)
    return refused


def as_told(error: Refusal | WireError) -> RefusedFirstMessage:
    """Return the code, text and notify type for an error."""
    return RefusedFirstMessage(error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error), error.notify)


def turn_away(state: State, refused: RefusedFirstMessage, header: Header, path: UdpPath) -> list[Action]:
    """Report a refused first message, and notify the initiator if the size of the notify is proportionate."""
    actions: list[Action] = [Report(Failure(refused.code, refused.text, path.remote))]
    if refused.notify is not None and state.may_refuse(path):
        message_id = int.from_bytes(state.random(4))
        reply = clear_notify(header.CKY_I, NO_COOKIE, NotifyType(refused.notify), message_id)
        if is_proportionate(len(reply), header.length):
            actions.append(Send(path, reply))
    return actions


def turn_stranger_away(state: State, header: Header, path: UdpPath, now: float) -> list[Action]:
    """As `turn_away`, for an initiator at an address that no connection has. One that may be a peer with a host name
    and a new address is not notified: it would give up, instead of repeating its message.
    """
    refused = as_told(no_connection(path))
    return turn_away(state, refused._replace(notify=None) if state.awaits_names(now) else refused, header, path)


def overloaded(state: State, path: UdpPath, now: float, what: str) -> list[Action]:
    """Report, at most once per second, that first messages were dropped because their budget is exhausted."""
    count = state.admission.turn_away(now)
    if not count:
        return []
    text = f"too many first messages of {what} per second: {count} were ignored since the last report"
    return [Report(Failure(Code.OVERLOADED, text, path.remote))]
