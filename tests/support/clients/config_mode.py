"""XAUTH and mode config of a client that a `Caller` plays.

draft-beaulieu-ike-xauth-02, draft-dukes-ike-mode-cfg-02.
"""

from __future__ import annotations

from clients.facts import Login
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes
from ikev1.wire.registry import ConfigAttribute, ConfigType


def answer(login: Login, asked: ConfigAttributes, user: bytes, password: bytes) -> ConfigAttributes:
    """The REPLY to a REQUEST of XAUTH: what is asked for, in the order in which it is, with the type as it came."""
    assert asked.type == ConfigType.REQUEST
    nul = b"\0" if login.trailing_nul else b""
    values = {ConfigAttribute.XAUTH_USER_NAME: user + nul, ConfigAttribute.XAUTH_USER_PASSWORD: password + nul}
    attributes = []
    for each in asked.attributes:
        if each.type == ConfigAttribute.XAUTH_TYPE:
            attributes.append(each)
        elif each.type in values:
            attributes.append(Attribute(each.type, values[ConfigAttribute(each.type)]))
    assert len(attributes) >= 2
    return ConfigAttributes(ConfigType.REPLY, asked.identifier, tuple(attributes))


def status_of(told: ConfigAttributes) -> int:
    """What a SET says of the user: it holds XAUTH_STATUS and nothing else, or vpnc gives up."""
    assert told.type == ConfigType.SET
    (status,) = told.attributes
    assert status.type == ConfigAttribute.XAUTH_STATUS
    return status.value if isinstance(status.value, int) else int.from_bytes(status.value)


def request(login: Login) -> ConfigAttributes:
    """The REQUEST of mode config."""
    attributes = tuple(Attribute(kind, value) for kind, value in login.requests)
    return ConfigAttributes(ConfigType.REQUEST, login.identifier, attributes)


def values_of(reply: ConfigAttributes, identifier: int) -> dict[int, list[bytes]]:
    """What a REPLY of mode config holds, by type. Clients refuse addresses of another size than four octets."""
    assert (reply.type, reply.identifier) == (ConfigType.REPLY, identifier)
    found: dict[int, list[bytes]] = {}
    for each in reply.attributes:
        value = each.value if isinstance(each.value, bytes) else each.value.to_bytes(2)
        found.setdefault(each.type, []).append(value)
        if each.type in _ADDRESSES:
            assert len(value) == 4
    return found


_ADDRESSES = (
    ConfigAttribute.INTERNAL_IP4_ADDRESS,
    ConfigAttribute.INTERNAL_IP4_NETMASK,
    ConfigAttribute.INTERNAL_IP4_DNS,
    ConfigAttribute.INTERNAL_IP4_NBNS,
)
