"""The request of a command, and its rejection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from ikev1.daemon.gateway import Gateway
from ikev1.daemon.observe.event_log import Sink
from ikev1.daemon.vici.codec import Received, Section
from ikev1.errors import LocalError

if TYPE_CHECKING:
    from ikev1.daemon.vici.loaded import LoadedConfiguration

SUCCESS: Section = {"success": "yes"}
_TRUE = frozenset({"yes", "true", "enabled", "1"})


class Refused(LocalError):
    """The command was rejected or failed; the text becomes the ``errmsg`` of the response."""

    code = "command-failed"

    def __init__(self, reason: str, **counts: int) -> None:
        super().__init__(reason)
        self.counts = counts


def failure(error: Refused) -> Section:
    """The answer to a command that was refused."""
    counts = {name: str(count) for name, count in error.counts.items()}
    return {"success": "no", **counts, "errmsg": str(error)}


class Request:
    """The keys of a request. Absent and malformed values are None."""

    def __init__(self, message: Received) -> None:
        self.message = message

    def __contains__(self, key: str) -> bool:
        return key in self.message

    def text(self, key: str) -> str | None:
        """The value of ``key`` as text; an empty value counts as absent."""
        value = self.message.get(key)
        return value.decode("utf-8", "replace") or None if isinstance(value, bytes) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """The items of the list ``key`` as text, without empty ones; none if it is absent."""
        value = self.message.get(key)
        return tuple(item.decode("utf-8", "replace") for item in value if item) if isinstance(value, list) else ()

    def number(self, key: str) -> int | None:
        """The value of ``key`` as a decimal or (``0x``) hexadecimal number."""
        text = (self.text(key) or "").strip()
        try:
            return int(text, 16 if text.lower().startswith("0x") else 10)
        except ValueError:
            return None

    def flag(self, key: str) -> bool:
        """Whether ``key`` has one of VICI's words for yes."""
        return (self.text(key) or "").lower() in _TRUE


class Call(NamedTuple):
    """One command: the gateway it is for, what clients have loaded into it, its request, and the ways to answer before
    the answer.

    ``by_owner`` says whether the client is root or the user of the gateway. ``stream`` sends the caller an event at the
    caller's speed, ``control_log`` a line of what its command does; both only if it registered for them.
    """

    gateway: Gateway
    loaded: LoadedConfiguration
    request: Request
    by_owner: bool
    stream: Callable[[str, Section], Awaitable[None]]
    control_log: Sink


Command = Callable[[Call], Awaitable[Section]]
