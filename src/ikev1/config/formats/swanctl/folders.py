"""The folders beside swanctl.conf: certificates, CA certificates, CRLs, public keys and private keys."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ikev1.config.files import why_unreadable
from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.swanctl.secrets import KEYS, Secret, SwanctlSecrets
from ikev1.config.secrets import decode
from ikev1.core.peer import identity
from ikev1.crypto import certificates, private_keys, public_keys
from ikev1.wire.payloads import Identification

Value = TypeVar("Value")
_LARGEST = 1 << 20  # octets of a file
_MOST = 10_000  # files of a folder


def kind_of(public: bytes) -> str:
    """The kind of a public key (DER), ``rsa`` or ``ecdsa``."""
    return "rsa" if isinstance(public_keys.load(public), RSAPublicKey) else "ecdsa"


class OwnKey(NamedTuple):
    """A private key: its file, its public key (DER), its passphrase, and the certificate if the file has one."""

    file: Path
    public: bytes
    passphrase: Secret | None
    certificate: bytes = b""


class Certificate(NamedTuple):
    """A certificate file: the first certificate in it (DER), its public key, and whom it is for."""

    file: Path
    der: bytes
    public: bytes
    identities: tuple[Identification, ...]

    def is_for(self, who: str) -> bool:
        """Whether the certificate is for the identity or pattern ``who``."""
        return any(identity.matches(who, each) for each in self.identities)


class Folders:
    """The folders in ``folder``. Files that cannot be used are reported once."""

    def __init__(self, folder: Path, secrets: SwanctlSecrets, findings: Findings) -> None:
        self._folder = folder
        self._secrets = secrets
        self._findings = findings
        self._unusable: list[str] = []  # files that cannot be used, and why

    def why_no_key(self, of: str) -> str:
        """Why there is no private key for ``of``, which a certificate or a public key is."""
        return "; ".join([f"no private key in the folders belongs to the {of}", *self._unusable[:3]])

    def path(self, kind: str, name: str) -> Path:
        """The file ``name`` in the folder ``kind``, unless it is an absolute path."""
        return self._folder / kind / name

    @cached_property
    def own_keys(self) -> tuple[OwnKey, ...]:
        """All private keys."""
        return tuple(key for kind in KEYS for file in self.files(kind) if (key := self._own_key(kind, file)))

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates in ``x509``."""
        return self._certificates("x509")

    @cached_property
    def authorities(self) -> list[Certificate]:
        """The certificates in ``x509ca``, and those that were added."""
        return list(self._certificates("x509ca"))

    def add_authority(self, file: Path) -> str:
        """Trust the CA certificate in ``file`` as well; why it cannot be used, empty if it can."""
        found = self.certificate(file)
        if found is None:
            try:
                self.content(file)
            except OSError as error:
                return why_unreadable(error)
            return "is no certificate"
        if all(each.file != file for each in self.authorities):
            self.authorities.append(found)
        return ""

    @cached_property
    def revocation_lists(self) -> tuple[Path, ...]:
        """The files in ``x509crl``."""
        return tuple(self.files("x509crl"))

    def certificate(self, file: Path) -> Certificate | None:
        """The certificate in ``file``, None if there is none, which `ikev1.config.files` reports later."""
        return self._parsed(file, _certificate(file), report=False)

    def public_key(self, file: Path) -> bytes:
        """The public key (DER) in a file, empty if there is none, which `ikev1.config.trust` reports later."""
        return self._parsed(file, public_keys.parse, report=False) or b""

    def key_of(self, public: bytes) -> OwnKey | None:
        """Our private key for a public key."""
        return next((key for key in self.own_keys if key.public == public), None)

    def of_identity(self, who: str) -> list[Certificate]:
        """The certificates for an identity."""
        return [each for each in self.certificates if each.is_for(who)]

    def issuers(self, certificate: Certificate) -> list[Path]:
        """The intermediate CAs in ``x509ca`` that issued a certificate, the nearest first."""
        found: list[Path] = []
        name = certificates.names(certificate.der)
        while len(found) < len(self.authorities):
            issuer = next((ca for ca in self.authorities if certificates.names(ca.der).subject == name.issuer), None)
            if issuer is None or issuer.file in found:
                break
            name = certificates.names(issuer.der)
            if name.issuer == name.subject:
                break
            found.append(issuer.file)
        return found

    def has(self, file: Path) -> bool:
        """Whether there is such a file."""
        return os.path.isfile(file)  # `Path.is_file` raises if a name is too long

    def why_absent(self, file: Path) -> str:
        """What to say about a ``file`` that is not there."""
        return f"{file} does not exist"

    def content(self, file: Path) -> bytes:
        """What is in ``file``.

        Raises:
            OSError: it cannot be read.
        """
        with file.open("rb") as opened:
            return opened.read(_LARGEST)

    def files(self, kind: str) -> list[Path]:
        """The files in the folder ``kind``."""
        try:
            found = sorted(file for file in (self._folder / kind).iterdir() if not file.name.startswith("."))
        except FileNotFoundError:
            return []
        except OSError as error:
            self._findings.warn("", Rule.UNREADABLE_FILE, f"{self._folder / kind} {why_unreadable(error)}")
            return []
        return [file for file in found[:_MOST] if file.is_file()]

    def _certificates(self, kind: str) -> tuple[Certificate, ...]:
        return tuple(found for file in self.files(kind) if (found := self._parsed(file, _certificate(file))))

    def _own_key(self, kind: str, file: Path) -> OwnKey | None:
        passphrase = self._secrets.passphrase(file)

        def parse(content: bytes) -> OwnKey:
            secret = decode(passphrase.value) if passphrase else None
            if kind == "pkcs12":
                bundle = private_keys.parse_pkcs12(content, secret)
                return OwnKey(file, certificates.public_key(bundle.certificate), passphrase, bundle.certificate)
            try:
                key, used = private_keys.parse(content, secret), passphrase
            except private_keys.NotEncryptedError as error:  # charon loads such a key
                key, used = private_keys.parse(content), None
                place = passphrase.place if passphrase else None
                self._findings.warn(place.key if place else "", Rule.UNUSED_KEY, f"{file}: {error}")
            return OwnKey(file, public_keys.encode(private_keys.load(key).public_key()), used)

        return self._parsed(file, parse)

    def _parsed(self, file: Path, parse: Callable[[bytes], Value], *, report: bool = True) -> Value | None:
        try:
            return parse(self.content(file))
        except OSError as error:
            problem = f"{file} {why_unreadable(error)}"
        except ValueError as error:
            problem = f"{file} is not used: {error}"
        if report:
            self._unusable.append(problem)
            self._findings.warn("", Rule.INVALID_FILE, problem)
        return None


def _certificate(file: Path) -> Callable[[bytes], Certificate]:
    def parse(content: bytes) -> Certificate:
        der = certificates.parse(content)[0]
        whom = tuple(Identification(kind, 0, 0, data) for kind, data in certificates.identities(der))
        return Certificate(file, der, certificates.public_key(der), whom)

    return parse
