"""The environment of an updown hook, with the variables of pluto and strongSwan, so that existing scripts work.

Selectors, addresses and numbers are formatted here. Identities and names of users come from the peer: characters that
are not printable, and those that are special in a shell, are replaced by ``_``, because not all scripts quote their
variables. docs/updown.md explains all variables.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from ikev1.core.peer import identity
from ikev1.core.records.child_sa import ChildSa, Mark
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import ip_version
from ikev1.core.records.selector import Selector
from ikev1.wire.registry import ProtocolId

_SAFE = frozenset(" %+,-./0123456789:=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_LONGEST = 256  # characters of a value that comes from the peer


def environment_of(sa: IkeSa, child: ChildSa, interface: str, own_user: str = "") -> dict[str, str]:
    """All variables except ``PLUTO_VERB``. ``interface`` is the device of the tunnel's packets, ``own_user`` the user
    name of this gateway as client.
    """
    variables = {
        "PLUTO_VERSION": "1.1",
        "PLUTO_CONNECTION": child.name,
        "PLUTO_INTERFACE": interface,
        "PLUTO_REQID": str(child.reqid),
        "PLUTO_PROTO": "ah" if child.suite.protocol == ProtocolId.AH else "esp",
        "PLUTO_UNIQUEID": str(sa.unique_id),
        "IKEV1_CONNECTION": child.connection,
        "IKEV1_MODE": child.mode.value,
    }
    variables |= _side("PLUTO_MY", "PLUTO_ME", child.path.local_host, sa.local_id_body, child.local)
    variables |= _side("PLUTO_PEER", "PLUTO_PEER", child.path.remote_host, sa.peer_id_body, child.remote)
    if child.udp_encapsulation:
        variables["PLUTO_UDP_ENC"] = str(child.path.remote_port)
    if child.compression is not None:
        variables["PLUTO_IPCOMP"] = "1"
    if user := sa.user_name or own_user:
        variables["PLUTO_XAUTH_ID"] = safe(user)
    variables |= _source_addresses("PLUTO_PEER_SOURCEIP", sa.assigned) | _source_addresses(
        "PLUTO_MY_SOURCEIP", sa.received
    )
    if sa.received is not None:
        variables |= numbered("PLUTO_DNS", sa.received.dns)
    marks = child.marks
    variables |= _mark("PLUTO_MARK_IN", marks.mark_in) | _mark("PLUTO_MARK_OUT", marks.mark_out)
    if marks.if_id_in:
        variables["PLUTO_IF_ID_IN"] = str(marks.if_id_in)
    if marks.if_id_out:
        variables["PLUTO_IF_ID_OUT"] = str(marks.if_id_out)
    return variables


def verb(child: ChildSa, *, up: bool) -> str:
    """``PLUTO_VERB``: ``host`` for a tunnel of this host only, ``client`` for one of a network behind it."""
    host = ip_address(child.path.local_host.partition("%")[0]).packed
    kind = "host" if child.local.first == child.local.last == host else "client"
    version = "-v6" if child.local.version == 6 else ""
    return f"{'up' if up else 'down'}-{kind}{version}"


def _source_addresses(name: str, config: ModeConfig | None) -> dict[str, str]:
    """The virtual addresses, and the first of them in ``name``."""
    if config is None or not config.addresses:
        return {}
    return {name: config.addresses[0], **numbered(name, config.addresses)}


def numbered(prefix: str, addresses: tuple[str, ...]) -> dict[str, str]:
    """``PREFIX4_1`` and so on for each of the addresses, by IP version."""
    variables: dict[str, str] = {}
    for version in (4, 6):
        found = [address for address in addresses if ip_version(address) == version]
        variables |= {f"{prefix}{version}_{number}": address for number, address in enumerate(found, 1)}
    return variables


def safe(text: str) -> str:
    """``text`` without characters that are special in a shell, and without a leading hyphen."""
    cleaned = "".join(character if character in _SAFE else "_" for character in text[:_LONGEST])
    return "_" + cleaned[1:] if cleaned.startswith("-") else cleaned


def _side(prefix: str, host_name: str, host: str, id_body: bytes, selector: Selector) -> dict[str, str]:
    network = ip_network(_enclosing(selector))
    return {
        host_name: host,
        f"{prefix}_ID": safe(identity.text_of(identity.parse(id_body))) if id_body else "",
        f"{prefix}_CLIENT": str(network),
        f"{prefix}_CLIENT_NET": str(network.network_address),
        f"{prefix}_CLIENT_MASK": str(network.netmask),
        f"{prefix}_PORT": str(selector.port),
        f"{prefix}_PROTOCOL": str(selector.protocol),
    }


def _enclosing(selector: Selector) -> str:
    """The smallest network that contains the selector's range of addresses."""
    low, high = int.from_bytes(selector.first), int.from_bytes(selector.last)
    bits = (low ^ high).bit_length()
    network = ip_address((low >> bits << bits).to_bytes(len(selector.first)))
    return f"{network}/{8 * len(selector.first) - bits}"


def _mark(name: str, mark: Mark) -> dict[str, str]:
    return {name: f"{mark.value}/0x{mark.mask:08x}"} if mark.mask else {}
