"""The commands that load connections, credentials, pools and authorities, tell which are loaded, and unload them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ikev1.config.findings import Invalid
from ikev1.config.formats.swanctl.folders import kind_of
from ikev1.config.formats.swanctl.loaded import Items, LoadedSection, SharedSecret, authority, connection, place, pool
from ikev1.crypto import certificates, private_keys, public_keys
from ikev1.daemon.vici.codec import Received, Section
from ikev1.daemon.vici.request import SUCCESS, Call, Command, Refused
from ikev1.pki.certificate import read
from ikev1.pki.errors import Malformed

_SHARED = {"ike": "ike", "eap": "xauth", "xauth": "xauth"}  # in IKEv1, an EAP secret is a password for XAUTH
_NOT_IKEV1 = {"ppk": "post-quantum pre-shared keys need IKEv2", "ntlm": "NTLM needs IKEv2"}
_FLAGS = {"": "x509", "none": "x509", "ca": "x509ca"}
_KEYS = "private"

Item = TypeVar("Item")


def _sections(call: Call) -> Iterator[tuple[str, Received]]:
    for name, section in call.request.message.items():
        if not isinstance(section, dict):
            raise Refused(f"expected a section, found the key {name!r}")
        yield name, section


def _read(read: Callable[[Received], LoadedSection], section: Received) -> LoadedSection:
    try:
        return read(section)
    except Invalid as error:
        raise Refused(str(error)) from None


def _name_of(call: Call, kind: str, known: Collection[str]) -> str:
    """The name of what is unloaded, one of ``known``."""
    name = call.request.text("name")
    if name is None:
        raise Refused(f"unload: missing {kind} name")
    if name not in known:
        raise Refused(f"unload: {kind} '{name}' not found")
    return name


# --- connections


async def load_conn(call: Call) -> Section:
    """Load connections, or replace those of the same names."""
    for name, section in _sections(call):
        items = call.loaded.items
        items = replace(items, connections={**items.connections, name: _read(connection, section)})
        call.loaded.check(name, items)
        call.loaded.become(items)
    return SUCCESS


async def unload_conn(call: Call) -> Section:
    """Unload the connection ``name``; its SAs stay, apart from those of tunnels that start by themselves."""
    known = call.loaded.items.connections
    name = _name_of(call, "connection", known)
    call.loaded.change(connections=_without(known, name))
    return SUCCESS


async def get_conns(call: Call) -> Section:
    """The names of the connections that were loaded; those of files are only in list-conns."""
    return {"conns": list(call.loaded.items.connections)}


# --- credentials


async def load_shared(call: Call) -> Section:
    """Load a pre-shared key or a password, or replace that with the same ``id``."""
    kind = (call.request.text("type") or "").lower()
    data = call.request.message.get("data")
    if not kind:
        raise Refused("shared key type missing")
    if kind in _NOT_IKEV1:
        raise Refused(f"invalid shared key type: {kind}: {_NOT_IKEV1[kind]}")
    if kind not in _SHARED:
        raise Refused(f"invalid shared key type: {kind}")
    if not isinstance(data, bytes) or not data:
        raise Refused("shared key data missing")
    secret = SharedSecret(_SHARED[kind], data, call.request.texts("owners"))
    known = call.loaded.items.secrets
    # a key without an ID is found again by its content only
    identity = call.request.text("id") or f"\0{sha1(repr((*secret,)).encode(), usedforsecurity=False).hexdigest()}"
    # the last of several that fit is used, as in charon
    call.loaded.change(secrets={**_without(known, identity), identity: secret})
    return SUCCESS


async def unload_shared(call: Call) -> Section:
    """Unload the secret ``id``; there need not be one."""
    name = call.request.text("id")
    if name is None:
        raise Refused("unload: missing shared key identifier")
    if name in call.loaded.items.secrets:
        call.loaded.change(secrets=_without(call.loaded.items.secrets, name))
    return SUCCESS


async def get_shared(call: Call) -> Section:
    """The IDs of the secrets that were loaded with one."""
    return {"keys": [name for name in call.loaded.items.secrets if not name.startswith("\0")]}


async def load_cert(call: Call) -> Section:
    """Load a certificate, a CRL or a public key."""
    kind, flag = (call.request.text("type") or "").upper(), (call.request.text("flag") or "").lower()
    content = call.request.message.get("data")
    if not isinstance(content, bytes):
        raise Refused("certificate data missing")
    if kind == "X509" and flag not in _FLAGS:
        raise Refused(f"certificates with the flag {flag.upper()} are not supported; NONE and CA are")
    folder = {"X509": _FLAGS.get(flag, ""), "X509_CRL": "x509crl", "PUBKEY": "pubkey"}.get(kind)
    if folder is None:
        raise Refused(f"invalid certificate type {kind!r}: expected X509, X509_CRL or PUBKEY")
    parse = {"x509crl": certificates.parse_revocation_lists, "pubkey": public_keys.parse}.get(
        folder, certificates.parse
    )
    try:
        parse(content)
        if folder == "x509ca" and not read(certificates.parse(content)[0]).is_authority:
            raise Refused("ca certificate lacks CA basic constraint, rejected")
    except (ValueError, Malformed) as error:
        raise Refused(f"parsing {kind} certificate failed: {error}") from None
    call.loaded.become(call.loaded.items.with_file(folder, content))
    return SUCCESS


async def load_key(call: Call) -> Section:
    """Load a private key; ``id`` of the answer is the identifier of its public key."""
    kind, content = (call.request.text("type") or "").lower(), call.request.message.get("data")
    if kind not in ("rsa", "ecdsa", "any"):
        raise Refused(f"invalid private key type: {kind or 'missing'}; rsa, ecdsa and any are supported")
    if not isinstance(content, bytes):
        raise Refused("private key data missing")
    try:
        public = _public(content)
    except ValueError as error:
        raise Refused(f"parsing {kind.upper()} private key failed: {error}") from None
    if kind not in ("any", kind_of(public)):
        raise Refused(f"parsing {kind.upper()} private key failed: it is an {kind_of(public).upper()} key")
    items = call.loaded.items
    same = [file for file, key in items.files.get(_KEYS, {}).items() if _public(key) == public]
    if same != [place(_KEYS, content)]:
        call.loaded.become(_without_files(items, same).with_file(_KEYS, content))
    return {**SUCCESS, "id": _key_id(public)}


async def unload_key(call: Call) -> Section:
    """Unload the private key ``id``."""
    wanted, items = (call.request.text("id") or "").lower(), call.loaded.items
    if not wanted:
        raise Refused("unload: missing private key identifier")
    found = [file for file, key in items.files.get(_KEYS, {}).items() if _key_id(_public(key)) == wanted]
    if not found:
        raise Refused(f"unload: private key '{wanted}' not found")
    call.loaded.become(_without_files(items, found))
    return SUCCESS


async def get_keys(call: Call) -> Section:
    """The identifiers of the private keys that were loaded."""
    return {"keys": [_key_id(_public(key)) for key in call.loaded.items.files.get(_KEYS, {}).values()]}


async def clear_creds(call: Call) -> Section:
    """Unload all certificates, keys and secrets, and forget the CRLs and OCSP responses that were retrieved."""
    call.loaded.change(secrets={}, files={})
    call.gateway.certificate_checker.flush()
    return SUCCESS


def _without(known: Mapping[str, Item], name: str) -> dict[str, Item]:
    return {each: loaded for each, loaded in known.items() if each != name}


def _without_files(items: Items, files: list[Path]) -> Items:
    keys = {file: key for file, key in items.files.get(_KEYS, {}).items() if file not in files}
    return replace(items, files={**items.files, _KEYS: keys})


def _public(key: bytes) -> bytes:
    """The public key (DER) of a private one."""
    return public_keys.encode(private_keys.load(private_keys.parse(key)).public_key())


def _key_id(public: bytes) -> str:
    """The identifier of a public key: the SHA-1 of the octets in its subjectPublicKey, as charon has it."""
    key = public_keys.load(public)
    if isinstance(key, RSAPublicKey):
        octets = key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    else:
        octets = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return sha1(octets, usedforsecurity=False).hexdigest()


# --- pools and authorities


async def load_pool(call: Call) -> Section:
    """Load pools of virtual addresses, or replace those of the same names."""
    for name, section in _sections(call):
        items, found = call.loaded.items, _read(pool, section)
        if "addrs" not in found.values:
            raise Refused(f"missing addrs for pool '{name}'")
        if items.pools.get(name) == found:
            continue
        if _has_clients(call, name) and items.pools.get(name, found).values.get("addrs") != found.values["addrs"]:
            raise Refused(f"vici pool {name} has online leases, unable to replace")
        items = replace(items, pools={**items.pools, name: found})
        call.loaded.check_items(items)
        call.loaded.become(items)
    return SUCCESS


async def unload_pool(call: Call) -> Section:
    """Unload the pool ``name``, unless clients use it."""
    name, known = call.request.text("name"), call.loaded.items.pools
    if name is None:
        raise Refused("missing pool name")
    if name not in known:
        raise Refused(f"{name} not found")
    if _has_clients(call, name):
        raise Refused(f"{name} has online leases, unable to unload")
    call.loaded.change(pools=_without(known, name))
    return SUCCESS


def _has_clients(call: Call, pool_name: str) -> bool:
    usage = call.gateway.pools.usage().get(pool_name)
    return usage is not None and usage.online > 0


async def load_authority(call: Call) -> Section:
    """Load CAs, or replace those of the same names."""
    for name, section in _sections(call):
        items, found = call.loaded.items, _read(authority, section)
        if not found.values.keys() & {"cacert", "file", "handle"}:
            raise Refused(f"CA certificate missing: {name}")
        items = replace(items, authorities={**items.authorities, name: found})
        call.loaded.check_items(items)
        call.loaded.become(items)
    return SUCCESS


async def unload_authority(call: Call) -> Section:
    """Unload the authority ``name``."""
    known = call.loaded.items.authorities
    name = _name_of(call, "authority", known)
    call.loaded.change(authorities=_without(known, name))
    return SUCCESS


async def get_authorities(call: Call) -> Section:
    """The names of the authorities that were loaded."""
    return {"authorities": list(call.loaded.items.authorities)}


COMMANDS: dict[str, Command] = {
    "load-conn": load_conn,
    "unload-conn": unload_conn,
    "get-conns": get_conns,
    "load-shared": load_shared,
    "unload-shared": unload_shared,
    "get-shared": get_shared,
    "load-cert": load_cert,
    "load-key": load_key,
    "unload-key": unload_key,
    "get-keys": get_keys,
    "clear-creds": clear_creds,
    "load-pool": load_pool,
    "unload-pool": unload_pool,
    "load-authority": load_authority,
    "unload-authority": unload_authority,
    "get-authorities": get_authorities,
}
