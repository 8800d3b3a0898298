"""leftsourceip and rightsourceip: virtual addresses that this end requests, and pools for the other end."""

from __future__ import annotations

from collections.abc import Mapping

from ikev1.config.findings import Rule
from ikev1.config.formats.ipsec_conf.ends import End
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.swanctl.options import Lost, items
from ikev1.config.pools import ANY, is_addresses

_ANY4, _ANY6 = "0.0.0.0", "::"  # noqa: S104  what strongSwan requests if any address is welcome
_REQUESTED = dict.fromkeys(("%config", "%cfg", "%modeconfig", "%modecfg", "%config4"), _ANY4) | {"%config6": _ANY6}


class Pools:
    """Writes pools to ``top``; conns with the same addresses share one."""

    def __init__(self, top: Tree) -> None:
        self._top = top
        self._names: dict[tuple[object, ...], str] = {}

    def write(self, local: End, remote: End, into: Tree, attributes: Mapping[str, str]) -> None:
        """Write what a conn says about virtual addresses; clients get the ``attributes``, too."""
        options = local.options
        if own := items(local.get("sourceip")):
            requested = ", ".join(_REQUESTED.get(each, each) for each in own)
            into.put("vips", requested, options.place(local.key("sourceip")))
        options.lose(Lost(local.key("dns"), "name servers are requested if an address is"))
        key, dns = remote.key("sourceip"), remote.get("dns")
        names: list[str] = []
        for each in items(remote.get("sourceip")):
            if each in _REQUESTED:
                names.append(self._name(ANY, {**attributes, "dns": dns}, remote))
            elif each == "%dhcp":
                text = "is not supported: clients get addresses of pools"
                options.findings.error(options.key(key), Rule.NOT_SUPPORTED, text)
            elif each.startswith("%"):
                names.append(each[1:])  # of the plugin attr-sql
            else:
                names.append(self._name(each, {**attributes, "dns": dns}, remote))
        if names:
            into.put("pools", ", ".join(names), options.place(key))
        elif dns:
            text = "has no effect without addresses for the other end"
            options.findings.warn(options.key(remote.key("dns")), Rule.UNUSED_KEY, text)

    def _name(self, addresses: str, attributes: Mapping[str, str], remote: End) -> str:
        """The name of the pool: its addresses, as in strongSwan, or that of the first conn with it if another pool has
        these.
        """
        whole = (addresses, *attributes.items())
        if (name := self._names.get(whole)) is not None:
            return name
        place = remote.options.place(remote.key("sourceip"))
        pools = self._top.section("pools")
        conn = remote.options.path.partition(".")[2]
        free = (each for each in (addresses, conn) if each not in pools.values and (each == conn or is_addresses(each)))
        name = next(free, f"{conn}-{len(pools.values)}")
        self._names[whole] = name
        pool = pools.section(name, place)
        pool.put("addrs", addresses, place)
        for attribute, value in attributes.items():
            if value:
                pool.put(attribute, value, remote.options.place(remote.key("dns")))
        return name
