"""Tests whether the kernel supports ESP and this process may configure it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from ikev1.core.negotiation.ipsec_suite import key_sizes, name
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.state import Limits, State, StateId, XfrmMode
from ikev1.esp.xfrm.translate import PROTOCOLS
from ikev1.wire.registry import EspTransform

_LOOPBACK = bytes((127, 0, 0, 1))
_SECONDS = 5  # after which the kernel deletes the state, if this process is killed before
_NULL_SHA1 = IpsecSuite(encryption=EspTransform.NULL, integrity=2)


def probe(suite: IpsecSuite = _NULL_SHA1, random: Callable[[int], bytes] = os.urandom) -> str:
    """What the kernel lacks for ESP or AH with ``suite``, as text; empty if it lacks nothing.

    An unused SA is added and deleted at once. If it needs modules, the kernel loads them.
    """
    try:
        xfrm = Xfrm()
    except OSError as error:
        return f"the kernel has no XFRM netlink (CONFIG_XFRM_USER): {error.strerror}"
    spi = int.from_bytes(random(4)) | 0x100  # RFC 4303 §2.1: lower values are reserved
    id = StateId(_LOOPBACK, spi, PROTOCOLS[suite.protocol])
    keys = IpsecKeys(spi, *map(random, key_sizes(suite)))
    state = State(id, _LOOPBACK, 0, XfrmMode.TRANSPORT, suite, keys, limits=Limits(hard_seconds=_SECONDS))
    try:
        xfrm.add(state)
        xfrm.delete(id)
    except NetlinkError as error:
        return _missing(suite, error)
    finally:
        xfrm.close()
    return ""


def _missing(suite: IpsecSuite, error: NetlinkError) -> str:
    if error.errno == errno.EPERM:
        return "permission denied: CAP_NET_ADMIN is missing"
    if error.errno == errno.EPROTONOSUPPORT:
        return f"the kernel has no {PROTOCOLS[suite.protocol].name} (CONFIG_INET_{PROTOCOLS[suite.protocol].name})"
    if error.errno == errno.ENOSYS:
        return f"the kernel lacks an algorithm of {name(suite)} (CONFIG_CRYPTO_...)"
    return f"the kernel rejected an SA with {name(suite)}: {error.strerror}"
