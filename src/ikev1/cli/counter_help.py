"""Explanations of the drop counters of both data planes: userspace and kernel.

The daemon sends names and counts (VICI's ``stats`` and ``list-sas``); this table explains them. The kernel's counters
are those of /proc/net/xfrm_stat (Documentation/networking/xfrm_proc.rst).
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """What a counter counts, the usual cause, and the remedy."""

    meaning: str
    cause: str
    cure: str


_UNKNOWN = Words(
    "packets dropped for a reason that this version does not know",
    "the kernel is newer than this program",
    "look up the name in the kernel's Documentation/networking/xfrm_proc.rst",
)

_PEER_LOST_STATE = "the peer still uses a pair that has ended here, usually because one peer was restarted"
_RENEW_AT_PEER = "take the tunnel down and up at the peer; compare its SPIs with those shown here"
_NOT_REKEYED = "the pair was not rekeyed in time"
_REKEY_FAILED = "check the log for the reason why rekeying failed"
_WRONG_ICV = (
    "they were corrupted or forged in transit; if all packets are affected, the peers compute the ICV differently, for "
    "example because one truncates HMAC-SHA2-256 to 96 bits instead of 128"
)
_REORDERED = "the network reorders packets (several links, quality of service), or someone replays them"
_SEE_UP = "run `ikev1 up NAME` to see why the tunnel does not come up; `ip xfrm policy` lists other programs' policies"
_EXEMPT_FROM_NAT = "check which way the peer sends packets for these networks; exempt them from its NAT"

# Of one pair of IPsec SAs.
OF_A_PAIR = {
    "replays-in": Words(
        "packets that were received twice, or too late for the replay window",
        _REORDERED,
        "if packets are reordered, increase replay_window",
    ),
    "integrity-failures-in": Words(
        "packets with a wrong integrity check value (ICV)",
        _WRONG_ICV,
        "if all packets are affected, propose another integrity algorithm",
    ),
    "malformed-in": Words(
        "authenticated packets that do not conform to RFC 4303",
        "one peer uses transport mode and the other tunnel mode, or the peer has a bug",
        "compare the modes of both peers",
    ),
    "selector-drops-in": Words(
        "authenticated packets from or to networks that were not negotiated",
        "the peer sends traffic of other networks into this tunnel",
        "configure a separate tunnel for those networks at both peers",
    ),
    "refused-out": Words(
        "packets not sent because the sequence numbers or the byte limit of the pair are exhausted",
        _NOT_REKEYED,
        _REKEY_FAILED,
    ),
    "unsent-out": Words(
        "packets that could not be sent",
        "the interface is down, a firewall rejects them, or the socket buffer is full",
        "check the interface, the routes and the firewall",
    ),
}

_MEMORY = Words(
    "packets dropped for lack of memory",
    "the machine is out of memory",
    "check `free` and the kernel log",
)
_POLICY_LOOKUP = Words("packets for which the policy lookup failed", _MEMORY.cause, _MEMORY.cure)
_PASSING = "an SA was being set up or removed"
_LASTING = "none, unless the count keeps growing: then check the log for the state of the tunnel"

# Of no pair in particular.
OF_THE_PLANE = {
    # in user space (`ikev1.esp.plane.Drops`)
    "unknown-spi": Words("ESP packets for an unknown pair of IPsec SAs", _PEER_LOST_STATE, _RENEW_AT_PEER),
    "no-policy": Words(
        "packets routed into the tunnels that match no tunnel's networks",
        "their address or port does not belong to any tunnel",
        "compare `local` and `remote` of the tunnel with the packets (tcpdump on the TUN device)",
    ),
    "trapped": Words(
        "packets dropped while their tunnel was being set up",
        "the queue for waiting packets was full",
        "none, unless the tunnel does not come up: then check the log",
    ),
    "unprotected-in": Words(
        "packets between the networks of a tunnel that were received in the clear",
        "the tunnel is down at the peer, or a NAT rule or route of the peer applies first; or someone forges them",
        _EXEMPT_FROM_NAT,
    ),
    "unprotected-out": Words(
        "packets of a tunnel that would have been sent in the clear",
        "the tunnel is down",
        "run `ikev1 up NAME` to see why; set `when_down` to let the packets pass in the clear",
    ),
    # in the kernel, on the way in
    "XfrmInError": Words(
        "packets dropped on input for a reason that has no counter of its own",
        "the packets cannot be parsed, or the machine is out of memory",
        "check the kernel log; capture on the outer interface",
    ),
    "XfrmInBufferError": _MEMORY,
    "XfrmInHdrError": Words(
        "packets whose ESP, AH or inner header cannot be parsed",
        "they were truncated or corrupted in transit, or the peers use different modes",
        "capture on the outer interface; compare the modes",
    ),
    "XfrmInNoStates": Words("packets for an unknown pair of IPsec SAs", _PEER_LOST_STATE, _RENEW_AT_PEER),
    "XfrmInStateProtoError": Words(
        "packets rejected by their SA, usually because of a wrong integrity check value (ICV)",
        _WRONG_ICV,
        "the integrity failures above show which pair; if all its packets are affected, propose another algorithm",
    ),
    "XfrmInStateModeError": Words(
        "packets whose content does not match the mode of their pair",
        "one peer uses transport mode and the other tunnel mode, or only one of them compresses",
        "compare `mode` and `compress` of both peers",
    ),
    "XfrmInStateSeqError": Words(
        "packets that were received twice, or too late for the replay window",
        _REORDERED,
        "the replays above show which pair; if packets are reordered, increase replay_window",
    ),
    "XfrmInStateExpired": Words(
        "packets for an expired pair",
        _NOT_REKEYED,
        f"{_REKEY_FAILED}; compare the lifetimes of both peers",
    ),
    "XfrmInStateMismatch": Words(
        "packets with UDP encapsulation where none was negotiated, or without it where it was; or packets of a "
        "transport mode pair between other hosts",
        "a NAT appeared or disappeared after the tunnel came up",
        'take the tunnel down and up; with `nat_traversal = "force"`, ESP is always sent in UDP',
    ),
    "XfrmInStateInvalid": Words("packets for a pair that is not valid", _PASSING, _LASTING),
    "XfrmInTmplMismatch": Words(
        "packets that require a tunnel, but were received in the clear or through another tunnel",
        "the tunnel is down at the peer, or a NAT rule or route of the peer applies first",
        _EXEMPT_FROM_NAT,
    ),
    "XfrmInNoPols": Words(
        "packets received through a tunnel that no policy allows",
        "the peer sends traffic of networks that were not negotiated, or another program removed the policies",
        "compare `local` and `remote` with the peer's configuration; check `ip xfrm policy`",
    ),
    "XfrmInPolBlock": Words(
        "packets that require a tunnel, received in the clear while it is down",
        "the peer sends them outside the tunnel, someone forges them, or another program has blocking policies",
        _SEE_UP,
    ),
    "XfrmInPolError": _POLICY_LOOKUP,
    "XfrmAcquireError": Words(
        "packets for a pair that is still being negotiated",
        "the peer sends before the negotiation is complete here",
        "none, unless the count keeps growing: then check the log for the reason why Quick Mode does not complete",
    ),
    "XfrmInStateDirError": Words(
        "packets received for the outbound SA of a pair",
        "the peer chose the same SPI for another SA, or sends this gateway's packets back",
        "rekey the tunnel",
    ),
    "XfrmInIptfsError": Words(
        "packets whose IP-TFS payload (RFC 9347) cannot be parsed",
        "an SA of another program uses IP-TFS",
        "find it with `ip xfrm state`",
    ),
    # on the way out
    "XfrmOutError": Words(
        "packets that could not be sent through a tunnel",
        "usually they are too large and must not be fragmented; their senders were informed by ICMP",
        "if connections hang, check whether ICMP is filtered, and lower the MSS or the MTU",
    ),
    "XfrmOutBundleGenError": Words(
        "packets for which no route through the SAs could be made",
        "there is no route to the peer, or no memory",
        "check `ip route get PEER`",
    ),
    "XfrmOutBundleCheckError": Words(
        "packets whose route or SAs changed while they were processed",
        "a route changed, or a pair was rekeyed",
        _LASTING,
    ),
    "XfrmOutNoStates": Words(
        "packets for a tunnel that is down",
        "the tunnel is being set up, or cannot be set up",
        "none, unless the count keeps growing: then run `ikev1 up NAME` to see why the tunnel does not come up",
    ),
    "XfrmOutStateProtoError": Words(
        "packets that could not be encrypted",
        "the kernel's cipher, or the hardware that implements it, failed",
        "check the kernel log",
    ),
    "XfrmOutStateModeError": Words(
        "packets that the mode of their pair cannot carry",
        "a transport mode pair was used for traffic that is not between its two hosts, or the machine is out of memory",
        "compare `mode` with the traffic: networks require tunnel mode",
    ),
    "XfrmOutStateSeqError": Words(
        "packets not sent because the sequence numbers are exhausted",
        _NOT_REKEYED,
        f"{_REKEY_FAILED}; use extended sequence numbers (esn) for fast tunnels",
    ),
    "XfrmOutStateExpired": Words("packets not sent because their pair has expired", _NOT_REKEYED, _REKEY_FAILED),
    "XfrmOutPolBlock": Words(
        "packets that require a tunnel that is down",
        "the tunnel is being set up, cannot be set up, or another program has blocking policies",
        _SEE_UP,
    ),
    "XfrmOutPolDead": Words("packets whose policy was removed", "a tunnel was being closed", _LASTING),
    "XfrmOutPolError": _POLICY_LOOKUP,
    "XfrmFwdHdrError": Words(
        "forwarded packets that cannot be routed",
        "they cannot be parsed, or there is no route to their destination",
        "check `ip route get` for their destination",
    ),
    "XfrmOutStateInvalid": Words("packets for a pair that is not valid", _PASSING, _LASTING),
    "XfrmOutStateDirError": Words(
        "packets that were to be sent with the inbound SA of a pair",
        "the peer chose the same SPI for another SA",
        "rekey the tunnel",
    ),
    "XfrmOutNoQueueSpace": Words(
        "packets dropped because the queue of an IP-TFS pair (RFC 9347) is full",
        "an SA of another program uses IP-TFS",
        "find it with `ip xfrm state`",
    ),
}


def words_of(name: str) -> Words:
    """The explanation of the counter ``name``."""
    return OF_A_PAIR.get(name) or OF_THE_PLANE.get(name) or _UNKNOWN
