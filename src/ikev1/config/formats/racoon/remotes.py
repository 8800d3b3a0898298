"""``remote``: each becomes a connection, or one for each peer with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.racoon import words
from ikev1.config.formats.racoon.credentials import write_certificates
from ikev1.config.formats.racoon.keys import SharedKey, SharedKeys
from ikev1.config.formats.racoon.options import Block
from ikev1.config.formats.statements import Reports, Statement
from ikev1.config.formats.swanctl.options import Lost
from ikev1.config.formats.written import Part, Place

ANY = "%any"
ANONYMOUS = "anonymous"
_LIFETIME = 28800  # seconds that racoon uses where none is written
_DPD_RETRY, _DPD_MAXFAIL = 5, 5
_METHODS = {
    "pre_shared_key": ("psk", ""),
    "rsasig": ("rsa", ""),
    "xauth_psk_server": ("psk", "server"),
    "xauth_psk_client": ("psk", "client"),
    "xauth_rsa_server": ("rsa", "server"),
    "xauth_rsa_client": ("rsa", "client"),
    "hybrid_rsa_server": ("hybrid", "server"),
    "hybrid_rsa_client": ("hybrid", "client"),
}
_LOST = (
    Lost("doi", "IPsec DOI is used", ("ipsec_doi",)),
    Lost("situation", "identity_only is used", ("identity_only",)),
    Lost("nonce_size", "the length of nonces cannot be set"),
    Lost("send_cert", "the certificate is sent", ("on",)),
    Lost("send_cr", "a certificate is requested", ("on",)),
    Lost("match_empty_cr", "the certificate is sent on any request"),
    Lost("initial_contact", "INITIAL-CONTACT is sent", ("on",)),
    Lost("support_proxy", "identities of Quick Mode are always compared with the tunnels"),
    Lost("weak_phase1_check", "unauthenticated messages are ignored, but for hints", ("off",)),
    Lost("esp_frag", "packets are fragmented by the path MTU"),
    Lost("script", "no script is run in phase 1; a tunnel has updown"),
    Lost("dpd", "dpd_delay decides"),
    Lost("verify_cert", "certificates of peers are always verified", ("on",), matters=True),
)


class Remote(NamedTuple):
    """A remote with the connections that it became: ``address`` is that of the peer, or `ANONYMOUS`, ``peer`` its
    identity, ``number`` its ``ph1id``. It accepts what peers propose if it ``generates`` policies, never initiates if
    it is ``passive``, and requests a virtual address if it is ``virtual``.
    """

    address: str
    parts: tuple[Part, ...]
    peer: str | None
    number: int
    generates: bool
    passive: bool
    virtual: bool
    place: Place


def read_remotes(
    statements: Iterable[Statement], keys: SharedKeys, certificates: Path, into: Part, reports: Reports
) -> Iterator[Remote]:
    """Write a connection for each ``remote`` among the statements."""
    sections: dict[str, Statement] = {}
    for statement in statements:
        if statement.keyword != "remote":
            continue
        name, statement = _inherited(statement, sections, reports)
        sections[name] = statement
    for name, statement in sections.items():
        if statement.words[1:2] and statement.words[1].quoted and not _has_address(statement):
            continue  # others inherit from it; racoon has no peer for it either
        yield _Writer(name, statement, keys, certificates, into, reports).written()


def _has_address(statement: Statement) -> bool:
    return any(each.keyword == "remote_address" for each in statement.block or ())


def _inherited(statement: Statement, sections: dict[str, Statement], reports: Reports) -> tuple[str, Statement]:
    """The name of a section, and the section with what it inherits, which precedes its own statements."""
    values = list(statement.values)
    parent = values[values.index("inherit") + 1 :] if "inherit" in values else []
    name = " ".join(values[: values.index("inherit")] if parent else values)
    block = statement.block or ()
    if parent:
        found = sections.get(" ".join(parent))
        if found is None:
            reports.error(statement.place, Rule.INVALID_VALUE, f"there is no remote {' '.join(parent)!r} before it")
        else:
            own = {each.keyword for each in block}
            block = (*(each for each in found.block or () if each.keyword not in own), *block)
    return name, statement._replace(block=block)


class _Writer:
    def __init__(
        self, name: str, statement: Statement, keys: SharedKeys, certificates: Path, into: Part, reports: Reports
    ) -> None:
        self._name = name
        self._statement = statement
        self._block = Block(statement.block or (), statement.place, reports)
        self._keys = keys
        self._certificates = certificates
        self._into = into
        self._reports = reports

    def written(self) -> Remote:
        block = self._block
        address, port = self._address()
        part = self._into.part(self._part_name(address), self._statement.place)
        part.put("remote_address", [ANY if address == ANONYMOUS else address], self._statement.place)
        if port:
            part.put("remote_port", port, self._statement.place)
        modes = self._write_modes(part)
        kind, role = self._write_proposals(part)
        block.copy("proposal_check", part, "proposal_check", lambda values: " ".join(values), "strict")
        self._write_identities(part)
        typed = "peers_identifier" in block
        peer = self._peer()
        verified = block.take("verify_identifier", words.switch, False)
        if verified and typed and peer is None:
            text = "is ignored: it requires only a kind of identity, and any identity is accepted: write the identity"
            self._reports.warn(
                self._statement.place._replace(key=f"{self._statement.place.key}.peers_identifier"),
                Rule.NO_COUNTERPART,
                text,
            )
        part.put("remote_id", peer if verified and peer is not None else ANY, self._statement.place)
        block.copy("nat_traversal", part, "nat_traversal", _force("auto", "off"), "off")
        block.copy("ike_frag", part, "fragmentation", _force("yes", "no"), "no")
        self._write_dead_peers(part)
        if not block.take("rekey", words.rekeys, True):
            part.put("rekey", False, self._statement.place)
        virtual = block.take("mode_cfg", words.switch, False) and role != "server"
        if virtual:
            part.put("vips", ["0.0.0.0"], self._statement.place)  # noqa: S104  the address that the gateway gives
        self._write_xauth(part, kind, role)
        if kind != "psk":
            write_certificates(block, self._certificates, part, of_us=(kind, role) != ("hybrid", "client"))
        generates = block.take("generate_policy", words.generates, False)
        number = block.take("ph1id", words.number, 0)
        passive = block.take("passive", words.switch, False)
        block.lose(*_LOST)
        block.finish()
        parts = self._with_keys(part, address, peer, modes) if kind == "psk" else (part,)
        return Remote(address, parts, peer, number, generates, passive, virtual, self._statement.place)

    def _address(self) -> tuple[str, int]:
        """The address and port of the peer, from the head of the section or from ``remote_address``."""
        statement = self._block.one("remote_address")
        if statement is None:
            values = self._statement.values
            head = values.index("inherit") if "inherit" in values else len(values)
            statement = self._statement._replace(words=self._statement.words[: head + 1])
        if statement.values[:1] == (ANONYMOUS,):
            return ANONYMOUS, 0
        return self._block.converted(statement, words.address, (ANONYMOUS, 0))

    def _part_name(self, address: str) -> str:
        quoted = len(self._statement.words) > 1 and self._statement.words[1].quoted
        name = self._name if quoted else f"peer-{address}" if address != ANONYMOUS else ANONYMOUS
        plain = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name).strip("-")
        return unused(self._into, plain or "peer")

    def _write_modes(self, part: Part) -> frozenset[str]:
        statement = self._block.one("exchange_mode")
        modes = statement.values if statement is not None else ()
        known = [mode for mode in modes if mode in ("main", "aggressive")]
        if statement is None or not known:
            place = self._statement.place if statement is None else statement.place
            self._reports.error(place, Rule.MISSING_KEY, "requires exchange_mode with main, aggressive or both")
            return frozenset({"main"})
        for mode in modes:
            if mode not in known:
                self._reports.warn(
                    statement.place, Rule.NO_COUNTERPART, f"{mode!r} is ignored: it is not an exchange here"
                )
        part.put("mode", known[0], statement.place)
        return frozenset(known)

    def _write_proposals(self, part: Part) -> tuple[str, str]:
        """Write the proposals of phase 1; returns how the peers authenticate each other, and the role in XAUTH."""
        of_remote = self._block.lifetime(0)
        found: list[str] = []
        lives: list[int] = []
        methods: dict[str, Statement] = {}
        statements = self._block.all("proposal")
        if not statements:
            self._reports.error(self._statement.place, Rule.MISSING_KEY, "requires a proposal")
        for statement in statements:
            block = Block(statement.block or (), statement.place, self._reports)
            parts = [
                self._required(block, "encryption_algorithm", words.cipher),
                self._required(block, "hash_algorithm", lambda values: words.integrity(" ".join(values))),
                self._required(block, "dh_group", words.group),
            ]
            method = block.one("authentication_method")
            if method is None:
                self._reports.error(statement.place, Rule.MISSING_KEY, "requires authentication_method")
            else:
                methods.setdefault(" ".join(method.values), method)
            lives.append(block.lifetime(0) or of_remote or _LIFETIME)
            block.lose(Lost("gss_id", "GSSAPI is not supported", matters=True))
            block.finish()
            if all(parts):
                found.append("-".join(filter(None, parts)))
        part.put("proposals", list(dict.fromkeys(found)), statements[0].place if statements else None)
        part.put("lifetime", lives[0] if lives else _LIFETIME, statements[0].place if statements else None)
        for statement, life in zip(statements, lives, strict=True):
            if life != lives[0]:
                text = f"the lifetime {life} is ignored: all proposals have that of the first, {lives[0]}"
                self._reports.warn(statement.place, Rule.NO_COUNTERPART, text)
        return self._method(methods)

    def _method(self, methods: dict[str, Statement]) -> tuple[str, str]:
        kinds: dict[tuple[str, str], Statement] = {}
        for name, statement in methods.items():
            if name in _METHODS:
                kinds.setdefault(_METHODS[name], statement)
            else:
                text = f"{name!r} is not supported: expected one of {', '.join(_METHODS)}"
                self._reports.error(statement.place, Rule.NOT_SUPPORTED, text)
        for statement in list(kinds.values())[1:]:
            text = "is not supported: the proposals of a remote have one method: write another remote for it"
            self._reports.error(statement.place, Rule.NOT_SUPPORTED, text)
        return next(iter(kinds), ("psk", ""))

    def _required(self, block: Block, keyword: str, convert: Callable[[Sequence[str]], str]) -> str:
        statement = block.one(keyword)
        if statement is None:
            self._reports.error(block.place, Rule.MISSING_KEY, f"requires {keyword}")
            return ""
        return block.converted(statement, convert, "")

    def _write_identities(self, part: Part) -> None:
        statement = self._block.one("my_identifier")
        kind = statement.values[:1] if statement is not None else ("address",)
        own = None
        if statement is not None:
            own = self._block.converted(statement, partial(self._identifier, statement), None)
        part.put(
            "local_id",
            own or ("dn" if kind == ("asn1dn",) else "address"),
            self._statement.place if statement is None else statement.place,
        )

    def _peer(self) -> str | None:
        """The identity of the peer, None if it is not configured or may be any of several."""
        statements = self._block.all("peers_identifier")
        found = [self._block.converted(each, partial(self._identifier, each), None) for each in statements]
        if len(statements) > 1:
            text = "is not supported: a remote with several peers_identifier: write a remote for each"
            self._reports.error(statements[1].place, Rule.NOT_SUPPORTED, text)
        return found[0] if found else None

    def _identifier(self, statement: Statement, _: Sequence[str]) -> str | None:
        return words.identifier(statement, self._certificates)

    def _write_dead_peers(self, part: Part) -> None:
        delay = self._block.take("dpd_delay", _seconds, 0)
        retry = self._block.take("dpd_retry", _seconds, _DPD_RETRY)
        fails = self._block.take("dpd_maxfail", words.number, _DPD_MAXFAIL)
        part.put("dpd_delay", delay, self._statement.place)
        if delay:
            part.put("dpd_timeout", max(1, retry * fails), self._statement.place)

    def _write_xauth(self, part: Part, kind: str, role: str) -> None:
        if role:
            part.put("xauth", role, self._statement.place)
        if kind == "hybrid":
            part.put("hybrid", True, self._statement.place)
        login = self._block.one("xauth_login")
        if login is None or role != "client":
            return
        user = " ".join(login.values)
        part.put("xauth_user", user, login.place)
        password = self._keys.all.get(user)
        if password is not None:
            part.put("xauth_secret", password.secret, password.place)

    def _with_keys(self, part: Part, address: str, peer: str | None, modes: frozenset[str]) -> tuple[Part, ...]:
        """``part`` with the key of the peer, and a copy of it for each other peer with a key of its own, as racoon
        finds them: in Main Mode by the address, in Aggressive Mode by the identity or else the address.
        """
        aggressive = "aggressive" in modes
        part.put("aggressive", "accept-psk" if aggressive else "refuse", self._statement.place)
        named = [key_owner(peer)] if aggressive and peer is not None else []
        if address != ANONYMOUS:
            key = self._keys.of(*named, address)
            if key is not None:
                part.put("secret", key.secret, key.place)
            return (part,)
        owners = {
            owner: key
            for owner, key in self._keys.all.items()
            if owner != "*" and (_is_address(owner) or (aggressive and (not named or owner in named)))
        }
        for owner, key in owners.items():
            if "*" in owner:
                self._reports.error(key.place, Rule.NOT_SUPPORTED, "is not supported: * stands only by itself")
        return self._copies(part, owners)

    def _copies(self, part: Part, owners: dict[str, SharedKey]) -> tuple[Part, ...]:
        """A connection for each key. That of everybody is the last: peers with a key of their own must use it."""
        if (everybody := self._keys.all.get("*")) is not None:
            owners = {**owners, "*": everybody}
        base = part.path.rpartition(".")[2]
        more = (part.copied(self._into, unused(self._into, f"{base}-{number}")) for number in range(2, len(owners) + 1))
        made = (part, *more)
        for copy, (owner, key) in zip(made, owners.items(), strict=False):
            if _is_address(owner):
                copy.put("remote_address", [owner], key.place)
            elif owner != "*":
                copy.put("remote_id", identity_of(owner), key.place)
            copy.put("secret", key.secret, key.place)
        return made


def unused(into: Part, name: str) -> str:
    """``name``, or if there is one in ``into``, with a number behind it."""
    found, number = name[:60], 1
    while found in into.values:
        number += 1
        found = f"{name[:50]}-{number}"
    return found


def key_owner(peer: str) -> str:
    """The identifier in psk.txt of the peer with this identity."""
    for prefix in ("@#", "@", "userfqdn:", "keyid:"):
        if peer.startswith(prefix):
            return peer[len(prefix) :]
    return peer


def identity_of(owner: str) -> str:
    """The identity that an identifier in psk.txt stands for."""
    return f"userfqdn:{owner}" if "@" in owner else f"@{owner}" if "." in owner else f"keyid:{owner}"


def _is_address(owner: str) -> bool:
    try:
        ip_address(owner.partition("%")[0])
    except ValueError:
        return False
    return True


def _force(on: str, off: str) -> Callable[[Sequence[str]], str]:
    """A converter of ``on``, ``off`` and ``force``."""

    def convert(values: Sequence[str]) -> str:
        if list(values) == ["force"]:
            return "force"
        return on if words.switch(values) else off

    return convert


def _seconds(values: Sequence[str]) -> int:
    """Seconds, with or without a unit."""
    return words.duration(values) if len(values) > 1 else words.number(values)
