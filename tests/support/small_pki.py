"""A small PKI: a root, a CA below it, and how a test asks whether a peer is believed."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from authority import NOW, Authority, der, root
from ikev1.core.peer.identity import identification
from ikev1.core.records.settings import Authority as SettingsAuthority
from ikev1.core.records.settings import Revocation, Trust
from ikev1.pki.fetch import Fetcher
from ikev1.pki.verify import VerifiedPeer, verify_peer
from ikev1.wire.payloads import Certificate
from ikev1.wire.registry import CertificateEncoding


def cert_payload(octets: bytes) -> Certificate:
    return Certificate(CertificateEncoding.X509_SIGNATURE, octets)


@dataclass(frozen=True)
class Pki:
    """Two CAs, and trust in the upper one. Revocation is off unless a test says otherwise."""

    root: Authority
    middle: Authority
    trust: Trust

    def verify(
        self,
        *sent: x509.Certificate,
        identity: str = "C=XX, O=lab, CN=alice",
        trust: Trust | None = None,
        now: float = NOW,
        fetch: Fetcher | None = None,
        answers_call: bool = False,
        authorities: tuple[SettingsAuthority, ...] = (),
    ) -> VerifiedPeer:
        payloads = [cert_payload(der(certificate)) for certificate in sent]
        return verify_peer(
            payloads,
            identification(identity),
            trust or self.trust,
            now,
            fetch,
            answers_call=answers_call,
            authorities=authorities,
        )


def make() -> Pki:
    ca = root("C=XX, O=lab, CN=root", 1)
    return Pki(ca, ca.subordinate("C=XX, O=lab, CN=middle", 2), Trust((ca.der,), revocation=Revocation.OFF))
