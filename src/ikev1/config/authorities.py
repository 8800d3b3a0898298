"""CAs: ``[authority.NAME]``, where the status of their certificates is retrieved."""

from __future__ import annotations

from urllib.parse import urlsplit

from ikev1.config.files import Files
from ikev1.config.findings import Rule
from ikev1.config.table import Table
from ikev1.config.values import check_name, each, text
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, RevocationUrls
from ikev1.crypto import certificates

_MOST = 8  # URLs that a check may have to wait for
_SCHEMES = ("http", "https")


def with_authorities(connections: tuple[Connection, ...], top: Table, files: Files) -> tuple[Connection, ...]:
    """The connections, all of which know the ``[authority.NAME]`` tables; errors are reported."""
    found = (_read_authority(name, table, files) for name, table in top.tables("authority"))
    urls = tuple(authority for authority in found if authority is not None)
    return tuple(replace(each, trust=replace(each.trust, revocation_urls=urls)) for each in connections)


def _read_authority(name: str, table: Table, files: Files) -> RevocationUrls | None:
    table.whole(check_name, name)
    parsed = table.require("certificate", files.parsed(certificates.parse), "the file with the certificate of the CA")
    crl, ocsp = (table.take(key, _urls, ()) for key in ("crl_urls", "ocsp_urls"))
    table.finish()
    if not (crl or ocsp or any(table.findings.is_wrong(table.key(key)) for key in ("crl_urls", "ocsp_urls"))):
        missing = "missing: where the status of its certificates is; set crl_urls, ocsp_urls or both"
        table.findings.error(table.path, Rule.MISSING_KEY, missing)
    return RevocationUrls(parsed[0], crl, ocsp) if parsed else None


def _urls(value: object) -> tuple[str, ...]:
    found = tuple(each(url)(value))
    if len(found) > _MOST:
        raise ValueError(f"has {len(found)} URLs: expected at most {_MOST}")
    return found


def url(value: object) -> str:
    """The URL of a CRL or of an OCSP responder."""
    written = text(value)
    try:
        parts = urlsplit(written)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not written.isprintable() or " " in written:
        raise ValueError(f'{written!r} is not allowed: expected a URL such as "http://crl.example.org/ca.crl"')
    return written
