"""The private key that authenticates this gateway, and the certificate for it."""

from __future__ import annotations

from ikev1.config.files import Files
from ikev1.config.findings import Invalid, Rule
from ikev1.config.secrets import Secrets
from ikev1.config.table import Table
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Credential
from ikev1.crypto import certificates, private_keys, public_keys, signatures
from ikev1.crypto.signatures import UnsuitableKey

_PKCS12 = frozenset({".p12", ".pfx"})


def read_credential(table: Table, secrets: Secrets, files: Files) -> Credential | None:
    """The key and the certificates of a connection; None where it has no key, or one that is wrong and reported."""
    passphrase = secrets.take(table, "private_key_passphrase")
    key = table.take("private_key", lambda value: _read_key(secrets, value, passphrase), None)
    chain = table.take("certificate", files.collected(_parse_certificates), ())
    if "private_key" not in table:
        for lonely in ("certificate", "private_key_passphrase", "private_key_passphrase_file"):
            if lonely in table:
                table.findings.error(table.key(lonely), Rule.UNUSED_KEY, "has no effect without private_key")
    if key is None:
        return None
    credential = replace(key, certificates=tuple(dict.fromkeys((*chain, *key.certificates))))
    if credential.certificates and not _belongs(credential):
        table.findings.error(
            table.key("certificate"),
            Rule.CERTIFICATE_OF_OTHER_KEY,
            "the first certificate does not match private_key: list the certificate of this key first, then its "
            "issuers",
        )
    return credential


def _read_key(secrets: Secrets, value: object, passphrase: bytes) -> Credential:
    file, content = secrets.closed_file(value)
    try:
        if file.suffix.lower() in _PKCS12:
            bundle = private_keys.parse_pkcs12(content, passphrase or None)
            credential = Credential(bundle.key, (bundle.certificate, *bundle.others))
        else:
            credential = Credential(private_keys.parse(content, passphrase or None))
        signatures.method_of(private_keys.load(credential.private_key))
    except UnsuitableKey as error:
        raise Invalid(
            Rule.INVALID_FILE, f"{file}: {error}; expected an RSA key or an ECDSA key on P-256, P-384 or P-521"
        ) from None
    except ValueError as error:
        raise Invalid(Rule.INVALID_FILE, f"{file}: {error}") from None
    return credential


def _parse_certificates(content: bytes) -> tuple[bytes, ...]:
    """The certificates in a file; the first must have a key that can sign."""
    found = certificates.parse(content)
    certificates.public_key(found[0])
    return found


def _belongs(credential: Credential) -> bool:
    ours = public_keys.encode(private_keys.load(credential.private_key).public_key())
    return certificates.public_key(credential.certificates[0]) == ours
