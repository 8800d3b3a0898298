"""Messages of another major version: a peer that speaks IKEv2 (RFC 2408 §3.1, §5.2; RFC 7296 §1.5, §2.5)."""

from __future__ import annotations

from ikev1.core.exchanges.informational import clear_notify
from ikev1.core.machine.admission import is_proportionate
from ikev1.core.machine.refuse import complain
from ikev1.core.machine.transaction import Transaction
from ikev1.core.records.actions import Send
from ikev1.core.records.events import Code, Failure
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.path import UdpPath
from ikev1.wire.header import FIELDS, NO_COOKIE
from ikev1.wire.registry import NotifyType

_IKEV2 = 2
_IKE_SA_INIT = 34
_RESPONSE = 0x20  # "R (Response) - This bit indicates that this message is a response" (RFC 7296 §3.1)


def take_other_version(tx: Transaction, datagram: bytes, path: UdpPath) -> None:
    """Report a message of another major version. If it is a request to begin IKEv2, answer it with
    INVALID-MAJOR-VERSION, so that the peer need not wait; anything else is not answered, so that two peers never answer
    each other's errors.

    A response in IKEv2 to our first message is unauthenticated: it only shortens the time for a valid one.
    """
    SPI_i, SPI_r, _, version, exchange, flags, _, _ = FIELDS.unpack_from(datagram)
    major = version >> 4
    sa = tx.state.table.by_cookies.get(SPI_i + NO_COOKIE)
    if sa is not None and sa.path.remote_host == path.remote_host and sa.state is IkeState.CONNECTING:
        phase1 = sa.phase1
        text = (
            f"{path.remote_host} answered our first message of IKEv1 in version {major} of IKE: it does not accept "
            "IKEv1; allow IKEv1 at the peer for this connection"
        )
        if phase1 is not None and phase1.complaint is None:
            complain(tx.of(sa), phase1, (Code.WRONG_VERSION, text))
        return
    if major != _IKEV2 or exchange != _IKE_SA_INIT or flags & _RESPONSE or SPI_r != NO_COOKIE:
        text = f"received a message of version {major} of IKE; this gateway supports IKEv1 only"
        tx.report(Failure(Code.WRONG_VERSION, text, path.remote))
        return
    text = f"{path.remote_host} initiates IKEv2, but this gateway supports IKEv1 only: set the peer to IKEv1"
    tx.report(Failure(Code.WRONG_VERSION, text, path.remote))
    if tx.state.settings.initiator_only or not tx.state.may_refuse(path):
        return
    reply = clear_notify(SPI_i, NO_COOKIE, NotifyType.INVALID_MAJOR_VERSION, int.from_bytes(tx.state.random(4)))
    if is_proportionate(len(reply), len(datagram)):
        tx.actions.append(Send(path, reply))
