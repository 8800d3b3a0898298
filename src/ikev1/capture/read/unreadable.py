"""Why a frame could not be read to its end."""

from __future__ import annotations

from ikev1.errors import RemoteError


class Unreadable(RemoteError):
    """The text is counted and noted (`Notes.frame`), and the error goes no further than the reader."""

    code = "malformed"
