"""Authentication rounds, ``local*`` and ``remote*``: how each end of a connection authenticates."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import pairwise
from typing import NamedTuple

from ikev1.config.findings import Invalid, Rule
from ikev1.config.formats.swanctl.options import Lost, Options, count

_STRONG = frozenset({"sha384", "sha512", "identity"})  # hashes
_HASHES = _STRONG | {"md5", "sha1", "sha224", "sha256"}
_SCHEME = re.compile(r"(?:pubkey|rsa(?:/pss)?|ecdsa)(?:-.*)?")
_OF_BOTH = (
    Lost("eap_id", "EAP is not used in IKEv1"),
    Lost("aaa_id", "EAP is not used in IKEv1"),
)
_OF_REMOTE = (
    Lost("cert_policy", "certificates without this policy are accepted, too", matters=True),
    Lost("ca_id", "certificates of other CAs are accepted, too", matters=True),
)


class Round(NamedTuple):
    """A round: ``kind`` is ``psk``, ``pubkey``, ``xauth`` or a word of IKEv2, ``backend`` what stands behind it.
    ``words`` are constraints on keys and signatures.
    """

    options: Options
    kind: str
    backend: str = ""
    words: tuple[str, ...] = ()

    def finish(self, side: str) -> None:
        """Report what was not read, and what has no counterpart."""
        self.options.lose(*_OF_BOTH)
        if side == "remote":
            self.options.lose(*_OF_REMOTE)
            if self.kind != "pubkey":
                self.options.take("revocation", str, None)  # there is no certificate that could be revoked
        self.options.finish()


class Rounds(NamedTuple):
    """The rounds of both ends: those of phase 1, and those of XAUTH, of which there is at most one."""

    local: Round
    remote: Round
    local_user: Round | None = None
    remote_user: Round | None = None

    def finish(self) -> None:
        """Report what was not read, and what has no counterpart."""
        for side, each in (
            ("local", self.local),
            ("local", self.local_user),
            ("remote", self.remote),
            ("remote", self.remote_user),
        ):
            if each is not None:
                each.finish(side)


class NotIkev1(Invalid):
    """A connection whose authentication IKEv1 does not have; the text says why."""

    def __init__(self, text: str) -> None:
        super().__init__(Rule.NOT_IKEV1, text)


def read_rounds(connection: Options) -> Rounds:
    """The rounds of a connection.

    Raises:
        NotIkev1: IKEv1 has no such rounds.
    """
    local, local_user = _rounds_of(connection, "local")
    remote, remote_user = _rounds_of(connection, "remote")
    if local_user and remote_user:
        raise NotIkev1("XAUTH in both directions is not possible: only one end is a user")
    kinds = local.kind, remote.kind
    allowed = [("psk", "psk"), ("pubkey", "pubkey"), ("xauth", "pubkey"), ("pubkey", "xauth")]
    if kinds not in allowed or ("xauth" in kinds and (local_user or remote_user)):
        raise NotIkev1(f"IKEv1 cannot authenticate by {kinds[0]} at this end and by {kinds[1]} at the other")
    return Rounds(local, remote, local_user, remote_user)


def _rounds_of(connection: Options, side: str) -> tuple[Round, Round | None]:
    found = [section for _, section in connection.sections(side)] or [connection.table(side)]
    by_number = sorted(found, key=lambda section: section.take("round", count, 0))
    rounds = [_round(section) for section in by_number]
    for each in rounds:
        if each.kind not in ("psk", "pubkey", "xauth"):
            raise NotIkev1(f"{each.options.key('auth')} = {each.kind} is not a method of IKEv1")
    if len(rounds) > 2 or any(each.kind != "xauth" for each in rounds[1:]):
        raise NotIkev1(f"IKEv1 has no further authentication rounds than one by xauth, which follows the first {side}")
    return rounds[0], rounds[1] if len(rounds) == 2 else None


def _round(options: Options) -> Round:
    auth = options.take("auth", str, "pubkey")
    if auth.startswith("ike:") or _SCHEME.fullmatch(auth):
        return Round(options, "pubkey", words=tuple(auth.removeprefix("ike:").split("-")))
    kind, _, backend = auth.partition("-")
    return Round(options, kind, backend)


def smallest_rsa(round_: Round, kinds: Collection[str]) -> int | None:
    """The size of RSA keys in bits that a round requires, None if it requires none; other constraints that cannot be
    kept are reported. ``kinds``, ``rsa`` or ``ecdsa``, are those of our key, which is that of the peer's, and of the
    CAs' keys.
    """
    words, key, findings = round_.words, round_.options.key("auth"), round_.options.findings
    hashes = _HASHES.intersection(words)
    if hashes and hashes <= _STRONG:
        findings.error(
            key, Rule.NOT_SUPPORTED, "is not supported: certificates that are signed with SHA-256 are accepted, too"
        )
    sizes = {
        kind: [int(size) for before, size in pairwise(words) if before == kind and size.isdecimal()]
        for kind in ("rsa", "ecdsa")
    }
    required = [kind for kind, found in sizes.items() if found]
    if required and (others := sorted(set(kinds).difference(required))):
        text = (
            f"is not supported: {' and '.join(others).upper()} keys are accepted, too, because our key or a CA's is one"
        )
        findings.error(key, Rule.NOT_SUPPORTED, text)
    elif "ecdsa" in kinds and any(size > 256 for size in sizes["ecdsa"]):
        findings.error(key, Rule.NOT_SUPPORTED, "is not supported: ECDSA keys on P-256 are accepted, too")
    return max(sizes["rsa"], default=None)
