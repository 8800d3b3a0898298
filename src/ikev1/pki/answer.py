"""What somebody says about the revocation of one certificate."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Status(Enum):
    """The three answers that there are (RFC 6960 §2.2)."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """An answer, and who gave it or why it is not known."""

    status: Status
    source: str
