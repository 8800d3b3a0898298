"""What happened: the events that `ikev1.Ike.next_event` returns.

`IkeUp`, `XauthUp`, `IkeConfirmed` and `IkeDown` are about an ISAKMP SA, ``event.sa`` (`IkeSa`); `ChildReady`,
`ChildUp` and `ChildDown` about a pair of IPsec SAs, ``event.child`` (`ChildSa`), whose keys only `ChildUp` has.
`ConfigAssigned` and `ConfigReceived` report mode config: ``event.sa.assigned`` and ``event.sa.received``
(`ModeConfig`). `MessageSeen` shows each message in the clear. `Failure` and `Note` have a stable ``code`` (`Code`) and
a sentence, ``text``. `CheckCertificate` is a question that `ikev1.Ike.certificate_checked` answers, by `Trusted` or
`Untrusted`.
"""

from __future__ import annotations

from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.child_sa import ChildSa, ChildState
from ikev1.core.records.events import (
    ChildDown,
    ChildReady,
    ChildUp,
    Code,
    ConfigAssigned,
    ConfigReceived,
    Failure,
    IkeConfirmed,
    IkeDown,
    IkeUp,
    Note,
    XauthUp,
)
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.mode_config import ModeConfig
from ikev1.library.events import Event, MessageSeen

__all__ = [
    "CertificateVerdict",
    "CheckCertificate",
    "ChildDown",
    "ChildReady",
    "ChildSa",
    "ChildState",
    "ChildUp",
    "Code",
    "ConfigAssigned",
    "ConfigReceived",
    "Event",
    "Failure",
    "IkeConfirmed",
    "IkeDown",
    "IkeSa",
    "IkeState",
    "IkeUp",
    "MessageSeen",
    "ModeConfig",
    "Note",
    "Role",
    "Trusted",
    "Untrusted",
    "XauthUp",
]
