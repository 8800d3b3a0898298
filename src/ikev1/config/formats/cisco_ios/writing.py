"""Peerings as the tables of `ikev1.toml`."""

from __future__ import annotations

import re
from ipaddress import IPv4Interface

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import Device, Group, Interface, Policy
from ikev1.config.formats.cisco_ios.peerings import Pair, Peering
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.cisco_ios.secrets import as_secret
from ikev1.config.formats.cisco_ios.selectors import as_text, lines_of, overlap, report_not_exempt
from ikev1.config.formats.written import Part

_DPD_TRIES = 5
_LONGEST_INTERFACE = 15  # characters (IFNAMSIZ)
_DEFAULTS = {"encryption": "des", "hash": "sha", "authentication": "rsa-sig", "group": 1, "lifetime": 86_400}
_DEFAULTS_OF_ASA = {**_DEFAULTS, "encryption": "3des", "authentication": "pre-share", "group": 2}
_DEFAULTS_OF_NEW_ASA = {**_DEFAULTS_OF_ASA, "encryption": "aes", "group": 14}
_NEW_ASA = (9, 13)
# of IOS 12.4(20)T and later, the preferred first
_BUILT_IN = [
    {"encryption": cipher, "hash": hashed, "authentication": "pre-share", "group": group, "lifetime": 86_400}
    for cipher, group in (("aes", 5), ("3des", 2))
    for hashed in ("sha", "md5")
]
_LAST = 10_000  # priority
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Writer:
    """Writes what ``device`` does, or if ``is_peer`` its peers do, to ``ours``."""

    def __init__(self, device: Device, ours: Part, report: Report, *, is_peer: bool) -> None:
        self._device = device
        self._is_peer = is_peer
        self._ours = ours
        self._report = report
        self._connections: dict[tuple[object, ...], Part] = {}
        self._names: dict[str, int] = {}  # how often each is wanted
        self._pairs: set[tuple[str, str, str, str]] = set()

    def write_policies(self) -> None:
        """Write all phase 1 policies, with the defaults of the router."""
        defaults = _DEFAULTS
        if self._device.asa:
            defaults = _DEFAULTS_OF_NEW_ASA if self._device.version >= _NEW_ASA else _DEFAULTS_OF_ASA
        for number, policy in sorted(self._device.policies.items()):
            self._write_policy(number, policy, defaults)
        if not self._device.policies and self._device.built_in_policies and not self._device.asa:
            text = "has no crypto isakmp policy: the built-in ones are used, AES and 3DES with SHA-1 and MD5"
            self._report.warn(self._device.place, Rule.MISSING_KEY, text)
            for number, values in enumerate(_BUILT_IN, _LAST - len(_BUILT_IN) + 1):
                made = self._ours.part("policy").part(str(number), self._device.place)
                for key, value in values.items():
                    made.put(key, value, None)
        if not self._ours.values.get("policy"):
            text = "has no policy for pre-shared keys (crypto isakmp policy), and certificates are not read"
            self._report.error(self._device.place, Rule.NO_USABLE_POLICY, text)

    def _write_policy(self, number: int, policy: Policy, defaults: dict[str, object]) -> None:
        method = policy.authentication
        if method is not None and method.value == "crack":
            return  # reported
        if (method.value if method else defaults["authentication"]) != "pre-share":
            text = "is not used: certificates and keys of routers are not read, only pre-shared keys"
            self._report.warn(method.place if method else policy.place, Rule.NO_COUNTERPART, text)
            return
        made = self._ours.part("policy").part(str(number), policy.place)
        for key, default in defaults.items():
            chosen: Set[object] | None = getattr(policy, key)
            made.put(key, default if chosen is None else chosen.value, None if chosen is None else chosen.place)

    def write(self, peerings: list[Peering]) -> None:
        """Write all peerings; those with the same peer become one connection."""
        for peering in peerings:
            if peering.key.secret is None:
                continue  # reported
            known = self._connections.get(peering.signature)
            if known is None:
                known = self._connections[peering.signature] = self._write_connection(peering)
            self._write_tunnels(peering, known)
        self._write_exempt(peerings)
        if any(part.values.get("xauth") == "server" for part in self._connections.values()):
            self._write_users()

    def _write_exempt(self, peerings: list[Peering]) -> None:
        """Write what access lists exclude, unless other lists permit it."""
        used = [line for peering in peerings for pair in peering.pairs if (line := pair.line) is not None]
        for number, each in enumerate(self._device.exempt, 1):
            if any(line.acl != each.acl and overlap(line, each) for line in used):
                report_not_exempt(each, self._report)
                continue
            made = self._ours.part("shunt").part(_safe(f"{each.acl.split()[-1]}-deny-{number}"), each.place)
            ends = (each.destination, each.source) if self._is_peer else (each.source, each.destination)
            made.put("action", "pass", each.place)
            made.put("local", as_text(ends[0]), each.place)
            made.put("remote", as_text(ends[1]), each.place)

    def _write_connection(self, peering: Peering) -> Part:
        made = self._ours.part("connection").part(self._name(peering.name), peering.place)
        if peering.local is not None:
            made.put("local_address", peering.local.value, peering.local.place)
        if peering.remotes:
            values = [remote.value for remote in peering.remotes]
            made.put("remote_address", values if len(values) > 1 else values[0], peering.remotes[0].place)
        for key, identity in (("local_id", peering.own_identity), ("remote_id", peering.peer_identity)):
            if identity is not None:
                made.put(key, identity.value, identity.place)
        made.put("secret", as_secret(peering.key.secret or ""), peering.key.place)
        made.put("proposal_check", "claim", None)
        self._write_behaviour(peering, made)
        if peering.is_client:
            self._write_client(peering, made)
        elif peering.users is not None or peering.group is not None:
            self._write_server(peering, made)
        return made

    def _write_behaviour(self, peering: Peering, made: Part) -> None:
        device, keepalive = self._device, peering.keepalive
        made.put("dpd_delay", keepalive.delay if keepalive else 0, keepalive.place if keepalive else None)
        if keepalive is not None and keepalive.delay:
            made.put("dpd_timeout", _DPD_TRIES * keepalive.retry, keepalive.place)
        if peering.calls_aggressive is not None:
            made.put("mode", "aggressive", peering.calls_aggressive.place)
        if device.aggressive is not None:
            made.put("aggressive", "refuse", device.aggressive.place)
        elif peering.answers_aggressive is not None:
            made.put("aggressive", "accept-psk", peering.answers_aggressive.place)
        if device.nat_traversal is not None and not device.nat_traversal.value:
            made.put("nat_traversal", "off", device.nat_traversal.place)
        elif not peering.nat_traversal:
            made.put("nat_traversal", "off", peering.place)

    def _write_client(self, peering: Peering, made: Part) -> None:
        place = peering.place
        made.put("vips", ["0.0.0.0"], place)  # noqa: S104
        if peering.pushes is not None:
            made.put("mode_config", "push", peering.pushes.place)
        if peering.users is not None:
            made.put("xauth", "client", peering.users.place)
            text = "asks for a user: set xauth_user and xauth_secret_file, or use `ikev1 connect`"
            self._report.warn(peering.users.place, Rule.MISSING_KEY, text)

    def _write_server(self, peering: Peering, made: Part) -> None:
        if peering.users is not None:
            made.put("xauth", "server", peering.users.place)
            made.put("xauth_backend", peering.users.value, peering.users.place)
        if peering.pushes is not None:
            made.put("mode_config", "push", peering.pushes.place)
        group = peering.group
        if group is not None and group.pool is None:
            self._report.warn(group.place, Rule.MISSING_KEY, "has no pool: its clients get no addresses")
        elif group is not None and group.pool is not None and self._write_pool(group, group.pool):
            made.put("pools", [self._pool_name(group)], group.pool.place)

    def _write_pool(self, group: Group, named: Set[str]) -> bool:
        ranges = self._device.pools.get(named.value)
        if ranges is None:
            self._report.error(named.place, Rule.INVALID_VALUE, f"there is no ip local pool {named.value}")
            return False
        pool = self._ours.part("pools").part(self._pool_name(group), group.place)
        pool.put("addresses", [each.value for each in ranges], ranges[0].place)
        copied: dict[str, Set[list[str]] | Set[str] | None] = {
            "dns": group.dns,
            "nbns": group.wins,
            "default_domain": group.domain,
            "split_dns": group.split_dns,
            "netmask": group.netmask,
            "banner": group.banner,
        }
        for key, chosen in copied.items():
            if chosen is not None:
                pool.put(key, chosen.value, chosen.place)
        for flag, place in group.flags.items():
            pool.put(flag, True, place)
        if group.backup:
            pool.put("backup_servers", [each.value for each in group.backup], group.backup[0].place)
        for key, acl in (("split_include", group.acl), ("split_exclude", group.exclude)):
            if acl is not None and (lines := lines_of(self._device, acl, self._report)):
                networks = dict.fromkeys(as_text(line.source).partition("[")[0] for line in lines)
                if key == "split_exclude" or "0.0.0.0/0" not in networks:
                    pool.put(key, list(networks), acl.place)
        return True

    def _pool_name(self, group: Group) -> str:
        return _safe(group.name)

    def _write_users(self) -> None:
        users = self._ours.part("users").part("secrets")
        for user in self._device.users.values():
            if user.password is None:
                text = "only a hash of the password is in the text: the user cannot log in"
                self._report.unsupported(user.place, text)
            else:
                users.put(user.name, as_secret(user.password), user.place)

    def _write_tunnels(self, peering: Peering, connection: Part) -> None:
        calls = any("/" not in remote.value for remote in peering.remotes)
        for pair in peering.pairs:
            name = _safe(pair.name)
            tunnels = connection.part("tunnel")
            same = (connection.path, pair.local, pair.remote, pair.interface.name if pair.interface else "")
            if same in self._pairs:
                continue  # of several interfaces that share SAs
            self._pairs.add(same)
            made = tunnels.part(name, peering.place)
            made.put("local", pair.local, pair.place)
            made.put("remote", pair.remote, pair.place)
            self._write_protection(pair, made)
            start = "start" if pair.permanent else "trap"
            made.put("start", "none" if peering.only_answers or peering.is_client or not calls else start, None)

    def _write_protection(self, pair: Pair, made: Part) -> None:
        protection = pair.protection
        made.put("ah_proposals" if protection.ah else "proposals", protection.proposals, protection.place)
        if protection.pfs is not None:
            made.put("pfs", protection.pfs.value, protection.pfs.place)
        made.put("lifetime", *protection.lifetime)
        if protection.kilobytes[0]:
            made.put("lifetime_kilobytes", *protection.kilobytes)
        made.put("mode", "transport" if pair.transport else "tunnel", None)
        made.put("replay_window", *protection.window)
        if pair.interface is not None:
            self._write_interface(pair.interface, made)

    def _write_interface(self, interface: Interface, made: Part) -> None:
        """Write the interface of a route-based tunnel; that of a peer has the other address of the network."""
        made.put("interface", _safe(interface.name)[:_LONGEST_INTERFACE], interface.place)
        address = interface.address.value if interface.address else None
        if address is not None and interface.address is not None:
            ours = _other(address) if self._is_peer else address
            if ours is None:
                text = "set interface_address: the text does not say which address the other end of the tunnel has"
                self._report.warn(interface.address.place, Rule.NO_COUNTERPART, text)
            else:
                made.put("interface_address", str(ours), interface.address.place)
        if interface.mtu is not None:
            made.put("interface_mtu", interface.mtu.value, interface.mtu.place)
        if not self._is_peer:
            routes = interface.routes
            made.put("routes", [route.value for route in routes], routes[0].place if routes else None)

    def _name(self, wanted: str) -> str:
        name = _safe(wanted)[:58]
        number = self._names[name] = self._names.get(name, 0) + 1
        return name if number == 1 else self._name(f"{name}-{number}")


def _other(address: IPv4Interface) -> IPv4Interface | None:
    """The only other address of a network, None if there are several."""
    others = [each for each in address.network.hosts() if each != address.ip] if address.network.prefixlen > 29 else []
    return IPv4Interface((others[0], address.network.prefixlen)) if len(others) == 1 else None


def _safe(name: str) -> str:
    """A name with allowed characters only."""
    return _NO_NAME.sub("-", name).strip("-._")[:64] or "cisco"
