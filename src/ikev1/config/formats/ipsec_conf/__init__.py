"""ipsec.conf and ipsec.secrets, read as the sections of swanctl.conf that strongSwan itself makes of them; libreswan's
dialect is translated to strongSwan's before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import NO_PROOF, Findings, Rule
from ikev1.config.formats.ipsec_conf.ends import ANY
from ikev1.config.formats.ipsec_conf.folders import IpsecFolders
from ikev1.config.formats.ipsec_conf.libreswan import Translated, refuse_other_order, translated, translated_setup
from ikev1.config.formats.ipsec_conf.libreswan_interfaces import write_interfaces
from ikev1.config.formats.ipsec_conf.secrets_file import Entry, Word, read_entries
from ikev1.config.formats.ipsec_conf.sections import KINDS, IpsecConf
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
    NO_PROOF: "a PSK for both ends in ipsec.secrets, or a leftcert",
    "secret or secret_file": "PSK in ipsec.secrets",
    "private_key": "leftcert",
    "peer_certificate": "rightcert",
    "peer_public_key": "rightsigkey",
    "xauth_backend": "rightauth2",
    "add the table [radius]": "set plugins.eap-radius.servers in strongswan.conf, beside the file",
    'start = "none"': "auto=add",
    "start_action": "auto",
    "a [policy]": "ike",
    "rekey_bytes": "lifebytes - marginbytes",
    "rekey_packets": "lifepackets - marginpackets",
    "write a child for": "write a conn for",
    "set ca to": "set rightca to",
    "there is no pool": "the database of plugins.attr-sql in strongswan.conf has no pool",
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
# What only one of them has, at the beginning of a line; no key of strongSwan has a hyphen
_OF_LIBRESWAN = re.compile(
    r"^[ \t]+(?:(?!x-)[a-z]\w*(?:-\w+)+[ \t]*=|auto[ \t]*=[ \t]*\"?(?:ondemand|keep)\b|"
    r"dpdaction[ \t]*=[ \t]*\"?restart_by_peer\b|"
    r"ikev2|phase2|phase2alg|salifetime|aggrmode|virtual_private|protostack|encapsulation|"
    r"plutodebug|modecfg\w+|xauthby|sha2_truncbug|ikepad|(?:left|right)(?:addresspool|xauth\w+|modecfg\w+|"
    r"username|subnets|ckaid)|(?:ike|esp)[ \t]*=[^#\n]*(?:;|sha2_|aes_)|(?:left|right)subnet[ \t]*=[ \t]*vhost:|"
    r"oe[ \t]*=|authby[ \t]*=[ \t]*secret\|)",
    re.MULTILINE,
)
_OF_STRONGSWAN = re.compile(
    r"^[ \t]+(?:keyexchange|charondebug|closeaction|margintime|installpolicy|modeconfig|xauth_identity|eap_identity|"
    r"strictcrlpolicy|reauth|forceencaps|(?:left|right)(?:auth2?|firewall|groups|sigkey|dns)|"
    r"rightsourceip|(?:ike|esp)[ \t]*=[^#\n]*!)",
    re.MULTILINE,
)
_SECTION = re.compile(r"^(?:conn[ \t]+\S|config[ \t]+setup\b|ca[ \t]+[^\s={]+[ \t\r]*$)", re.MULTILINE)


class _Dialect(NamedTuple):
    """What differs: ``read_key`` spells keys alike, ``conns`` are what a conn becomes in strongSwan's dialect, and
    ``setup`` what ``config setup`` becomes. ``owner`` reads the owner of a secret, ``as_strongswan`` is how sections
    are read (`IpsecConf`), and ``words`` are added to those of strongSwan.
    """

    read_key: Callable[[str], str]
    conns: Callable[[Options], Iterable[Translated]]
    setup: Callable[[Options], Options]
    owner: Callable[[str, str], str]
    as_strongswan: bool
    words: Mapping[str, str]


def read_stroke(file: Path) -> Written:
    """The configuration in ``file``, in strongSwan's dialect, with the secrets and the folder ipsec.d beside it.

    Raises:
        ConfigError: a file cannot be read or parsed, or nothing in it is for IKEv1.
    """
    return _read(file, _STROKE)


def read_libreswan(file: Path) -> Written:
    """As `read_stroke`, in libreswan's dialect."""
    return _read(file, _LIBRESWAN)


def read_as(dialect: str, file: Path, home: Path, wanted: Callable[[str], bool], *, by_hand: bool = False) -> Written:
    """The conns of ``file`` whose names are ``wanted``, in the ``dialect`` ``stroke`` or ``libreswan``, with what
    belongs to it in the folder ``home``: ipsec.secrets, ipsec.d and strongswan.conf. With ``by_hand``, they are loaded
    whatever their ``auto`` is, and do not start.

    Raises:
        ConfigError: a file cannot be read or parsed, or none of the conns is for IKEv1.
    """
    return _read(file, {"stroke": _STROKE, "libreswan": _LIBRESWAN}[dialect], home, wanted, by_hand=by_hand)


