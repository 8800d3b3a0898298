"""The values of phase 1: proposals, public values, nonces, identities, for key derivation and for the report."""

from __future__ import annotations

from ikev1.capture.decrypt.suites import phase1_suite, transform_name
from ikev1.capture.records.message_record import MessageRecord
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.methods import ENCRYPTING
from ikev1.wire.payloads import (
    Certificate,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    SecurityAssociation,
    Transform,
    VendorId,
)
from ikev1.wire.registry import AuthenticationMethod, ProtocolId

PSK_METHODS = frozenset(
    {
        AuthenticationMethod.PRE_SHARED_KEY,
        AuthenticationMethod.XAUTH_INIT_PRE_SHARED,
        AuthenticationMethod.XAUTH_RESP_PRE_SHARED,
    }
)
"""Authentication methods whose SKEYID is derived from a pre-shared key."""

_MOST_VENDOR_IDS = 64  # per peer


class Phase1:
    """The first occurrence of each value is kept: a second, different MM3 comes from another sender."""

    def __init__(self) -> None:
        self.SAi_b = b""
        self.offer: MessageRecord | None = None
        self.response: MessageRecord | None = None
        self.public: dict[Role, bytes] = {}  # g^xi and g^xr
        self.nonces: dict[Role, bytes] = {}  # Ni_b and Nr_b
        self.identities: dict[Role, MessageRecord] = {}  # the messages that carry them
        self.vendor_ids: dict[Role, dict[bytes, int]] = {Role.INITIATOR: {}, Role.RESPONDER: {}}  # and their frames
        self.nat_discoveries: dict[Role, MessageRecord] = {}  # the messages that carry NAT-D payloads
        self.certificates: dict[Role, MessageRecord] = {}
        self.shares: dict[Role, MessageRecord] = {}  # the messages that carry KE

    def add(self, record: MessageRecord) -> None:
        """Add the values of a phase 1 message; other messages are ignored."""
        if record.message is None or not record.in_phase_1:
            return
        message, sender = record.message, record.sender
        vendor_ids = self.vendor_ids[sender]
        for vendor_id in message.all(VendorId):
            if len(vendor_ids) < _MOST_VENDOR_IDS:
                vendor_ids.setdefault(vendor_id.data, record.frame)
        if (offered := message.first(SecurityAssociation)) is not None:
            if sender is Role.INITIATOR and self.offer is None:
                self.offer, self.SAi_b = record, message.body_of(offered)
            elif sender is Role.RESPONDER and self.response is None:
                self.response = record
        if (share := message.first(KeyExchange)) is not None and sender not in self.public:
            self.public[sender], self.shares[sender] = share.data, record
        if (nonce := message.first(Nonce)) is not None:
            self.nonces.setdefault(sender, nonce.data)
        for kind, known in (
            (Identification, self.identities),
            (NatDiscovery, self.nat_discoveries),
            (Certificate, self.certificates),
        ):
            if message.first(kind) is not None:
                known.setdefault(sender, record)

    @property
    def offered(self) -> tuple[Transform, ...]:
        """The transforms of the offer; none if it is not in the capture."""
        return _transforms(self.offer)

    @property
    def chosen(self) -> Transform | None:
        """The selected transform; without a response, the only one that was offered."""
        found = _transforms(self.response) or self.offered
        return found[0] if len(found) == 1 else None

    @property
    def suite(self) -> Phase1Suite | None:
        """The suite of the ISAKMP SA, if known."""
        return None if self.chosen is None else phase1_suite(self.chosen)

    @property
    def suite_name(self) -> str:
        """The suite in words; empty if unknown."""
        return "" if self.chosen is None else transform_name(ProtocolId.ISAKMP, self.chosen)

    @property
    def method(self) -> int:
        """The authentication method; 0 if unknown.

        Without a response, it is the method on which all offered transforms agree.
        """
        methods = {phase1_suite(transform).authentication for transform in _transforms(self.response) or self.offered}
        return methods.pop() if len(methods) == 1 else 0

    @property
    def hides_bodies(self) -> bool:
        """Whether identities and nonces are encrypted individually (RFC 2409 §5.2, §5.3)."""
        return self.method in ENCRYPTING

    def identity_body(self, role: Role) -> bytes:
        """IDii_b or IDir_b; empty if unknown."""
        record = self.identities.get(role)
        if record is None or record.message is None:
            return b""
        return record.message.body_of(record.message.all(Identification)[0])

    def identity(self, role: Role) -> Identification | None:
        """The identity of the peer in this role, if known."""
        record = self.identities.get(role)
        return None if record is None or record.message is None else record.message.first(Identification)


def _transforms(record: MessageRecord | None) -> tuple[Transform, ...]:
    if record is None or record.message is None:
        return ()
    payload = record.message.first(SecurityAssociation)
    return () if payload is None else tuple(each for proposal in payload.proposals for each in proposal.transforms)
