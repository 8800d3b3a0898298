"""``authorities``: CAs, and where their CRLs and OCSP responders are."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Lost, Options, items
from ikev1.config.formats.written import Part

_URIS = {
    "crl_uris": "only the other CRLs, those in x509crl, and those that certificates refer to are used",
    "ocsp_uris": "only the other OCSP responders and those that certificates refer to are used",
}

_LOST = (
    Lost("cert_uri_base", "IKEv1 does not use URLs of certificates"),
    Lost("handle", "the certificate is not used", matters=True),
    Lost("slot", "the section is not used"),
    Lost("module", "the section is not used"),
)


def write_authorities(top: Options, ours: Part, folders: Folders) -> None:
    """Add the CAs of ``authorities`` to those in the folder, and write their URIs."""
    for name, authority in top.table("authorities").sections():
        files = []
        for key in ("cacert", "file"):
            if written := authority.take(key, str, ""):
                file = folders.path("x509ca", written)
                if problem := folders.add_authority(file):
                    authority.findings.error(authority.key(key), Rule.UNREADABLE_FILE, f"{file} {problem}")
                else:
                    files.append(file)
        uris = {key: _uris(authority, key) for key in _URIS}
        if files and any(uris.values()):
            into = ours.part("authority").part(name, authority.place())
            into.put("ca", list(map(str, files)), authority.place("cacert"))
            for key, found in uris.items():
                if found:
                    into.put(key, found, authority.place(key))
        authority.lose(*_LOST)
        authority.finish()


def _uris(authority: Options, key: str) -> list[str]:
    """The URIs in ``key`` that can be used; others are reported."""
    found = authority.take(key, items, [])
    usable = [uri for uri in found if uri.lower().startswith(("http:", "https:"))]
    if others := [uri for uri in found if uri not in usable]:
        text = f"{others[0]} is not supported: expected http or https; {_URIS[key]}"
        authority.findings.error(authority.key(key), Rule.NOT_SUPPORTED, text)
    return usable