def _read(
    file: Path,
    dialect: _Dialect,
    home: Path | None = None,
    wanted: Callable[[str], bool] = lambda name: True,
    *,
    by_hand: bool = False,
) -> Written:
    findings = Findings(file)
    conf = IpsecConf(file, findings, as_strongswan=dialect.as_strongswan)
    daemon = Section(Place(file, 0, 0, ""))
    files = conf.files.read | add_daemon(home / file.name if home else file, daemon, findings)
    words = {**_WORDS, **dialect.words}
    values, places, _ = tables(daemon, Places(words))
    top = Tree(values, places)
    entries, of_secrets = read_entries(home / "ipsec.secrets" if home else _beside(file, "secrets"), findings)
    files |= of_secrets
    named = _write_secrets(entries, top, findings, places, dialect.owner)
    setup, authorities, drafts = (
        [
            _options(conf, each, findings, places, dialect, by_hand=by_hand and kind == "conn")
            for each in conf.of_kind(kind)
            if kind != "conn" or wanted(each.name)
        ]
        for kind in KINDS
    )
    whole = next((each for each in setup if each.path == "config.setup"), Options(findings, "config.setup", {}))
    whole = dialect.setup(whole)
    for ca in authorities:
        write_ca(ca, top)
    conns = Conns(whole, top, conf.referenced)
    translated = [each for draft in drafts for each in dialect.conns(draft)]
    for conn, attributes, _ in translated:
        conns.write(conn, attributes)
    finish_setup(whole)
    made = Options(findings, "", top.values, places)
    folder = (home or file.parent.absolute()) / "ipsec.d"
    ours = converted(
        made,
        words,
        files,
        lambda secrets: IpsecFolders(folder, named, secrets, findings),
        of_libreswan=not dialect.as_strongswan,
    )
    if not dialect.as_strongswan:
        refuse_other_order(ours, findings)
    write_interfaces(ours, {_key(conn): each for conn, _, each in translated if each is not None})
    _add_lifetimes(ours, [conn for conn, _, _ in translated])
    return finished(ours, made, files)


def _key(conn: Options) -> str:
    """The path of the conn in the file, of which several may have been made."""
    place = conn.place()
    return conn.path if place is None else place.key


def _add_lifetimes(ours: Part, conns: Iterable[Options]) -> None:
    """Set the lifetimes of ISAKMP SAs that are not rekeyed, which swanctl.conf does not have."""
    connections = ours.part("connection")
    for conn in conns:
        name = conn.path.partition(".")[2]
        if connections.values.get(name, {}).get("rekey") is False:
            life = conn.take("ikelifetime", time, IKE_LIFETIME)
            connections.part(name).put("lifetime", life, conn.place("ikelifetime"))


def recognises_stroke(name: str, text: str) -> bool:
    """Whether a file of this name with this content is an ipsec.conf of strongSwan, as it is without words of
    libreswan.
    """
    return name == "ipsec.conf" or _SECTION.search(text) is not None


def recognises_libreswan(name: str, text: str) -> bool:
    """Whether a file of this name with this content has more words of libreswan than of strongSwan."""
    if not recognises_stroke(name, text):
        return False
    return len(_OF_LIBRESWAN.findall(text)) > len(_OF_STRONGSWAN.findall(text))


def _beside(file: Path, kind: str) -> Path:
    """The file of secrets that belongs to ``file``: of the same name, or else ipsec.secrets in its folder."""
    own = file.with_suffix(f".{kind}")
    return own if own.exists() else file.parent / f"ipsec.{kind}"


def _options(
    conf: IpsecConf, section: IpsecSection, findings: Findings, places: Places, dialect: _Dialect, *, by_hand: bool
) -> Options:
    path = f"{section.kind}.{section.name}"
    places.put(path, section.place)
    values: dict[str, object] = {}
    for written, setting in conf.settings(section).items():
        key = dialect.read_key(written)
        values[key] = setting.value
        places.put(f"{path}.{key}", setting.place)
    if by_hand:
        values["auto"] = "add"
    return Options(findings, path, values, places)


def _write_secrets(
    entries: Iterable[Entry], top: Tree, findings: Findings, places: Places, read_owner: Callable[[str, str], str]
) -> dict[str, list[str]]:
    """Write all secrets; returns the names of the files of private keys by their kinds."""
    named: dict[str, list[str]] = {}
    secrets = top.section("secrets")
    for number, (owners, kind, words, place) in enumerate(entries, 1):
        path = f"entry.{number}"
        places.put(path, place)
        if not words:
            behind = kind if kind in (*_SECRETS, *_KEYS) else "the kind of the secret"  # it may be the secret
            findings.error(path, Rule.INVALID_SECRET, f"expected a secret or a file behind {behind}")
        elif len(words) > (2 if kind in _KEYS else 1) and kind in (*_SECRETS, *_KEYS) and words[0] != Word("{"):
            # they may be an entry that a program would read as one of its own
            text = f"too many words behind {kind}: quote a secret with blanks, and begin each entry in the first column"
            findings.error(path, Rule.INVALID_SECRET, text)
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
                into.put(f"id-{count}", "%any" if owner in ANY or owner == "*" else read_owner(owner, kind), place)
            into.put("secret", words[0].secret(), place)
        elif kind == "PIN":
            findings.error(path, Rule.NOT_SUPPORTED, "is not supported: private keys must be files")
        else:
            text = f"unknown kind of secret; expected one of {', '.join((*_SECRETS, *_KEYS))}"
            findings.error(path, Rule.UNKNOWN_KEY, text)
    return named


def _owner_of_libreswan(owner: str, kind: str) -> str:
    """The owner of a secret in strongSwan's notation; names of users have no mark of their own."""
    if kind in ("XAUTH", "EAP"):
        return owner.removeprefix("@")
    return f"keyid:{owner[2:-1]}" if owner.startswith("@[") and owner.endswith("]") else owner


_STROKE = _Dialect(
    lambda key: key, lambda conn: [Translated(conn, {})], lambda setup: setup, lambda owner, kind: owner, True, {}
)
_LIBRESWAN = _Dialect(
    lambda key: key.replace("_", "-"),
    translated,
    translated_setup,
    _owner_of_libreswan,
    False,
    {"xauth_backend": "xauthby", "if keyexchange is not ikev1": "if ikev2 is not no", "lifetime": "salifetime"},
)
