"""``connections``: each connection for IKEv1 becomes one of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address, ip_network, summarize_address_range
from itertools import count as counter
from typing import Any

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.authentication import Authentication
from ikev1.config.formats.swanctl.children import Versions, is_tunnel, report_left_out, write_child
from ikev1.config.formats.swanctl.daemon import AGGRESSIVE_PSK, Daemon
from ikev1.config.formats.swanctl.identities import is_pattern
from ikev1.config.formats.swanctl.options import Lost, Options, count, items, seconds, word, yes
from ikev1.config.formats.swanctl.proposals import ike_proposals
from ikev1.config.formats.swanctl.rounds import NotIkev1, Rounds, read_rounds
from ikev1.config.formats.swanctl.secrets import Secret
from ikev1.config.formats.swanctl.shunts import MODES, write_shunts
from ikev1.config.formats.written import Part

REKEY_TIME = 4 * 3600
_version = word(**{"0": "0", "1": "1", "2": "2"})
_EVERYWHERE = ("0.0.0.0/0", "::/0")
_LOST = (
    Lost("local_port", "the gateway has one port for all connections, [gateway] port", ("500",), matters=True),
    Lost("dscp", "packets of IKE are sent without a DSCP", ("000000",)),
    Lost("mobike", "IKEv1 has no MOBIKE", ("yes", "no")),
    Lost("childless", "IKEv1 always negotiates tunnels apart", ("allow",)),
    Lost("send_certreq", "certificates are requested", ("yes",)),
    Lost("send_cert", "the certificate is sent if the peer requests it", ("ifasked", "always")),
    Lost("ppk_id", "IKEv1 has no PPK"),
    Lost("ppk_required", "IKEv1 has no PPK", ("no",), matters=True),
    Lost("mediation", "IKEv1 has no mediation", ("no",), matters=True),
    Lost("mediated_by", "IKEv1 has no mediation", matters=True),
    Lost("mediation_peer", "IKEv1 has no mediation"),
)


def write_connections(top: Options, into: Part, authentication: Authentication, daemon: Daemon) -> None:
    """Write all connections for IKEv1; others are named and skipped."""
    ours = into.part("connection", top.place("connections"))
    connections = top.table("connections")
    shunts = Part(into.places, "shunt")
    for name, connection in connections.sections():
        version = connection.take("version", _version, "0")
        if write_shunts(connection, shunts):
            continue
        rounds = _for_ikev1(connection, version)
        if rounds is not None:
            part = ours.part(name, connection.place())
            _write(connection, rounds, part, authentication, daemon)
            if version == "0":
                _warn_of_initiation(connection, part)
            _write_further(authentication.further_secrets(rounds, part), part, ours, connections)
            local = rounds.local.options
            if any(connection.findings.is_wrong(local.key(key)) for key in ("certs", "pubkeys")):
                del ours.values[name]  # it would be reported again
    _order(ours.values)
    if shunts.values:
        into.values["shunt"] = shunts.values


def _order(connections: dict[str, Any]) -> None:
    """Put connections for one identity before those for several, and those for any behind them: in Aggressive Mode, the
    secret is that of the first connection that accepts the identity. In charon, none of these accepts Main Mode.
    """

    def rank(name: str) -> int:
        who = connections[name]["remote_id"]
        return 2 if who == "%any" else int(is_pattern(who))

    places = [name for name, each in connections.items() if each.get("aggressive") == "accept-psk"]
    ranked = dict(zip(places, sorted(places, key=rank), strict=True))
    ordered = {name: connections[name] for name in (ranked.get(each, each) for each in connections)}
    connections.clear()
    connections.update(ordered)


def _write_further(secrets: Sequence[tuple[str, object, Secret]], connection: Part, into: Part, taken: Options) -> None:
    """Write a copy of ``connection`` for each peer with a secret of its own; without another one, ``connection`` itself
    is for the first peer.
    """
    base = connection.path.rpartition(".")[2]
    names = (each for number in counter(2) if (each := f"{base}-{number}") not in taken)
    itself = [] if "secret" in connection.values else [connection] * bool(secrets)
    copies = [connection.copied(into, next(names)) for _ in secrets[len(itself) :]]
    for one, (key, end, secret) in zip([*itself, *copies], secrets, strict=True):
        one.put(key, end, secret.place)
        one.put("secret", secret.value, secret.place)


def _for_ikev1(connection: Options, version: str) -> Rounds | None:
    """The rounds of a connection for IKEv1; others are reported."""
    if version == "2":
        connection.findings.warn(connection.path, Rule.NOT_IKEV1, "is for IKEv2 only, and skipped")
        return None
    try:
        rounds = read_rounds(connection)
    except NotIkev1 as error:
        report = connection.findings.error if version == "1" else connection.findings.warn
        report(
            connection.path,
            Rule.NOT_IKEV1,
            str(error) if version == "1" else f"is for IKEv2 only, and skipped: {error}",
        )
        return None
    return rounds


def _write(connection: Options, rounds: Rounds, into: Part, authentication: Authentication, daemon: Daemon) -> None:
    connection.copy("local_addrs", into, "local_address", _own_address(connection))
    connection.copy("remote_addrs", into, "remote_address", _addresses, ["%any"])
    connection.copy("remote_port", into, "remote_port", count)
    authentication.write(rounds, into)
    apart = connection.take("proposals", lambda value: ike_proposals(items(value)), ike_proposals(["default"]))
    report_left_out(connection, "proposals", apart)
    into.put("proposals", apart.proposals, connection.place("proposals"))
    # charon does not compare lifetimes
    into.put("proposal_check", "claim", None)
    _write_aggressive(connection, rounds, into, daemon)
    connection.copy("vips", into, "vips", items)
    if "vips" in into.values and not daemon.install_routes:
        into.put("install_routes", False, connection.place("vips"))
    connection.copy("pools", into, "pools", items)
    connection.copy("pull", into, "mode_config", lambda value: "pull" if yes(value) else "push")
    connection.copy("encap", into, "nat_traversal", lambda value: "force" if yes(value) else "auto")
    connection.copy("fragmentation", into, "fragmentation")
    connection.copy("keyingtries", into, "keyingtries", _keyingtries, 1)
    connection.copy("unique", into, "unique", word(no="replace", replace="replace", keep="keep", never="never"))
    _write_lives(connection, into)
    connection.copy("dpd_delay", into, "dpd_delay", seconds, 0)
    timeout = connection.take("dpd_timeout", seconds, 0)
    into.put("dpd_timeout", timeout or daemon.retransmission_time, connection.place("dpd_timeout"))
    connection.lose(*_LOST)
    _write_children(connection, into)
    rounds.finish()
    connection.finish()


def _write_aggressive(connection: Options, rounds: Rounds, into: Part, daemon: Daemon) -> None:
    if connection.take("aggressive", yes, False):
        psk = rounds.remote.kind == "psk"
        into.put("mode", "aggressive", connection.place("aggressive"))
        into.put(
            "aggressive", "accept-psk" if psk and daemon.aggressive_psk else "accept", connection.place("aggressive")
        )
        if psk and not daemon.aggressive_psk:
            text = (
                "peers that initiate Aggressive Mode with a pre-shared key are refused, as strongSwan refuses them "
                f"without charon.{AGGRESSIVE_PSK} = yes in strongswan.conf: with it, anyone who asks can guess the key "
                "offline"
            )
            connection.findings.warn(connection.key("aggressive"), Rule.AGGRESSIVE_PSK_REFUSED, text)
    else:
        into.put("aggressive", "refuse", connection.place("aggressive"))


def _write_lives(connection: Options, into: Part) -> None:
    """IKEv1 renews an ISAKMP SA at the earlier of ``reauth_time`` and ``rekey_time``, both of which are times of
    rekeying here; it lives ``over_time`` longer.
    """
    reauth = connection.take("reauth_time", seconds, 0)
    rekey = connection.take("rekey_time", seconds, 0 if reauth else REKEY_TIME)
    over = connection.take("over_time", seconds, max(reauth, rekey) // 10)
    both = [each for each in (reauth, rekey) if each]
    key = "reauth_time" if reauth and reauth == min(both) else "rekey_time"
    if not both:
        into.put("rekey", False, connection.place("rekey_time"))
        return
    into.put("rekey_time", min(both), connection.place(key))
    into.put("lifetime", min(both) + max(over, 1), connection.place("over_time"))
    connection.copy("rand_time", into, "rand_time", seconds)


def _write_children(connection: Options, into: Part) -> None:
    interfaces = {key: connection.take(key, str, None) for key in ("if_id_in", "if_id_out")}
    actions: dict[str, str] = {}
    children = connection.table("children")
    versions = _versions(into)
    for name, child in children.sections():
        if child.take("mode", str, "tunnel") in MODES or not is_tunnel(child):
            continue
        action = child.take(
            "dpd_action",
            word(clear="clear", none="clear", trap="trap", hold="trap", restart="restart", start="restart"),
            "clear",
        )
        actions.setdefault(action, child.key("dpd_action"))
        made = write_child(child, name, into.part("tunnel"), versions, children)
        for key, interface in interfaces.items():
            for tunnel in made if interface is not None and key not in child else ():
                tunnel.put(key, interface, connection.place(key))
    children.finish()
    if len(actions) > 1:
        *_, (action, key) = actions.items()
        text = f"{action!r} is not the dpd_action of the other children: a connection has one"
        connection.findings.error(key, Rule.NOT_SUPPORTED, text)
    for action, key in list(actions.items())[:1]:
        into.put("dpd_action", action, connection.places.exactly(key))


def _versions(into: Part) -> Versions:
    """The IP versions of dynamic selectors: those of virtual addresses, or else of the addresses if these have one."""
    ends = [into.values.get("local_address", "%any"), *into.values.get("remote_address", ())]
    found = frozenset(version for end in ends if (version := _version_of(end)))
    of_ends = found if len(found) == 1 else frozenset()
    virtual = frozenset(version for vip in into.values.get("vips", ()) if (version := _version_of(vip)))
    return Versions(virtual or of_ends, frozenset() if "pools" in into.values else of_ends)


def _version_of(end: str) -> int | None:
    try:
        return ip_network(end.partition("%")[0], strict=False).version
    except ValueError:
        return None


def _warn_of_initiation(connection: Options, into: Part) -> None:
    """Report a connection for both versions that this gateway initiates by itself."""
    starts = [tunnel.get("start", "none") for tunnel in into.part("tunnel").values.values()]
    if any(start != "none" for start in starts):
        text = "the gateway initiates with IKEv1, but charon with IKEv2 if version is not 1"
        connection.findings.warn(connection.key("version"), Rule.NOT_IKEV1, text)


def _keyingtries(value: object) -> int:
    return 0 if value == "%forever" else count(value)


def _own_address(connection: Options) -> Callable[[object], str]:
    def convert(value: object) -> str:
        found = list(_networks(value))
        if len(found) > 1:
            text = f"a connection has one local address, {found[0]}: peers that use {', '.join(found[1:])} are refused"
            connection.findings.warn(connection.key("local_addrs"), Rule.NO_COUNTERPART, text)
        return found[0] if found else "%any"

    return convert


def _addresses(value: object) -> list[str]:
    """Remote addresses; ``%any`` beside others is all networks, so that the others can be called."""
    found = list(_networks(value))
    if "%any" in found and len(found) > 1:
        found = [each for each in found if each != "%any"] + list(_EVERYWHERE)
    return found or ["%any"]


def _networks(value: object) -> Iterator[str]:
    """Addresses, names and networks; a range as the networks that it consists of."""
    for each in items(value):
        if each in ("%any", "%any4", "%any6", "0.0.0.0", "::", "0::0"):  # noqa: S104  what strongSwan reads as any
            yield "%any"
            continue
        first, dash, last = (part.strip() for part in each.partition("-"))
        try:
            low, high = ip_address(first), ip_address(last if dash else first)
        except ValueError:
            yield each
            continue
        if not dash:
            yield each
            continue
        try:
            yield from map(str, summarize_address_range(low, high))
        except (TypeError, ValueError):
            raise ValueError(f"{each!r} is not a range: expected two addresses, the lower one first") from None
