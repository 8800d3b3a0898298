"""What findings and events say of the configuration of `ikev1.toml`, in the options of `ikev1 connect`."""

from __future__ import annotations

from pathlib import Path

from ikev1.cli.connect.configuration import CONNECTION, ConnectOptions
from ikev1.config.formats.written import Place, Places

_NAT = "NAT Traversal Mode in --vpnc-conf"
_OF_CONNECTION = {
    "remote_address": "GATEWAY",
    "mode": "--main-mode",
    "xauth_user": "--user",
    "xauth_domain": "--domain",
    "xauth_secret": "--password-file",
    "secret": "--secret-file",
    "hybrid": "--hybrid",
    "ca": "--ca",
    "certificate": "--cert",
    "private_key": "--key",
    "local_id": "--local-id",
    "remote_id": "--remote-id",
    "local_lan": "--local-lan",
    "nat_traversal": _NAT,
    "local_address": "Local Addr in --vpnc-conf",
}
_WORDS = {
    # in whole sentences first: the longest is looked for first
    f"connection '{CONNECTION}' expects": "expected is",
    f"connection '{CONNECTION}'": "this connection",
    ", which is its remote_address, because remote_id is not set": ", the address of GATEWAY, without --remote-id",
    "set remote_id =": "use --remote-id",
    "add a connection for this peer with remote_id =": "use --remote-id",
    "compare encryption, hash, Diffie-Hellman group and authentication method": (
        "check --ike and --dh-group, the name in --group, and --user if the gateway wants a user"
    ),
    "compare the algorithms, the group of perfect forward secrecy and the mode with the peer's configuration for these "
    "networks": "check --esp, --pfs and --network",
    "compare the networks with the peer's configuration; local here is remote there": "check --network",
    "set xauth_method = false if the gateway begins XAUTH unannounced": "check --group and --user",
    'does not have xauth = "client": configure xauth_user': "needs --user",
    "check which peer begins (mode_config)": "see the log of the gateway",
    "choose another name with `tun`": "use another --device",
    'data_plane = "kernel"': "--data-plane kernel",
    'data_plane = "userspace"': "--data-plane userspace",
    "remote_address": "GATEWAY",
    "remote_id": "--remote-id",
    "local_id": "--local-id",
    "private_key": "--key",
    "certificate and private_key": "--cert and --key",
    "xauth_user": "--user",
    "nat_traversal": _NAT,
    "local_lan": "--local-lan",
    "install_dns": "--no-dns",
    "vips": "the address that is requested",
}


def places_of(options: ConnectOptions) -> Places:
    """The options as places of the values in the configuration that was made of them."""
    ike = "--ike" if options.ike else "--dh-group"
    networks = options.networks or ("0.0.0.0/0",)
    names = ["l2tp"] if options.l2tp_port else [f"net-{number}" for number in range(1, len(networks) + 1)]
    words = dict(_WORDS)
    for name, network in zip(names, networks, strict=False):
        words[f"tunnel {name!r}"] = "the tunnel for L2TP" if options.l2tp_port else f"the tunnel to {network}"
    places = Places(words)

    def put(path: str, option: str) -> None:
        places.put(path, Place(Path("ikev1 connect"), 0, 0, option))

    put("gateway.tun", "--device")
    put("gateway.data_plane", "--data-plane")
    for key, option in {**_OF_CONNECTION, "proposals": ike}.items():
        put(f"connection.{CONNECTION}.{key}", option)
    for name in names:
        for key, option in {"remote": "--network", "proposals": "--esp", "pfs": "--pfs", "updown": "--script"}.items():
            put(f"connection.{CONNECTION}.tunnel.{name}.{key}", option)
    return places
