"""The plugin eap-radius in strongswan.conf, whose servers check the users of ``xauth-radius`` and ``xauth-eap``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.options import Lost, Options, count, decimal, seconds, yes
from ikev1.config.formats.swanctl.secrets import SwanctlSecrets
from ikev1.config.formats.written import Part

METHODS = {"radius": "pap", "eap": "eap-md5"}  # by the backend of a round
_LOST = (
    Lost("accounting_close_on_timeout", "SAs remain if no server confirms their accounting", ("no",)),
    Lost("accounting_requires_vip", "users without a virtual address are accounted, too", ("no",)),
    Lost("id_prefix", "the servers get names of users without a prefix", ("",), matters=True),
)


def write_radius(
    sections: Iterable[Options], methods: Mapping[str, Options], secrets: SwanctlSecrets, ours: Part
) -> None:
    """Write the servers and options of the plugin in ``sections`` of strongswan.conf; ``methods`` are those of rounds,
    with the first round of each. ``secrets`` says who can read the file.
    """
    plugins = [section.table("plugins") for section in sections]
    radius = next((each.table("eap-radius") for each in plugins if "eap-radius" in each), None)
    (method, round_), *others = methods.items()
    if radius is None or not ("server" in radius or "servers" in radius):
        return  # the missing table is reported
    into = ours.part("radius", radius.place())
    into.put("method", method, round_.place("auth"))
    if others:
        text = "cannot check users of xauth-radius and of xauth-eap at once: use one of them in all connections"
        radius.findings.error(radius.path, Rule.NOT_SUPPORTED, text)
    for plugin in plugins:
        backend = plugin.table("xauth-eap").take("backend", str, "radius")
        if method == METHODS["eap"] and backend != "radius":
            text = f"{backend!r} is not supported: RADIUS is"
            plugin.findings.error(plugin.table("xauth-eap").key("backend"), Rule.NOT_SUPPORTED, text)
    into.put("message_authenticator", "auto", radius.place())
    radius.copy("nas_identifier", into, "nas_identifier", default="strongSwan")
    for key in ("class_group", "filter_id", "accounting"):
        radius.copy(key, into, key, yes)
    radius.copy("accounting_interval", into, "accounting_interval", seconds)
    radius.copy("retransmit_tries", into, "retransmit_tries", count, 4)
    for key in ("retransmit_timeout", "retransmit_base"):
        radius.copy(key, into, key, decimal)
    radius.lose(*_LOST)
    if yes(radius.table("dae").take("enable", str, "no")):
        text = "is ignored: the servers cannot end sessions of users"
        radius.findings.warn(radius.key("dae"), Rule.NO_COUNTERPART, text)
    servers = into.part("server", radius.place())
    for name, server in radius.table("servers").sections():
        secrets.check_place(server)
        _write_server(server, "address", "auth_port", servers.part(name, server.place()))
    if "server" in radius and not servers.values:
        secrets.check_place(radius)
        _write_server(radius, "server", "port", servers.part("server", radius.place("server")))


def _write_server(options: Options, address: str, port: str, into: Part) -> None:
    options.copy(address, into, "address")
    options.copy("secret", into, "secret")
    options.copy(port, into, "auth_port", count)
    options.copy("acct_port", into, "acct_port", count)
