"""libreswan's dialect of ipsec.conf, as that of strongSwan: other keys, values and defaults, after ipsec.conf(5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address
from itertools import product
from typing import NamedTuple

from ikev1.config.findings import Findings, Invalid, Rule
from ikev1.config.formats.ipsec_conf import libreswan_algorithms as algorithms
from ikev1.config.formats.ipsec_conf.aliases import one_of
from ikev1.config.formats.ipsec_conf.ends import End, ends
from ikev1.config.formats.ipsec_conf.libreswan_interfaces import Interface, read_interface
from ikev1.config.formats.ipsec_conf.libreswan_lost import LOST, LOST_OF_END, LOST_OF_SETUP
from ikev1.config.formats.ipsec_conf.stroke import NEVER_NEEDS_SHUNT
from ikev1.config.formats.swanctl.children import MOST_PAIRS
from ikev1.config.formats.swanctl.options import Lost, Options, word, yes
from ikev1.config.formats.written import Part, Place
from ikev1.config.shunt_checks import Ends, is_overruled
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import ShuntAction

_VERSION = word(no="ikev1", never="ikev1", permit="ikev1", yes="ikev2", insist="ikev2", propose="ikev2")
_KEYEXCHANGE = word(ike="", ikev1="ikev1", ikev2="ikev2")
_AUTO = word(ignore="ignore", add="add", ondemand="route", route="route", start="start", keep="add")
_DPD_ACTION = word(hold="hold", clear="clear", restart="restart", restart_by_peer="restart")
_TYPES = word(tunnel="tunnel", transport="transport", passthrough="passthrough", drop="drop", reject="reject")
_MODES = ("tunnel", "transport")
_NOBODY = ("", "%any", "%none", "%fromcert", "%null", "0.0.0.0", "::")  # noqa: S104
_COPIED = {
    "aggressive": "aggressive",
    "aggrmode": "aggressive",
    "compress": "compress",
    "fragmentation": "fragmentation",
    "ike-frag": "fragmentation",
    "forceencaps": "forceencaps",
    "ikelifetime": "ikelifetime",
    "keylife": "lifetime",
    "lifetime": "lifetime",
    "ipsec-lifetime": "lifetime",
    "salifetime": "lifetime",
    "rekeymargin": "margintime",
    "rekeyfuzz": "rekeyfuzz",
    "rekey": "rekey",
    "keyingtries": "keyingtries",
    "replay-window": "replay_window",
    "reqid": "reqid",
    "sha2-truncbug": "sha256_96",
    "tfc": "tfc",
    "mark": "mark",
    "mark-in": "mark_in",
    "mark-out": "mark_out",
}
_DEFAULTS = {"ikelifetime": "8h", "lifetime": "8h", "keyingtries": "0", "replay_window": "128"}
_NEVER = ("0", "0s", "")
_POOL = {"modecfgdomains": "28674", "modecfgbanner": "28672"}  # attributes of Cisco Unity, by their numbers


class Translated(NamedTuple):
    """A conn in strongSwan's dialect, the ``attributes`` of its pool, by their names in swanctl.conf, and its
    interface, which strongSwan does not have.
    """

    conn: Options
    attributes: Mapping[str, str]
    interface: Interface | None = None


def translated(conn: Options) -> Iterator[Translated]:
    """The conn in strongSwan's dialect, one for each pair of networks; of one that is not for IKEv1 or not loaded, only
    what says so.
    """
    whether = _whether(conn)
    is_shunt = whether["type"] not in _MODES
    if is_shunt and whether["auto"] != "ignore":
        yield from _pairs(conn, _shunt(conn, whether), {})
        return
    if whether["auto"] == "ignore" or whether["keyexchange"] == "ikev2":
        yield Translated(Options(conn.findings, conn.path, {**whether}, conn.places), {})
        return
    writer = _Writer(conn, whether)
    attributes = writer.write()
    yield from _pairs(conn, writer, attributes)
    conn.finish()


def _pairs(conn: Options, writer: _Writer, attributes: Mapping[str, str]) -> Iterator[Translated]:
    """What ``writer`` has written, for each pair of networks of the conn."""
    left, right = (_subnets(conn, side) for side in ("left", "right"))
    several = len(left) * len(right) > 1
    if len(left) * len(right) > MOST_PAIRS:
        text = f"there are {len(left) * len(right)} pairs of networks: expected at most {MOST_PAIRS}"
        conn.findings.error(conn.key("leftsubnets"), Rule.INVALID_VALUE, text)
        left, right = left[:1], right[:1]
    for (number, first), (other, second) in product(enumerate(left, 1), enumerate(right, 1)):
        path = f"{conn.path}-{number}x{other}" if several else conn.path
        values = dict(writer.values)
        for key, place in writer.places.items():
            conn.places.put(f"{path}.{key}", place)
        for side, subnet in (("left", first), ("right", second)):
            if subnet:
                values[f"{side}subnet"] = subnet
                conn.places.put(f"{path}.{side}subnet", _place_of_subnets(conn, side))
        conn.places.put(path, conn.places.of(conn.path) or Place(conn.findings.file, 0, 0, conn.path))
        yield Translated(Options(conn.findings, path, values, conn.places), attributes, writer.interface)


def _shunt(conn: Options, whether: Mapping[str, str]) -> _Writer:
    """A conn whose traffic needs no SAs; an end without networks is its address."""
    writer = _Writer(conn, whether)
    for end in ends(conn):
        writer.write_shunted_end(end)
    return writer


def _whether(conn: Options) -> dict[str, str]:
    """What decides whether the conn becomes a connection, in strongSwan's words."""
    version = conn.take("keyexchange", _KEYEXCHANGE, "") or conn.take("ikev2", _VERSION, "ike")
    conn.take("ikev2", str, None)
    kind = conn.take("type", _TYPES, "tunnel")
    never = conn.take("authby", str, "") == "never"
    if never and kind in _MODES:
        conn.findings.error(conn.key("authby"), Rule.INVALID_VALUE, NEVER_NEEDS_SHUNT)
    auto = conn.take("auto", _AUTO, "ignore")
    if conn.findings.is_wrong(conn.key("auto")):
        auto = "add"  # so that its other errors are reported as well
    return {"auto": auto, "keyexchange": version, "type": "passthrough" if never and kind in _MODES else kind}


