"""The authentication of a connection: its rounds, with the secrets and the files that belong to them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from pathlib import Path

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.swanctl.address_shares import is_range, shares
from ikev1.config.formats.swanctl.folders import Certificate, Folders, OwnKey, kind_of
from ikev1.config.formats.swanctl.identities import canonical, converted, is_pattern, match
from ikev1.config.formats.swanctl.options import Lost, Options, items
from ikev1.config.formats.swanctl.radius import METHODS
from ikev1.config.formats.swanctl.rounds import Round, Rounds, smallest_rsa
from ikev1.config.formats.swanctl.secrets import Secret, SwanctlSecrets
from ikev1.config.formats.written import Part
from ikev1.config.identities import in_certificate
from ikev1.crypto import certificates

_TOKEN = Lost("handle", "the certificate is not used", matters=True)
MOST_SECRETS = 1000  # of a connection
_BACKENDS = {"": "users", "generic": "users", "pam": "pam", "radius": "radius", "eap": "radius"}
_REVOCATION = {"relaxed": "if-present", "strict": "strict", "ifuri": "if-uri"}


class Authentication:
    """Writes the authentication of connections, with the ``secrets`` and the files in ``folders``. ``named`` are the
    identities and addresses of single ends of all connections (`canonical`).
    """

    def __init__(self, secrets: SwanctlSecrets, folders: Folders, named: Collection[Hashable]) -> None:
        self._secrets = secrets
        self._folders = folders
        self._named = named
        self.radius_methods: dict[str, Options] = {}  # by which users are checked, with the first round of each

    def write(self, rounds: Rounds, into: Part) -> None:
        """Write the identities, credentials and trust of both ends; the addresses are in ``into`` already."""
        local, remote = rounds.local.options, rounds.remote.options
        own_id = local.take("id", _own_identity, None)
        peer_id = remote.take("id", converted, "%any")
        into.put("remote_id", peer_id, remote.place("id"))
        if own_id is not None:
            into.put("local_id", own_id, local.place("id"))
        if rounds.local.kind == "pubkey":
            self._write_credential(rounds.local, own_id, into)
        if rounds.remote.kind == "pubkey":
            self._write_trust(rounds.remote, peer_id, into)
        if (rounds.local.kind, rounds.remote.kind) == ("psk", "psk"):
            self._write_secret(rounds, into)
        if "xauth" in (rounds.local.kind, rounds.remote.kind):
            into.put("hybrid", True, (local if rounds.local.kind == "xauth" else remote).place("auth"))
        if (client := rounds.local if rounds.local.kind == "xauth" else rounds.local_user) is not None:
            self._write_client(client, local, into)
        if (server := rounds.remote if rounds.remote.kind == "xauth" else rounds.remote_user) is not None:
            self._write_server(server, into)

    def _write_secret(self, rounds: Rounds, into: Part) -> None:
        remotes: list[str] = into.values.get("remote_address", ["%any"])
        hosts = _single([into.values.get("local_address")]), _single(remotes)
        own, peer = _single([into.values.get("local_id")]), _single([into.values["remote_id"]])
        # charon looks for a secret of the addresses if there is none of the identities
        chosen = self._secrets.shared(own or hosts[0], peer) if own or peer else None
        chosen = chosen or self._secrets.shared(*hosts)
        if chosen is not None:
            into.put("secret", chosen.value, chosen.place)

    def further_secrets(self, rounds: Rounds, connection: Part) -> list[tuple[str, object, Secret]]:
        """The secrets that a ``connection`` with peers at several addresses has for some of them, by ``remote_address``
        or, in Aggressive Mode, ``remote_id``. Others, which charon does not find either, are reported. If all addresses
        have one, the connection loses its own.
        """
        values = connection.values
        if (rounds.local.kind, rounds.remote.kind) != ("psk", "psk"):
            return []
        if _single([values["remote_id"], *values["remote_address"]]):
            return []
        rivals = self._secrets.rivals(values.get("secret"), self._named)
        found: list[tuple[str, object, Secret]] = []
        of_addresses, unused = [], []
        for owner, secret in rivals.items():
            if is_range(owner):
                # charon prefers a secret for all peers of its own identity to one of their addresses
                if "secret" not in values or "local_id" not in values:
                    of_addresses.append((owner, secret))
            elif values["aggressive"] != "accept-psk":
                unused.append(owner)
            elif values["remote_id"] == "%any" or match(owner, values["remote_id"]):
                found.append(("remote_id", owner, secret))
        shared, is_rest = shares(values["remote_address"], of_addresses)
        found += (("remote_address", addresses, secret) for addresses, secret in shared)
        if not is_rest:
            values.pop("secret", None)
        remote = rounds.remote.options
        if len(found) > MOST_SECRETS:
            text = f"has {len(found)} secrets for peers at any address: expected at most {MOST_SECRETS}"
            remote.findings.error(remote.path, Rule.INVALID_VALUE, text)
            return []
        if unused:
            text = (
                f"the secret of {', '.join(unused[:3])}{', ...' if len(unused) > 3 else ''} is not used: without "
                "Aggressive Mode, the identity of a peer is not known when the secret is needed"
            )
            remote.findings.warn(remote.path, Rule.NO_COUNTERPART, text)
        return found

    def _write_credential(self, round_: Round, own_id: str | None, into: Part) -> None:
        options, place = round_.options, round_.options.place("certs")
        candidates = self._own_certificates(options)
        named = bool(candidates)
        if not named and own_id:
            candidates = self._folders.of_identity(own_id)
        for certificate in candidates:
            if key := self._folders.key_of(certificate.public):
                _put_key(key, options, into)
                chain = [str(each) for each in (certificate.file, *self._folders.issuers(certificate))]
                into.put("certificate", chain if len(chain) > 1 else chain[0], place)
                into.values.setdefault("local_id", "dn")
                return
        if named:
            options.findings.error(options.key("certs"), Rule.NO_CREDENTIAL, self._folders.why_no_key("certificate"))
            return
        self._write_lone_key(options, own_id, into)

    def _write_lone_key(self, options: Options, own_id: str | None, into: Part) -> None:
        """A key in PKCS#12, or one without a certificate."""
        for file in self._files(options, "pubkeys", "pubkey", "pubkey")[:1]:
            key = self._folders.key_of(self._folders.public_key(file))
            if key is not None:
                return _put_key(key, options, into)
            text = self._folders.why_no_key("public key")
            options.findings.error(options.key("pubkeys"), Rule.NO_CREDENTIAL, text)
        for key in self._folders.own_keys:
            if key.certificate and (own_id is None or in_certificate(own_id, key.certificate)):
                _put_key(key, options, into)
                into.values.setdefault("local_id", "dn")
                return None
        return None

    def _own_certificates(self, options: Options) -> list[Certificate]:
        found = [self._folders.certificate(file) for file in self._files(options, "certs", "cert", "x509")]
        return [each for each in found if each is not None]

    def _files(self, options: Options, key: str, section: str, folder: str) -> list[Path]:
        """The files in a list of names, and in sections with the prefix ``section``."""
        found = [self._folders.path(folder, name) for name in options.take(key, items, [])]
        for _, one in options.sections(section):
            if name := one.take("file", str, ""):
                found.append(self._folders.path(folder, name))
            one.lose(_TOKEN, Lost("slot", "the section is not used"), Lost("module", "the section is not used"))
            one.finish()
        there = [file for file in found if self._folders.has(file)]
        for file in found:
            if file not in there:
                options.findings.error(options.key(key), Rule.UNREADABLE_FILE, self._folders.why_absent(file))
        return there

    def _write_trust(self, round_: Round, peer_id: str, into: Part) -> None:
        options = round_.options
        peers = self._files(options, "certs", "cert", "x509")
        authorities = self._files(options, "cacerts", "cacert", "x509ca")
        public = self._files(options, "pubkeys", "pubkey", "pubkey")
        if authorities and (peers or public):
            text = "is not supported together with cacerts: other certificates of these CAs are accepted, too"
            options.findings.error(options.key("certs" if peers else "pubkeys"), Rule.NOT_SUPPORTED, text)
        if not (peers or authorities or public):
            authorities = [each.file for each in self._folders.authorities]
            peers = [each.file for each in self._trusted(peer_id)]
        for name, key, files in (
            ("ca", "cacerts", authorities),
            ("peer_certificate", "certs", peers),
            ("peer_public_key", "pubkeys", public),
        ):
            if files:
                into.put(name, list(map(str, files)), options.place(key))
        if peers and not authorities and (issuers := [str(each.file) for each in self._folders.authorities]):
            into.put("intermediates", issuers, options.place())  # for the status of the certificates
        if (authorities or peers) and self._folders.revocation_lists:
            into.put("crl", list(map(str, self._folders.revocation_lists)), options.place())
        revocation = options.take("revocation", _revocation, None)
        if revocation == "strict" and not authorities and any(not self._has_issuer(file) for file in peers):
            text = "is not supported: a certificate in certs is accepted without a check if x509ca has no CA of it"
            options.findings.error(options.key("revocation"), Rule.NOT_SUPPORTED, text)
        if revocation:
            into.put("revocation", _REVOCATION[revocation], options.place("revocation"))
        keys = [key.public for key in self._folders.own_keys if str(key.file) == into.values.get("private_key")]
        keys += [found.public for file in authorities if (found := self._folders.certificate(file))]
        if (bits := smallest_rsa(round_, set(map(kind_of, keys)))) is not None:
            into.put("smallest_rsa", bits, options.place("auth"))

    def _has_issuer(self, file: Path) -> bool:
        found = self._folders.certificate(file)
        subjects = {certificates.names(each.der).subject for each in self._folders.authorities}
        return found is not None and certificates.names(found.der).issuer in subjects

    def _trusted(self, peer_id: str) -> Iterable[Certificate]:
        """The certificates in ``x509`` that may be those of the peer; charon trusts them without a CA."""
        ours = {key.public for key in self._folders.own_keys}
        others = [each for each in self._folders.certificates if each.public not in ours]
        return [each for each in others if peer_id == "%any" or each.is_for(peer_id)]

    def _write_client(self, round_: Round, first: Options, into: Part) -> None:
        """Write the user, who without a name is the identity of the ``first`` round."""
        options = round_.options
        user = options.take("xauth_id", str, None) or options.take("id", str, None) or first.take("id", str, "")
        into.put("xauth", "client", options.place("auth"))
        if user:
            into.put("xauth_user", user, options.place("xauth_id"))
        if user and (secret := self._secrets.of_user(user)):
            into.put("xauth_secret", secret.value, secret.place)

    def _write_server(self, round_: Round, into: Part) -> None:
        options = round_.options
        into.put("xauth", "server", options.place("auth"))
        who = options.take("id", converted, "%any")
        if who != "%any" and canonical(who) != canonical(into.values["remote_id"]):
            text = "is not supported: the identity that the first round proves is not checked against this one"
            options.findings.error(options.key("id"), Rule.NOT_SUPPORTED, text)
        options.copy("xauth_id", into, "xauth_user", _one_user)
        options.copy("groups", into, "groups", items)
        backend = _BACKENDS.get(round_.backend)
        if backend is None:
            text = f"xauth-{round_.backend} is not supported; xauth{', xauth-'.join(sorted(_BACKENDS))} are"
            options.findings.error(options.key("auth"), Rule.NOT_SUPPORTED, text)
        if round_.backend in METHODS:
            self.radius_methods.setdefault(METHODS[round_.backend], options)
        into.put("xauth_backend", [backend or "users"], options.place("auth"))


