"""What the operator configures of the backends that check users (`ikev1.config.user_backends` reads it)."""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.record import Record

BACKENDS = ("users", "pam", "radius", "command")


class UsersOptions(Record, frozen=True):
    """The ``[users]`` table: a file, or passwords by users; both if clients have loaded passwords. A password is
    octets.
    """

    file: str = ""
    secrets: tuple[tuple[str, bytes], ...] = ()

    secret_fields = frozenset({"secrets"})


class PamOptions(Record, frozen=True):
    """The ``[pam]`` table."""

    service: str = "ikev1"
    timeout: float = 20.0  # seconds for each step of the conversation


class CommandOptions(Record, frozen=True):
    """The ``[command]`` table."""

    run: tuple[str, ...]
    timeout: float = 10.0  # seconds for each attempt


class RadiusMethod(StrEnum):
    """How a server of RADIUS learns whether the password is right."""

    PAP = "pap"  # it gets the password
    EAP_MD5 = "eap-md5"  # it asks for a digest of it


class MessageAuthenticator(StrEnum):
    """Whether answers of RADIUS servers need a Message-Authenticator (CVE-2024-3596)."""

    REQUIRE = "require"
    AUTO = "auto"  # from a server that has sent one


class RadiusServer(Record, frozen=True):
    """A ``[radius.server.NAME]`` table."""

    address: str
    secret: bytes
    auth_port: int = 1812
    acct_port: int = 1813

    secret_fields = frozenset({"secret"})


class RadiusOptions(Record, frozen=True):
    """The ``[radius]`` table, with strongSwan's names."""

    servers: tuple[RadiusServer, ...]
    nas_identifier: str
    method: RadiusMethod = RadiusMethod.PAP
    message_authenticator: MessageAuthenticator = MessageAuthenticator.REQUIRE
    class_group: bool = False
    filter_id: bool = False
    accounting: bool = False
    accounting_interval: int = 0  # seconds between interim updates; 0: none, unless the server asks for them
    retransmit_tries: int = 2
    retransmit_timeout: float = 2.0  # seconds until the first repetition
    retransmit_base: float = 1.4
    dead_time: float = 60.0  # seconds for which a silent server is asked last


class BackendOptions(Record, frozen=True):
    """The backends that are configured."""

    users: UsersOptions | None = None
    pam: PamOptions | None = None
    radius: RadiusOptions | None = None
    command: CommandOptions | None = None

    @property
    def configured(self) -> frozenset[str]:
        """The names of the backends that are configured."""
        return frozenset(name for name in BACKENDS if getattr(self, name) is not None)