class _Writer:
    """Translates all keys but the networks; ``places`` are those of the ``values``."""

    def __init__(self, conn: Options, whether: Mapping[str, str]) -> None:
        self.values: dict[str, object] = {**_DEFAULTS, **whether}
        self.places: dict[str, Place] = {}
        self.interface: Interface | None = None
        self._conn = conn
        self._attributes: dict[str, str] = {}

    def write(self) -> Mapping[str, str]:
        """Write the keys; returns the attributes of the pool."""
        conn = self._conn
        local, remote = ends(conn)
        for ours in dict.fromkeys(_COPIED.values()):
            self._copy(one_of(conn, *(theirs for theirs, name in _COPIED.items() if name == ours)), ours)
        if conn.take("auto", str, "") == "keep":
            conn.findings.warn(conn.key("auto"), Rule.NO_COUNTERPART, "a tunnel that the peer closes remains down")
        self._write_authentication(local, remote)
        self._write_algorithms()
        self._write_dead_peers()
        encapsulation = conn.take("encapsulation", str, "auto")
        if encapsulation == "yes":
            self._copy("encapsulation", "forceencaps", "yes")
        elif encapsulation != "auto":
            text = "is not supported: packets are encapsulated if there is a NAT"
            conn.findings.error(conn.key("encapsulation"), Rule.NOT_SUPPORTED, text)
        for end in (local, remote):
            self._write_end(end)
        self.interface = read_interface(conn, local, remote)
        self._write_virtual_addresses(local, remote)
        conn.lose(*LOST, *(each._replace(key=end.key(each.key)) for end in (local, remote) for each in LOST_OF_END))
        for key in conn.names():
            if key.startswith("x-"):
                conn.take(key, str, None)
        return self._attributes

    def _put(self, key: str, value: str, source: str) -> None:
        self.values[key] = value
        if (place := self._conn.place(source)) is not None:
            self.places[key] = place

    def _copy(self, theirs: str, ours: str, value: str | None = None) -> None:
        written = self._conn.take(theirs, str, None)
        if written is not None:
            self._put(ours, written if value is None else value, theirs)

    def _write_authentication(self, local: End, remote: End) -> None:
        """Only what ipsec.secrets has: certificates and private keys are in a database of NSS."""
        conn = self._conn
        by = conn.take("authby", str, "rsasig")
        if "secret" in by.split("|"):
            self._put("authby", "secret", "authby")
        else:
            text = "is not supported: private keys in the database of NSS are not read; only authby=secret is"
            conn.findings.error(conn.key("authby"), Rule.NOT_SUPPORTED, text)
        clients = [end for end in (local, remote) if conn.take(end.key("xauthclient"), yes, False)]
        servers = [end for end in (local, remote) if conn.take(end.key("xauthserver"), yes, False)]
        client = (
            clients[0] if clients else next((each for each in (local, remote) if servers and each not in servers), None)
        )
        backend = conn.take("xauthby", str, "file")
        for end in (local, remote):
            user_key = end.key("username") if end.key("username") in conn else end.key("xauthusername")
            user = conn.take(user_key, str, "") or conn.take(end.key("xauthusername"), str, "")
            if end is client and end.local and user:
                self._put("xauth_identity", user, user_key)
        if client is None:
            return
        self._put(
            client.key("auth2"),
            "xauth-pam" if backend == "pam" and not client.local else "xauth",
            client.key("xauthclient"),
        )
        if not client.local and backend != "pam":
            text = (
                "users who give any password are refused"
                if backend == "alwaysok"
                else "the hashes in ipsec.d/passwd are not read, only entries USER : XAUTH in ipsec.secrets"
            )
            conn.findings.error(conn.key("xauthby"), Rule.NOT_SUPPORTED, f"is not supported: {text}")

    def _write_algorithms(self) -> None:
        conn = self._conn
        of_ike = conn.take("ike", algorithms.ike_proposals, algorithms.ike_proposals(algorithms.IKE))
        self._put("ike", f"{', '.join(of_ike)}!", "ike")
        group = algorithms.first_group(of_ike) if conn.take("pfs", yes, True) else ""
        with_ah = "ah" in conn or conn.take("phase2", word(esp="esp", ah="ah"), "esp") == "ah"
        found = algorithms.ah_proposals if with_ah else algorithms.esp_proposals
        ours = "ah" if with_ah else "esp"
        of_both = one_of(conn, "esp", "phase2alg")
        key = ours if ours in conn else of_both
        default = found(algorithms.AH if with_ah else algorithms.ESP, group)
        proposals = conn.take(key, lambda value: found(value, group), default)
        self._put(ours, f"{', '.join(proposals)}!", key)
        conn.take("phase2", str, None)

    def _write_dead_peers(self) -> None:
        conn = self._conn
        action = conn.take("dpdaction", _DPD_ACTION, "hold")
        delay, timeout = conn.take("dpddelay", str, "0"), conn.take("dpdtimeout", str, "0")
        if delay not in _NEVER and timeout not in _NEVER:
            self._put("dpdaction", action, "dpdaction")
            self._put("dpddelay", delay, "dpddelay")
            self._put("dpdtimeout", timeout, "dpdtimeout")
        elif delay not in _NEVER or timeout not in _NEVER:
            key = "dpdtimeout" if delay in _NEVER else "dpddelay"
            text = "without effect: libreswan needs both dpddelay and dpdtimeout, so dead peers are not noticed"
            conn.findings.warn(conn.key(key), Rule.UNUSED_KEY, text)

    def _write_end(self, end: End) -> None:
        conn = self._conn
        address = end.get("")
        if address.startswith("%") and address not in ("%any", "%defaultroute"):
            text = "is not supported: write an address or a name"
            conn.findings.error(conn.key(end.side), Rule.NOT_SUPPORTED, text)
        elif address:
            self._put(end.side, address, end.side)
        key = end.key("id")
        who = end.get("id")
        if who not in _NOBODY and (identity := conn.take(key, identity_of, None)) is not None:
            self._put(key, identity, key)
        for name in ("protoport", "ikeport"):
            self._copy(end.key(name), end.key(name))
        updown = end.get("updown")
        if updown.startswith("ipsec _updown"):
            text = "is ignored: the gateway sets routes itself"
            conn.findings.warn(conn.key(end.key("updown")), Rule.NO_COUNTERPART, text)
        elif updown not in ("", "%disabled"):
            self._copy(end.key("updown"), end.key("updown"))

    def write_shunted_end(self, end: End) -> None:
        """Write the address, protocol and port of an end of a conn without SAs."""
        self._copy(end.key("protoport"), end.key("protoport"))
        if not (end.key("subnet") in self._conn or end.key("subnets") in self._conn) and end.addresses:
            self._put(end.key("subnet"), ",".join(end.addresses), end.side)

    def _write_virtual_addresses(self, local: End, remote: End) -> None:
        conn = self._conn
        self._put("modeconfig", "pull" if conn.take("modecfgpull", yes, False) else "push", "modecfgpull")
        client = [end for end in (local, remote) if conn.take(end.key("modecfgclient"), yes, False)]
        for end in (local, remote):
            conn.take(end.key("modecfgserver"), yes, False)
        if local in client:
            self._put(local.key("sourceip"), "%config", local.key("modecfgclient"))
        elif local.get("sourceip") and self.interface is None:
            text = "is ignored: routes into the tunnel have the usual source address"
            conn.findings.warn(conn.key(local.key("sourceip")), Rule.NO_COUNTERPART, text)
        remote.get("sourceip")
        conn.lose(Lost(local.key("addresspool"), "the other end has the pool", matters=True))
        pool = remote.get("addresspool")
        if pool:
            self._put(remote.key("sourceip"), pool, remote.key("addresspool"))
            network = local.get("subnet")
            if network and network != "0.0.0.0/0":
                self._attributes["split_include"] = network
        for key, name in _POOL.items():
            if value := conn.take(key, str, ""):
                self._attributes[name] = value.split()[0].split(",")[0] if name == "28674" else value
        servers = conn.take("modecfgdns", str, "") or ",".join(
            filter(None, (conn.take(key, str, "") for key in ("modecfgdns1", "modecfgdns2")))
        )
        if servers:
            self._put(remote.key("dns"), ",".join(servers.replace(",", " ").split()), "modecfgdns")


