"""The check of a peer's certificate, which the caller of the engine performs.

Building certificate paths and checking revocation require libraries, files, the network and time. A message that
depends on the result is held (`NeedsCertificateCheck`), and the action `ikev1.core.records.actions.CheckCertificate` is
returned. After the answer, the message is processed as if it had just been received: only its octets are stored
meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.events import Code
from ikev1.core.records.settings import Connection
from ikev1.errors import RemoteError
from ikev1.wire.payloads import Certificate, Identification
from ikev1.wire.registry import NotifyType


class Trusted(NamedTuple):
    """The certificate is valid, and contains the identity of the peer."""

    public_key: bytes  # DER SubjectPublicKeyInfo
    subject: str
    statuses: tuple[str, ...] = ()  # for people: which CRL or OCSP response says what of the certificates
    connection: Connection | None = None  # one of `CheckCertificate.others`, whose trust it is; None: the question's


class Untrusted(NamedTuple):
    """The certificate is rejected: the code and the text to report, and the notification for the peer."""

    code: Code
    text: str
    notify: NotifyType


CertificateVerdict = Trusted | Untrusted


class NeedsCertificateCheck(RemoteError):
    """The processing of a message requires the check of ``certificates`` for ``identity``.

    ``answers_call`` is true if this gateway initiated to the address of the peer: a certificate that is only for
    clients is not accepted then. ``others`` are the connections that are used instead if the certificate is of their
    CA.
    """

    code = "cert-check-needed"

    def __init__(
        self,
        certificates: tuple[Certificate, ...],
        identity: Identification,
        *,
        answers_call: bool = False,
        others: tuple[Connection, ...] = (),
    ) -> None:
        super().__init__("the peer's certificate is being verified")
        self.certificates = certificates
        self.identity = identity
        self.answers_call = answers_call
        self.others = others
