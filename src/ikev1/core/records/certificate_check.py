"""Whether a peer's certificate may be believed: a question that the core asks, and the world answers.

Certificate paths and revocation need libraries, files and the network, and time. A message that depends on the answer
is put aside (`NeedsCertificateCheck`), the world is asked (`ikev1.core.records.actions.CheckCertificate`), and with the
answer the message is taken as if it had just come: nothing but its octets was kept meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.events import Code
from ikev1.errors import RemoteError
from ikev1.wire.payloads import Certificate, Identification
from ikev1.wire.registry import NotifyType


class Trusted(NamedTuple):
    """The certificate is good, and its subject is who the peer says it is."""

    public_key: bytes  # DER SubjectPublicKeyInfo
    subject: str


class Untrusted(NamedTuple):
    """It is not: which failure, a sentence that says why, and what the peer is told."""

    code: Code
    text: str
    notify: NotifyType


CertificateVerdict = Trusted | Untrusted


class NeedsCertificateCheck(RemoteError):
    """A message cannot be judged before the world said what it thinks of ``certificates`` and ``identity``.

    ``answers_call`` tells that the peer was called at its address, so that it must be more than somebody's client.
    """

    code = "cert-check-needed"

    def __init__(
        self, certificates: tuple[Certificate, ...], identity: Identification, *, answers_call: bool = False
    ) -> None:
        super().__init__("the peer's certificate is being verified")
        self.certificates = certificates
        self.identity = identity
        self.answers_call = answers_call
