"""Users, what checks them, and addresses for clients; the name of the router's domain."""

from __future__ import annotations

from ikev1.config.formats.cisco_ios.model import Device, User
from ikev1.config.formats.cisco_ios.reading import Arguments, Set, texts
from ikev1.config.formats.cisco_ios.secrets import take_key

_HASHES = ("4", "5", "8", "9")
_OF_ASA = ("encrypted", "pbkdf2", "nt-encrypted", "mschap")  # behind the hash


def user(arguments: Arguments, device: Device) -> str:
    """``username NAME password|secret``; other properties of a user do not matter."""
    name = arguments.word("a name")
    arguments.key = f"username {name}"
    while arguments.left and not arguments.keyword("password", "secret", "nopassword"):
        arguments.word("a property")
    if not arguments.left:
        return name
    if arguments.peek() in _HASHES and arguments.left > 1:
        arguments.rest()
        password = None
    elif device.asa:
        password, *behind = texts(arguments.rest())
        password = None if any(each in _OF_ASA for each in behind) or set(password) == {"*"} else password
    else:
        kind = arguments.peek() if arguments.left > 1 else ""
        password = None if kind == "6" else take_key(arguments)
        password = " ".join(filter(None, [password, *texts(arguments.rest())])) if password else None
    device.users[name] = User(name, password, arguments.place)
    return name


def login(arguments: Arguments, device: Device) -> None:
    """``aaa authentication login LIST METHOD...``."""
    name = arguments.word("the name of a list")
    device.user_lists[name] = Set(texts(arguments.rest()), arguments.place)


def pool(arguments: Arguments, device: Device) -> None:
    """``ip local pool NAME FIRST [LAST]``; on an ASA, ``FIRST-LAST mask MASK``."""
    name = arguments.word("a name")
    first, dash, last = arguments.word("an address").partition("-")
    if not dash:
        last = arguments.word("an address") if "." in arguments.peek() else first
    device.pools.setdefault(name, []).append(Set(f"{first}-{last}", arguments.place))
    arguments.rest()


def domain(arguments: Arguments, device: Device) -> None:
    """The domain of the router's name."""
    device.domain = texts(arguments.rest())[-1] if arguments.left else ""


def no_nat_traversal(arguments: Arguments, device: Device) -> None:
    """NAT traversal is switched off."""
    arguments.rest()
    device.nat_traversal = Set(False, arguments.place)


def ezvpn_client(arguments: Arguments, device: Device) -> None:
    """A client of Easy VPN."""
    arguments.word("a name")
    arguments.unsupported("a client of Easy VPN is not read: `ikev1 connect` and a connection with xauth are for it")
