"""ISAKMP SAs and their pairs, as hypothesis draws them: few names and addresses, so that many are alike."""

from __future__ import annotations

from hypothesis import strategies as st

from ikev1.core.records.child_sa import ChildSa, ChildState, IpsecKeys, IpsecSuite
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import Anchor, IkeSa, IkeState
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User, Xauth
from ikev1.core.records.selector import Selector

NETWORKS = [Selector.parse(text) for text in ("0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.9-10.1.3.1")]


@st.composite
def children(draw: st.DrawFn, number: int, connection: str) -> ChildSa:
    """A pair of this number."""
    path = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
    keys = IpsecKeys(number + 50 * draw(st.integers(0, 1)), b"")
    local, remote = draw(st.sampled_from(NETWORKS)), draw(st.sampled_from(NETWORKS))
    expires_at = draw(st.sampled_from([0.0, 7.0]))
    bare = ChildSa(
        number, "net", connection, IpsecSuite(12), keys, keys, local, remote, path, False, True, 0.0, 0.0, expires_at
    )
    return replace(bare, state=draw(st.sampled_from(ChildState)))


@st.composite
def sas(draw: st.DrawFn) -> IkeSa:
    """One of three ISAKMP SAs, told apart by CKY-I, in any state."""
    cookie = draw(st.sampled_from([b"one     ", b"two     ", b"three   "]))
    numbers = draw(st.sets(st.integers(0, 2))) if draw(st.booleans()) else set()
    connection = draw(st.sampled_from(["peer", "other"]))
    place = {b"one     ": 1000, b"two     ": 2000, b"three   ": 3000}[cookie]
    return IkeSa(
        place,
        connection,
        Role.INITIATOR,
        UdpPath("192.0.2.1", 500, draw(st.sampled_from(["192.0.2.2", "192.0.2.3"])), 500),
        cookie,
        b"R" * 8,
        0.0,
        state=draw(st.sampled_from(IkeState)),
        IDir_b=draw(st.sampled_from([b"", b"bob"])),
        anchor=draw(st.sampled_from([None, Anchor("192.0.2.1", "192.0.2.9")])),
        nat=draw(st.sampled_from([None, Nat(NatTraversalVersion.RFC_3947, remote_behind=True)])),
        xauth=draw(st.sampled_from([None, Xauth(serves=True)])),
        user=draw(st.sampled_from([None, None, User("carol"), User("dave")])),
        rekey_at=draw(st.sampled_from([0.0, 5.0, 20.0])),
        expires_at=draw(st.sampled_from([0.0, 10.0, 30.0])),
        children=tuple(draw(children(place + number, connection)) for number in numbers),
    )
