"""Golden conversations of Quick Mode, and of NAT traversal."""

from __future__ import annotations

from typing import Any

from configured import ALICE, BOB, ah, connection, esp, policy, settings, tunnel
from golden import GoldenNetwork, GoldenPeer, conversation
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.events import Code
from ikev1.core.records.path import NatTraversalVersion
from ikev1.core.records.settings import Aggressive, Mode, NatTraversal, ProposalCheck
from ikev1.wire.header import Header
from ikev1.wire.message import build_message, parse_message
from ikev1.wire.payloads import VendorId
from nat import NatBox
from playbook import Datagram

__all__: list[str] = []

OUTSIDE, OUTSIDE_OF_BOB = "203.0.113.1", "203.0.113.2"
L2TP: dict[str, Any] = {"local": "dynamic[udp/1701]", "remote": "dynamic[udp/1701]", "mode": IpsecMode.TRANSPORT}


def brings_up(network: GoldenNetwork, **options: Any) -> None:
    """Alice initiates a tunnel, and bob rekeys it."""
    alice, bob = network.couple(tunnel_options=options)
    alice.calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound
    network.heading("bob rekeys the IPsec SAs")
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(40)
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def quick_mode_pfs(network: GoldenNetwork) -> None:
    """Perfect forward secrecy with another group than phase 1."""
    brings_up(network, proposals=(esp("aes256-sha512-ecp384"),))


@conversation
def quick_mode_proposals(network: GoldenNetwork) -> None:
    """Several proposals, lifetimes in seconds and kilobytes, RESPONDER-LIFETIME; a port and an address range."""
    offered = (esp("aes256gcm16-modp1024"), esp("3des-md5-modp1024"), esp("aes128-sha256-modp1024"))
    selectors: dict[str, Any] = {"local": "10.1.0.7[tcp/80]", "remote": "10.2.0.1-10.2.0.9"}
    ours = tunnel(proposals=offered, lifetime=90_000, lifetime_kilobytes=70_000, **selectors)
    theirs = tunnel(
        proposals=offered[2:], lifetime_kilobytes=5000, check=ProposalCheck.CLAIM, mirrored=True, **selectors
    )
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, ours)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, theirs)))
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def quick_mode_obey(network: GoldenNetwork) -> None:
    """Bob accepts longer keys and longer lifetimes, in both phases, because of proposal_check = obey."""
    obey: dict[str, Any] = {"lifetime": 600, "lifetime_set": True, "check": ProposalCheck.OBEY}
    ours = tunnel(proposals=(esp("aes256-sha256-modp1536"),))
    theirs = tunnel(proposals=(esp("aes128-sha256"),), mirrored=True, **obey)
    wanted, own = policy("aes256-sha256-ecp256"), policy(**obey)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, ours, policies=(wanted,))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, theirs, policies=(own,))))
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def quick_mode_esn(network: GoldenNetwork) -> None:
    """AES-GCM, with and without extended sequence numbers."""
    brings_up(network, proposals=(esp("aes256gcm16-esn"), esp("aes256gcm16")))


@conversation
def quick_mode_ah(network: GoldenNetwork) -> None:
    """AH with perfect forward secrecy and extended sequence numbers."""
    brings_up(network, proposals=(ah("sha256-ecp256-esn"),))


@conversation
def quick_mode_ipcomp(network: GoldenNetwork) -> None:
    """IPComp with ESP, and ESP alone, in one offer."""
    brings_up(network, proposals=(esp(), esp("aes256-sha1")), compress=True)


@conversation
def quick_mode_transport(network: GoldenNetwork) -> None:
    """Transport mode between two addresses, for one protocol and port."""
    brings_up(network, **L2TP)


@conversation
def quick_mode_two_tunnels(network: GoldenNetwork) -> None:
    """Two tunnels are queued during phase 1; their Quick Modes run at the same time."""
    ours = (tunnel(), tunnel("two", "10.3.0.0/16"))
    theirs = (tunnel(mirrored=True), tunnel("two", "10.3.0.0/16", mirrored=True))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, *ours)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *theirs)))
    for name in ("net", "two"):
        alice.calls(name)
    network.settle()
    assert len(alice.children) == len(bob.children) == 2


@conversation
def quick_mode_no_proposal(network: GoldenNetwork) -> None:
    """Bob refuses the proposal with an encrypted NO-PROPOSAL-CHOSEN."""
    alice, bob = refused(network, tunnel(mirrored=True, proposals=(esp("aes256-sha512"),)))
    assert Code.NO_PROPOSAL_CHOSEN in bob.failures
    assert Code.REFUSED_BY_PEER in alice.failures


@conversation
def quick_mode_wrong_networks(network: GoldenNetwork) -> None:
    """Bob refuses the networks with INVALID-ID-INFORMATION."""
    _, bob = refused(network, tunnel(remote="10.9.0.0/16", mirrored=True))
    assert Code.SELECTORS_UNACCEPTABLE in bob.failures


def refused(network: GoldenNetwork, theirs: Any, **both: Any) -> tuple[GoldenPeer, GoldenPeer]:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(), **both)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, theirs, **both)))
    alice.calls()
    network.run(300)
    assert alice.children == bob.children == []
    return alice, bob


@conversation
def quick_mode_ah_through_nat(network: GoldenNetwork) -> None:
    """Bob, whose tunnel is configured for AH, refuses Quick Mode with UDP encapsulation."""
    _, bob = refused(network, tunnel(mirrored=True, proposals=(ah(),)), nat_traversal=NatTraversal.FORCE)
    assert Code.NO_PROPOSAL_CHOSEN in bob.failures


# --- NAT ------------------------------------------------------------------------------------------------------------

