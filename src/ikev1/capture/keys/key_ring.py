"""The key ring: all secrets given for a capture, of any conversation.

The keys of a message are found by trial: a message decrypted with the right key can be parsed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.core.records.record import Record

Kind = TypeVar("Kind", bound=Record)


class IkeKeys(Record, frozen=True):
    """The known keys of one ISAKMP SA (RFC 2409 §5); unknown ones are empty.

    ``CKY_I`` is empty for logs that do not name the SA. ``encryption_key`` is the cipher key derived from SKEYID_e
    (Appendix B). ``source`` names the origin of the keys, for messages.
    """

    source: str
    CKY_I: bytes = b""
    encryption_key: bytes = b""
    SKEYID: bytes = b""
    SKEYID_d: bytes = b""
    SKEYID_a: bytes = b""
    SKEYID_e: bytes = b""
    g_xy: bytes = b""

    secret_fields = frozenset({"encryption_key", "SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e", "g_xy"})


class EspKeys(Record, frozen=True):
    """The keys of one ESP SA.

    ``icv_size`` is the length of the ICV in octets if it cannot be verified for want of an integrity key; -1 if the
    suite determines it.
    """

    source: str
    suite: IpsecSuite
    keys: IpsecKeys
    icv_size: int = -1


class DhSecret(Record, frozen=True):
    """The shared secret g^xy of an exchange, or one of its private exponents."""

    source: str
    octets: bytes

    secret_fields = frozenset({"octets"})


class PreSharedKey(Record, frozen=True):
    """A pre-shared key."""

    source: str
    octets: bytes

    secret_fields = frozenset({"octets"})


class KeyRing(Record, frozen=True):
    """All keys. ``a | b`` is the union of two key rings."""

    ike: tuple[IkeKeys, ...] = ()
    esp: tuple[EspKeys, ...] = ()
    dh_secrets: tuple[DhSecret, ...] = ()
    pre_shared_keys: tuple[PreSharedKey, ...] = ()

    def __or__(self, other: KeyRing) -> KeyRing:
        return KeyRing(
            _once(self.ike + other.ike),
            _once(self.esp + other.esp),
            _once(self.dh_secrets + other.dh_secrets),
            _once(self.pre_shared_keys + other.pre_shared_keys),
        )

    def __bool__(self) -> bool:
        return bool(self.ike or self.esp or self.dh_secrets or self.pre_shared_keys)

    def ike_of(self, CKY_I: bytes) -> Iterable[IkeKeys]:
        """Candidate keys for the ISAKMP SA with this cookie: those with the cookie first, then those without one."""
        own = [keys for keys in self.ike if keys.CKY_I == CKY_I]
        return own + [keys for keys in self.ike if not keys.CKY_I]


def _once(records: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys(records))
