"""What counters that mean trouble are about, in words: those of the data plane in user space, and those of the kernel.

The daemon tells names and counts (VICI's ``stats`` and ``list-sas``); what they mean is said here. The kernel's are
those of /proc/net/xfrm_stat (Documentation/networking/xfrm_proc.rst).
"""

from __future__ import annotations

from typing import NamedTuple


class Words(NamedTuple):
    """What a count says, what it mostly comes from, and what to do about it."""

    meaning: str
    cause: str
    cure: str


_UNKNOWN = Words(
    "packets dropped, for a reason that this version has no words for",
    "the kernel is newer than this program",
    "look the name up in the kernel's Documentation/networking/xfrm_proc.rst",
)

# Of one pair of IPsec SAs.
OF_A_PAIR = {
    "replays-in": Words(
        "packets came twice, or so late that the replay window had moved on",
        "the network delivers out of order (several links, quality of service), or somebody sends packets again",
        "with the former a larger replay_window helps",
    ),
    "integrity-failures-in": Words(
        "packets whose checksum under the key (ICV) is wrong",
        "they were changed or forged on the way; if it is all of them, the two ends compute differently, as peers do "
        "that shorten HMAC-SHA2-256 to 96 bits instead of 128",
        "if it is all of them, propose another integrity algorithm",
    ),
    "malformed-in": Words(
        "authentic packets whose content is not what RFC 4303 says",
        "the peer has transport mode where we have tunnel mode, or a defect",
        "compare the modes of the two ends",
    ),
    "selector-drops-in": Words(
        "authentic packets from or to networks that were not agreed upon",
        "the peer sends other networks into this tunnel",
        "give those networks a tunnel of their own, at both ends",
    ),
    "refused-out": Words(
        "packets not sent, because sequence numbers or kilobytes are used up",
        "the pair was not replaced in time",
        "see in the log why rekeying failed",
    ),
    "unsent-out": Words(
        "packets that the network did not take",
        "the interface is down, a firewall refuses them, or more was sent than fits the socket's buffer",
        "look at interface, routes and firewall",
    ),
}

_MEMORY = Words(
    "packets dropped for want of memory",
    "the machine is short of it",
    "see `free` and the kernel's log",
)
_PASSING = "an SA was just being set up or removed"
_LASTING = "nothing, unless it goes on: then see in the log what became of the tunnel"