def identity_of(value: object) -> str:
    """An identity in strongSwan's notation.

    Raises:
        Invalid: libreswan would resolve the name to an address.
    """
    who = str(value)
    if who.startswith("@[") and who.endswith("]"):
        return f"keyid:{who[2:-1]}"
    if who.startswith(("@", "%")) or "@" in who or "=" in who:
        return who
    try:
        return str(ip_address(who))
    except ValueError:
        text = f"is not supported: libreswan resolves {who!r} to an address: write this address, or @{who} for the name"
        raise Invalid(Rule.NOT_SUPPORTED, text) from None


def _subnets(conn: Options, side: str) -> list[str]:
    """The networks of an end, of which there may be several; an empty text for the end itself."""
    several = conn.take(f"{side}subnets", str, "").strip("{} ")
    if several:
        return [each for each in several.replace(",", " ").split() if each] or [""]
    subnet = conn.take(f"{side}subnet", str, "")
    if subnet.startswith("vhost:"):
        text = "a client has its own address, whatever it is"
        conn.findings.warn(conn.key(f"{side}subnet"), Rule.NO_COUNTERPART, text)
        return [""]
    if subnet.startswith("vnet:"):
        text = "is not supported: write the networks of the clients"
        conn.findings.error(conn.key(f"{side}subnet"), Rule.NOT_SUPPORTED, text)
        return [""]
    return [subnet]


