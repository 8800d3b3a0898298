"""Whether the kernel here can carry ESP, and lets us ask it to: found out by asking."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ikev1.core.model import IpsecKeys, IpsecSuite
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import Limits, Protocol, State, StateId, XfrmMode
from ikev1.wire.registry import EspTransform

__all__ = ["probe"]

_LOOPBACK = bytes((127, 0, 0, 1))
_SECONDS = 5  # for which the state stays if we do not come to delete it
_NULL_SHA1 = IpsecSuite(encryption=EspTransform.NULL, integrity=2)
_MISSING = {
    errno.EPERM: "this process may not: CAP_NET_ADMIN is missing",
    errno.EPROTONOSUPPORT: "the kernel has no ESP (CONFIG_INET_ESP)",
    errno.ENOSYS: "the kernel lacks HMAC-SHA1 or the null cipher (CONFIG_CRYPTO_HMAC, CONFIG_CRYPTO_NULL)",
}


def probe(random: Callable[[int], bytes] = os.urandom) -> str:
    """What is missing for the kernel to carry ESP, for people; empty if nothing is.

    An SA that nobody uses is added and deleted at once.
    """
    try:
        xfrm = Xfrm()
    except OSError as error:
        return f"the kernel has no XFRM netlink (CONFIG_XFRM_USER): {error.strerror}"
    spi = int.from_bytes(random(4)) | 0x100  # RFC 4303 §2.1: what is below is reserved
    id = StateId(_LOOPBACK, spi, Protocol.ESP)
    keys = IpsecKeys(spi, b"", random(20))
    state = State(id, _LOOPBACK, 0, XfrmMode.TRANSPORT, _NULL_SHA1, keys, limits=Limits(hard_seconds=_SECONDS))
    try:
        xfrm.add(state)
        xfrm.delete(id)
    except NetlinkError as error:
        return _MISSING.get(error.errno or 0) or f"the kernel takes no ESP state: {error.strerror}"
    finally:
        xfrm.close()
    return ""
