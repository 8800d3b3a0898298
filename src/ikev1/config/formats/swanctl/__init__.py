"""swanctl.conf of strongSwan, with the folders beside it and the options in strongswan.conf that change the wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ikev1.config.findings import NO_PROOF, ConfigError, Finding, Findings, Rule
from ikev1.config.formats.settings_file import Section, SettingsFiles
from ikev1.config.formats.settings_tree import tables
from ikev1.config.formats.swanctl.authentication import Authentication, named_ends
from ikev1.config.formats.swanctl.authorities import write_authorities
from ikev1.config.formats.swanctl.connections import write_connections
from ikev1.config.formats.swanctl.daemon import NAMES, Daemon
from ikev1.config.formats.swanctl.folders import Folders
from ikev1.config.formats.swanctl.options import Options
from ikev1.config.formats.swanctl.pools import write_pools, write_split_networks
from ikev1.config.formats.swanctl.radius import write_radius
from ikev1.config.formats.swanctl.secrets import SwanctlSecrets
from ikev1.config.formats.written import Part, Places, Written

_SECTIONS = ("connections", "secrets", "pools", "authorities")
# What findings for `ikev1.toml` mention, in the words of swanctl.conf
WORDS = {
    "remote_address": "remote_addrs",
    "local_address": "local_addrs",
    "remote_id": "remote.id",
    "local_id": "local.id",
    NO_PROOF: "a pre-shared key in secrets.ike, or local.certs",
    "secret or secret_file": "secrets.ike",
    "private_key": "local.certs",
    "peer_certificate": "remote.certs",
    "peer_public_key": "remote.pubkeys",
    "xauth_backend": "remote.auth",
    "add the table [radius]": "set plugins.eap-radius.servers in strongswan.conf",
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
    files.read |= add_daemon(file, section, findings)
    values, places, inherited = tables(section)
    top = Options(findings, "", values, places)
    folder = file.parent.absolute()
    ours = converted(top, WORDS, files.read, lambda secrets: Folders(folder, secrets, findings))
    for name in top.names():
        if name not in (*_SECTIONS, *NAMES, *inherited):
            findings.warn(name, Rule.UNUSED_KEY, f"is not used; swanctl.conf consists of {', '.join(_SECTIONS)}")
    return finished(ours, top, files.read)


def add_daemon(file: Path, into: Section, findings: Findings) -> dict[Path, os.stat_result]:
    """Add the sections of charon in the strongswan.conf that belongs to ``file``; returns the files that were read.

    Raises:
        ConfigError: a file cannot be read or parsed.
    """
    main = strongswan_conf(file)
    if main is None:
        return {}
    files = SettingsFiles(main, findings)
    for name, section in files.parse().sections.items():
        if name in NAMES:
            into.sections.setdefault(name, section)
    return files.read


def converted(
    top: Options,
    words: Mapping[str, str],
    files: Mapping[Path, os.stat_result],
    folders_with: Callable[[SwanctlSecrets], Folders],
    *,
    of_libreswan: bool = False,
) -> Part:
    """The sections of ``top`` as tables of `ikev1.toml`. ``words`` are what findings about these mention, in the words
    of the user, ``files`` what was read, and ``folders_with`` gives the folders with the passphrases of their keys.
    ``of_libreswan``: secrets are those of both ends (`SwanctlSecrets`), and Aggressive Mode with them is accepted.
    """
    ours = Part(Places(words))
    daemon = Daemon(top, ours, aggressive_psk=of_libreswan)
    secrets = SwanctlSecrets(top, files, of_both_ends=of_libreswan)
    folders = folders_with(secrets)
    write_authorities(top, ours, folders)
    authentication = Authentication(secrets, folders, named_ends(top))
    write_connections(top, ours, authentication, daemon)
    _write_backends(ours, secrets, daemon)
    if authentication.radius_methods:
        write_radius(daemon.sections, authentication.radius_methods, secrets, ours)
    write_pools(top, ours, daemon.attributes(), daemon.sql_pools())
    is_unity, place = daemon.cisco_unity
    if is_unity:
        write_split_networks(ours, place)
    return ours


def finished(ours: Part, top: Options, files: Iterable[Path]) -> Written:
    """The configuration with all findings, which were collected in ``top``; of those about an inherited key, one.

    Raises:
        ConfigError: nothing in it is for IKEv1.
    """
    findings = top.findings
    if not (ours.values.get("connection") or ours.values.get("shunt")) and not findings.errors:
        nothing = Finding(findings.file, "", Rule.NOT_IKEV1, "there is no connection for IKEv1")
        raise ConfigError((nothing, *map(top.places.shown, findings.warnings)))
    return written(ours, top, files)


def written(ours: Part, top: Options, files: Iterable[Path] = ()) -> Written:
    """The configuration with all findings, as `finished`, also if it has no connection."""
    findings, places = top.findings, top.places
    errors, warnings = (
        tuple(dict.fromkeys(map(places.shown, found))) for found in (findings.errors, findings.warnings)
    )
    return Written(ours.values, ours.places, None, tuple(files), errors, warnings)


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
