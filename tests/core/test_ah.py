"""AH (RFC 2407 §4.4.3, RFC 4302), and extended sequence numbers (RFC 4304), which ESP has as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from configured import ALICE, BOB, ah, connection, esp, settings, tunnel
from ikev1.core.exchanges.informational import INFORMATIONAL
from ikev1.core.exchanges.interpreter import new_exchange
from ikev1.core.exchanges.protection import open_message, phase2_iv, seal
from ikev1.core.negotiation import phase2_proposal
from ikev1.core.records.child_sa import ChildState, IpsecMode
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Role
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import IpsecProposal, NatTraversal, Tunnel
from ikev1.crypto import keymat
from ikev1.crypto.algorithms import INTEGRITIES
from ikev1.wire.attributes import Attribute
from ikev1.wire.header import Header
from ikev1.wire.payloads import Delete, SecurityAssociation
from ikev1.wire.registry import EncapsulationMode, ProtocolId
from ikev1.wire.registry import Phase2Attribute as A
from playbook import Couple, Datagram, Network, Peer, establish

MODE = EncapsulationMode.TUNNEL
SPI = 0x1000
AH_TRANSFORMS = {"md5": 2, "sha1": 3, "sha256": 5, "sha384": 6, "sha512": 7, "aesxcbc": 9}


def net(*proposals: IpsecProposal, **rest: Any) -> Tunnel:
    return tunnel(proposals=proposals, **rest)


def offer(*proposals: IpsecProposal) -> SecurityAssociation:
    return phase2_proposal.offer(net(*proposals), SPI, MODE)


def altered(offered: SecurityAssociation, *added: Attribute, drop: int = 0, transform: int = 0) -> SecurityAssociation:
    """The offer of one transform with other attributes, or under another identifier."""
    (only,) = offered.proposals
    (first,) = only.transforms
    attributes = [each for each in first.attributes if each.type not in (drop, *(one.type for one in added))]
    changed = first._replace(id=transform or first.id, attributes=(*attributes, *added))
    return offered._replace(proposals=(only._replace(transforms=(changed,)),))


@pytest.mark.parametrize("word", INTEGRITIES)
def test_a_transform_of_ah_and_its_algorithm_belong_together(word: str) -> None:
    (only,) = offer(ah(word)).proposals
    (transform,) = only.transforms
    assert (only.protocol, transform.id) == (ProtocolId.AH, AH_TRANSFORMS[word])
    assert Attribute(A.AUTHENTICATION_ALGORITHM, INTEGRITIES[word].integrity) in transform.attributes


@pytest.mark.parametrize(
    ("ours", "offered", "names"),
    [
        (ah(), offer(ah("sha1")), ("AH sha256", "AH sha1")),
        (ah(), offer(esp("aes128-sha256")), ("AH sha256", "aes128-sha256")),
        (esp("aes128-sha256"), offer(ah()), ("aes128-sha256", "AH sha256")),
        (esp("null-sha256"), offer(ah()), ("null-sha256", "AH sha256")),
        (ah(), altered(offer(ah()), transform=3), ("SHA", "5")),
        (ah(), altered(offer(ah()), transform=99), ("AH_99", "5")),
        (ah(), altered(offer(ah()), drop=A.AUTHENTICATION_ALGORITHM), ()),
        (ah(), offer(ah("sha256-esn")), ("AH sha256", "AH sha256-esn")),
        (ah("sha256-esn"), offer(ah()), ("AH sha256-esn", "AH sha256")),
        (esp("aes128-sha1"), offer(esp("aes128-sha1-esn")), ("aes128-sha1", "aes128-sha1-esn")),
        (esp("aes128-sha1-esn"), offer(esp("aes128-sha1")), ("aes128-sha1-esn", "aes128-sha1")),
        (
            esp("aes128-sha1-esn"),
            altered(offer(esp("aes128-sha1-esn")), Attribute(A.ESN, 2)),
            ("ESN", "2"),
        ),
        (esp("aes128-sha1"), altered(offer(esp("aes128-sha1")), Attribute(A.ESN, 0)), ("ESN", "0")),
    ],
)
def test_what_is_not_ours_is_refused(ours: IpsecProposal, offered: SecurityAssociation, names: tuple[str, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        phase2_proposal.choose(net(ours), offered, MODE)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    for name in names:
        assert name in refused.value.text


def test_longer_keys_of_a_cipher_keep_their_sequence_numbers() -> None:
    agreed, _ = phase2_proposal.choose(net(esp("aes128-sha1-esn")), offer(esp("aes256-sha1-esn")), MODE)
    assert (agreed.suite.key_length, agreed.suite.esn) == (256, True)


@pytest.mark.parametrize("proposal", [ah("md5"), ah("sha1-modp1024"), ah("sha256-esn"), ah("sha512-ecp256-esn")])
@pytest.mark.parametrize("mode", IpsecMode)
@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_both_may_ask_for_ah(
    network: Network, couple: Couple, proposal: IpsecProposal, mode: IpsecMode, caller: str
) -> None:
    wide = {"local": None, "remote": None} if mode is IpsecMode.TRANSPORT else {}
    alice, bob = couple(tunnel_options={"proposals": (proposal,), "mode": mode, **wide})
    establish(network, alice, None)
    (alice if caller == "alice" else bob).calls()
    network.settle()
    for peer in (alice, bob):
        child = peer.carries
        assert (child.suite, child.group, child.mode) == (proposal.suite, proposal.group, mode)
        assert child.inbound.encryption_key == b""
        assert len(child.inbound.integrity_key) == len(child.outbound.integrity_key)
        assert peer.failures == []
    assert (alice.carries.inbound, alice.carries.outbound) == (bob.carries.outbound, bob.carries.inbound)


def test_keymat_is_that_of_ah(network: Network, couple: Couple, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 2409 §5.5: protocol and SPI are those of the proposal "that contained the negotiated Transform"."""
    asked: list[int] = []
    plain = keymat.KEYMAT

    def noted(hash: int, SKEYID_d: bytes, protocol: int, *rest: object) -> bytes:
        asked.append(protocol)
        return plain(hash, SKEYID_d, protocol, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(keymat, "KEYMAT", noted)
    alice, _ = couple(tunnel_options={"proposals": (ah(),)})
    alice.calls()
    network.settle()
    assert asked == [ProtocolId.AH] * 4


def test_a_pair_of_ah_is_rekeyed_and_deleted_as_such(network: Network, couple: Couple) -> None:
    alice, bob = couple(tunnel_options={"proposals": (ah(),)})
    establish(network, alice)
    reqid = bob.child.reqid
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(6)
    network.sent.clear()
    network.run(31)
    assert network.labels("bob") == ["INFO D(AH)"]
    for peer in (alice, bob):
        assert (peer.child.state, peer.failures) == (ChildState.INSTALLED, [])
    assert bob.child.reqid == reqid


def test_a_delete_names_its_protocol(network: Network, couple: Couple) -> None:
    """An SPI alone names no SA (RFC 2408 §3.15)."""
    alice, bob = couple(tunnel_options={"proposals": (ah(),)})
    establish(network, alice)
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    (told,) = network.flying
    network.flying.clear()
    network.deliver(resealed_tidings(bob, told, lambda delete: delete._replace(protocol=ProtocolId.ESP)))
    assert len(bob.children) == 1
    assert bob.failures == []


def resealed_tidings(receiver: Peer, datagram: Datagram, change: Callable[[Delete], Delete]) -> Datagram:
    """An informational message whose Delete is another."""
    header = Header.parse(datagram.octets)
    sa = receiver.sa
    iv = phase2_iv(sa, header.message_id)
    message, _ = open_message(sa, iv, header, datagram.octets)
    exchange = new_exchange(INFORMATIONAL, header.message_id, Role.INITIATOR, 0.0, iv)
    deletes = [change(delete) for delete in message.all(Delete)]
    octets, _, _ = seal(sa, exchange, INFORMATIONAL.exchange, INFORMATIONAL.grammars[0], [*deletes])
    return datagram._replace(octets=octets)


def test_the_shorter_life_of_a_pair_of_ah_is_told_and_kept(network: Network) -> None:
    ours, theirs = net(ah()), net(ah(), lifetime=600, mirrored=True)
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, ours)))
    network.peer("bob", BOB, settings(connection(BOB, ALICE, theirs)))
    establish(network, alice)
    assert alice.child.expires_at == network.now + 600


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_ah_cannot_pass_a_nat(network: Network, couple: Couple, caller: str) -> None:
    alice, bob = couple(tunnel_options={"proposals": (ah(),)}, nat_traversal=NatTraversal.FORCE)
    establish(network, alice, None)
    peer = alice if caller == "alice" else bob
    peer.calls()
    network.plays()
    assert peer.failure.code is Code.NO_PROPOSAL_CHOSEN
    assert peer.failure.tunnel == "net"


