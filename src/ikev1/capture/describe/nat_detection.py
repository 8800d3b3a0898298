"""NAT-D payloads, looked at from where the capture was made (RFC 3947 §3.2)."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_pton

from ikev1.capture.records.endpoints import other
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Check
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.model import Role
from ikev1.crypto.errors import CryptoError
from ikev1.crypto.hashes import digest
from ikev1.wire.payloads import NatDiscovery

DESTINATION, SOURCE = "NAT-D of the destination", "NAT-D of the source"


def nat_checks(conversation: TrackedConversation, record: MessageRecord) -> list[Check]:
    """The first NAT-D payload is about the address that the message goes to, the others about where it comes from."""
    assert record.message is not None
    payloads = record.message.all(NatDiscovery)
    suite = conversation.phase1.suite
    if not payloads:
        return []
    if suite is None:
        return [Check(name=DESTINATION, right=None, text="the negotiated hash is not known, so it cannot be computed")]
    datagram = record.datagram
    cookies = conversation.CKY_I + conversation.CKY_R
    try:
        to = _hash(suite.hash, cookies, datagram.destination, datagram.destination_port)
        source = _hash(suite.hash, cookies, datagram.source, datagram.source_port)
        pretended = _hash(suite.hash, cookies, datagram.source, 0)
    except CryptoError as error:
        return [Check(name=DESTINATION, right=None, text=str(error))]
    found, *own = (payload.data for payload in payloads)
    receiver = other(record.sender)
    checks = [_check(DESTINATION, found == to, f"the {receiver}'s address, as the {record.sender} sees it", receiver)]
    if own:
        text = f"the {record.sender}'s own address"
        checks.append(_check(SOURCE, source in own, text, record.sender, forced=pretended in own))
    return checks


def behind_nat(conversation: TrackedConversation, role: Role) -> bool | None:
    """Whether that end is behind a NAT; None if the capture does not tell.

    Its own message shows a NAT between it and the place of the capture, the other's one behind that place.
    """
    if role in conversation.translated:
        return True
    told: list[bool] = []
    for sender, name in ((role, SOURCE), (other(role), DESTINATION)):
        record = conversation.phase1.nat_discoveries.get(sender)
        if record is not None and record.message is not None:
            told += [
                not check.right
                for check in nat_checks(conversation, record)
                if check.name == name and check.right is not None
            ]
    return any(told) if told else None


def _hash(algorithm: int, cookies: bytes, host: str, port: int) -> bytes:
    family = AF_INET6 if ":" in host else AF_INET
    # RFC 3947 §3.2: HASH = HASH(CKY-I | CKY-R | IP | Port)
    return digest(algorithm, cookies + inet_pton(family, host.partition("%")[0]) + port.to_bytes(2))


def _check(name: str, right: bool, whose: str, hidden: Role, forced: bool = False) -> Check:
    if right:
        return Check(
            name=name, right=True, text=f"{whose}, is the one in the capture: no NAT changed it on the way here"
        )
    if forced:
        text = f"{whose} with port 0 on purpose: the {hidden} asks for UDP encapsulation without a NAT"
    else:
        text = f"{whose}, is another one than in the capture: the {hidden} is behind a NAT, or pretends to be"
    return Check(name=name, right=False, text=text)
