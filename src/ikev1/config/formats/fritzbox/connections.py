"""A ``connections`` block of a vpncfg as a connection of `ikev1.toml`: that of the box, or that of its peer."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import NamedTuple

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.cisco_client.tables import in_ikev1_toml
from ikev1.config.formats.fritzbox import strategies
from ikev1.config.formats.fritzbox.values import UNSET, Block, Identity, address, of_text, one_of, text, yes
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part, Place
from ikev1.config.values import remote as remote_address

_LAN, _USER, _OUT = "conntype_lan", "conntype_user", "conntype_out"
_MAIN, _AGGRESSIVE = "phase1_mode_idp", "phase1_mode_aggressive"
_ENCRYPTED = "$$$$"
_WEAK = frozenset({"3des", "des", "md5"})
_LOST = (
    *(
        Lost(key, "concerns the box itself")
        for key in ("editable", "boxuser_id", "app_uid", "activated_by_user", "wakeupremote")
    ),
    Lost("dont_filter_netbios", "no packets are filtered", ("yes",)),
    Lost("local_virtualip", "the networks in phase2localid and phase2remoteid decide", (UNSET,)),
    Lost("keepalive_ip", "nothing is sent to keep the tunnel up", (UNSET,)),
    Lost("cert_do_server_auth", "a pre-shared key authenticates both ends", ("no",)),
    Lost("dns_domains", "name servers are not changed"),
)


class _End(NamedTuple):
    """An end: its address or name, its identity, and its network."""

    host: str | None
    host_place: Place
    identity: Identity | None
    identity_place: Place
    network: str | None
    network_place: Place


class BoxConnection:
    """A block ``connections``. ``is_peer``: what is written is the configuration of the peer of the box."""

    def __init__(self, statement: Statement, reports: Reports, *, is_peer: bool) -> None:
        self._reports = reports
        self._block = Block(statement.block or (), statement.place, reports)
        self._is_peer = is_peer
        self._kind, self._kind_place = self._block.placed("conn_type", one_of(_LAN, _USER, _OUT), _LAN)
        box, other = self._ends()
        self._own, self._other = (other, box) if is_peer else (box, other)

    def write(self, name: str, ours: Part) -> None:
        """Write the connection ``name``, and if it is one of a user, the pool and the user."""
        block = self._block
        mode, mode_place = block.placed("mode", one_of(_MAIN, _AGGRESSIVE), _AGGRESSIVE)
        phase1, place = block.placed("phase1ss", of_text(strategies.phase1), strategies.phase1("all/all/all"))
        connection = ours.part("connection").part(name, block.place)
        self._write_peers(connection)
        connection.put("mode", "main" if mode == _MAIN else "aggressive", mode_place)
        connection.put("aggressive", "refuse" if mode == _MAIN else "accept-psk", mode_place)
        connection.put("proposals", self._needed(phase1.proposals), place)
        connection.put("lifetime", phase1.lifetime, place)
        self._write_secret(connection)
        block.copy("use_nat_t", connection, "nat_traversal", lambda values: "auto" if yes(values) else "off", "auto")
        configured = block.take("use_cfgmode", yes, False)
        tunnel = self._write_tunnel(connection, phase1.group, configured=configured)
        self._write_user(name, connection, ours, configured=configured)
        self._write_start(connection, tunnel)
        block.lose(*_LOST)
        block.finish()

    @property
    def _is_client(self) -> bool:
        """Whether this gateway logs in to the other end."""
        return self._kind != _LAN and (self._kind == _USER) is self._is_peer

    def _ends(self) -> tuple[_End, _End]:
        """The box and its peer."""
        block = self._block
        found = []
        for side in ("local", "remote"):
            host, place = block.placed(f"{side}ip", address, UNSET)
            if side == "remote":
                name, name_place = block.placed("remotehostname", of_text(_host), "")
                host, place = (name, name_place) if name else (host, place)
            identity = block.identity(f"{side}id")
            network = block.network(f"phase2{side}id")
            found.append(_End(None if host == UNSET else host, place, *identity, *network))
        box, peer = found
        return box, peer

    def _write_peers(self, connection: Part) -> None:
        other, own = self._other, self._own
        host, place = other.host, other.host_place
        named = other.identity
        if host is None and self._is_peer and self._kind != _OUT and named is not None and named.is_host_name:
            host, place = named.text, other.identity_place
            problem = "is used as the address of the box, which the file does not have; remote_address may be another"
            self._reports.warn(place, Rule.MISSING_KEY, problem)
        elif host is None and self._is_client:
            problem = "the file does not have the address of the box, which the client calls: set remote_address"
            self._reports.warn(self._block.place, Rule.MISSING_KEY, problem)
        connection.put("remote_address", host or "%any", place)
        connection.put("remote_id", "%any" if named is None else str(named), other.identity_place)
        if own.identity is not None:
            connection.put("local_id", str(own.identity), own.identity_place)

    def _write_secret(self, connection: Part) -> None:
        block = self._block
        block.take("keytype", one_of("connkeytype_pre_shared"), "")
        if "key" not in block:
            return  # which is reported as in each format
        key, place = block.placed("key", text, "")
        if key.startswith(_ENCRYPTED):
            text_ = "the key is encrypted with a secret of the box: write the key itself"
            self._reports.error(place, Rule.INVALID_SECRET, text_)
        elif not key:
            self._reports.error(place, Rule.INVALID_SECRET, "has no value")
        else:
            connection.put("secret", in_ikev1_toml(key.encode()), place)

    def _write_tunnel(self, connection: Part, group: str, *, configured: bool) -> Part:
        if "phase2ss" not in self._block:
            self._reports.error(self._block.place, Rule.MISSING_KEY, "missing: phase2ss")
        phase2, place = self._block.placed("phase2ss", of_text(strategies.phase2), None)
        tunnel = connection.part("tunnel").part("net", place)
        for key, end, virtual in (("local", self._own, self._is_client), ("remote", self._other, not self._is_client)):
            if configured and virtual and self._kind != _LAN:
                continue  # the virtual address of the client
            if end.network is not None:
                tunnel.put(key, end.network, end.network_place)
            elif not (self._kind != _LAN and virtual):
                side = "local" if (end is self._own) is not self._is_peer else "remote"
                self._reports.error(end.network_place, Rule.MISSING_KEY, f"missing: phase2{side}id")
        self._check_access_list()
        if phase2 is not None:
            tunnel.put("proposals", self._needed(phase2.proposals(group)), place)
            tunnel.put("lifetime", phase2.lifetime, place)
            if phase2.compress:
                tunnel.put("compress", True, place)
        return tunnel

    def _check_access_list(self) -> None:
        """The access list says what the box sends into the tunnel, the networks which traffic it carries."""
        statement = self._block.one("accesslist")
        refuses, refuses_place = self._block.placed("reject_not_encrypted", yes, False)
        if refuses and not self._is_peer:
            text = "is not supported: other traffic does not go through the tunnel, and is not dropped"
            self._reports.error(refuses_place, Rule.NOT_SUPPORTED, text)
        network = (self._other if not self._is_peer else self._own).network
        if statement is None or network is None:
            return
        expected = f"permit ip any {_with_mask(network)}"
        if any(" ".join(each.split()) != expected for each in statement.values):
            text = f"is ignored: the box uses the tunnel for other traffic than that to {network}, which it is for"
            self._reports.warn(statement.place, Rule.NO_COUNTERPART, text)

    def _write_start(self, connection: Part, tunnel: Part) -> None:
        always, place = self._block.placed("always_renew", yes, False)
        if connection.values["remote_address"] == "%any":
            start = "none"
        elif always and not self._is_peer:
            start = "start"
        else:  # without a virtual address, no packet asks for the tunnel
            start = "none" if "vips" in connection.values else "trap"
        tunnel.put("start", start, place)

    def _write_user(self, name: str, connection: Part, ours: Part, *, configured: bool) -> None:
        """XAUTH, and the virtual address of the client."""
        block = self._block
        uses, place = block.placed("use_xauth", yes, False)
        inner = block.block("xauth")
        user = password = ""
        if inner is not None:
            inner.take("valid", yes, True)
            user, password = inner.take("username", text, ""), inner.take("passwd", text, "")
            place = inner.place
            inner.finish()
        virtual, virtual_place = block.placed("remote_virtualip", address, UNSET)
        if uses:
            self._write_login(user, password, place, connection, ours)
        if self._kind == _LAN:
            return
        if self._is_client:
            if configured:
                connection.put("vips", [UNSET], virtual_place)
        elif configured and virtual != UNSET:
            ours.part("pools").part(name, virtual_place).put("addresses", [virtual], virtual_place)
            connection.put("pools", [name], virtual_place)
        elif configured:
            text_ = "missing: remote_virtualip, the address that the client gets"
            self._reports.error(virtual_place, Rule.MISSING_KEY, text_)

    def _write_login(self, user: str, password: str, place: Place, connection: Part, ours: Part) -> None:
        if not (user and password) or password.startswith(_ENCRYPTED):
            text = "the name or the password of the user is missing or encrypted: write username and passwd themselves"
            self._reports.error(place, Rule.INVALID_SECRET, text)
        elif self._is_client:
            connection.put("xauth", "client", place)
            connection.put("xauth_user", user, place)
            connection.put("xauth_secret", in_ikev1_toml(password.encode()), place)
        else:
            connection.put("xauth", "server", place)
            connection.put("xauth_backend", ["users"], place)
            connection.put("xauth_user", user, place)  # others have connections of their own
            secrets, secret = ours.part("users").part("secrets"), in_ikev1_toml(password.encode())
            if secrets.values.get(user, secret) != secret:
                text = f"the user {user!r} has another password in a connection above: expected the same"
                self._reports.error(place, Rule.INVALID_SECRET, text)
            secrets.put(user, secret, place)

    def _needed(self, proposals: list[str]) -> list[str]:
        """Of what the box offers, its peer needs no weak algorithms, if there are others."""
        strong = [each for each in proposals if _WEAK.isdisjoint(each.split("-"))]
        return (strong or proposals) if self._is_peer else proposals


def _host(written: str) -> str:
    """A host name or an address.

    Raises:
        Invalid: it is neither.
    """
    if not written:
        return ""
    try:
        return remote_address(written)
    except ValueError as error:
        raise Invalid(Rule.INVALID_VALUE, str(error)) from None


def _with_mask(network: str) -> str:
    found = IPv4Network(network)
    return f"{found.network_address} {found.netmask}"
