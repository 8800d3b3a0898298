"""The revocation status of a certificate."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Status(Enum):
    """The three possible statuses (RFC 6960 §2.2)."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """A status, and its source or the reason why it is unknown."""

    status: Status
    source: str
