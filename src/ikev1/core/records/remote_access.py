"""XAUTH: users, the questions to them, their answers, and the verdicts (draft-beaulieu-ike-xauth-02).

The *server* is the gateway ("edge device" in the draft), which asks; the *client* answers. Which of the two this
gateway is follows from the authentication method of phase 1 and from the configuration (`ikev1.core.peer.xauth_role`).
"""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.record import Record
from ikev1.wire.attributes import Attribute

_LONGEST_NAME = 255  # octets


class User(Record, frozen=True):
    """An authenticated user, with the profile that the backend gave; empty fields are those it does not know.

    ``authenticated_at`` is in seconds by the clock of the caller; the engine sets it.
    """

    name: str
    domain: str = ""
    groups: tuple[str, ...] = ()
    authenticated_at: float = 0.0
    backend: str = ""  # the name of the backend that accepted the user
    address: str = ""  # the IPv4 address that this user gets in mode config
    netmask: str = ""
    address6: str = ""
    dns: tuple[str, ...] = ()
    nbns: tuple[str, ...] = ()
    pool: str = ""  # the name of the pool from which the user gets an address
    session_timeout: int = 0  # seconds; 0: no limit
    ends_at: float = 0.0  # when all SAs of the user are closed; 0.0: never
    class_: tuple[bytes, ...] = ()  # attributes Class of RADIUS, repeated in accounting (RFC 2865 §5.25)
    interim_interval: int = 0  # seconds between interim updates of accounting; 0: that of the configuration
    session: str = ""  # the name of the session in accounting, unique on this gateway


class Prompt(StrEnum):
    """What a user is asked for in one more round."""

    PASSWORD = "password"  # noqa: S105  a name and a password
    PASSCODE = "passcode"  # a name and the code of a token
    NEXT_PIN = "next-pin"  # a new PIN
    ANSWER = "answer"  # the answer to a message


class XauthAttempt(Record, frozen=True, tag=True):
    """An attempt of a user to log in: what the client answered to a REQUEST, for a backend to check. Absent values are
    empty.

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


class Accepted(Record, frozen=True):
    """The user is authenticated; ``connection`` is the name of the user's connection, empty for the one that asked."""

    user: User
    connection: str = ""


class Rejected(Record, frozen=True):
    """The user is not authenticated; ``reason`` is for the operator, and is not sent to the peer."""

    reason: str


class Challenged(Record, frozen=True):
    """The user is asked for more: ``text`` is shown to the user; ``challenge`` is for types other than `GENERIC`.
    ``state`` is copied to the next `XauthAttempt`.
    """

    kind: Prompt
    text: str = ""
    challenge: bytes = b""
    state: bytes = b""

    secret_fields = frozenset({"state"})


class Unavailable(Record, frozen=True):
    """No backend could check the attempt."""

    reason: str


Verdict = Accepted | Rejected | Challenged | Unavailable


class XauthQuestions(Record, frozen=True, tag=True):
    """A REQUEST that this gateway received as client.

    ``kinds`` are the types of the empty attributes (`ConfigAttribute`), in their order. ``xauth_type`` is None if the
    REQUEST has no XAUTH_TYPE. ``refused`` is the reason for a REPLY with XAUTH_STATUS FAIL, empty if there is none.
    """

    identifier: int
    kinds: tuple[int, ...]
    xauth_type: int | None = None
    message: str = ""  # for the user
    challenge: bytes = b""
    user: str = ""  # as configured
    again: bool = False  # the configured secret was used before under this ISAKMP SA
    refused: str = ""


class Saying(Record, frozen=True, tag=True):
    """A message of the Transaction exchange to be sent: ``kind`` is a `ConfigType`."""

    kind: int
    identifier: int
    attributes: tuple[Attribute, ...] = ()


class XauthStep(StrEnum):
    """The step of XAUTH. `WAITING` is the first one; a client has only that, `ACCEPTED` and `REJECTED`."""

    WAITING = "waiting"  # as server, before the first REQUEST; as client, until the verdict of the gateway
    ASKED = "asked"  # a REQUEST is under way, or its answer is being checked
    ASK = "ask"  # another REQUEST follows
    ACCEPTED = "accepted"  # the client is to be notified
    REJECTED = "rejected"  # the client is to be notified
    FAILED = "failed"  # the client was notified; the ISAKMP SA ends


class Xauth(Record, frozen=True):
    """XAUTH that is not complete: while an ISAKMP SA has this record, nothing else is negotiated under it."""

    serves: bool  # whether this gateway authenticates the user of the peer
    step: XauthStep = XauthStep.WAITING
    identifier: int = 0  # of all messages: "MUST contain the same ISAKMP-Config transaction identifier" (§6)
    rounds: int = 0  # REQUESTs so far
    attempts: int = 0  # rejected ones
    name: str = ""  # of the user, as answered first: the same in all rounds
    domain: str = ""
    prompt: Prompt = Prompt.PASSWORD  # of the next REQUEST
    text: str = ""  # for the user, with the next REQUEST
    challenge: bytes = b""
    state: bytes = b""
    user: User | None = None  # accepted
    reason: str = ""  # of a rejection, for the operator
    used_secret: bool = False  # as client: the configured secret was sent

    secret_fields = frozenset({"state"})
