"""Configuration files of vpnc: one key and value on each line; the first value of a key is used."""

from __future__ import annotations

import re
from difflib import get_close_matches
from ipaddress import IPv4Network
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

_MOST_HINTS = 20  # unknown lines for which similar keys are searched
_RECOGNISED = re.compile(
    r"^[ \t]*(?:IPSec gateway|IPSec ID|IPSec (?:obfuscated )?secret|Xauth username)[ \t]", re.I | re.M
)


def _group(text: str) -> str:
    name = text.lower()
    if not name.startswith("dh"):
        raise ValueError(f"{text!r} is not allowed: expected a group such as dh14")
    return group(name[2:])


def _pfs(text: str) -> str:
    return "" if text.lower() in ("server", "nopfs") else _group(text)


def _network(text: str) -> str:
    return str(IPv4Network(text, strict=False))


def _no_encryption(_: str) -> object:
    raise ValueError("is not possible: it would allow the gateway to have all traffic unencrypted; remove the line")


_TAP = "the device is a TUN device"
_KEYS = {
    "IPSec gateway": Key("gateway", given),
    "IPSec ID": Key("group", given),
    "IPSec secret": Key("secret", octets),
    "IPSec obfuscated secret": Key("secret", decode_obfuscated),
    "Xauth username": Key("user", given),
    "Xauth password": Key("password", octets),
    "Xauth obfuscated password": Key("password", decode_obfuscated),
    "Domain": Key("domain", given),
    "IKE Authmode": Key("method", word(psk="psk", cert="cert", hybrid="hybrid")),
    "CA-File": Key("ca", given),
    "CA-Dir": Key("ca_folder", given),
    "IKE DH Group": Key("dh_group", _group),
    "Perfect Forward Secrecy": Key("pfs", _pfs),
    "NAT Traversal Mode": Key(
        "nat_traversal",
        word(
            natt="auto",
            none="off",
            force_natt="force",
            cisco_udp=Unsupported("Cisco's own encapsulation; natt is that of RFC 3947"),
        ),
    ),
    "Interface name": Key("device", given),
    "Pidfile": Key("pid_file", given),
    "Local Addr": Key("local_address", given),
    "Local Port": Key("local_port", number(0, 65_534)),
    "Script": Key("script", given),
    "IPSEC target network": Key("network", _network),
    "DPD idle timeout (our side)": Key("dpd_delay", number(0, 86_400)),
    "Interface mode": Key(lost=_TAP, usual=("tun",)),
    "Interface MTU": Key(lost="the MTU follows from that of the path", usual=("0",)),
    "IFMTU": Key(lost="the MTU follows from that of the path", usual=("0",)),
    "Vendor": Key(lost="the gateway is met as one of Cisco's, whose vendor IDs all of them accept", usual=("cisco",)),
    "Application version": Key(lost="the gateway is told the name of this program"),
    "Password helper": Key(lost="no program is asked for passwords"),
    "Debug": Key(lost="log_level of ikev1.toml and --verbose say how much is logged", usual=("0",)),
    "Cisco UDP Encapsulation Port": Key(lost="Cisco's own encapsulation is not used"),
    "UDP Encapsulation Port": Key(lost="Cisco's own encapsulation is not used"),
}
_FLAGS = {
    "Disable NAT Traversal": Key("nat_traversal", lambda text: "off"),
    "Enable Single DES": Key("weak_encryption", bool),
    "Enable weak encryption": Key("weak_encryption", bool),
    "Enable weak authentication": Key("weak_authentication", bool),
    "Enable no encryption": Key("no_encryption", _no_encryption),
    "UDP Encapsulate": Key(lost="Cisco's own encapsulation is not used"),
    "Xauth interactive": Key(lost="the gateway decides what it asks"),
    "No Detach": Key(lost="it says how vpnc itself runs"),
    "Noninteractive": Key(lost="it says how vpnc itself runs"),
}
_ALL = {**_KEYS, **_FLAGS}
_BY_LENGTH = sorted(_ALL, key=len, reverse=True)
_LOWER = {key.lower(): key for key in _ALL}


def recognises_vpnc(name: str, text: str) -> bool:
    """Whether a file of this content is one of vpnc."""
    return _RECOGNISED.search(text) is not None


def read_vpnc_profile(file: Path) -> Profile:
    """What the ``file`` of vpnc says.

    Raises:
        ConfigError: it cannot be read, or is not text.
    """
    profile, text = opened(file, "vpnc")
    comments: list[str] = []
    hints = 0
    for count, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            comments += [line[1:].strip()] if line.strip("# ") else []
            continue
        column = 1 + len(raw) - len(raw.lstrip())
        key = _key_of(line)
        about, comments = tuple(comments), []
        if key is None:
            hint = _hint(line) if hints < _MOST_HINTS else ""
            hints += 1
            # the line may hold a secret
            profile.report(Place(file, count, column, f"line {count}"), Rule.UNKNOWN_KEY, f"unknown key{hint}")
            continue
        profile.put(_ALL[key], _value(key, line[len(key) :].strip()), Place(file, count, column, key, about))
    return profile


def _key_of(line: str) -> str | None:
    lower = line.lower()
    for key in _BY_LENGTH:
        length = len(key)
        if lower[:length] == key.lower() and (len(line) == length or line[length].isspace()):
            return key
    return None


def _value(key: str, written: str) -> str:
    if key in _FLAGS:
        return "yes"
    if len(written) > 1 and written[0] == written[-1] == '"':
        return written[1:-1]
    return written


def _hint(line: str) -> str:
    """The most similar key; the line itself is not shown."""
    words = line.lower()[:100].split()
    near = next((found for count in (3, 2) for found in get_close_matches(" ".join(words[:count]), _LOWER, n=1)), None)
    return f"; did you mean {_LOWER[near]!r}?" if near else ""
