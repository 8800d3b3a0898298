"""``authorities``: CAs, and where their CRLs and OCSP responders are."""

from __future__ import annotations

from ikev1.config.authorities import url
from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Lost, Options, items
from ikev1.config.formats.written import Part

_URLS = {"crl_uris": "crl_urls", "ocsp_uris": "ocsp_urls"}
_LOST = (
    Lost("cert_uri_base", "IKEv1 does not use URLs of certificates"),
    Lost("handle", "the certificate is not used", matters=True),
    Lost("slot", "the section is not used"),
    Lost("module", "the section is not used"),
)


def write_authorities(top: Options, folders: Folders, ours: Part) -> None:
    """Add the CAs of ``authorities`` to those in the folder, and write where the status of their certificates is."""
    for name, authority in top.table("authorities").sections():
        files = []
        for key in ("cacert", "file"):
            if named := authority.take(key, str, ""):
                files.append(file := folders.path("x509ca", named))
                if not folders.add_authority(file):
                    authority.findings.error(authority.key(key), Rule.UNREADABLE_FILE, f"{file} is no certificate")
        _write_urls(authority, ours, name, str(files[0]) if files else None)
        authority.lose(*_LOST)
        authority.finish()


def _write_urls(authority: Options, ours: Part, name: str, file: str | None) -> None:
    found = {key: authority.take(key, _urls, None) for key in _URLS}
    if not any(found.values()):
        return
    if file is None:
        text = "missing: the certificate of the CA whose URLs these are"
        authority.findings.error(authority.key("cacert"), Rule.MISSING_KEY, text)
        return
    into = ours.part("authority").part(name, authority.place())
    into.put("certificate", file, authority.place("cacert"))
    for key, ours_key in _URLS.items():
        if urls := found[key]:
            into.put(ours_key, urls, authority.place(key))


def _urls(value: object) -> list[str]:
    found = items(value)
    try:
        return [url(each) for each in found]
    except ValueError as error:
        raise Invalid(Rule.NOT_SUPPORTED, str(error)) from None
