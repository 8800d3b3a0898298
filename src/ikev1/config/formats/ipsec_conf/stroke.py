"""conn sections in strongSwan's dialect of ipsec.conf, as sections of swanctl.conf.

Defaults are those of ipsec.conf(5), which are others than those of swanctl.conf.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from ikev1.config.findings import Rule
from ikev1.config.formats.ipsec_conf import ends as both_ends
from ikev1.config.formats.ipsec_conf.aliases import one_of
from ikev1.config.formats.ipsec_conf.authentication import write_rounds
from ikev1.config.formats.ipsec_conf.firewall import write_updown
from ikev1.config.formats.ipsec_conf.pools import Pools
from ikev1.config.formats.ipsec_conf.tree import Tree
from ikev1.config.formats.swanctl.options import Lost, Options, count, word, yes
from ikev1.crypto.algorithms import ALIASES, GROUPS

IKE_LIFETIME, DPD_DELAY, DPD_TIMEOUT = 3 * 3600, 30, 150
_TIME = re.compile(r"([0-9]{1,9})(?:(\.[0-9]{1,9})?([mhd])|s)?")
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_KEYEXCHANGE = word(ike="0", ikev1="1", ikev2="2")
_AUTO = word(ignore="ignore", add="none", route="trap", start="start")
_ACTION = word(none="none", clear="clear", hold="trap", restart="start")
_SHUNTS = {"passthrough": "pass", "pass": "pass", "drop": "drop", "reject": "drop"}
# Such a conn would otherwise have its traffic pass in the clear
NEVER_NEEDS_SHUNT = "never requires type=passthrough, drop or reject, which says what becomes of the traffic"
_NOT_LOADED = "is not loaded, because auto is ignore, which is the default"
_COPIED = ("aggressive", "fragmentation", "mobike", "mediation", "mediated_by")
_COPIED_TO_CHILD = ("inactivity", "mark_in", "mark_out", "reqid", "sha256_96")
_LOST = (
    Lost("aaa_identity", "EAP is not used in IKEv1"),
    Lost("eap_identity", "EAP is not used in IKEv1"),
    Lost("eap", "EAP is not used in IKEv1"),
    Lost("me_peerid", "IKEv1 has no mediation"),
    Lost("reauth", "the ISAKMP SA is renewed without interruption", ("yes",)),
    Lost("auth", "strongSwan ignores it, too", ("esp",)),
    Lost("pfs", "strongSwan ignores it, too: the group in esp decides"),
    Lost("pfsgroup", "strongSwan ignores it, too: the group in esp decides"),
)
_LOST_OF_END = (
    Lost("nexthop", "strongSwan ignores it, too: routes follow from the routing table"),
    Lost("ca2", "IKEv1 has no second certificate"),
    Lost("cert2", "IKEv1 has no second certificate"),
)


class Conns:
    """Writes the conns to ``top``. ``setup`` is ``config setup``, and ``templates`` are the names of conns from which
    others inherit.
    """

    def __init__(self, setup: Options, top: Tree, templates: Collection[str]) -> None:
        self._setup = setup
        self._top = top
        self._templates = templates
        self._pools = Pools(top)
        self._joined: dict[str, str] = {}  # names of connections by their options

    def write(self, conn: Options, attributes: Mapping[str, str]) -> None:
        """Write a conn for IKEv1, with the ``attributes`` of its pool; others are named and skipped."""
        findings, name = conn.findings, conn.path.partition(".")[2]
        auto = conn.take("auto", _AUTO, "ignore")
        if findings.is_wrong(conn.key("auto")):
            auto = "none"  # so that its other errors are reported as well
        version = conn.take("keyexchange", _KEYEXCHANGE, "0")
        mode = conn.take("type", str, "tunnel")
        if auto == "ignore":
            if name not in self._templates:
                findings.warn(conn.path, Rule.UNUSED_KEY, _NOT_LOADED)
        elif mode in _SHUNTS:
            self._write_shunt(conn, name, _SHUNTS[mode], auto)
        elif conn.take("authby", str, "") == "never":
            findings.error(conn.key("authby"), Rule.INVALID_VALUE, NEVER_NEEDS_SHUNT)
        elif version == "2":
            findings.warn(conn.path, Rule.NOT_IKEV1, "is for IKEv2 only, and skipped")
        else:
            self._write(conn, name, version, auto, attributes)

    def _write_shunt(self, conn: Options, name: str, mode: str, auto: str) -> None:
        """Write a conn whose traffic needs no SAs; its other options have no effect, in strongSwan either."""
        local, remote = both_ends.ends(conn)
        connection = self._top.section("connections").section(name, conn.place())
        child = connection.section("children", conn.place()).section(name, conn.place())
        child.put("mode", mode, conn.place("type"))
        child.put("start_action", auto, conn.place("auto"))
        both_ends.write_selectors(local, remote, child)
        for mark in ("mark_in", "mark_out"):
            child.copy(conn, "mark", mark)
            child.copy(conn, mark, mark)

    def _write(self, conn: Options, name: str, version: str, auto: str, attributes: Mapping[str, str]) -> None:
        local, remote = both_ends.ends(conn)
        into = self._top.detached("connections", name)
        into.put("version", version, conn.place("keyexchange"))
        both_ends.write_addresses(local, remote, into)
        self._pools.write(local, remote, into, attributes)
        write_rounds(local, remote, into, self._setup)
        _write_connection(conn, into, self._setup)
        action = conn.take("dpdaction", _ACTION, "none")
        for key, ours, default in (("dpddelay", "dpd_delay", DPD_DELAY), ("dpdtimeout", "dpd_timeout", DPD_TIMEOUT)):
            value = conn.take(key, time, default)
            if action != "none":
                into.put(ours, value, conn.place(key))
        child = self._connection(into, name, action, conn).section("children", conn.place()).section(name, conn.place())
        child.put("dpd_action", action, conn.place("dpdaction"))
        child.put("start_action", auto, conn.place("auto"))
        both_ends.write_selectors(local, remote, child)
        _write_child(conn, child)
        write_updown(local, remote, child)
        for end in (local, remote):
            conn.lose(*(each._replace(key=end.key(each.key)) for each in _LOST_OF_END))
        conn.lose(*_LOST)
        conn.finish()

    def _connection(self, into: Tree, name: str, action: str, conn: Options) -> Tree:
        """The connection for the options in ``into``. Conns that differ only in their child have one, and one ISAKMP
        SA, as in strongSwan.
        """
        connections = self._top.section("connections")
        same = self._joined.setdefault(repr((into.values, action)), name)
        if same == name:
            connections.section(name, conn.place()).values.update(into.values)
        return connections.section(same)


def _write_connection(conn: Options, into: Tree, setup: Options) -> None:
    _write_proposals(conn, into, "ike", "proposals")
    for key in _COPIED:
        into.copy(conn, key, key)
    into.copy(conn, "forceencaps", "encap")
    into.copy(conn, "ikedscp", "dscp")
    into.copy(conn, "modeconfig", "pull", word(pull="yes", push="no"))
    into.copy(conn, "keyingtries", "keyingtries", default=3)
    into.put("unique", setup.take("uniqueids", _unique, "replace"), setup.place("uniqueids"))
    life = conn.take("ikelifetime", time, IKE_LIFETIME)
    _margin(conn)
    conn.take("rekeyfuzz", _percent, None)  # without rekeying, these have no effect
    if conn.take("rekey", yes, True):
        _write_times(conn, into, "reauth_time", life, "ikelifetime")
        into.put("over_time", _margin(conn), conn.place("margintime"))
    else:
        into.put("reauth_time", 0, conn.place("rekey"))
        into.put("rekey_time", 0, conn.place("rekey"))


def _write_proposals(conn: Options, into: Tree, key: str, name: str) -> None:
    """Without an exclamation mark, strongSwan adds its default proposals; with a group in phase 2, it offers none of
    these.
    """
    written = conn.take(key, str, "default").strip()
    words = {ALIASES.get(word, word) for word in re.split(r"[-,\s]+", written.lower())}
    alone = written.endswith("!") or written == "default" or (key != "ike" and not words.isdisjoint(GROUPS))
    into.put(name, written.removesuffix("!") if alone else f"{written}, default", conn.place(key))


def _write_child(conn: Options, child: Tree) -> None:
    _write_lives(conn, child)
    if "ah" in conn:
        _write_proposals(conn, child, "ah", "ah_proposals")
    if "esp" in conn or "ah" not in conn:
        _write_proposals(conn, child, "esp", "esp_proposals")
    child.copy(conn, "type", "mode")
    child.copy(conn, "compress", "ipcomp")
    child.copy(conn, "closeaction", "close_action", _ACTION)
    child.copy(conn, "installpolicy", "policies")
    child.copy(conn, "tfc", "tfc_padding")
    child.copy(conn, "replay_window", "replay_window", _window)
    for mark in ("mark_in", "mark_out"):
        child.copy(conn, "mark", mark)
    for key in _COPIED_TO_CHILD:
        child.copy(conn, key, key)


def _write_lives(conn: Options, child: Tree) -> None:
    key = one_of(conn, "lifetime", "keylife")
    life = conn.take(key, time, 3600)
    child.put("life_time", life, conn.place(key))
    if conn.take("rekey", yes, True):
        _write_times(conn, child, "rekey_time", life, key)
    for kind in ("bytes", "packets"):
        most = conn.take(f"life{kind}", count, 0)
        before = conn.take(f"margin{kind}", count, 0)
        if most:
            child.put(f"life_{kind}", most, conn.place(f"life{kind}"))
            child.put(f"rekey_{kind}", max(most - before, 1), conn.place(f"margin{kind}"))


def _write_times(conn: Options, into: Tree, name: str, life: int, key: str) -> None:
    """An SA is rekeyed at its lifetime without the margin and without a random part of that."""
    margin = _margin(conn)
    early = life - margin
    fuzz = conn.take("rekeyfuzz", _percent, 100)
    if early > 0:
        into.put(name, early, conn.place(key))
        into.put("rand_time", min(margin * fuzz // 100, early - 1), conn.place("rekeyfuzz"))
    else:
        text = f"{life} s are not allowed: an SA is rekeyed before it expires, and margintime is {margin} s"
        conn.findings.error(conn.key(key), Rule.INVALID_VALUE, text)


def _margin(conn: Options) -> int:
    return conn.take(one_of(conn, "margintime", "rekeymargin"), time, 540)


def time(value: object) -> int:
    """A time in seconds: a number, followed by ``s`` or nothing, or one with a fraction, followed by ``m``, ``h`` or
    ``d``.
    """
    found = _TIME.fullmatch(str(value))
    if found is None:
        text = 'expected seconds, or a number with a unit such as "60m", "1.5h", "1d"'
        raise ValueError(f"{value!r} is not allowed: {text}")
    return round(float(found[1] + (found[2] or "")) * _UNITS.get(found[3], 1))


def _percent(value: object) -> int:
    written = str(value)
    if not written.endswith("%") or not written[:-1].isdecimal() or len(written) > 6:
        raise ValueError(f"{value!r} is not allowed: expected a percentage such as 100%")
    return int(written[:-1])


def _window(value: object) -> int:
    return 32 if value == "-1" else count(value)


def _unique(value: object) -> str:
    written = str(value).lower()
    return word(no="no", never="never", keep="keep", replace="replace")(
        {"yes": "replace", "true": "replace", "false": "no"}.get(written, written)
    )


_LOST_OF_SETUP = (
    Lost("charondebug", "the level of the log does not change"),
    Lost("cachecrls", "CRLs are kept in memory", ("no",)),
    Lost("plutostart", "strongSwan ignores it, too"),
    Lost("charonstart", "strongSwan ignores it, too"),
    Lost("plutodebug", "strongSwan ignores it, too"),
    Lost("klipsdebug", "strongSwan ignores it, too"),
    Lost("plutostderrlog", "strongSwan ignores it, too"),
    Lost("nat_traversal", "NAT traversal is always negotiated", ("yes",)),
    Lost("virtual_private", "strongSwan ignores it, too"),
    Lost("interfaces", "strongSwan ignores it, too: the gateway listens on all interfaces", ("%defaultroute",)),
    Lost("crlcheckinterval", "strongSwan ignores it, too"),
    Lost("nocrsend", "certificates are requested", ("no",)),
    Lost("keep_alive", "strongSwan ignores it, too: charon.keep_alive in strongswan.conf decides"),
    Lost("force_keepalive", "strongSwan ignores it, too"),
    Lost("overridemtu", "strongSwan ignores it, too"),
    Lost("fragicmp", "strongSwan ignores it, too"),
    Lost("hidetos", "strongSwan ignores it, too"),
    Lost("packetdefault", "strongSwan ignores it, too"),
    Lost("dumpdir", "strongSwan ignores it, too"),
    Lost("prepluto", "the program is not started"),
    Lost("postpluto", "the program is not started"),
)


def finish_setup(setup: Options) -> None:
    """Report what was not read in ``config setup``, and what has no counterpart."""
    setup.take("uniqueids", _unique, None)
    setup.take("strictcrlpolicy", str, None)
    setup.lose(*_LOST_OF_SETUP)
    setup.finish()


def write_ca(ca: Options, top: Tree) -> None:
    """Write a ca section as an authority."""
    if ca.take("auto", word(ignore="", add="add"), "") != "add":
        ca.findings.warn(ca.path, Rule.UNUSED_KEY, _NOT_LOADED)
        return
    into = top.section("authorities").section(ca.path.partition(".")[2], ca.place())
    into.copy(ca, "cacert", "cacert")
    into.copy(ca, "certuribase", "cert_uri_base")
    for kind in ("crl", "ocsp"):
        keys = [key for key in (f"{kind}uri", f"{kind}uri1", f"{kind}uri2") if key in ca]
        if uris := [uri for key in keys if (uri := ca.take(key, str, ""))]:
            into.put(f"{kind}_uris", ", ".join(uris), ca.place(keys[0]))
        for key in (f"{kind}uri", f"{kind}uri1", f"{kind}uri2"):
            ca.take(key, str, "")
    ca.lose(Lost("ldaphost", "strongSwan ignores it, too"), Lost("ldapbase", "strongSwan ignores it, too"))
    ca.finish()
