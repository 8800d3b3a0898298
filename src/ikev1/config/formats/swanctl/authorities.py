"""``authorities``: CAs, and where their CRLs and OCSP responders are."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Lost, Options

_LOST = (
    Lost("crl_uris", "only the CRLs in x509crl and those that certificates refer to are used", matters=True),
    Lost("ocsp_uris", "only the OCSP responders that certificates refer to are used", matters=True),
    Lost("cert_uri_base", "IKEv1 does not use URLs of certificates"),
    Lost("handle", "the certificate is not used", matters=True),
    Lost("slot", "the section is not used"),
    Lost("module", "the section is not used"),
)


def write_authorities(top: Options, folders: Folders) -> None:
    """Add the CAs of ``authorities`` to those in the folder."""
    for _, authority in top.table("authorities").sections():
        for key in ("cacert", "file"):
            if name := authority.take(key, str, ""):
                file = folders.path("x509ca", name)
                if not folders.add_authority(file):
                    authority.findings.error(authority.key(key), Rule.UNREADABLE_FILE, f"{file} is no certificate")
        authority.lose(*_LOST)
        authority.finish()
