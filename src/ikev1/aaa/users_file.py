"""The file of users: its format, and the hashes of passwords (Argon2id, RFC 9106).

Each line is a user, with four fields separated by colons, as in passwd(5); a line that begins with ``#`` is a comment:

    NAME:HASH:GROUP,GROUP:ADDRESS,ADDRESS

The hash is in PHC string format. The last two fields may be empty. The addresses are the user's own, at most one IPv4
and one IPv6 address.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import hash_secret_raw, verify_secret

from ikev1.core.records.record import Record
from ikev1.errors import LocalError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # 19 MiB
_COSTS = {"time_cost": 64, "memory_cost": 1 << 20, "parallelism": 16}  # the most; memory in KiB
_GROUP = re.compile(r"[A-Za-z0-9._@-]{1,64}")
LONGEST_NAME = 128  # characters
LONGEST_PASSWORD = 1024  # octets
_LARGEST_FILE = 64 << 20  # octets


class UsersFileError(LocalError):
    """The file of users, or a change of it, is invalid; the text gives the place and the reason."""

    code = "users-file"


class KnownUser(Record, frozen=True):
    """A line of the file."""

    name: str
    hash: str
    groups: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    secret_fields = frozenset({"hash"})

    def line(self) -> str:
        """The line, without the newline."""
        return ":".join((self.name, self.hash, ",".join(self.groups), ",".join(self.addresses)))


def parse_users(content: bytes) -> dict[str, KnownUser]:
    """The users of a file by their names.

    Raises:
        UsersFileError: a line is invalid, or a user has two lines.
    """
    if len(content) > _LARGEST_FILE:
        raise UsersFileError(f"the file has more than {_LARGEST_FILE} octets")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UsersFileError("the file is not UTF-8 text") from error
    users: dict[str, KnownUser] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            user = _parse_line(line)
            if user.name in users:
                raise UsersFileError("the user has a line above")
        except UsersFileError as error:
            raise UsersFileError(f"line {number}: {error}") from None
        users[user.name] = user
    return users


def make_user(name: str, password: bytes, groups: Iterable[str], addresses: Iterable[str]) -> KnownUser:
    """A user with the hash of ``password``. Takes about 20 ms of CPU time.

    Raises:
        UsersFileError: the name, the password, a group or an address is not allowed.
    """
    return KnownUser(_name(name), hash_of(password), _groups(groups), _addresses(addresses))


def hash_of(password: bytes) -> str:
    """The hash of ``password``, with a random salt, in PHC string format.

    Raises:
        UsersFileError: the password is empty or too long.
    """
    if not 0 < len(password) <= LONGEST_PASSWORD:
        raise UsersFileError(f"a password has 1 to {LONGEST_PASSWORD} octets")
    return _HASHER.hash(prepared(password))


def matches(user: KnownUser | None, users: Mapping[str, KnownUser], password: bytes) -> bool:
    """Whether ``password`` is that of ``user``; None is an unknown one, for whom the same work is done."""
    secret = prepared(password[:LONGEST_PASSWORD])
    if user is None:
        _work_in_vain(users, secret)
        return False
    try:
        return verify_secret(user.hash.encode(), secret, Type.ID) and len(password) <= LONGEST_PASSWORD
    except Argon2Error:
        return False


def prepared(password: bytes) -> bytes:
    """A password as it is hashed: equivalent Unicode sequences become equal (NFC, RFC 8265 §4.2)."""
    try:
        return unicodedata.normalize("NFC", password.decode()).encode()
    except UnicodeDecodeError:
        return password


def _work_in_vain(users: Mapping[str, KnownUser], secret: bytes) -> None:
    """Compute a hash with the costs that most users have, so that the response time does not reveal unknown users."""
    sample = Counter(user.hash.rsplit("$", 2)[0] for user in users.values()).most_common(1)
    known = next((user for user in users.values() if sample and user.hash.startswith(sample[0][0])), None)
    costs = extract_parameters(known.hash if known else _HASHER.hash(b"-"))
    hash_secret_raw(
        secret or b"-",
        bytes(costs.salt_len),
        time_cost=costs.time_cost,
        memory_cost=costs.memory_cost,
        parallelism=costs.parallelism,
        hash_len=costs.hash_len,
        type=Type.ID,
    )


def _parse_line(line: str) -> KnownUser:
    fields = line.rstrip("\r").split(":", 3)
    if len(fields) != 4:
        raise UsersFileError("expected NAME:HASH:GROUPS:ADDRESSES")
    name, written, groups, addresses = fields
    return KnownUser(_name(name), _hash(written), _groups(_listed(groups)), _addresses(_listed(addresses)))


def _listed(field: str) -> list[str]:
    return [item.strip() for item in field.split(",")] if field.strip() else []


def _name(name: str) -> str:
    if not 0 < len(name) <= LONGEST_NAME or ":" in name or name != name.strip() or name.startswith("#"):
        raise UsersFileError(
            f"a user's name has 1 to {LONGEST_NAME} characters, contains no colon, and does not begin with '#'"
        )
    if not name.isprintable():
        raise UsersFileError("a user's name contains printable characters only")
    return name


def _hash(written: str) -> str:
    try:
        costs = extract_parameters(written)
    except InvalidHashError as error:
        raise UsersFileError("the second field is not an Argon2 hash: set it by `ikev1 user passwd`") from error
    if costs.type is not Type.ID:
        raise UsersFileError("the hash is not one of Argon2id")
    if any(getattr(costs, name) > most for name, most in _COSTS.items()):
        raise UsersFileError("the costs of the hash are too high")
    return written


def _groups(groups: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(groups))
    for group in found:
        if not _GROUP.fullmatch(group):
            raise UsersFileError(f"{group!r} is not a group: expected up to 64 letters, digits, '.', '_', '@' or '-'")
    return found


def _addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    try:
        found = [ip_address(address) for address in addresses]
    except ValueError as error:
        raise UsersFileError(f"{error}") from None
    if len({address.version for address in found}) != len(found):
        raise UsersFileError("a user has at most one IPv4 and one IPv6 address")
    return tuple(map(str, found))
