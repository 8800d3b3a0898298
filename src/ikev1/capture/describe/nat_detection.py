"""NAT-D payloads, verified against the addresses in the capture (RFC 3947 §3.2)."""

from __future__ import annotations

from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Check
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.peer.nat_traversal import nat_d_hash
from ikev1.core.records.exchange import Role
from ikev1.crypto.errors import CryptoError
from ikev1.wire.payloads import NatDiscovery

DESTINATION, SOURCE = "NAT-D of the destination", "NAT-D of the source"


def nat_checks(conversation: TrackedConversation, record: MessageRecord) -> list[Check]:
    """Verify the NAT-D payloads: the first is the hash of the destination, the others are hashes of the source."""
    assert record.message is not None
    payloads = record.message.all(NatDiscovery)
    suite = conversation.phase1.suite
    if not payloads:
        return []
    if suite is None:
        return [Check(name=DESTINATION, right=None, text="cannot be checked: the negotiated hash is unknown")]
    datagram = record.datagram
    cookies = conversation.CKY_I + conversation.CKY_R
    try:
        to = nat_d_hash(suite.hash, cookies, datagram.destination, datagram.destination_port)
        source = nat_d_hash(suite.hash, cookies, datagram.source, datagram.source_port)
        pretended = nat_d_hash(suite.hash, cookies, datagram.source, 0)
    except CryptoError as error:
        return [Check(name=DESTINATION, right=None, text=str(error))]
    found, *own = (payload.data for payload in payloads)
    receiver = other(record.sender)
    text = f"the {receiver}'s address as the {record.sender} sees it"
    checks = [_check(DESTINATION, found == to, text, receiver)]
    if own:
        text = f"the {record.sender}'s own address"
        checks.append(_check(SOURCE, source in own, text, record.sender, forced=pretended in own))
    return checks


def behind_nat(conversation: TrackedConversation, role: Role) -> bool | None:
    """Whether the peer in this role is behind a NAT; None if the capture does not show it.

    The peer's own NAT-D payloads reveal a NAT between the peer and the point of capture; the other peer's reveal one
    beyond that point.
    """
    if role in conversation.translated:
        return True
    translated: list[bool] = []
    for sender, name in ((role, SOURCE), (other(role), DESTINATION)):
        record = conversation.phase1.nat_discoveries.get(sender)
        if record is not None and record.message is not None:
            translated += [
                not check.right
                for check in nat_checks(conversation, record)
                if check.name == name and check.right is not None
            ]
    return any(translated) if translated else None


def _check(name: str, right: bool, whose: str, hidden: Role, forced: bool = False) -> Check:
    if right:
        return Check(
            name=name, right=True, text=f"{whose} matches the capture: no NAT translated it before the point of capture"
        )
    if forced:
        text = f"{whose} is hashed with port 0 on purpose: the {hidden} requests UDP encapsulation without a NAT"
    else:
        text = f"{whose} differs from the capture: the {hidden} is behind a NAT, or pretends to be"
    return Check(name=name, right=False, text=text)
