"""The section ``secrets``: pre-shared keys by their owners, passwords of users, passphrases of private keys."""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.identities import canonical, converted, is_pattern, match
from ikev1.config.formats.swanctl.options import Lost, Options
from ikev1.config.formats.written import Place
from ikev1.config.secrets import exposed_secret, exposure

_OF_TOKEN = tuple(Lost(key, "the section is not used") for key in ("handle", "slot", "module", "pin"))
KEYS = ("private", "rsa", "ecdsa", "pkcs8", "pkcs12")


class Secret(NamedTuple):
    """A secret as it is written; ``owners`` are identities in our notation, ``file`` is that of a private key."""

    kind: str
    value: str
    owners: tuple[str, ...]
    file: str
    place: Place | None

    def __repr__(self) -> str:
        return f"Secret(kind={self.kind!r}, value=<secret>, owners={self.owners!r}, file={self.file!r})"


class SwanctlSecrets:
    """All secrets of the file; those in a file that others can read are reported. ``files`` are all files that were
    read. With ``of_both_ends``, a pre-shared key with several owners is one between them, and no other peer has it.
    """

    def __init__(self, top: Options, files: Mapping[Path, os.stat_result], *, of_both_ends: bool = False) -> None:
        self._files = files
        self._of_both_ends = of_both_ends
        self._findings = top.findings
        self.all = [secret for _, section in top.table("secrets").sections() for secret in self._read(section)]
        self._shared = [secret for secret in self.all if secret.kind == "ike" and secret.value]
        self._of_owner: dict[Hashable, list[int]] = {}  # places in that list, by owners that are one identity
        self._of_patterns: list[int] = []  # those that have other owners
        for place, secret in enumerate(self._shared):
            for owner in secret.owners:
                if is_pattern(owner):
                    self._of_patterns.append(place)
                else:
                    self._of_owner.setdefault(canonical(owner), []).append(place)
        self._passphrases = {
            secret.file: secret for secret in reversed(self.all) if secret.kind in KEYS and secret.value
        }

    def _read(self, section: Options) -> list[Secret]:
        name = section.path.rpartition(".")[2]
        kind = next(
            (kind for kind in ("ike", "eap", "xauth", "ntlm", "ppk", *KEYS, "token") if name.startswith(kind)), ""
        )
        if not kind:
            section.findings.error(
                section.path, Rule.UNKNOWN_KEY, f"unknown kind of secret; expected ike, xauth, {', '.join(KEYS)}"
            )
            return []
        owners = [section.take(key, converted, "%any") for key in section.names() if key.startswith("id")]
        value = section.take("secret", str, "")
        file = section.take("file", str, "")
        section.lose(*_OF_TOKEN)
        section.finish()
        if kind in ("ppk", "ntlm"):
            section.findings.warn(section.path, Rule.NOT_IKEV1, "is not used in IKEv1")
        if kind == "token":
            section.findings.error(section.path, Rule.NOT_SUPPORTED, "private keys on tokens are not supported")
        place = section.place("secret")
        self.check_place(section)
        return [Secret(kind, value, tuple(owners) or ("%any",), file, place)]

    def check_place(self, section: Options) -> None:
        """Report the ``secret`` of a section if others can read it."""
        place = section.place("secret") if "secret" in section else None
        if place is not None and (exposed := exposure(self._files[place.file])):
            section.findings.error(section.key("secret"), Rule.READABLE_BY_OTHERS, exposed_secret(exposed))

    def shared(self, own: Iterable[str], peers: Iterable[str]) -> Secret | None:
        """The pre-shared key for these identities or addresses, as strongSwan chooses it: that whose owners fit the
        peer best, then us; the last of several.
        """
        ours, theirs = tuple(own), tuple(peers)

        def fit(secret: Secret) -> tuple[int, int]:
            ends = _best(theirs, secret.owners), _best(ours, secret.owners)
            return (0, 0) if self._of_both_ends and len(secret.owners) > 1 and not all(ends) else ends

        places = {place for who in (*ours, *theirs) for place in self._of_owner.get(canonical(who), ())}
        keys = [self._shared[place] for place in sorted(places.union(self._of_patterns), reverse=True)]
        best = max(keys, key=fit, default=None)
        return best if best is not None and any(fit(best)) else None

    def rivals(self, chosen: str | None, others: Collection[Hashable]) -> dict[str, Secret]:
        """The other pre-shared keys that belong to particular peers, by their owners, apart from the identities
        ``others``. ``chosen`` is the value of the one in use.
        """
        return {
            owner: secret
            for secret in self._shared
            for owner in secret.owners
            if secret.value != chosen and owner != "%any" and canonical(owner) not in others
        }

    def of_user(self, user: str) -> Secret | None:
        """The password of a user."""
        passwords = [secret for secret in self.all if secret.kind in ("eap", "xauth") and secret.value]
        best = max(passwords, key=lambda secret: _best((user,), secret.owners), default=None)
        return best if best is not None and _best((user,), best.owners) else None

    def users(self) -> list[tuple[str, Secret]]:
        """The users with passwords."""
        passwords = [secret for secret in self.all if secret.kind in ("eap", "xauth") and secret.value]
        return [(owner, secret) for secret in passwords for owner in secret.owners]

    def refuse(self, secret: Secret, text: str) -> None:
        """Report that a secret cannot be used."""
        key = secret.place.key if secret.place is not None else "secrets"
        self._findings.error(key, Rule.NOT_SUPPORTED, text)

    def passphrase(self, file: Path) -> Secret | None:
        """The passphrase of a private key."""
        return self._passphrases.get(file.name)


def _best(wanted: tuple[str, ...], owners: tuple[str, ...]) -> int:
    """How well one of the owners fits one of the identities."""
    best = 0
    for owner in owners:
        for each in wanted:
            best = max(best, match(each, owner))
        best = best or int(owner == "%any")
    return best
