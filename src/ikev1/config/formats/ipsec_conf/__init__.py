"""ipsec.conf and ipsec.secrets in strongSwan's dialect, read as the sections of swanctl.conf that strongSwan itself
makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ikev1.config.findings import Findings, Rule
from ikev1.config.formats.ipsec_conf.ends import ANY
from ikev1.config.formats.ipsec_conf.folders import IpsecFolders
from ikev1.config.formats.ipsec_conf.secrets_file import Entry, Word, read_entries
from ikev1.config.formats.ipsec_conf.sections import IpsecConf
from ikev1.config.formats.ipsec_conf.sections import Section as IpsecSection
from ikev1.config.formats.ipsec_conf.stroke import IKE_LIFETIME, Conns, finish_setup, time, write_ca
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.settings_file import Section
from ikev1.config.formats.settings_tree import tables
from ikev1.config.formats.swanctl import add_daemon, converted, finished
from ikev1.config.formats.swanctl.options import Options
from ikev1.config.formats.written import Part, Place, Places, Written

# What findings about swanctl.conf and `ikev1.toml` mention, in the words of ipsec.conf
_WORDS = {
    "remote_address": "right",
    "local_address": "left",
    "remote_addrs": "right",
    "local_addrs": "left",
    "remote_id": "rightid",
    "local_id": "leftid",
    "remote.id": "rightid",
    "local.id": "leftid",
    "secret or secret_file": "PSK in ipsec.secrets",
    "private_key": "leftcert",
    "peer_certificate": "rightcert",
    "peer_public_key": "rightsigkey",
    "xauth_backend": "rightauth2",
    'start = "none"': "auto=add",
    "start_action": "auto",
    "a [policy]": "ike",
    "rekey_bytes": "lifebytes - marginbytes",
    "rekey_packets": "lifepackets - marginpackets",
    "write a child for": "write a conn for",
    "set ca to": "set rightca to",
    "remove local and remote": "remove leftsubnet and rightsubnet",
    "set local and remote of the tunnel": "set leftsubnet and rightsubnet",
    "remove local": "remove leftsubnet",
    "remove remote": "remove rightsubnet",
    'local_id = "dn"': "no leftid",
    "'accept-psk'": "aggressive=yes",
    'nat_traversal = "force"': "forceencaps=yes",
    "if version is not 1": "if keyexchange is not ikev1",
}
_KEYS = {"RSA": "rsa", "ECDSA": "ecdsa", "PKCS8": "pkcs8", "P12": "pkcs12"}
_SECRETS = {"PSK": "ike", "XAUTH": "xauth", "EAP": "eap", "NTLM": "ntlm"}
_SECTION = re.compile(r"^(?:conn[ \t]+\S|config[ \t]+setup\b|ca[ \t]+[^\s={]+[ \t\r]*$)", re.MULTILINE)


def read_stroke(file: Path) -> Written:
    """The configuration in ``file``, with the secrets and the folder ipsec.d beside it.

    Raises:
        ConfigError: a file cannot be read or parsed, or nothing in it is for IKEv1.
    """
    findings = Findings(file)
    conf = IpsecConf(file, findings)
    daemon = Section(Place(file, 0, 0, ""))
    files = conf.files.read | add_daemon(file, daemon, findings)
    values, places, _ = tables(daemon, Places(_WORDS))
    top = Tree(values, places)
    entries, of_secrets = read_entries(_beside(file, "secrets"), findings)
    named = _write_secrets(entries, top, findings, places)
    sections = {
        kind: [_options(conf, each, findings, places) for each in conf.of_kind(kind)]
        for kind in ("config", "ca", "conn")
    }
    setup = next(
        (each for each in sections["config"] if each.path == "config.setup"), Options(findings, "config.setup", {})
    )
    for ca in sections["ca"]:
        write_ca(ca, top)
    conns = Conns(setup, top, conf.referenced)
    for conn in sections["conn"]:
        conns.write(conn)
    finish_setup(setup)
    made = Options(findings, "", top.values, places)
    folder = file.parent.absolute() / "ipsec.d"
    files |= of_secrets
    ours = converted(made, _WORDS, files, lambda secrets: IpsecFolders(folder, named, secrets, findings))
    _add_lifetimes(ours, sections["conn"])
    return finished(ours, made, files)


def _add_lifetimes(ours: Part, conns: Iterable[Options]) -> None:
    """Set the lifetimes of ISAKMP SAs that are not rekeyed, which swanctl.conf does not have."""
    for conn in conns:
        connection = ours.part("connection").values.get(conn.path.partition(".")[2], {})
        if connection.get("rekey") is False:
            into = ours.part("connection").part(conn.path.partition(".")[2])
            into.put("lifetime", conn.take("ikelifetime", time, IKE_LIFETIME), conn.place("ikelifetime"))


def recognises(name: str, text: str) -> bool:
    """Whether a file of this name with this content is an ipsec.conf."""
    return name == "ipsec.conf" or _SECTION.search(text) is not None


def _beside(file: Path, kind: str) -> Path:
    """The file of secrets that belongs to ``file``: of the same name, or else ipsec.secrets in its folder."""
    own = file.with_suffix(f".{kind}")
    return own if own.exists() else file.parent / f"ipsec.{kind}"


def _options(conf: IpsecConf, section: IpsecSection, findings: Findings, places: Places) -> Options:
    path = f"{section.kind}.{section.name}"
    places.put(path, section.place)
    values: dict[str, object] = {}
    for key, setting in conf.settings(section).items():
        values[key] = setting.value
        places.put(f"{path}.{key}", setting.place)
    return Options(findings, path, values, places)


def _write_secrets(entries: Iterable[Entry], top: Tree, findings: Findings, places: Places) -> dict[str, list[str]]:
    """Write all secrets; returns the names of the files of private keys by their kinds."""
    named: dict[str, list[str]] = {}
    secrets = top.section("secrets")
    for number, (owners, kind, words, place) in enumerate(entries, 1):
        path = f"entry.{number}"
        places.put(path, place)
        if not words:
            findings.error(path, Rule.INVALID_SECRET, f"expected a secret or a file behind {kind}")
        elif kind in _KEYS:
            named.setdefault(_KEYS[kind], []).append(words[0].text)
            into = secrets.section(f"{_KEYS[kind]}-{number}", place)
            into.put("file", Path(words[0].text).name, place)
            if words[1:] == (Word("%prompt"),):
                text = "passphrases are not asked for: write it in place of %prompt"
                findings.error(path, Rule.NOT_SUPPORTED, text)
            elif len(words) > 1:
                into.put("secret", words[1].secret(), place)
        elif kind in _SECRETS:
            into = secrets.section(f"{_SECRETS[kind]}-{number}", place)
            for count, owner in enumerate(owners):
                into.put(f"id-{count}", "%any" if owner in ANY or owner == "*" else owner, place)
            into.put("secret", words[0].secret(), place)
        elif kind == "PIN":
            findings.error(path, Rule.NOT_SUPPORTED, "is not supported: private keys must be files")
        else:
            text = f"unknown kind of secret; expected one of {', '.join((*_SECRETS, *_KEYS))}"
            findings.error(path, Rule.UNKNOWN_KEY, text)
    return named
