"""A key ring: all the secrets that somebody has for a capture, whatever they belong to.

Which of them opens what is found out by trying: a message that was decrypted with the right key parses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ikev1.core.records.model import IpsecKeys, IpsecSuite
from ikev1.core.records.record import Record

Kind = TypeVar("Kind", bound=Record)


class IkeKeys(Record, frozen=True):
    """What is known of the keys of one ISAKMP SA (RFC 2409 §5); what is not known is empty.

    ``CKY_I`` may be empty, for logs that do not name the SA; ``encryption_key`` is SKEYID_e brought to the cipher's
    size (Appendix B). ``source`` says where they come from, for people.
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
    """The keys of one ESP SA. Without ``suite.integrity`` and an integrity key, ICVs of ``icv_size`` octets are
    skipped unchecked; -1 is the size that the suite has.
    """

    source: str
    suite: IpsecSuite
    keys: IpsecKeys
    icv_size: int = -1


class DhSecret(Record, frozen=True):
    """g^xy of some exchange, or one of the private exponents that lead to it."""

    source: str
    octets: bytes

    secret_fields = frozenset({"octets"})


class PreSharedKey(Record, frozen=True):
    """A pre-shared key of some peers."""

    source: str
    octets: bytes

    secret_fields = frozenset({"octets"})


class KeyRing(Record, frozen=True):
    """All of them. ``ring | other`` has what both have."""

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
        """The keys that may be those of the ISAKMP SA with this cookie: its own before those that name none."""
        own = [keys for keys in self.ike if keys.CKY_I == CKY_I]
        return own + [keys for keys in self.ike if not keys.CKY_I]


def _once(records: tuple[Kind, ...]) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys(records))
