"""IPComp beside ESP or AH (RFC 3173 §4.1): proposals of one number, all or none."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configured import ALICE, BOB, ah, connection, esp, settings, tunnel
from ikev1.core.negotiation import phase2_proposal
from ikev1.core.negotiation.ipcomp import cpi_of
from ikev1.core.records.answers import Failed
from ikev1.core.records.child_sa import ChildSa, Compression, IpsecMode
from ikev1.core.records.events import Code
from ikev1.core.records.path import UdpPath
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import NatTraversal, Tunnel
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import EncapsulationMode, IpcompTransform, ProtocolId
from ikev1.wire.registry import Phase2Attribute as A
from playbook import Couple, Network, establish

MODE = EncapsulationMode.TUNNEL
SPI, CPI = 0x1000, 0x5678
PLAIN, COMPRESSING = tunnel(), tunnel(compress=True)
COMPRESSED: dict[str, Any] = {"tunnel_options": {"compress": True}}


def offer(theirs: Tunnel = COMPRESSING, mode: EncapsulationMode = MODE) -> SecurityAssociation:
    return phase2_proposal.offer(theirs, SPI, mode, CPI if theirs.compress else 0)


def only_bundled(offered: SecurityAssociation, **changes: Any) -> SecurityAssociation:
    """The offer without what does not compress, its IPComp proposal changed."""
    main, ipcomp = offered.proposals[:2]
    return offered._replace(proposals=(main, ipcomp._replace(**changes)))


def with_attributes(offered: SecurityAssociation, *attributes: Attribute, algorithm: int = 2) -> SecurityAssociation:
    """The bundle with other attributes, or another algorithm, of IPComp."""
    (transform,) = offered.proposals[1].transforms
    kept = [each for each in transform.attributes if each.type not in [one.type for one in attributes]]
    changed = transform._replace(id=algorithm, attributes=(*kept, *attributes))
    return only_bundled(offered, transforms=(changed,))


def mirror(one: ChildSa, other: ChildSa) -> bool:
    """Whether the two pairs say the same of IPComp."""
    ours, theirs = one.compression, other.compression
    if ours is None or theirs is None:
        return ours is theirs
    return ours == Compression(theirs.algorithm, theirs.outbound_cpi, theirs.inbound_cpi)


def test_each_proposal_is_offered_with_and_without() -> None:
    offered = offer(tunnel(proposals=(esp("aes256gcm16"), esp("aes128-sha1")), compress=True))
    assert [(each.number, each.protocol, each.spi.hex()) for each in offered.proposals] == [
        (1, ProtocolId.ESP, "00001000"),
        (1, ProtocolId.IPCOMP, "5678"),
        (2, ProtocolId.ESP, "00001000"),
        (3, ProtocolId.ESP, "00001000"),
        (3, ProtocolId.IPCOMP, "5678"),
        (4, ProtocolId.ESP, "00001000"),
    ]
    assert {each.transforms[0].id for each in offered.proposals if each.protocol == ProtocolId.IPCOMP} == {2}


@pytest.mark.parametrize("proposal", [esp(), esp("aes128gcm16-modp1024-esn"), ah("sha1")])
@pytest.mark.parametrize("mode", IpsecMode)
@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_both_may_ask_for_it(network: Network, couple: Couple, proposal: Any, mode: IpsecMode, caller: str) -> None:
    wide = {"local": None, "remote": None} if mode is IpsecMode.TRANSPORT else {}
    options = {"proposals": (proposal,), "mode": mode, "compress": True, **wide}
    alice, bob = couple(tunnel_options=options)
    establish(network, alice, None)
    (alice if caller == "alice" else bob).calls()
    network.settle()
    assert alice.failures == bob.failures == []
    assert mirror(alice.child, bob.child)
    compression = alice.child.compression
    assert compression is not None
    assert compression.algorithm == IpcompTransform.DEFLATE
    for cpi in (compression.inbound_cpi, compression.outbound_cpi):
        assert 256 <= cpi < 61_440
    assert compression.inbound_cpi != compression.outbound_cpi
    assert alice.carries.inbound == bob.carries.outbound
    assert alice.child.suite == proposal.suite


@pytest.mark.parametrize(("ours", "theirs"), [(True, False), (False, True), (False, False)])
def test_without_it_where_one_of_them_does_without(network: Network, ours: bool, theirs: bool) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(compress=ours))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(compress=theirs, mirrored=True))))
    establish(network, alice)
    assert alice.child.compression is bob.child.compression is None


def test_it_passes_a_nat_within_esp(network: Network, couple: Couple) -> None:
    alice, bob = couple(**COMPRESSED, nat_traversal=NatTraversal.FORCE)
    alice.calls()
    network.settle()
    assert alice.child.udp_encapsulation
    assert alice.child.compression is not None
    assert mirror(alice.child, bob.child)


def test_a_new_pair_has_new_cpis(network: Network, couple: Couple) -> None:
    alice, bob = couple(**COMPRESSED)
    establish(network, alice)
    before = alice.child.compression
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(6)
    older, newer = alice.children
    assert older.compression == before
    assert newer.compression not in (None, before)
    assert mirror(newer, bob.children[1])
    assert newer.reqid == older.reqid


def test_cpis_may_come_from_elsewhere(network: Network, couple: Couple) -> None:
    alice, bob = couple(**COMPRESSED)
    bob.asks_for_spis(lambda path, protocol: 0x4000 if protocol == ProtocolId.IPCOMP else 0xC000_0001)
    alice.calls()
    network.settle()
    assert bob.child.compression is not None
    assert bob.child.compression.inbound_cpi == 0x4000


@pytest.mark.parametrize("cpi", [255, 61_440, 1 << 16, None])
def test_without_a_cpi_there_is_no_pair(network: Network, couple: Couple, cpi: int | None) -> None:
    def allocate(path: UdpPath, protocol: int) -> int | Failed:
        if protocol != ProtocolId.IPCOMP:
            return 0xC000_0001
        if cpi is None:
            return Failed("no CPI is left")
        return cpi

    alice, bob = couple(**COMPRESSED)
    bob.asks_for_spis(allocate)
    establish(network, alice, None)
    alice.calls()
    network.plays("alice -> bob QM1", "bob -> alice INFO N(NO_PROPOSAL_CHOSEN)")
    assert bob.failure.code is Code.NO_SPI
    assert bob.children == []


def test_the_choice_between_with_and_without_is_ours() -> None:
    offered = offer()
    swapped = offered._replace(proposals=offered.proposals[2:] + offered.proposals[:2])
    for each in (offered, swapped):
        with_it, _ = phase2_proposal.choose(COMPRESSING, each, MODE)
        without, _ = phase2_proposal.choose(PLAIN, each, MODE)
        assert (with_it.compression, with_it.cpi) == (2, CPI)
        assert (without.compression, without.cpi) == (0, 0)


def test_a_suite_that_is_preferred_comes_before_compression() -> None:
    ours = tunnel(proposals=(esp("aes256-sha256"), esp("aes128-sha256")), compress=True)
    weak = offer(tunnel(proposals=(esp("aes128-sha256"),), compress=True)).proposals[:2]
    strong = offer(tunnel(proposals=(esp("aes256-sha256"),))).proposals[0]._replace(number=9)
    agreed, _ = phase2_proposal.choose(ours, offer()._replace(proposals=(*weak, strong)), MODE)
    assert (agreed.suite.key_length, agreed.compression) == (256, 0)


def test_the_answer_is_as_it_was_offered() -> None:
    offered = offer()
    agreed, taken = phase2_proposal.choose(COMPRESSING, offered, MODE)
    answer = phase2_proposal.chosen_sa(offered, taken, 0x2000, 0x1234)
    assert [(each.number, each.protocol, each.spi.hex()) for each in answer.proposals] == [
        (1, ProtocolId.ESP, "00002000"),
        (1, ProtocolId.IPCOMP, "1234"),
    ]
    assert [each.transforms for each in answer.proposals] == [each.transforms for each in offered.proposals[:2]]
    assert phase2_proposal.accept(COMPRESSING, offered, answer) == agreed._replace(spi=0x2000, cpi=0x1234)


def test_ipcomp_in_an_answer_need_not_repeat_the_group() -> None:
    ours = tunnel(proposals=(esp("aes128-sha256-modp2048"),), compress=True)
    offered = offer(ours)
    agreed, taken = phase2_proposal.choose(ours, offered, MODE)
    main, ipcomp = phase2_proposal.chosen_sa(offered, taken, 0x2000, 0x1234).proposals
    (transform,) = ipcomp.transforms
    kept = tuple(each for each in transform.attributes if each.type != A.GROUP_DESCRIPTION)
    answer = offered._replace(proposals=(main, ipcomp._replace(transforms=(transform._replace(attributes=kept),))))
    assert phase2_proposal.accept(ours, offered, answer) == agreed._replace(spi=0x2000, cpi=0x1234)


def test_the_group_beside_ipcomp_in_an_answer_is_the_one_offered() -> None:
    ours = tunnel(proposals=(esp("aes128-sha256-modp2048"),), compress=True)
    offered, other = offer(ours), tunnel(proposals=(esp("aes128-sha256-modp3072"),), compress=True)
    _, taken = phase2_proposal.choose(other, offer(other), MODE)
    with pytest.raises(Refusal):
        phase2_proposal.accept(ours, offered, phase2_proposal.chosen_sa(offered, taken, 0x2000, 0x1234))


def test_a_cpi_of_four_octets_is_answered_in_four() -> None:
    offered = only_bundled(offer(), spi=b"\xff\xff\x56\x78")
    agreed, taken = phase2_proposal.choose(COMPRESSING, offered, MODE)
    assert agreed.cpi == CPI
    assert phase2_proposal.chosen_sa(offered, taken, 0x2000, 0x1234).proposals[1].spi == b"\x00\x00\x12\x34"


@pytest.mark.parametrize(
    "offered",
    [
        only_bundled(offer(), spi=b"\x00\x02"),
        with_attributes(offer(), Attribute(A.ENCAPSULATION_MODE, 1)),
        with_attributes(offer(), Attribute(A.SA_LIFE_DURATION, 5)),
        with_attributes(offer(), Attribute(A.AUTHENTICATION_ALGORITHM, 99)),
        only_bundled(offer())._replace(proposals=offer().proposals[1::-1]),
    ],
)
def test_what_ipcomp_may_look_like(offered: SecurityAssociation) -> None:
    agreed, _ = phase2_proposal.choose(COMPRESSING, offered, MODE)
    assert agreed.compression == 2


UNFIT = [
    with_attributes(offer(), algorithm=IpcompTransform.LZS),
    with_attributes(offer(), Attribute(A.ENCAPSULATION_MODE, 2)),
    with_attributes(offer(), Attribute(A.GROUP_DESCRIPTION, 14)),
    only_bundled(offer(), spi=b"\x00\x00"),
    only_bundled(offer(), spi=b"\x00\xff"),
    only_bundled(offer(), spi=b"\xf0\x00"),
    only_bundled(offer(), spi=b"\x00\x00\x00\x00"),
    only_bundled(offer(), transforms=()),
]


@pytest.mark.parametrize("offered", UNFIT)
def test_ipcomp_that_cannot_be_had_is_refused(offered: SecurityAssociation) -> None:
    with pytest.raises(Refusal) as refused:
        phase2_proposal.choose(COMPRESSING, offered, MODE)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize("offered", [only_bundled(offer()), *UNFIT])
def test_ipcomp_that_is_not_configured_is_refused_with_the_option(offered: SecurityAssociation) -> None:
    with pytest.raises(Refusal) as refused:
        phase2_proposal.choose(PLAIN, offered, MODE)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    assert "compress = false" in refused.value.text


def protocols(*wanted: int) -> SecurityAssociation:
    main, ipcomp = offer().proposals[:2]
    made = [ipcomp if protocol == ProtocolId.IPCOMP else main._replace(protocol=protocol) for protocol in wanted]
    return offer()._replace(proposals=tuple(made))


@pytest.mark.parametrize(
    ("offered", "names"),
    [
        (protocols(ProtocolId.IPCOMP), "IPCOMP"),
        (protocols(ProtocolId.ESP, ProtocolId.AH), "ESP AH"),
        (protocols(ProtocolId.ESP, ProtocolId.ESP), "ESP ESP"),
        (protocols(ProtocolId.ESP, ProtocolId.IPCOMP, ProtocolId.IPCOMP), "ESP IPCOMP IPCOMP"),
        (protocols(ProtocolId.AH, ProtocolId.ESP, ProtocolId.IPCOMP), "AH ESP IPCOMP"),
        (protocols(ProtocolId.ESP, 99), "ESP PROTOCOL_99"),
        (protocols(ProtocolId.ISAKMP), "ISAKMP"),
    ],
)
def test_other_bundles_are_refused_by_name(offered: SecurityAssociation, names: str) -> None:
    with pytest.raises(Refusal) as refused:
        phase2_proposal.choose(COMPRESSING, offered, MODE)
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN
    for name in names.split():
        assert name in refused.value.text


def test_proposals_of_one_number_belong_together_wherever_they_stand() -> None:
    first, ipcomp, alone = offer().proposals
    spread = offer()._replace(proposals=(first, alone, ipcomp))
    agreed, taken = phase2_proposal.choose(COMPRESSING, spread, MODE)
    assert (agreed.compression, taken.proposal.number) == (2, 1)
    _, taken = phase2_proposal.choose(PLAIN, spread, MODE)
    assert taken.proposal.number == 2


def answers() -> list[SecurityAssociation]:
    offered = offer()
    main, ipcomp, _ = offered.proposals

    def proposed(*proposals: Proposal) -> SecurityAssociation:
        return offered._replace(proposals=proposals)

    return [
        proposed(ipcomp),
        proposed(main, ipcomp, ipcomp),
        proposed(main, ipcomp, main._replace(number=2, spi=b"\0\0\x20\0")),
        proposed(main._replace(number=2), main, ipcomp),
        proposed(main._replace(number=2), main),
        proposed(main, ipcomp._replace(number=2)),
        proposed(main, ipcomp._replace(transforms=ipcomp.transforms * 2)),
        proposed(main, ipcomp._replace(spi=b"\0\0")),
        with_attributes(offered, Attribute(A.SA_LIFE_DURATION, 60)),
        with_attributes(offered, algorithm=IpcompTransform.LZS),
        proposed(main._replace(transforms=()), ipcomp),
    ]


@pytest.mark.parametrize("answer", answers())
def test_an_initiator_takes_no_altered_answer(answer: SecurityAssociation) -> None:
    with pytest.raises(Refusal):
        phase2_proposal.accept(COMPRESSING, offer(), answer)


def test_an_answer_may_repeat_without_ipcomp_what_it_takes_with_it() -> None:
    """As strongSwan does."""
    agreed = phase2_proposal.accept(COMPRESSING, offer(), offer())
    assert (agreed.compression, agreed.cpi, agreed.spi) == (2, CPI, SPI)


def test_an_answer_with_ipcomp_that_was_not_offered_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        phase2_proposal.accept(PLAIN, offer(PLAIN), only_bundled(offer()))
    assert refused.value.code is Code.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        (EncapsulationMode.UDP_TUNNEL, 1),
        (EncapsulationMode.UDP_TUNNEL, 3),
        (EncapsulationMode.UDP_TUNNEL_DRAFT, 1),
        (EncapsulationMode.UDP_TRANSPORT, 2),
    ],
)
def test_the_mode_of_ipcomp_needs_no_mention_of_a_nat(mode: EncapsulationMode, found: int) -> None:
    ours = tunnel(compress=True)
    offered = with_attributes(offer(ours, mode), Attribute(A.ENCAPSULATION_MODE, found))
    agreed, _ = phase2_proposal.choose(ours, offered, mode)
    assert agreed.compression == 2


@given(st.binary(max_size=8))
def test_a_cpi_is_read_or_none(spi: bytes) -> None:
    cpi = cpi_of(spi)
    assert cpi == 0 or cpi == 2 or 256 <= cpi < 61_440


octets_of_spi = st.one_of(st.just(SPI.to_bytes(4)), st.just(CPI.to_bytes(2)), st.binary(max_size=5))
identifiers = st.sampled_from([0, 2, 3, 5, 12, 20, 255])
attributes = st.lists(
    st.builds(Attribute, st.sampled_from([1, 2, 3, 4, 5, 6, 9, 11, 32_001]), st.integers(0, 5)), max_size=6
)
transforms = st.lists(
    st.one_of(
        st.sampled_from([offered.transforms[0] for offered in offer().proposals]),
        st.builds(lambda number, found: Transform(1, number, tuple(found)), identifiers, attributes),
    ),
    max_size=3,
)
proposals = st.builds(
    lambda number, protocol, spi, found: Proposal(number, protocol, spi, tuple(found)),
    st.integers(0, 3),
    st.sampled_from([0, 1, 2, 3, 4, 255]),
    octets_of_spi,
    transforms,
)


@given(st.lists(proposals, max_size=6), st.sampled_from([PLAIN, COMPRESSING, tunnel(proposals=(ah(),), compress=True)]))
def test_whatever_is_offered_is_taken_as_it_is_or_refused(found: list[Proposal], ours: Tunnel) -> None:
    offered = offer()._replace(proposals=tuple(found))
    said = ""
    try:
        agreed, taken = phase2_proposal.choose(ours, offered, MODE)
    except Refusal as refusal:
        said = refusal.text
    else:
        together = [each for each in found if each.number == taken.proposal.number]
        assert len(together) == (2 if agreed.compression else 1)
        assert agreed.suite.protocol == taken.proposal.protocol
        answer = phase2_proposal.chosen_sa(offered, taken, 0x2000, 0x1234)
        assert phase2_proposal.accept(ours, offered, answer).suite == agreed.suite
    assert len(said) < 1000


@given(st.lists(proposals, max_size=4))
def test_whatever_is_answered_is_what_was_offered_or_refused(found: list[Proposal]) -> None:
    with suppress(Refusal):
        agreed = phase2_proposal.accept(COMPRESSING, offer(), offer()._replace(proposals=tuple(found)))
        assert agreed.suite == esp().suite
        assert agreed.compression in (0, 2)
