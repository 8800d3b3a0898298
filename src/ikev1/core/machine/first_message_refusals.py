"""Why a first message is not answered, and what is said then."""

from __future__ import annotations

from ikev1.core.exchanges.informational import clear_notify
from ikev1.core.machine.admission import RefusedFirstMessage, is_proportionate
from ikev1.core.machine.engine_state import State
from ikev1.core.records.actions import Action, Report, Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.model import UdpPath
from ikev1.core.records.refusal import Refusal
from ikev1.wire.errors import WireError
from ikev1.wire.header import HEADER_SIZE, NO_COOKIE, Header
from ikev1.wire.registry import NotifyType

NEXT_PAYLOAD = 16  # its place in the header
_LARGEST = 8192  # octets of a message 1: dozens of proposals, vendor IDs and CAs' names fit in, and any public value


def fault_of(state: State, header: Header, datagram: bytes) -> str | None:
    """Why a first message is not even looked into, if it is not."""
    if header.message_id or header.encrypted:
        return "first message has a message ID or is encrypted"
    if len(datagram) > _LARGEST:
        return f"first message too long ({len(datagram)} octets, limit {_LARGEST})"
    return None


def candidate_names(state: State, path: UdpPath) -> tuple[str, ...]:
    """The connections that a caller's address allows, by name."""
    return tuple(connection.name for connection in state.lookup.candidates(path.local_host, path.remote_host))


def after_cookies(header: Header, datagram: bytes) -> bytes:
    """What peers with one configuration say alike in message 1 of Main Mode."""
    return datagram[NEXT_PAYLOAD : NEXT_PAYLOAD + 1] + datagram[HEADER_SIZE : header.length]


def remember(state: State, mark: bytes, error: Refusal | WireError, path: UdpPath) -> RefusedFirstMessage:
    """Remembers why a first message was refused, so that the same again costs a look-up."""
    refused = as_told(error)
    if path.remote_host not in refused.text:  # what is said of one caller is not said of the next
        state.refusals.keep(mark, refused)
    return refused


def as_told(error: Refusal | WireError) -> RefusedFirstMessage:
    """What is said of a refusal."""
    return RefusedFirstMessage(error.code if isinstance(error, Refusal) else Code.MALFORMED, str(error), error.notify)


def turn_away(state: State, refused: RefusedFirstMessage, header: Header, path: UdpPath) -> list[Action]:
    """Says why a first message is refused: to people, and to the caller if that is not more than it sent."""
    actions: list[Action] = [Report(Failure(refused.code, refused.text, path.remote))]
    if refused.notify is not None:
        message_id = int.from_bytes(state.random(4))
        reply = clear_notify(header.CKY_I, NO_COOKIE, NotifyType(refused.notify), message_id)
        if is_proportionate(len(reply), header.length):
            actions.append(Send(path, reply))
    return actions


def overloaded(state: State, path: UdpPath, now: float, what: str) -> list[Action]:
    """What is said, not more than once a second, when strangers send more than they are given time for."""
    count = state.admission.turn_away(now)
    if not count:
        return []
    text = f"too many first messages of {what} per second: {count} were ignored since the last report"
    return [Report(Failure(Code.OVERLOADED, text, path.remote))]