# Of no pair in particular.
OF_THE_PLANE = {
    # in user space (`ikev1.esp.plane.Drops`)
    "unknown-spi": Words(
        "ESP packets for a pair of IPsec SAs that is not here",
        "the peer still uses a pair that ended here, mostly because one end was restarted",
        "take the tunnel down and up at the peer; compare its SPIs with those shown here",
    ),
    "no-policy": Words(
        "packets routed into the tunnels that match the networks of none",
        "they come from an address, or go to a port, that the tunnel does not include",
        "compare `local` and `remote` of the tunnel with the packets (tcpdump on the TUN device)",
    ),
    "trapped": Words(
        "packets dropped while their tunnel was coming up",
        "more came than wait for it",
        "nothing, unless the tunnel does not come up: then see the log",
    ),
    "unprotected-in": Words(
        "packets between the networks of a tunnel that came in the clear",
        "it is down at the peer, or NAT or a route applies first there; or somebody forges them",
        "see which way the peer sends packets for our networks; exempt them from its NAT",
    ),
    "unprotected-out": Words(
        "packets of a tunnel that would have left in the clear",
        "the tunnel is down",
        "see what `ikev1 up NAME` says of the tunnel; with `when_down` they may pass meanwhile",
    ),
    # in the kernel, on the way in
    "XfrmInError": Words(
        "packets dropped on the way in, for a reason without a name of its own",
        "packets that cannot be read, or want of memory",
        "see the kernel's log; capture on the outer interface",
    ),
    "XfrmInBufferError": _MEMORY,
    "XfrmInHdrError": Words(
        "packets whose ESP, AH or inner header cannot be read",
        "they were cut short or garbled on the way, or the two ends have different modes",
        "capture on the outer interface; compare the modes",
    ),
    "XfrmInNoStates": Words(
        "packets for a pair of IPsec SAs that is not here",
        "the peer still uses a pair that ended here, mostly because one end was restarted",
        "take the tunnel down and up at the peer; compare its SPIs with those shown here",
    ),
    "XfrmInStateProtoError": Words(
        "packets that their pair refused: most often the checksum under the key (ICV) is wrong",
        "they were changed or forged on the way; if it is all of them, the two ends compute differently, as peers do "
        "that shorten HMAC-SHA2-256 to 96 bits instead of 128",
        "the integrity failures above tell which pair; if it is all of its packets, propose another algorithm",
    ),
    "XfrmInStateModeError": Words(
        "packets that hold something else than the mode of their pair says",
        "one end has transport mode, the other tunnel mode, or one compresses and the other does not expect it",
        "compare `mode` and `compress` of the two ends",
    ),
    "XfrmInStateSeqError": Words(
        "packets that came twice, or so late that the replay window had moved on",
        "the network delivers out of order (several links, quality of service), or somebody sends packets again",
        "the replay failures above tell which pair; a larger replay_window helps with disorder",
    ),
    "XfrmInStateExpired": Words(
        "packets for a pair that has reached its end",
        "it was not replaced in time",
        "see in the log why rekeying failed, and compare the lifetimes of the two ends",
    ),
    "XfrmInStateMismatch": Words(
        "packets that came in UDP where plain ones were agreed, or the other way round; or not between the hosts of a "
        "transport mode pair",
        "a NAT appeared or went away since the tunnel came up",
        "take the tunnel down and up; with `encapsulation = true` ESP always travels in UDP",
    ),
    "XfrmInStateInvalid": Words("packets for a pair that is not to be used", _PASSING, _LASTING),
    "XfrmInTmplMismatch": Words(
        "packets that should have come through a tunnel, and came in the clear or through another one",
        "the peer sends them past its tunnel: it is down there, or NAT or a route applies first",
        "see which way the peer sends packets for our networks; exempt them from its NAT",
    ),
    "XfrmInNoPols": Words(
        "packets came out of a tunnel, and no policy lets them in",
        "the peer sends other networks than were agreed, or another program removed our policies",
        "compare `local` and `remote` with the peer's; see `ip xfrm policy`",
    ),
    "XfrmInPolBlock": Words(
        "packets that only a tunnel may carry came in the clear, and it is not up",
        "the peer sends them past its tunnel, somebody forges them, or another program has policies that block",
        "see with `ikev1 up NAME` why the tunnel does not come up; other programs' policies are in `ip xfrm policy`",
    ),
    "XfrmInPolError": Words("the policy for packets could not be found out", _MEMORY.cause, _MEMORY.cure),
    "XfrmAcquireError": Words(
        "packets for a pair that is still being negotiated",
        "the peer sends before our side is done",
        "nothing, unless it goes on: then see in the log why Quick Mode does not finish",
    ),
    "XfrmInStateDirError": Words(
        "packets came for a pair's outbound SA",
        "the peer chose the same SPI as we did for something else, or sends our own packets back",
        "rekey the tunnel",
    ),
    "XfrmInIptfsError": Words(
        "packets whose IP-TFS payload (RFC 9347) cannot be read",
        "an SA that is none of ours uses IP-TFS",
        "look for it in `ip xfrm state`",
    ),
    # on the way out
    "XfrmOutError": Words(
        "packets that could not be sent through a tunnel",
        "most often they are too large for it and must not be fragmented; who sent them was told so by ICMP",
        "if connections hang, see whether ICMP is filtered, and lower the MSS or the MTU",
    ),
    "XfrmOutBundleGenError": Words(
        "route and SAs of packets could not be put together",
        "there is no route to the peer, or no memory",
        "see `ip route get PEER`",
    ),
    "XfrmOutBundleCheckError": Words(
        "route or SAs of packets changed while these were under way",
        "a route changed, or a pair was replaced",
        _LASTING,
    ),
    "XfrmOutNoStates": Words(
        "packets for a tunnel that is not up",
        "it is just coming up, or cannot",
        "nothing, unless it goes on: then `ikev1 up NAME` tells why the tunnel does not come up",
    ),
    "XfrmOutStateProtoError": Words(
        "packets that could not be encrypted",
        "the kernel's cipher, or the card that does its work, failed",
        "see the kernel's log",
    ),
    "XfrmOutStateModeError": Words(
        "packets that the mode of their pair cannot carry",
        "a pair in transport mode was to carry what is not between its two hosts, or want of memory",
        "compare `mode` with what is sent: networks need tunnel mode",
    ),
    "XfrmOutStateSeqError": Words(
        "packets not sent, because sequence numbers are used up",
        "the pair was not replaced in time",
        "see in the log why rekeying failed; fast tunnels want extended sequence numbers",
    ),
    "XfrmOutStateExpired": Words(
        "packets not sent, because their pair has reached its end",
        "it was not replaced in time",
        "see in the log why rekeying failed",
    ),
    "XfrmOutPolBlock": Words(
        "packets that only a tunnel may carry, and it is not up",
        "the tunnel is just coming up, or cannot, or another program has policies that block",
        "see with `ikev1 up NAME` why the tunnel does not come up; other programs' policies are in `ip xfrm policy`",
    ),
    "XfrmOutPolDead": Words("packets whose policy was removed meanwhile", "a tunnel was just closed", _LASTING),
    "XfrmOutPolError": Words("the policy for packets could not be found out", _MEMORY.cause, _MEMORY.cure),
    "XfrmFwdHdrError": Words(
        "forwarded packets that there is no way for",
        "they cannot be read, or there is no route to where they go",
        "see `ip route get` for their destination",
    ),
    "XfrmOutStateInvalid": Words("packets for a pair that is not to be used", _PASSING, _LASTING),
    "XfrmOutStateDirError": Words(
        "packets were to be sent with a pair's inbound SA",
        "the peer chose the same SPI as we did for something else",
        "rekey the tunnel",
    ),
    "XfrmOutNoQueueSpace": Words(
        "packets dropped because the queue of an IP-TFS pair (RFC 9347) is full",
        "an SA that is none of ours uses IP-TFS",
        "look for it in `ip xfrm state`",
    ),
}


def words_of(name: str) -> Words:
    """What to say about the counter ``name``."""
    return OF_A_PAIR.get(name) or OF_THE_PLANE.get(name) or _UNKNOWN
