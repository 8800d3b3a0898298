"""Why a frame could not be read to its end."""

from __future__ import annotations


class Unreadable(Exception):
    """The text is counted and noted (`Notes.frame`), and the error goes no further than the reader."""
