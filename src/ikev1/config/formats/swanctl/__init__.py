"""swanctl.conf of strongSwan, with the folders beside it and the options in strongswan.conf that change the wire."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ikev1.config.findings import ConfigError, Finding, Findings, Rule
from ikev1.config.formats.settings_file import SettingsFiles
from ikev1.config.formats.settings_tree import tables
from ikev1.config.formats.swanctl.authentication import Authentication, named_ends
from ikev1.config.formats.swanctl.authorities import write_authorities
from ikev1.config.formats.swanctl.connections import write_connections
from ikev1.config.formats.swanctl.daemon import NAMES, Daemon
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Options
from ikev1.config.formats.swanctl.pools import write_pools
from ikev1.config.formats.swanctl.secrets import SwanctlSecrets
from ikev1.config.formats.written import Part, Places, Written

_SECTIONS = ("connections", "secrets", "pools", "authorities")
# What findings for `ikev1.toml` mention, in the words of swanctl.conf
_WORDS = {
    "remote_address": "remote_addrs",
    "local_address": "local_addrs",
    "remote_id": "remote.id",
    "local_id": "local.id",
    "secret or secret_file": "secrets.ike",
    "private_key": "local.certs",
    "peer_certificate": "remote.certs",
    "peer_public_key": "remote.pubkeys",
    "xauth_backend": "remote.auth",
    'start = "none"': "start_action = none",
    "a [policy]": "proposals",
    "compress": "ipcomp",
    "set ca to": "set remote.cacerts to",
    "remove local and remote": "remove local_ts and remote_ts",
    "set local and remote of the tunnel": "set local_ts and remote_ts of the child",
    "remove local": "remove local_ts",
    "remove remote": "remove remote_ts",
    'local_id = "dn"': "no local.id",
    "'accept-psk'": "aggressive = yes",
    'nat_traversal = "force"': "encap = yes",
}


def read_swanctl(file: Path) -> Written:
    """The configuration in ``file``; strongswan.conf is read where charon has it, beside or above the folder.

    Raises:
        ConfigError: the file cannot be read or parsed, or nothing in it is for IKEv1.
    """
    findings = Findings(file)
    files = SettingsFiles(file, findings)
    section = files.parse()
    main = strongswan_conf(file)
    if main is not None:
        others = SettingsFiles(main, findings)
        of_daemon = others.parse()
        for name in NAMES:
            if name in of_daemon.sections:
                section.sections.setdefault(name, of_daemon.sections[name])
        files.read |= others.read
    values, places, inherited = tables(section)
    top = Options(findings, "", values, places)
    ours = Part(Places(_WORDS))
    daemon = Daemon(top, ours)
    secrets = SwanctlSecrets(top, files.read)
    folders = Folders(file.parent.absolute(), secrets, findings)
    write_authorities(top, folders)
    write_connections(top, ours, Authentication(secrets, folders, named_ends(top)), daemon)
    _write_backends(ours, secrets, daemon)
    write_pools(top, ours, daemon.attributes())
    for name in top.names():
        if name not in (*_SECTIONS, *NAMES, *inherited):
            findings.warn(name, Rule.UNUSED_KEY, f"is not used; swanctl.conf consists of {', '.join(_SECTIONS)}")
    if not ours.values.get("connection") and not findings.errors:
        raise ConfigError(
            (Finding(file, "", Rule.NOT_IKEV1, "there is no connection for IKEv1"), *_shown(places, findings.warnings))
        )
    return Written(
        ours.values,
        ours.places,
        None,
        tuple(files.read),
        _shown(places, findings.errors),
        _shown(places, findings.warnings),
    )


def _write_backends(ours: Part, secrets: SwanctlSecrets, daemon: Daemon) -> None:
    """Write what checks users, if a connection needs it."""
    connections: dict[str, dict[str, Any]] = ours.values.get("connection", {})
    needed = {backend for connection in connections.values() for backend in connection.get("xauth_backend", ())}
    if "pam" in needed:
        ours.part("pam").put("service", *daemon.pam_service)
    if "users" in needed:
        users = ours.part("users").part("secrets")
        for user, secret in secrets.users():
            if user == "%any":
                secrets.refuse(secret, "is the password of all users, because it has no id: this is not supported")
            elif user not in users.values:
                users.put(user, secret.value, secret.place)


def recognises(name: str, text: str) -> bool:
    """Whether a file of this name with this content is swanctl.conf."""
    return name == "swanctl.conf" or any(
        line.split("#")[0].split(":")[0].strip(" \t{") in _SECTIONS and "[" not in line for line in text.splitlines()
    )


def strongswan_conf(file: Path) -> Path | None:
    """The strongswan.conf that belongs to ``file``: beside it or, for /etc/swanctl/swanctl.conf, above its folder."""
    beside = file.parent / "strongswan.conf"
    above = file.parent.parent / "strongswan.conf"
    if beside.is_file():
        return beside
    return above if file.resolve().parent.name == "swanctl" and above.is_file() else None


def _shown(places: Places, findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(map(places.shown, findings))
