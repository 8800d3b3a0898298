"""Processing of IKE fragments: the messages that they make are processed like any others (MS-IKEE §3.3.5.3)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from ikev1.core.machine.engine_state import Arrival, Reassembled
from ikev1.core.machine.transaction import Transaction
from ikev1.core.records.actions import Send
from ikev1.core.records.events import Code, Failure
from ikev1.wire.errors import WireError
from ikev1.wire.header import Header
from ikev1.wire.message import without_trailer

_CONTRADICTION = (
    "received different IKE fragments with the same number: they were modified in transit, or the peer did not send "
    "all of them; a message is accepted only if it is authentic"
)

Process = Callable[[Transaction, Arrival, int], None]
"""Processes a message that was followed by a number of octets of zeros."""


def take_fragment(tx: Transaction, arrival: Arrival, process: Process) -> None:
    """Process the message that a fragment completes, if it does: the first of several that is accepted."""
    header, datagram, path, now = arrival
    fragments = tx.state.fragments
    try:
        key, messages, in_conflict = fragments.add(header, datagram, path, now)
    except WireError as error:
        tx.report(Failure(Code.MALFORMED, f"IKE fragment: {error}", path.remote))
        return
    if in_conflict:
        tx.report(Failure(Code.MALFORMED, _CONTRADICTION, path.remote))
    for message in messages:
        octets, trailer = without_trailer(message)
        try:
            whole = Reassembled(Header.parse(octets), octets, path, now)
        except WireError as error:
            tx.report(Failure(Code.MALFORMED, str(error), path.remote))
            continue
        before = len(tx.actions)
        process(tx, whole, trailer)
        if _is_taken(tx, whole) or _is_answered(tx, whole, before):
            fragments.drop(key)
            return


def _is_taken(tx: Transaction, whole: Arrival) -> bool:
    """Return whether an exchange has accepted the message, or holds it until a certificate is checked."""
    header, datagram, _, _ = whole
    sa = tx.state.table.by_cookies.get(header.CKY_I + header.CKY_R)
    if sa is None:
        return False
    digest = blake2b(datagram, digest_size=8).digest()
    exchanges = sa.exchanges if sa.phase1 is None else (sa.phase1, *sa.exchanges)
    return any(
        digest in exchange.received
        or (exchange.waiting is not None and any(held.datagram == datagram for held in exchange.waiting.held))
        for exchange in exchanges
    )


def _is_answered(tx: Transaction, whole: Arrival, before: int) -> bool:
    """Return whether one of the actions from number ``before`` on continues the exchange of the message."""
    sent = (action.datagram for action in tx.actions[before:] if isinstance(action, Send))
    return any(Header.parse(datagram).exchange == whole.header.exchange for datagram in sent)
