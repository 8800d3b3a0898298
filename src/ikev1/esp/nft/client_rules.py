"""Rules by which the kernel tells clients behind one NAT apart, in transport mode (RFC 3948 §5.2).

The inbound SA of each client sets a mark on decrypted packets: 16 bits `SIGNATURE`, then 16 bits for the client. For
packets with such a mark:

1. ``clients-zone``: each client has its own connection tracking zone for the direction from the client, so that the
   same addresses and ports of two clients are two connections. The other direction is in the common zone, where
   connections must differ: NAT changes the source port of the second one on the way to local programs.
2. ``clients-save``: the mark is saved in the connection.
3. ``clients-restore``: packets from local programs get the mark of their connection, and are routed again: the policies
   with the mark select the SA of the client. NAT has restored the client's port by then.

A chain of the type nat, even without rules, enables NAT in the kernel.
"""

from __future__ import annotations

import struct

from ikev1.esp.nft import layout
from ikev1.esp.nft.layout import Connection, Hook, Message, Meta

SIGNATURE = 0x4553 << 16
_UPPER_HALF = struct.pack("=I", 0xFFFF_0000)
_SIGNED = struct.pack("=I", SIGNATURE)
_BEFORE_TRACKING, _BEHIND_TRACKING, _NAT_SOURCE = -300, -150, 100  # NF_IP_PRI_RAW, _MANGLE, _NAT_SRC


def client_rules(table: str) -> list[Message]:
    """The messages that add the chains and their rules to an existing ``table``."""
    of_client = (layout.mask(_UPPER_HALF), layout.compare(_SIGNED))
    mark = layout.meta(Meta.MARK)
    saved = layout.connection(Connection.MARK)
    # the zone is the first two octets of the register: the lower half of the mark on little-endian machines
    zone = layout.set_connection(Connection.ZONE, original=True)
    return [
        layout.add_chain(table, "clients-zone", Hook.PREROUTING, _BEFORE_TRACKING),
        layout.add_rule(table, "clients-zone", mark, *of_client, mark, zone),
        layout.add_chain(table, "clients-save", Hook.PREROUTING, _BEHIND_TRACKING),
        layout.add_rule(table, "clients-save", mark, *of_client, mark, layout.set_connection(Connection.MARK)),
        layout.add_chain(table, "clients-nat", Hook.INPUT, _NAT_SOURCE, "nat"),
        layout.add_chain(table, "clients-restore", Hook.OUTPUT, _BEHIND_TRACKING, "route"),
        layout.add_rule(table, "clients-restore", saved, *of_client, saved, layout.set_meta(Meta.MARK)),
    ]
