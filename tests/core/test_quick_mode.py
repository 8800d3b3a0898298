"""Quick Mode, as RFC 2409 §5.5 has it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from configured import ALICE, BOB, connection, esp, settings, tunnel
from dishonest import resealed
from ikev1.core.records.child_sa import ChildSa, Mark, PacketMarks
from ikev1.core.records.events import ChildUp, Code, Failure, Note
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import IpsecProposal, ProposalCheck
from ikev1.crypto.algorithms import ESP_CIPHERS, INTEGRITIES
from ikev1.crypto.suites import esp_key_sizes
from ikev1.wire.payloads import Payload, SecurityAssociation
from playbook import Couple, Datagram, Network, Peer, establish

THREE = ("alice -> bob QM1", "bob -> alice QM2", "alice -> bob QM3")


def mirror(one: ChildSa, other: ChildSa) -> bool:
    """Whether two pairs are the ends of one tunnel."""
    return (
        (one.inbound, one.outbound) == (other.outbound, other.inbound)
        and (one.local, one.remote) == (other.remote, other.local)
        and (one.suite, one.group) == (other.suite, other.group)
        and one.initiator is not other.initiator
    )


def test_three_messages_make_a_pair_of_sas(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    alice.calls("net")
    network.plays(*THREE)
    assert mirror(alice.carries, bob.carries)
    for peer in (alice, bob):
        assert peer.carries.without_keys() == peer.child
        assert peer.carries != peer.child
        assert peer.inbound == {peer.child.inbound.spi: peer.carries}
        assert peer.outbound == {(peer.child.local, peer.child.remote): peer.carries}
        assert [(up.child, up.replaces) for up in peer.saw(ChildUp)] == [(peer.carries, None)]
        assert peer.failures == []


def test_the_responder_of_the_isakmp_sa_may_begin(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice, None)
    bob.calls("net")
    network.plays("bob -> alice QM1", "alice -> bob QM2", "bob -> alice QM3")
    assert mirror(alice.carries, bob.carries)
    assert bob.child.initiator


def test_a_tunnel_that_is_wanted_comes_up_as_soon_as_the_isakmp_sa_is(network: Network, alice: Peer, bob: Peer) -> None:
    alice.calls(tunnel=None)
    alice.calls("net")
    network.settle()
    assert network.labels("alice") == ["MM1", "MM3", "MM5", "QM1", "QM3"]
    assert mirror(alice.carries, bob.carries)


SEVERAL = (esp("aes128-sha256-modp1024"), esp("aes128-sha256-ecp256"), esp("aes128-sha256"))


@pytest.mark.parametrize(
    ("theirs", "group"),
    [
        (SEVERAL, 19),  # that of phase 1
        (SEVERAL[1:], 19),
        (SEVERAL[:1], 0),  # which the other end has not
    ],
)
def test_the_caller_asks_for_the_group_of_phase_1_if_it_has_it(
    network: Network, theirs: tuple[IpsecProposal, ...], group: int
) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(proposals=SEVERAL))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(proposals=theirs, mirrored=True))))
    establish(network, alice, None)
    alice.calls("net")
    network.settle()
    assert [child.group for child in bob.children] == ([group] if group else [])


@pytest.mark.parametrize("proposal", SEVERAL)
def test_who_is_called_takes_the_group_that_is_offered_and_asks_for_it_again(
    network: Network, proposal: IpsecProposal
) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(proposals=(proposal,)))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(proposals=SEVERAL, mirrored=True))))
    establish(network, alice)
    assert bob.child.group == proposal.group
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(6)
    assert [child.group for child in alice.children] == [proposal.group] * 2


def test_who_receives_is_ready_before_who_sends(network: Network, alice: Peer, bob: Peer) -> None:
    """The inbound SA is there before the message goes out that lets the other use it."""
    establish(network, alice, None)
    alice.calls("net")
    network.deliver(network.flying.popleft())
    assert len(bob.inbound) == 1
    assert bob.outbound == {}
    network.deliver(network.flying.popleft())
    assert len(alice.inbound) == len(alice.outbound) == 1
    assert bob.outbound == {}
    network.settle()
    assert len(bob.outbound) == 1


@pytest.mark.parametrize(
    "proposal",
    [
        *(word if cipher.aead else f"{word}-sha1" for word, cipher in ESP_CIPHERS.items()),
        *(f"aes128-{word}" for word in INTEGRITIES),
        *(f"aes128-sha256-{group}" for group in ("modp1024", "modp2048", "ecp256", "ecp384", "curve25519")),
    ],
)
def test_every_suite_serves_with_and_without_perfect_forward_secrecy(
    network: Network, couple: Couple, proposal: str
) -> None:
    alice, bob = couple(tunnel_options={"proposals": (esp(proposal),)})
    establish(network, alice, None)
    alice.calls("net")
    network.plays(*THREE)
    assert mirror(alice.carries, bob.carries)
    suite = alice.child.suite
    assert suite == esp(proposal).suite
    assert alice.child.group == esp(proposal).group
    sizes = esp_key_sizes(suite.encryption, suite.key_length, suite.integrity)
    for keys in (alice.carries.inbound, alice.carries.outbound):
        assert (len(keys.encryption_key), len(keys.integrity_key)) == sizes
    assert alice.child.inbound.spi != alice.child.outbound.spi


@pytest.mark.parametrize(
    "options",
    [
        {"local": "10.1.0.0/16", "remote": "10.2.0.0/24"},
        {"local": "10.1.0.7", "remote": "0.0.0.0/0"},
        {"local": "10.1.0.7[tcp/80]", "remote": "10.2.0.0/16[udp]"},
        {"local": "10.1.0.7-10.1.0.9", "remote": "10.2.0.1-10.2.0.1"},
        {"local": "2001:db8:1::/48", "remote": "2001:db8:2::/64"},
        {"local": None, "remote": None},
        {"local": "10.1.0.0/16", "remote": None},
        {"local": "dynamic[udp/1701]", "remote": "dynamic[udp]"},
    ],
)
def test_every_kind_of_selector(network: Network, couple: Couple, options: dict[str, str | None]) -> None:
    alice, bob = couple(tunnel_options=options)
    establish(network, alice, None)
    alice.calls("net")
    network.plays(*THREE)
    assert mirror(alice.carries, bob.carries)
    assert alice.child.local == Selector.parse((options["local"] or ALICE).replace("dynamic", ALICE))
    assert alice.child.remote == Selector.parse((options["remote"] or BOB).replace("dynamic", BOB))


def apart(network: Network, ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[Peer, Peer]:
    """Alice and bob with tunnels that do not mirror one another."""
    return (
        network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(**ours)))),
        network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True, **theirs)))),
    )


def test_a_responder_takes_less_than_its_networks(network: Network) -> None:
    alice, bob = apart(network, {"local": "10.1.7.0/24", "remote": "10.2.0.9"}, {})
    establish(network, alice, None)
    alice.calls("net")
    network.plays(*THREE)
    assert mirror(alice.carries, bob.carries)
    assert str(bob.child.remote) == "10.1.7.0/24"


@pytest.mark.parametrize(
    ("ours", "theirs", "code", "name", "notify"),
    [
        ({"local": "10.9.0.0/16"}, {}, Code.SELECTORS_UNACCEPTABLE, "10.9.0.0/16", "INVALID_ID_INFORMATION"),
        ({"local": "10.0.0.0/8"}, {}, Code.SELECTORS_UNACCEPTABLE, "10.2.0.0/16", "INVALID_ID_INFORMATION"),
        ({"proposals": (esp("3des-sha1"),)}, {}, Code.NO_PROPOSAL_CHOSEN, "3des", "NO_PROPOSAL_CHOSEN"),
        (
            {},
            {"proposals": (esp("aes128-sha256-ecp256"),)},
            Code.NO_PROPOSAL_CHOSEN,
            "19",
            "NO_PROPOSAL_CHOSEN",
        ),
    ],
)
def test_a_tunnel_that_the_peer_does_not_want_is_refused(
    network: Network, ours: dict[str, Any], theirs: dict[str, Any], code: Code, name: str, notify: str
) -> None:
    alice, bob = apart(network, ours, theirs)
    establish(network, alice, None)
    alice.calls("net")
    network.plays("alice -> bob QM1", f"bob -> alice INFO N({notify})")
    assert bob.failure.code is code
    assert name in bob.failure.text
    network.run(5)
    assert alice.failure.code is Code.REFUSED_BY_PEER
    assert notify in alice.failure.text
    assert alice.failure.tunnel == "net"
    assert alice.sa.exchanges == ()
    assert alice.children == bob.children == []


def test_a_tunnel_that_is_refused_takes_no_other_with_it(network: Network) -> None:
    """A notify does not say which Quick Mode it answers; the one that was not refused goes on."""
    strange = tunnel("strange", "10.9.0.0/16")
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, strange, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    establish(network, alice, None)
    alice.calls("strange")
    alice.calls("net")
    network.plays(
        "alice -> bob QM1",
        "alice -> bob QM1",
        "bob -> alice INFO N(INVALID_ID_INFORMATION)",
        "0.1 s pass",
        "bob -> alice QM2",
        "alice -> bob QM3",
    )
    assert mirror(alice.carries, bob.carries)
    network.run(5)
    assert [failure.tunnel for failure in alice.saw(Failure)] == ["strange"]


def test_the_tunnel_that_equals_the_request_is_taken_before_one_that_holds_it(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel("net", "10.1.7.0/24"))))
    wide, exact = tunnel("wide", mirrored=True), tunnel("exact", "10.1.7.0/24", mirrored=True)
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, wide, exact)))
    establish(network, alice)
    assert bob.child.name == "exact"


def test_several_tunnels_under_one_isakmp_sa(network: Network) -> None:
    names = [f"net{number}" for number in range(5)]
    ours = [tunnel(name, f"10.1.{place}.0/24") for place, name in enumerate(names)]
    theirs = [tunnel(name, f"10.1.{place}.0/24", mirrored=True) for place, name in enumerate(names)]
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, *ours)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, *theirs)))
    for name in names:
        alice.calls(name)
    network.settle()
    assert [child.name for child in bob.children] == names
    assert all(mirror(*ends) for ends in zip(alice.children, bob.children, strict=True))
    for peer in (alice, bob):
        assert peer.sa.unique_id == 1
        assert [(child.unique_id, child.reqid) for child in peer.children] == [(each, each) for each in range(1, 6)]


def test_each_end_steers_as_its_operator_says(network: Network) -> None:
    """Marks and interface IDs are not negotiated, and hold for what replaces a pair, too."""
    marks = PacketMarks(Mark(0x2A, 0xFF), Mark(0x2B, 0xFF), 16, 17)
    alice, bob = apart(network, {"marks": marks}, {})
    establish(network, alice)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(6)
    assert [child.marks for child in alice.children] == [marks] * 2
    assert [child.marks for child in bob.children] == [PacketMarks()] * 2


def test_the_default_lifetime_is_an_hour(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    for peer in (alice, bob):
        assert peer.child.expires_at == network.now + 3600
        assert peer.child.lifetime_kilobytes == 0


def test_the_shorter_lifetime_holds_on_both_sides(network: Network) -> None:
    ours, theirs = {"lifetime": 1200, "lifetime_kilobytes": 4000}, {"lifetime": 600, "lifetime_kilobytes": 5000}
    alice, bob = apart(network, ours, theirs)
    establish(network, alice)
    assert bob.child.expires_at == network.now + 600
    assert bob.child.lifetime_kilobytes == 4000
    assert alice.child.expires_at == network.now + 600, "the responder answers as offered, and tells what it keeps to"


# --- one SPI for both directions is one key for both (RFC 2409 §5.5) --------------------------------------------------


def test_a_responder_takes_our_spi_as_its_own(network: Network, alice: Peer, bob: Peer) -> None:
    alice.asks_for_spis(lambda path, protocol: 0xC000_0001)
    establish(network, alice, None)

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label != "QM2":
            return [datagram]

        def change(payloads: list[Payload]) -> list[Payload]:
            offer = next(payload for payload in payloads if isinstance(payload, SecurityAssociation))
            (proposal,) = offer.proposals
            taken = offer._replace(proposals=(proposal._replace(spi=b"\xc0\0\0\1"),))
            return [taken if payload is offer else payload for payload in payloads]

        return [resealed(alice, datagram, change)]

    network.link = link
    alice.calls()
    network.settle()
    assert Code.REFLECTION in alice.failures
    assert alice.children == bob.children == []


def test_a_responder_draws_another_spi_than_the_peers(network: Network, alice: Peer, bob: Peer) -> None:
    drawn = [0xC000_0001, 0xC000_0001, 0xC000_0002]
    alice.asks_for_spis(lambda path, protocol: 0xC000_0001)
    bob.asks_for_spis(lambda path, protocol: drawn.pop(0))
    establish(network, alice)
    assert bob.child.inbound.spi == 0xC000_0002
    assert bob.child.outbound.spi == 0xC000_0001
    assert mirror(alice.carries, bob.carries)


def test_whoever_chooses_our_spis_knows_no_other_than_the_peers(network: Network, alice: Peer, bob: Peer) -> None:
    for peer in (alice, bob):
        peer.asks_for_spis(lambda path, protocol: 0xC000_0001)
    establish(network, alice, None)
    alice.calls()
    network.settle()
    assert bob.failures == [Code.NO_SPI]
    assert alice.children == bob.children == []


class TestPfsIfRefused:
    """A tunnel without a word about algorithms, and a peer that requires perfect forward secrecy."""

    REQUIRES: ClassVar[dict[str, Any]] = {"proposals": (esp("aes128-sha256-modp1024"),), "check": ProposalCheck.EXACT}

    def peers(self, couple: Couple, **requires: Any) -> tuple[Peer, Peer]:
        alice, bob = couple()
        alice.is_given(settings(connection(ALICE, BOB, tunnel(pfs_if_refused=True))))
        bob.is_given(settings(connection(BOB, ALICE, tunnel(mirrored=True, **requires))))
        return alice, bob

    def test_the_group_of_phase_1_is_requested_if_the_peer_refuses(self, network: Network, couple: Couple) -> None:
        required = {"proposals": (esp("aes128-sha256-ecp256"),), "check": ProposalCheck.EXACT}
        alice, _ = self.peers(couple, **required)
        alice.calls()
        network.run(10)
        assert alice.child.group == 19
        assert [note.code for note in alice.saw(Note)].count(Code.PFS_REQUESTED) == 1
        assert alice.failures == []

        alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
        network.run(60)
        assert alice.child.group == 19
        assert [note.code for note in alice.saw(Note)].count(Code.PFS_REQUESTED) == 1

    def test_a_peer_that_refuses_that_as_well_has_refused(self, network: Network, couple: Couple) -> None:
        alice, bob = self.peers(couple, **self.REQUIRES)
        alice.calls()
        network.run(20)
        assert alice.failures == [Code.REFUSED_BY_PEER]
        assert bob.failures == [Code.NO_PROPOSAL_CHOSEN] * 2

    def test_what_is_configured_is_requested_alone(self, network: Network, couple: Couple) -> None:
        alice, bob = self.peers(couple, **self.REQUIRES)
        alice.is_given(settings(connection(ALICE, BOB, tunnel())))
        alice.calls()
        network.run(20)
        assert alice.failures == [Code.REFUSED_BY_PEER]
        assert bob.failures == [Code.NO_PROPOSAL_CHOSEN]