def named_ends(top: Options) -> frozenset[Hashable]:
    """The identities and addresses of single ends of all connections, ours and those of peers (`canonical`)."""
    found: list[str] = []
    for _, connection in top.table("connections").sections():
        found += (end for key in ("local_addrs", "remote_addrs") for end in connection.take(key, items, []))
        for prefix in ("local", "remote"):
            found += (one.take("id", _any_identity, "%any") for _, one in connection.sections(prefix))
    return frozenset(canonical(end) for end in _single(found))


def _any_identity(value: object) -> str:
    try:
        return converted(value)
    except Invalid:
        return "%any"  # reported where the connection is read


def _own_identity(value: object) -> str | None:
    return None if (who := converted(value)) == "%any" else who


def _one_user(value: object) -> str | None:
    name = str(value)
    if name in ("", "%any"):
        return None
    if "*" in name:
        raise Invalid(Rule.NOT_SUPPORTED, f"{name!r} is not supported: expected the name of one user; see groups")
    return name


def _put_key(key: OwnKey, options: Options, into: Part) -> None:
    into.put("private_key", str(key.file), options.place("certs"))
    if key.passphrase is not None:
        into.put("private_key_passphrase", key.passphrase.value, key.passphrase.place)


def _revocation(value: object) -> str:
    if value not in _REVOCATION:
        raise ValueError(f"{value!r} is not allowed: expected one of {', '.join(_REVOCATION)}")
    return str(value)


def _single(ends: Iterable[object]) -> list[str]:
    """Those of ``ends`` that are one identity: addresses, names, but neither networks, ranges nor patterns."""
    return [str(each) for each in ends if each is not None and not is_pattern(str(each))]
