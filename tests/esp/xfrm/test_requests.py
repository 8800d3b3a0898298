"""What stays of the keys in our memory; what the kernel does with requests is in tests/kernel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.xfrm import state
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import Limits, Protocol, State, StateId, XfrmMode

KEY = bytes(range(1, 21))
ID = StateId(bytes((127, 0, 0, 2)), 0x1234, Protocol.ESP)
STATE = State(
    ID,
    bytes((127, 0, 0, 1)),
    1,
    XfrmMode.TUNNEL,
    IpsecSuite(encryption=20, key_length=128),
    IpsecKeys(0x1234, KEY),
    limits=Limits(hard_seconds=1),
)


@pytest.mark.parametrize("request_", [Xfrm.add, Xfrm.update, lambda xfrm, new: xfrm.exchange(ID, new)])
def test_a_message_with_keys_is_wiped_whatever_becomes_of_it(
    monkeypatch: pytest.MonkeyPatch, request_: Callable[[Xfrm, State], None]
) -> None:
    """Most machines refuse it: no rights, or no ESP."""
    sent: list[bytearray] = []
    encode = state.encode

    def remember(new: State) -> bytearray:
        sent.append(encode(new))
        assert KEY in sent[0]
        return sent[0]

    monkeypatch.setattr(state, "encode", remember)
    try:
        xfrm = Xfrm()
    except OSError:
        pytest.skip("this kernel has no XFRM netlink")
    with suppress(NetlinkError):
        request_(xfrm, STATE)
        xfrm.delete(ID)
    xfrm.close()
    assert len(sent[0]) > len(KEY)
    assert not any(sent[0])
