"""The folder ipsec.d: strongSwan's certificates and CRLs, and the private keys that ipsec.secrets names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ikev1.config.findings import Findings
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.secrets import SwanctlSecrets
from ikev1.crypto import certificates
from ikev1.crypto.distinguished_name import InvalidName, equal, from_text, to_text

# The folders of swanctl.conf and what they are called here
_NAMES = {"x509": "certs", "x509ca": "cacerts", "x509crl": "crls", "pubkey": "certs"}
PRIVATE = "private"
_OF_NAME = "dn:"


class IpsecFolders(Folders):
    """``folder`` is ipsec.d. Of private keys, and of certificates of ends, only those are used that are ``named``, by
    the name that their folder has in swanctl.conf.
    """

    def __init__(
        self, folder: Path, named: Mapping[str, Iterable[str]], secrets: SwanctlSecrets, findings: Findings
    ) -> None:
        super().__init__(folder, secrets, findings)
        self._named = named
        self._unknown: set[Path] = set()  # stand for CAs that were named and have no certificate

    def path(self, kind: str, name: str) -> Path:
        """The file ``name`` in the folder ``kind``, unless it is an absolute path, or the name of a CA."""
        if name.startswith(_OF_NAME):
            return self._of_name(bytes.fromhex(name.removeprefix(_OF_NAME)))
        return super().path(_NAMES.get(kind, PRIVATE), name)

    def files(self, kind: str) -> list[Path]:
        """The files of a kind."""
        if kind in ("x509ca", "x509crl"):
            return super().files(_NAMES[kind])
        return [self.path(kind, name) for name in dict.fromkeys(self._named.get(kind, ()))]

    def _of_name(self, name: bytes) -> Path:
        found = (each.file for each in self.authorities if equal(certificates.names(each.der).subject, name))
        if (file := next(found, None)) is None:
            file = self.path("x509ca", to_text(name).replace("/", " "))
            self._unknown.add(file)
        return file

    def why_absent(self, file: Path) -> str:
        """What to say about a ``file`` that is not there, or about a CA whose certificate is not."""
        if file in self._unknown:
            return f"no certificate in {file.parent} has the subject {file.name}"
        return super().why_absent(file)


def encoded_name(written: str) -> str:
    """The name of a CA, as `IpsecFolders.path` expects it; if it is none, what was written."""
    try:
        return _OF_NAME + from_text(written).hex()
    except InvalidName:
        return written
