"""list-certs and list-authorities: what is configured, what clients have loaded, and what was retrieved by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from cryptography.x509 import ocsp

from ikev1.core.peer import identity
from ikev1.core.records.settings import Authority
from ikev1.crypto import certificates, distinguished_name, private_keys, public_keys
from ikev1.daemon.vici.codec import VALUE_LIMIT, Section
from ikev1.daemon.vici.request import Call, Command
from ikev1.pki.certificate import read
from ikev1.pki.errors import Malformed
from ikev1.wire.payloads import Identification

_GROUPS = ("X509 NONE", "X509 CA", "X509_CRL", "OCSP_RESPONSE", "PUBKEY")  # swanctl prints a heading for each
_FLAGS = {"x509": "NONE", "x509ca": "CA"}


class Listed(NamedTuple):
    """A certificate, or something else that strongSwan treats as one: ``kind`` and ``flag`` are VICI's words."""

    kind: str
    data: bytes
    flag: str = ""
    subject: str = ""

    @property
    def group(self) -> int:
        """The place of its group in a list."""
        return _GROUPS.index(f"{self.kind} {self.flag}".rstrip())


async def list_certs(call: Call) -> Section:
    """One ``list-cert`` event for each certificate, CRL, OCSP response and public key that the request selects."""
    kind = (call.request.text("type") or "any").upper()
    flag = (call.request.text("flag") or "any").upper()
    subject = call.request.text("subject")
    own = set(_own_keys(call))
    found = dict.fromkeys((*_configured(call), *_loaded(call), *_retrieved(call)))
    for each in sorted(found, key=lambda each: each.group):
        if len(each.data) > VALUE_LIMIT:
            continue  # a large CRL, which VICI cannot carry
        if kind in ("ANY", each.kind) and flag in ("ANY", each.flag or "ANY") and _is_for(each, subject):
            await call.stream("list-cert", _section(each, own))
    return {}


def _configured(call: Call) -> Iterator[Listed]:
    for connection in call.gateway.settings.connections:
        credential, trust = connection.credential, connection.trust
        if credential is not None:
            yield from map(_certificate, credential.certificates)
        yield from map(_certificate, trust.peers)
        yield from map(partial(Listed, "X509", flag="CA"), (*trust.authorities, *trust.intermediates))
        yield from map(partial(Listed, "X509_CRL"), trust.revocation_lists)
        yield from (Listed("PUBKEY", key.spki, subject=key.identity or "") for key in trust.public_keys)


def _certificate(der: bytes) -> Listed:
    """A certificate of a peer or ours; behind ours, its CAs follow."""
    with suppress(Malformed):
        return Listed("X509", der, "CA" if read(der).is_authority else "NONE")
    return Listed("X509", der, "NONE")


def _loaded(call: Call) -> Iterator[Listed]:
    items = call.loaded.items
    for folder, flag in _FLAGS.items():
        for content in items.files.get(folder, {}).values():
            yield from (Listed("X509", der, flag) for der in certificates.parse(content))
    for authority in items.authorities.values():
        for content in authority.contents.values():
            yield from (Listed("X509", der, "CA") for der in certificates.parse(content))
    for content in items.files.get("x509crl", {}).values():
        yield from map(partial(Listed, "X509_CRL"), certificates.parse_revocation_lists(content))
    for content in items.files.get("pubkey", {}).values():
        yield Listed("PUBKEY", public_keys.parse(content))


def _retrieved(call: Call) -> Iterator[Listed]:
    for _, content in call.gateway.certificate_checker.retrieved():
        with suppress(ValueError):
            yield from map(partial(Listed, "X509_CRL"), certificates.parse_revocation_lists(content))
            continue
        with suppress(ValueError):
            ocsp.load_der_ocsp_response(content)
            yield Listed("OCSP_RESPONSE", content)


def _own_keys(call: Call) -> Iterator[bytes]:
    keys = [each.credential.private_key for each in call.gateway.settings.connections if each.credential is not None]
    keys += [private_keys.parse(key) for key in call.loaded.items.files.get("private", {}).values()]
    for key in dict.fromkeys(keys):
        yield public_keys.encode(private_keys.load(key).public_key())


def _is_for(listed: Listed, subject: str | None) -> bool:
    if subject is None:
        return True
    if listed.kind != "X509":
        return subject == listed.subject
    with suppress(ValueError):
        found = (Identification(kind, 0, 0, data) for kind, data in certificates.identities(listed.data))
        return any(identity.matches(subject, each) for each in found)
    return False


def _section(listed: Listed, own: set[bytes]) -> Section:
    public = listed.data if listed.kind == "PUBKEY" else b""
    if listed.kind == "X509":
        with suppress(ValueError):  # a key of another type than ours
            public = certificates.public_key(listed.data)
    return {
        "type": listed.kind,
        "flag": listed.flag or "NONE",
        **({"has_privkey": "yes"} if public in own else {}),
        "data": listed.data,
        **({"subject": listed.subject} if listed.subject else {}),
    }


async def list_authorities(call: Call) -> Section:
    """One ``list-authority`` event for each authority that was loaded or is configured, by its name, and for each other
    CA of the connections, by its subject.
    """
    wanted = call.request.text("name")
    found = {each.certificate: each for each in call.gateway.settings.authorities}
    for name, loaded in call.loaded.items.authorities.items():
        for content in loaded.contents.values():
            der = certificates.parse(content)[0]
            found.setdefault(der, Authority(name, der))
    for connection in call.gateway.settings.connections:
        for der in connection.trust.authorities:
            found.setdefault(der, Authority(_subject(der), der))
    for der, each in found.items():
        if wanted in (None, each.name):
            section = {"cacert": _subject(der), "crl_uris": each.crl_uris, "ocsp_uris": each.ocsp_uris}
            await call.stream("list-authority", {each.name: section})
    return {}


def _subject(der: bytes) -> str:
    return distinguished_name.to_text(certificates.names(der).subject)


COMMANDS: dict[str, Command] = {"list-certs": list_certs, "list-authorities": list_authorities}
