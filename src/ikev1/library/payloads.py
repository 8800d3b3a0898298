"""The payloads that the RFCs know best by their abbreviations (RFC 2408 §4.1.1, RFC 2409 §3.2, RFC 3947 §3.2, §5.2)."""

from __future__ import annotations

from ikev1.wire.payloads import (
    Identification,
    KeyExchange,
    NatDiscovery,
    NatOriginalAddress,
    SecurityAssociation,
)

SA = SecurityAssociation
KE = KeyExchange
ID = Identification
NAT_D = NatDiscovery
NAT_OA = NatOriginalAddress
