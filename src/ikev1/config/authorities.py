"""Authorities: ``[authority.NAME]``, where a CA publishes the status of its certificates."""

from __future__ import annotations

from urllib.parse import urlsplit

from ikev1.config.files import Files
from ikev1.config.findings import Rule
from ikev1.config.table import Table
from ikev1.config.values import each, text
from ikev1.core.records.settings import Authority
from ikev1.crypto import certificates


def read_authorities(top: Table, files: Files) -> tuple[Authority, ...]:
    """All ``[authority.NAME]`` tables; one with several certificates, such as the old and the new one of a CA, is an
    authority for each. Errors are reported.
    """
    return tuple(one for name, table in top.tables("authority") for one in _read(name, table, files))


def _read(name: str, table: Table, files: Files) -> list[Authority]:
    found = table.require("ca", files.collected(certificates.parse), "the files with the certificate of the CA") or ()
    crl_uris = table.take("crl_uris", each(_uri), ())
    ocsp_uris = table.take("ocsp_uris", each(_uri), ())
    if "crl_uris" not in table and "ocsp_uris" not in table:
        table.findings.error(table.path, Rule.MISSING_KEY, "requires crl_uris or ocsp_uris")
    table.finish()
    return [Authority(name, der, crl_uris, ocsp_uris) for der in found]


def _uri(value: object) -> str:
    written = text(value)
    try:
        parts = urlsplit(written)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and written.isascii():
            return written
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not allowed: expected a URI that begins with http:// or https://")
