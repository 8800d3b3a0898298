"""An attempt to log in, and the verdicts on it."""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.record import Record


class User(Record, frozen=True):
    """An authenticated user, with the profile that the backend gave; empty fields are those it does not know.

    ``session_timeout`` is in seconds, 0 for no limit; ``interim_interval`` as well, 0 for that of the configuration.
    """

    name: str
    domain: str = ""
    groups: tuple[str, ...] = ()
    backend: str = ""
    address: str = ""
    netmask: str = ""
    address6: str = ""
    dns: tuple[str, ...] = ()
    nbns: tuple[str, ...] = ()
    session_timeout: int = 0
    interim_interval: int = 0
    class_: tuple[bytes, ...] = ()  # attributes Class of RADIUS, repeated in accounting (RFC 2865 §5.25)


class Prompt(StrEnum):
    """What a user is asked for in one more round."""

    PASSWORD = "password"  # noqa: S105  a name and a password
    PASSCODE = "passcode"  # a name and the code of a token
    NEXT_PIN = "next-pin"  # a new PIN
    ANSWER = "answer"  # the answer to a message


class Attempt(Record, frozen=True):
    """An attempt of a user to log in, with what the user entered.

    ``address`` is the peer's address and ``connection`` the name of its connection. ``state`` is that of the challenge
    that this attempt answers, as in `Challenged`; empty in the first attempt.
    """

    user: str
    password: bytes = b""
    passcode: bytes = b""
    next_pin: bytes = b""
    answer: bytes = b""
    domain: str = ""
    address: str = ""
    connection: str = ""
    state: bytes = b""

    secret_fields = frozenset({"password", "passcode", "next_pin", "answer", "state"})

    @property
    def login(self) -> str:
        r"""The name by which backends know the user: ``user``, or ``domain\user`` if the client sent a domain."""
        return f"{self.domain}\\{self.user}" if self.domain else self.user

    @property
    def secret(self) -> bytes:
        """What the user entered last: the answer to a challenge, a new PIN, a passcode or a password."""
        return self.answer or self.next_pin or self.passcode or self.password


class Accepted(Record, frozen=True):
    """The user is authenticated."""

    user: User


class Rejected(Record, frozen=True):
    """The user is not authenticated; ``reason`` is for the operator."""

    reason: str


class Challenged(Record, frozen=True):
    """The user is asked for more: ``text`` is shown to the user, ``state`` comes back with the next `Attempt`."""

    kind: Prompt
    text: str = ""
    challenge: bytes = b""
    state: bytes = b""

    secret_fields = frozenset({"state"})


class Unavailable(Record, frozen=True):
    """Nobody could check the attempt, which is no failed attempt of the user."""

    reason: str


Verdict = Accepted | Rejected | Challenged | Unavailable
