"""The configuration of one client connection, from the options of `ikev1 connect`: the same tables as in a file."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikev1.config.formats.cisco_client.tables import EVERYTHING, in_ikev1_toml, script_command
from ikev1.daemon.l2tp.port import L2TP_PORT
from ikev1.daemon.l2tp.private_folder import BASE

CONNECTION = "connect"
FOLDER_PREFIX = "ikev1-connect-"
_IKE = ("aes256-sha256", "aes256-sha1", "aes128-sha256", "aes128-sha1")
_ESP = ("aes256-sha256", "aes256-sha1", "aes128-sha256", "aes128-sha1")
# what L2TP servers accept that cannot do better, such as old ones of Windows
_WEAK_IKE = ("aes256-sha1-modp1024", "aes128-sha1-modp1024", "3des-sha1-modp2048", "3des-sha1-modp1024")
_WEAK_ESP = ("3des-sha1",)
XAUTH_TIMEOUT = 180  # seconds for the answer of the user


class ConnectOptions(NamedTuple):
    """The options of a client connection; file names are paths. Empty: not given."""

    gateway: str
    backups: tuple[str, ...] = ()  # gateways to call if that one does not answer
    local_address: str = ""
    group: str = ""
    user: str = ""
    domain: str = ""
    main_mode: bool = False
    hybrid: bool = False
    ca: str = ""
    certificate: str = ""
    private_key: str = ""
    local_id: str = ""
    remote_id: str = ""
    dh_group: str = "modp2048"
    pfs: str = ""
    ike: tuple[str, ...] = ()
    esp: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    local_lan: bool = False
    install_dns: bool = True
    script: str = ""  # in place of our own routes and name servers, as vpnc runs it
    nat_traversal: str = "auto"
    dpd_delay: int | None = None  # seconds; None: the default
    dpd_timeout: int | None = None
    device: str = "ikev1c"
    data_plane: str = "auto"
    l2tp_port: int = 0  # the UDP port of this host for L2TP in transport mode; 0: tunnels instead
    allow_weak: bool = False  # offer weak algorithms to L2TP servers, after the others

    @property
    def needs_secret(self) -> bool:
        """Whether the gateway and this host authenticate by a secret of the group."""
        return not self.hybrid and not self.private_key


def configuration(options: ConnectOptions, secret: bytes, password: bytes) -> dict[str, Any]:
    """The tables of a configuration with the connection `CONNECTION`, for `ikev1.config.load_values`.

    ``secret`` is the pre-shared key of the group. An empty ``password`` is asked for when the gateway wants it. For
    L2TP, user and password are those of PPP, and not in the configuration.
    """
    connection: dict[str, Any] = {
        "remote_address": [options.gateway, *options.backups],
        "mode": "main" if options.main_mode or options.l2tp_port else "aggressive",
        "proposals": list(options.ike) or [f"{suite}-{options.dh_group}" for suite in _IKE] + _weak(options, _WEAK_IKE),
        "nat_traversal": options.nat_traversal,
        "keyingtries": 1,
        "dpd_action": "clear",
        "local_lan": options.local_lan,
        "install_dns": options.install_dns and not options.script,
        "install_routes": not options.script,
        "tunnel": _tunnels(options),
    }
    if options.l2tp_port:
        # behind a NAT, a server identifies itself by an address that the client does not know
        connection |= {"remote_id": "%any"} if options.needs_secret else {}
    else:
        connection["vips"] = ["0.0.0.0", *(["::"] if any(":" in each for each in options.networks) else [])]  # noqa: S104  any
    if options.user and not options.l2tp_port:
        connection |= {"xauth": "client", "xauth_user": options.user, "xauth_timeout": XAUTH_TIMEOUT}
        if options.domain:
            connection["xauth_domain"] = options.domain
        if password:
            connection["xauth_secret"] = in_ikev1_toml(password)
        if options.hybrid:
            connection["hybrid"] = True
    if options.needs_secret and secret:
        connection["secret"] = in_ikev1_toml(secret)
    local_id = f"keyid:{options.group}" if options.group else "dn" if options.certificate else ""
    given = {
        "local_address": options.local_address,
        "ca": options.ca,
        "certificate": options.certificate,
        "private_key": options.private_key,
        "local_id": options.local_id or local_id,
        "remote_id": options.remote_id,
    }
    connection |= {key: value for key, value in given.items() if value}
    dpd = {"dpd_delay": options.dpd_delay, "dpd_timeout": options.dpd_timeout}
    connection |= {key: value for key, value in dpd.items() if value is not None}
    # the kernel state of a gateway that was stopped or killed is not ours to remove
    control = str(BASE / options.device)
    gateway = {"tun": options.device, "control": control, "data_plane": options.data_plane, "when_stopped": "pass"}
    return {"gateway": gateway, "connection": {CONNECTION: connection}}


def _tunnels(options: ConnectOptions) -> dict[str, Any]:
    tunnel: dict[str, Any] = {"proposals": list(options.esp) or [*_ESP, *_weak(options, _WEAK_ESP)]}
    if options.pfs:
        tunnel["pfs"] = options.pfs
    if options.l2tp_port:
        ends = {"local": f"dynamic[udp/{options.l2tp_port}]", "remote": f"dynamic[udp/{L2TP_PORT}]"}
        return {"l2tp": {**tunnel, **ends, "mode": "transport", "when_down": "drop"}}
    networks = options.networks or (EVERYTHING,)
    tunnels = {f"net-{number}": {**tunnel, "remote": network} for number, network in enumerate(networks, 1)}
    if options.script:
        tunnels["net-1"]["updown"] = script_command(options.script)
    return tunnels


def _weak(options: ConnectOptions, suites: tuple[str, ...]) -> list[str]:
    return list(suites) if options.l2tp_port and options.allow_weak else []
