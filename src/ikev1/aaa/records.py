"""An attempt to log in. The verdicts on it are records of the core (`ikev1.core.records.remote_access`)."""

from __future__ import annotations

from ikev1.core.records.record import Record

_LONGEST_NAME = 255  # octets


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

    def known_as(self, name: str) -> tuple[str, str]:
        """The user's name and domain if the backend knows the user as ``name``: several spellings may be one user's.
        Without a usable name, those that the client sent.
        """
        if name in ("", self.login) or not name.isprintable() or len(name.encode(errors="replace")) > _LONGEST_NAME:
            return self.user, self.domain
        return name, ""
