"""The configuration that a gateway assigns to a client (draft-dukes-ike-mode-cfg-02), as values."""

from __future__ import annotations

from enum import StrEnum

from ikev1.core.records.path import ip_version
from ikev1.core.records.record import Record

LOCAL_LAN = "0.0.0.0/32"
"""The network in `ModeConfig.split_exclude` that stands for the network to which the client is attached, as Cisco
writes it.
"""


class ModeConfigMethod(StrEnum):
    """Which peer begins the mode config exchange of a connection."""

    PULL = "pull"  # the client requests its configuration (ISAKMP_CFG_REQUEST, ISAKMP_CFG_REPLY)
    PUSH = "push"  # the gateway sends it (ISAKMP_CFG_SET, ISAKMP_CFG_ACK)


class ModeConfig(Record, frozen=True):
    """The configuration of a client. Addresses and networks are text; networks have a prefix length.

    ``addresses`` are the client's virtual addresses, at most one for each IP version; ``netmask`` belongs to the IPv4
    one. ``subnets`` are the networks that the gateway protects. ``expiry`` is the number of seconds for which the
    addresses are valid, 0 if they are valid as long as the ISAKMP SA.

    The fields from ``banner`` on are Cisco's (Unity). Without ``split_include``, the client sends all its traffic to
    the gateway, apart from that for the networks in ``split_exclude``. ``pfs`` is 1 if the client is to use perfect
    forward secrecy.
    """

    addresses: tuple[str, ...] = ()
    netmask: str = ""
    dns: tuple[str, ...] = ()
    nbns: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    expiry: int = 0
    application_version: str = ""
    banner: str = ""
    save_password: bool = False
    default_domain: str = ""
    split_dns: tuple[str, ...] = ()
    split_include: tuple[str, ...] = ()
    split_exclude: tuple[str, ...] = ()
    pfs: int = 0
    backup_servers: tuple[str, ...] = ()
    ignored: tuple[int, ...] = ()  # types of received attributes that have no field here

    @property
    def local_lan(self) -> bool:
        """Whether the client may reach the network to which it is attached without the gateway."""
        return LOCAL_LAN in self.split_exclude

    def address(self, version: int) -> str | None:
        """The virtual address of the IP version 4 or 6, if there is one."""
        return next((address for address in self.addresses if ip_version(address) == version), None)


class ConfigRequest(Record, frozen=True, tag=True):
    """What a client requests: the types of attributes in its order, and the virtual addresses that it suggests."""

    types: tuple[int, ...] = ()
    addresses: tuple[str, ...] = ()
    application_version: str = ""


class ConfigPush(Record, frozen=True, tag=True):
    """A configuration that this gateway sends without a request, with addresses of these IP ``versions``."""

    identifier: int
    versions: tuple[int, ...]
