"""Profiles of the Cisco VPN Client (.pcf): an INI file with one section; ``!`` marks keys that users cannot change."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_client.obfuscation import decode_obfuscated
from ikev1.config.formats.cisco_client.profile import (
    Key,
    Profile,
    Unsupported,
    given,
    group,
    number,
    octets,
    opened,
    word,
)
from ikev1.config.formats.written import Place

_RECOGNISED = re.compile(r"^[ \t]*\[main\][ \t\r]*$", re.I | re.M)
_HOST = re.compile(r"^[ \t]*!?(?:Host|GroupName|(?:enc_)?GroupPwd)[ \t]*=", re.I | re.M)
_WINDOWS = "it is about logging on to Windows, or dialing"
_IN_TCP = Unsupported("IPsec in TCP, which no RFC has; many gateways accept UDP as well")


def _servers(text: str) -> list[str]:
    return [server for each in text.split(",") if (server := each.strip())]


_YES = word(**{"0": False, "1": True})


_KEYS = {
    "Description": Key(),
    "Host": Key("gateway", given),
    "AuthType": Key("method", word(**{"1": "psk", "3": "cert", "5": "hybrid"})),
    "GroupName": Key("group", given),
    "GroupPwd": Key("secret", octets),
    "enc_GroupPwd": Key("secret", decode_obfuscated),
    "Username": Key("user", given),
    "UserPassword": Key("password", octets),
    "enc_UserPassword": Key("password", decode_obfuscated),
    "NTDomain": Key("domain", given),
    "SaveUserPassword": Key(),
    "EnableBackup": Key("backup", _YES),
    "BackupServer": Key("backups", _servers),
    "EnableNat": Key("nat_traversal", word(**{"0": "off", "1": "auto"})),
    "TunnelingMode": Key("tunneling", word(**{"0": "udp", "1": _IN_TCP})),
    "TcpTunnelingPort": Key(),
    "DHGroup": Key("dh_group", group),
    "PeerTimeout": Key("dpd_timeout", number(0, 86_400)),
    "ForceKeepAlives": Key(lost="keep-alives are sent behind a NAT", usual=("0", "1")),
    "EnableLocalLAN": Key("local_lan", _YES),
    "EnableSplitDNS": Key(),
    "UseLegacyIKEPort": Key(),
    "SingleDES": Key(lost="DES is too weak to be offered", usual=("0",)),
    "VerifyCertDN": Key(lost="set remote_id in ikev1.toml to the subject of the gateway's certificate", matters=True),
    "SDIUseHardwareToken": Key(),
    "SendCertChain": Key(),
    "X-NM-Use-NAT-T": Key(),
    "X-NM-Force-NAT-T": Key("force_nat", _YES),
    "X-NM-SaveGroupPassword": Key(),
    "X-NM-Routes": Key(lost="the gateway says which networks are behind it"),
}
_KEYS |= dict.fromkeys(("CertStore", "CertName", "CertPath", "CertSubjectName"), Key("certificate", given))
_KEYS |= dict.fromkeys(("CertSerialHash", "CertPassword", "enc_CertPassword"), Key())
_KEYS |= dict.fromkeys(("EnableISPConnect", "EnableMSLogon"), Key(lost=_WINDOWS, usual=("0", "1")))
_KEYS |= dict.fromkeys(
    ("ISPConnectType", "ISPConnect", "ISPPhonebook", "SPPhonebook", "ISPCommand", "MSLogonType", "ForceNetLogin"), Key()
)
_LOWER = {key.lower(): key for key in _KEYS}


def recognises_pcf(name: str, text: str) -> bool:
    """Whether a file of this name with this content is a profile of the Cisco VPN Client."""
    if name.lower().endswith(".pcf"):
        return True
    return _RECOGNISED.search(text) is not None and _HOST.search(text) is not None


def read_pcf_profile(file: Path) -> Profile:
    """What the profile ``file`` says. Keys without a value are not set.

    Raises:
        ConfigError: it cannot be read, or is not text.
    """
    profile, text = opened(file, "the client")
    section = ""
    comments: list[str] = []
    for count, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        column = 1 + len(raw) - len(raw.lstrip())
        if not line or line[0] in ";#":
            comments += [line[1:].strip()] if line.strip(";# ") else []
            continue
        if line[0] == "[" and line[-1] == "]":
            section = line[1:-1].strip().lower()
            if section != "main":
                profile.report(Place(file, count, column, line), Rule.UNKNOWN_KEY, "unknown section; expected [main]")
            continue
        written, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not section:
            expected = "a key, = and a value" if section else "the section [main] first"
            profile.report(Place(file, count, column, f"line {count}"), Rule.SYNTAX, f"expected {expected}")
            continue
        key = _LOWER.get(written.removeprefix("!").strip().lower())
        about, comments = tuple(comments), []
        if section != "main" or (not value and key is not None):
            continue
        if key is None:
            name = written.removeprefix("!")
            near = get_close_matches(name[:40].lower(), _LOWER, n=1)
            hint = f"; did you mean {_LOWER[near[0]]!r}?" if near else ""
            # the line may hold a secret
            profile.report(Place(file, count, column, f"line {count}"), Rule.UNKNOWN_KEY, f"unknown key{hint}")
            continue
        profile.put(_KEYS[key], value, Place(file, count, column, key, about))
    return profile
