"""A profile of a Cisco-style client as the tables of `ikev1.toml`: one connection, which starts by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ikev1.config.findings import NO_PROOF, Rule
from ikev1.config.formats.cisco_client.profile import Profile
from ikev1.config.formats.written import Part, Places, Written

EVERYTHING = "0.0.0.0/0"
VPNC = "vpnc"
DEFAULT_GROUP = "modp1024"  # of vpnc and of Cisco's client
# vpnc passes its script to a shell, with the reason in the environment
RUN_SCRIPT = """case $PLUTO_VERB in
up*) reason=pre-init sh -c "$1"; export reason=connect ;;
*) export reason=disconnect ;;
esac
exec sh -c "$1"
"""
_WORDS = {
    "secret or secret_file": "the secret of the group",
    "private_key": "a certificate",
    "ca to": "the CA to",
}


_VPNC_WORDS = {NO_PROOF: "IPSec secret or IPSec obfuscated secret", "remote_address": "IPSec gateway"}
_PCF_WORDS = {NO_PROOF: "GroupPwd or enc_GroupPwd", "remote_address": "Host"}


def suites(profile: Profile) -> list[str]:
    """The ciphers and hashes that are offered and accepted, in the order of the program. vpnc has weak ones only if the
    file says so; Cisco's client always has them.
    """
    if profile.program != VPNC:
        ciphers, hashes = ["aes256", "aes128", "3des"], ["sha1", "md5"]
    else:
        ciphers = ["aes256", "aes192", "aes128", *(["3des"] if "weak_encryption" in profile else [])]
        hashes = ["sha1", *(["md5"] if "weak_authentication" in profile else [])]
    return [f"{cipher}-{hash_}" for cipher in ciphers for hash_ in hashes]


def gateways(profile: Profile) -> list[str]:
    """The gateway, and those that are called if it does not answer."""
    backups = profile.get("backups", []) if profile.get("backup") else []
    return [*([profile.get("gateway")] if "gateway" in profile else []), *backups]


def nat_traversal(profile: Profile) -> str:
    """The option ``nat_traversal``."""
    chosen: str = profile.get("nat_traversal", "auto")
    return "force" if profile.get("force_nat") else chosen


def dead_peers(profile: Profile) -> dict[str, int]:
    """The options that decide when a gateway is dead: vpnc has a time after which it asks, Cisco's client one after
    which it gives up.
    """
    if "dpd_timeout" in profile:
        timeout = profile.get("dpd_timeout")
        return {"dpd_delay": min(20, timeout), **({"dpd_timeout": timeout} if timeout else {})}
    return {"dpd_delay": profile.get("dpd_delay", 300 if profile.program == VPNC else 20)}


def script_command(script: str) -> list[str]:
    """The hook that runs a script of vpnc."""
    return ["/bin/sh", "-c", RUN_SCRIPT, "sh", script]


def runs_script(command: Sequence[str]) -> bool:
    """Whether the hook ``command`` runs a script of vpnc, which configures all networks of a client at once."""
    return list(command[:3]) == script_command("")[:3]


def written(profile: Profile) -> Written:
    """The configuration that ``profile`` describes."""
    words = _VPNC_WORDS if profile.program == VPNC else _PCF_WORDS
    ours = Part(Places(_WORDS | words))
    about = profile.place("gateway")
    gateway, connection = ours.part("gateway"), ours.part("connection").part(_name(profile), about)
    local_port = profile.get("local_port", 500)
    if local_port not in (0, 500):
        gateway.put("port", local_port, profile.place("local_port"))
    if "device" in profile:
        gateway.put("tun", profile.get("device"), profile.place("device"))
    _write_connection(profile, connection)
    tunnel = connection.part("tunnel").part("everything")
    _write_tunnel(profile, tunnel)
    if "script" in profile:
        place = profile.place("script")
        gateway.put("data_plane", "userspace", place)  # the script configures a TUN device
        tunnel.put("updown", script_command(profile.get("script")), place)
        connection.put("install_routes", False, place)
        connection.put("install_dns", False, place)
    findings = profile.findings
    return Written(
        {name: table for name, table in ours.values.items() if table},
        ours.places,
        profile.exposed,
        (profile.file,),
        tuple(findings.errors),
        tuple(findings.warnings),
    )


def _name(profile: Profile) -> str:
    """A name of the connection, after that of the file."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", profile.file.stem).strip("-_")[:64] or "client"


