"""Shunts: ``[shunt.NAME]``, traffic that passes outside all tunnels, or is dropped (RFC 4301 §4.4.1)."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.table import Table
from ikev1.config.tunnels import one_selector
from ikev1.config.values import check_name, member
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Shunt, ShuntAction, Start

_EVERYTHING = {4: Selector.parse("0.0.0.0/0"), 6: Selector.parse("::/0")}


def read_shunts(top: Table) -> tuple[Shunt, ...]:
    """All ``[shunt.NAME]`` tables; errors are reported."""
    found = (_read_shunt(name, table) for name, table in top.tables("shunt"))
    return tuple(shunt for shunt in found if shunt is not None)


def _read_shunt(name: str, table: Table) -> Shunt | None:
    table.whole(check_name, name)
    action = table.require("action", member(ShuntAction), '"pass" or "drop"')
    local = table.take("local", one_selector(table, "local"), DYNAMIC)
    remote = table.take("remote", one_selector(table, "remote"), DYNAMIC)
    start = table.take("start", member(Start), Start.TRAP)
    table.finish()
    if start is Start.START:
        text = 'nothing is initiated: expected "trap", or "none" for a shunt that is installed on command'
        table.findings.error(table.key("start"), Rule.INVALID_VALUE, text)
    versions = {each.version for each in (local, remote) if not each.dynamic}
    if not versions:
        if not (table.findings.is_wrong(table.key("local")) or table.findings.is_wrong(table.key("remote"))):
            text = "missing: the networks whose traffic it is; set remote, local or both (0.0.0.0/0 is all of IPv4)"
            table.findings.error(table.key("remote"), Rule.MISSING_KEY, text)
        return None
    if len(versions) > 1:
        text = "local and remote must have the same IP version"
        table.findings.error(table.path, Rule.MIXED_IP_VERSIONS, text)
        return None
    if local.protocol and remote.protocol and local.protocol != remote.protocol:
        text = "local and remote name different protocols, so no packet matches"
        table.findings.error(table.path, Rule.INVALID_VALUE, text)
        return None
    (version,) = versions
    return Shunt(name, action, _filled(local, version), _filled(remote, version), start) if action else None


def _filled(selector: Selector, version: int) -> Selector:
    """``selector``; if it names no addresses, for all of this IP version."""
    everything = _EVERYTHING[version]
    filled: Selector = replace(selector, first=everything.first, last=everything.last) if selector.dynamic else selector
    return filled
