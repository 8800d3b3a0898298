"""The largest inner packet whose ESP packet fits the path."""

from __future__ import annotations

from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.path import ip_version
from ikev1.esp.transforms import HEADER_SIZE, sizes

_OUTER_HEADERS = {4: 20, 6: 40}
_UDP_HEADER = 8
_PAD_LENGTH_AND_NEXT_HEADER = 2


def inner_mtu(child: ChildSa, path_mtu: int) -> int:
    """The largest inner packet, in octets, that ``child`` carries in an outer packet of ``path_mtu`` octets.

    Outer IP header, UDP where encapsulated (RFC 3948 §2.1), then RFC 4303 §2: header, IV, padded payload, ICV. In
    transport mode the payload is what stands behind the header of the inner packet.
    """
    layout = sizes(child.suite)
    ip_header = _OUTER_HEADERS[ip_version(child.path.remote_host)]
    outer = ip_header + (_UDP_HEADER if child.udp_encapsulation else 0)
    room = path_mtu - outer - HEADER_SIZE - layout.iv - layout.icv
    payload = room - room % layout.alignment - _PAD_LENGTH_AND_NEXT_HEADER
    return payload if child.mode is IpsecMode.TUNNEL else ip_header + payload