def _place_of_subnets(conn: Options, side: str) -> Place:
    key = f"{side}subnets" if f"{side}subnets" in conn else f"{side}subnet"
    return conn.place(key) or Place(conn.findings.file, 0, 0, conn.path)


def translated_setup(setup: Options) -> Options:
    """``config setup`` in strongSwan's dialect."""
    policy = setup.take("ikev1-policy", word(accept="", drop="drop", reject="reject"), "")
    if policy:
        text = "does not allow IKEv1: nothing of the file is used with it"
        setup.findings.error(setup.key("ikev1-policy"), Rule.NOT_SUPPORTED, text)
    values: dict[str, object] = {}
    if (unique := setup.take("uniqueids", str, None)) is not None:
        values["uniqueids"] = unique
    setup.lose(*LOST_OF_SETUP)
    setup.finish()
    return Options(setup.findings, setup.path, values, setup.places)


def refuse_other_order(ours: Part, findings: Findings) -> None:
    """Report conns without SAs whose order matters: in libreswan, the narrower one of two conns precedes, whatever
    their types are.
    """
    tunnels = [
        (f"connection.{name}.tunnel.{child}", tunnel)
        for name, connection in ours.values.get("connection", {}).items()
        for child, tunnel in connection.get("tunnel", {}).items()
    ]
    for name, shunt in ours.values.get("shunt", {}).items():
        action = ShuntAction(shunt["action"])
        for path, tunnel in tunnels:
            with suppress(ValueError):  # reported by the reader of ikev1.toml
                if is_overruled(action, _ends(shunt), _ends(tunnel)) and _ends(shunt) != _ends(tunnel):
                    what = "precede" if action is ShuntAction.PASS else "follow"
                    text = f"is not supported beside {_written(ours, path)}: its packets would {what} those of it"
                    findings.error(_written(ours, f"shunt.{name}"), Rule.NOT_SUPPORTED, text)


def _written(ours: Part, path: str) -> str:
    place = ours.places.of(path)
    return path if place is None else place.key


def _ends(table: Mapping[str, str]) -> Ends:
    return Selector.parse(table.get("local", "dynamic")), Selector.parse(table.get("remote", "dynamic"))