def _write_connection(profile: Profile, connection: Part) -> None:
    def copy(name: str, key: str) -> None:
        if name in profile:
            connection.put(key, profile.get(name), profile.place(name))

    servers = gateways(profile)
    if servers:
        connection.put("remote_address", servers, profile.place("gateway") or profile.place("backups"))
    else:
        _missing(profile, "IPSec gateway" if profile.program == VPNC else "Host")
    connection.put("remote_id", "%any", None)  # the secret or the CA proves who the gateway is
    copy("local_address", "local_address")
    method = profile.get("method", "psk")
    connection.put("mode", "aggressive" if method != "cert" else "main", profile.place("method"))
    if "group" in profile:
        connection.put("local_id", f"keyid:{profile.get('group')}", profile.place("group"))
    _write_proof(profile, connection, method)
    group = profile.get("dh_group", DEFAULT_GROUP)
    place = profile.place("dh_group")
    connection.put("proposals", [f"{suite}-{group}" for suite in suites(profile)], place)
    connection.put("proposal_check", "claim", None)
    connection.put("nat_traversal", nat_traversal(profile), profile.place("nat_traversal"))
    connection.put("vips", ["0.0.0.0"], None)  # noqa: S104  any
    connection.put("keyingtries", 1, None)
    connection.put("dpd_action", "clear", None)
    for key, seconds in dead_peers(profile).items():
        connection.put(key, seconds, profile.place("dpd_timeout") or profile.place("dpd_delay"))
    copy("local_lan", "local_lan")


def _write_proof(profile: Profile, connection: Part, method: str) -> None:
    """How both ends authenticate, in phase 1 and as a user."""
    if method == "cert" or "certificate" in profile:
        place = profile.place("certificate") or profile.place("method")
        if method == "cert" and place is not None:
            text = "certificates, whose files this one does not name: set certificate, private_key and ca in ikev1.toml"
            profile.report(place, Rule.NOT_SUPPORTED, text)
    if method == "hybrid":
        connection.put("hybrid", True, profile.place("method"))
        for name in ("ca", "ca_folder"):
            if name in profile:
                connection.put("ca", profile.get(name), profile.place(name))
                break
        else:
            _missing(profile, "the CA of the gateway's certificate, which hybrid authentication requires")
    elif "secret" in profile:
        connection.put("secret", in_ikev1_toml(profile.get("secret")), profile.place("secret"))
    connection.put("xauth", "client", profile.place("user"))
    if "user" not in profile:
        _missing(profile, "the name of the user, for which this program does not ask as the client does")
    for name, key in (("user", "xauth_user"), ("domain", "xauth_domain")):
        if name in profile:
            connection.put(key, profile.get(name), profile.place(name))
    if "password" in profile:
        connection.put("xauth_secret", in_ikev1_toml(profile.get("password")), profile.place("password"))
    else:
        text = "has no password of the user: the gateway refuses the user; `ikev1 connect --vpnc-conf` asks for it"
        profile.findings.warn("", Rule.MISSING_KEY, text)


def _write_tunnel(profile: Profile, tunnel: Part) -> None:
    tunnel.put("remote", profile.get("network", EVERYTHING), profile.place("network"))
    tunnel.put("proposals", suites(profile), None)
    if profile.get("pfs"):
        tunnel.put("pfs", profile.get("pfs"), profile.place("pfs"))
    tunnel.put("start", "start" if gateways(profile) else "none", None)  # without one, that is the error


def _missing(profile: Profile, what: str) -> None:
    profile.findings.error("", Rule.MISSING_KEY, f"missing: {what}")


def in_ikev1_toml(secret: bytes) -> str:
    """A secret in the notation of `ikev1.toml`: text if it has no other meaning there."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return f"0x{secret.hex()}"
    return text if text.isprintable() and text[:2] not in ("0x", "0s") else f"0x{secret.hex()}"
