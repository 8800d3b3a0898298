"""An ISAKMP SA of the connection ``branch`` and its pair of IPsec SAs, for tests of what observes their events."""

from __future__ import annotations

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.selector import Selector

PATH = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
LOCAL, REMOTE = Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16")
SA = IkeSa(7, "branch", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, created_at=0.0)
CHILD = ChildSa(
    unique_id=1,
    name="net",
    connection="branch",
    suite=IpsecSuite(12, 128, 5),
    inbound=IpsecKeys(1, b"k" * 16, b"a" * 32),
    outbound=IpsecKeys(2, b"k" * 16, b"a" * 32),
    local=LOCAL,
    remote=REMOTE,
    path=PATH,
    udp_encapsulation=False,
    initiator=True,
    created_at=0.0,
)