def test_ah_that_is_asked_for_through_a_nat_is_refused(network: Network, couple: Couple) -> None:
    alice, bob = couple(tunnel_options={"proposals": (ah(),)}, nat_traversal=NatTraversal.FORCE)
    alice.is_given(settings(connection(ALICE, BOB, tunnel(), nat_traversal=NatTraversal.FORCE)))
    establish(network, alice, None)
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)")
    assert bob.failure.code is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize("proposal", ["aes128-sha256-esn", "aes256gcm16-esn", "aes128-sha1-modp1024-esn"])
def test_extended_sequence_numbers(network: Network, couple: Couple, proposal: str) -> None:
    alice, bob = couple(tunnel_options={"proposals": (esp(proposal), esp(proposal.removesuffix("-esn")))})
    establish(network, alice)
    assert alice.child.suite == bob.child.suite == esp(proposal).suite
    assert alice.child.suite.esn
    assert alice.carries.inbound == bob.carries.outbound


def test_who_does_without_extended_sequence_numbers_decides(network: Network) -> None:
    both = net(esp("aes128-sha256-esn"), esp("aes128-sha256"))
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, both)))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, net(esp("aes128-sha256"), mirrored=True))))
    establish(network, alice)
    assert not alice.child.suite.esn
    assert not bob.child.suite.esn