# RFC 3947 §3.1, draft-ietf-ipsec-nat-t-ike-03 and -02 §3.1: MD5 of these words; two hashes were in use for -02
_VENDORS = {
    NatTraversalVersion.RFC_3947: ("4a131c81070358455c5728f20e95452f",),
    NatTraversalVersion.DRAFT_03: ("7d9419a65310ca6f2c179d9215529d56",),
    NatTraversalVersion.DRAFT_02: ("90cb80913ebb696e086381b5ec427b1f", "cd60464335df21f87cfdb2fc68b6a448"),
}


def only(network: GoldenNetwork, version: NatTraversalVersion) -> None:
    """Removes the vendor IDs of other versions of NAT traversal from messages 1 and 2."""
    hidden = {bytes.fromhex(data) for known, all in _VENDORS.items() for data in all if known is not version}
    beyond = network.link

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label not in ("MM1", "MM2", "AM1", "AM2"):
            return beyond(datagram)
        header = Header.parse(datagram.octets)
        payloads = parse_message(header, datagram.octets[28:]).payloads
        left = [payload for payload in payloads if not (isinstance(payload, VendorId) and payload.data in hidden)]
        return beyond(datagram._replace(octets=build_message(header, left)))

    network.link = link


def behind(
    network: GoldenNetwork,
    *hidden: str,
    version: NatTraversalVersion = NatTraversalVersion.RFC_3947,
    calls_in: Mode = Mode.MAIN,
    **options: Any,
) -> tuple[GoldenPeer, GoldenPeer, NatBox | None]:
    """Alice and bob, each behind a NAT if ``hidden``, with a tunnel that alice initiated."""
    if version is not NatTraversalVersion.RFC_3947:
        only(network, version)
    called = OUTSIDE_OF_BOB if "bob" in hidden else BOB
    ours, theirs = tunnel(**options), tunnel(mirrored=True, **options)
    of_alice = connection(ALICE, called, ours, remote_id=BOB, mode=calls_in)
    of_bob = connection(BOB, "%any", theirs, remote_id=ALICE, aggressive=Aggressive.ACCEPT_PSK)
    alice = network.peer("alice", ALICE, settings(of_alice))
    bob = network.peer("bob", BOB, settings(of_bob))
    box = NatBox(network, alice, OUTSIDE) if "alice" in hidden else None
    if "bob" in hidden:
        NatBox(network, bob, OUTSIDE_OF_BOB, forwards=True)
    alice.calls(host=called)
    network.run(10)
    assert alice.sa.nat is not None
    assert alice.sa.nat.version is version
    assert alice.failures == bob.failures == []
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.child.udp_encapsulation
    return alice, bob, box


@conversation
def nat_rfc_3947(network: GoldenNetwork) -> None:
    """Alice is behind a NAT, which changes her port; both SAs are rekeyed on port 4500."""
    alice, bob, box = behind(network, "alice")
    assert box is not None
    network.heading("the NAT changes the port of alice, and alice rekeys the IPsec SAs")
    box.rebind()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(60)
    network.heading("bob rekeys the ISAKMP SA")
    bob.does(lambda engine: engine.rekey_ike(bob.sa.unique_id, network.now))
    network.run(20)
    assert alice.sa.cookies == bob.sa.cookies
    network.heading("the NAT changes the port again, and alice deletes the IPsec SAs")
    box.rebind()
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.run(9)
    assert bob.children == []


@conversation
def nat_another_address(network: GoldenNetwork) -> None:
    """ESP arrives from another address, then IKE from a third one: bob sends R-U-THERE there before he uses it."""
    alice, bob, box = behind(network, "alice")
    assert box is not None
    box.moves_to("203.0.113.77", 50_000)
    network.heading("ESP arrives from another address")
    there = bob.sa.path._replace(remote_host="203.0.113.77", remote_port=50_000)
    bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, there, network.now))
    network.run(10)
    assert bob.sa.path == there
    network.heading("IKE arrives from a third address")
    box.moves_to("203.0.113.78", 50_010)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(60)


@conversation
def nat_draft_03(network: GoldenNetwork) -> None:
    """draft-ietf-ipsec-nat-t-ike-03."""
    behind(network, "alice", version=NatTraversalVersion.DRAFT_03)


@conversation
def nat_draft_02(network: GoldenNetwork) -> None:
    """draft-ietf-ipsec-nat-t-ike-02; bob is behind the NAT."""
    behind(network, "bob", version=NatTraversalVersion.DRAFT_02)


@conversation
def nat_aggressive(network: GoldenNetwork) -> None:
    """Alice, behind a NAT, changes to port 4500 with message 3 of Aggressive Mode."""
    behind(network, "alice", calls_in=Mode.AGGRESSIVE)


@conversation
def nat_transport(network: GoldenNetwork) -> None:
    """Transport mode with NAT-OA; both peers are behind NATs."""
    behind(network, "alice", "bob", **L2TP)


@conversation
def nat_transport_draft_02(network: GoldenNetwork) -> None:
    """Transport mode with NAT-OA of the drafts."""
    _, bob, _ = behind(network, "alice", version=NatTraversalVersion.DRAFT_02, **L2TP)
    network.heading("ESP arrives from another port")
    there = bob.sa.path._replace(remote_port=50_000)
    bob.does(lambda engine: engine.peer_moved(bob.child.inbound.spi, there, network.now))
    network.run(10)


@conversation
def nat_forced(network: GoldenNetwork) -> None:
    """UDP encapsulation without a NAT, by configuration of alice, and IPComp."""
    alice, bob = network.couple(alice={"nat_traversal": NatTraversal.FORCE}, tunnel_options={"compress": True})
    alice.calls()
    network.settle()
    assert alice.child.udp_encapsulation
    assert bob.child.udp_encapsulation
