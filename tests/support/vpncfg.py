"""Writes the vpncfg of a FRITZ!Box for a test, after the vendor's own examples."""

from __future__ import annotations

from collections.abc import Mapping

SITES: dict[str, str | None] = {
    "enabled": "yes",
    "conn_type": "conntype_lan",
    "name": '"Head office"',
    "always_renew": "yes",
    "reject_not_encrypted": "no",
    "dont_filter_netbios": "yes",
    "localip": "0.0.0.0",
    "local_virtualip": "0.0.0.0",
    "remoteip": "0.0.0.0",
    "remote_virtualip": "0.0.0.0",
    "remotehostname": '"gw.example.org"',
    "localid": '{ fqdn = "box.example.org"; }',
    "remoteid": '{ fqdn = "gw.example.org"; }',
    "mode": "phase1_mode_idp",
    "phase1ss": '"dh14/aes/sha"',
    "keytype": "connkeytype_pre_shared",
    "key": '"the secret of both"',
    "cert_do_server_auth": "no",
    "use_nat_t": "yes",
    "use_xauth": "no",
    "use_cfgmode": "no",
    "phase2localid": "{ ipnet { ipaddr = 10.2.0.0; mask = 255.255.0.0; } }",
    "phase2remoteid": "{ ipnet { ipaddr = 10.1.0.0; mask = 255.255.0.0; } }",
    "phase2ss": '"esp-all-all/ah-none/comp-all/pfs"',
    "accesslist": '"permit ip any 10.1.0.0 255.255.0.0"',
}
USER: dict[str, str | None] = SITES | {
    "conn_type": "conntype_user",
    "remotehostname": None,
    "remote_virtualip": "10.2.0.201",
    "localid": None,
    "remoteid": '{ key_id = "carol"; }',
    "mode": "phase1_mode_aggressive",
    "phase1ss": '"all/all/all"',
    "use_xauth": "yes",
    "xauth": '{ valid = yes; username = "carol"; passwd = "of carol"; }',
    "use_cfgmode": "yes",
    "phase2localid": "{ ipnet { ipaddr = 0.0.0.0; mask = 0.0.0.0; } }",
    "phase2remoteid": "{ ipaddr = 10.2.0.201; }",
    "phase2ss": '"esp-all-all/ah-none/comp-all/no-pfs"',
    "accesslist": None,
}


def vpncfg(*connections: Mapping[str, str | None]) -> str:
    """A file with these ``connections``, without the keys that are None."""
    blocks = []
    for each in connections:
        lines = [
            f"                {key} {value if value.startswith('{') else f'= {value};'}"
            for key, value in each.items()
            if value is not None
        ]
        blocks.append("\n".join(["        connections {", *lines, "        }"]))
    rules = '        ike_forward_rules = "udp 0.0.0.0:500 0.0.0.0:500",\n            "udp 0.0.0.0:4500 0.0.0.0:4500";'
    return "\n".join(["vpncfg {", *blocks, rules, "}", "", "// EOF", ""])
