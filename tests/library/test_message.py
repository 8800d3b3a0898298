"""`ikev1.Message`: read, shown, changed, decrypted and encrypted; and what a responder says to a broken one."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import pytest

import ikev1
from ikev1.events import ChildUp, Code, Failure, IkeUp
from ikev1.keys import HASH_1, Phase1
from library import ALICE, BOB, NOW, Two, events_of


def sent_by(two: Two, label: str) -> bytes:
    """The octets of a message that was sent."""
    return next(datagram.octets for datagram in two.wire if datagram.label == label)


@pytest.fixture(scope="module")
def two() -> Two:
    two = Two()
    two.connect()
    return two


@pytest.fixture(scope="module")
def sa(two: Two) -> ikev1.events.IkeSa:
    (up,) = [event.sa for event in events_of(two.alice) if isinstance(event, IkeUp)]
    return up


def test_every_message_is_read_and_built_again(two: Two) -> None:
    for datagram in two.wire:
        message = ikev1.Message.from_wire(datagram.octets)
        assert message.to_wire() == datagram.octets
        assert ikev1.Message.from_wire(message.to_wire()) == message
        assert hash(message) == hash(ikev1.Message.from_wire(datagram.octets))


def test_payloads_are_found_by_their_class(two: Two) -> None:
    message = ikev1.Message.from_wire(sent_by(two, "MM1"))
    (proposal,) = message[ikev1.SA].proposals
    assert proposal.protocol == ikev1.ProtocolId.ISAKMP
    values = {attribute.type: attribute.number for attribute in proposal.transforms[0].attributes}
    assert values[ikev1.Phase1Attribute.ENCRYPTION_ALGORITHM] == ikev1.Encryption.AES_CBC
    assert values[ikev1.Phase1Attribute.GROUP_DESCRIPTION] == ikev1.Group.ECP_256
    assert ikev1.VendorId in message
    assert ikev1.Nonce not in message
    assert next(iter(message)) is message[ikev1.SA]
    assert len(message.all(ikev1.VendorId)) == len(message) - 1
    with pytest.raises(ikev1.LocalError, match="SecurityAssociation"):
        message[ikev1.Nonce]


def test_text_shows_no_secret_and_no_control_character(two: Two) -> None:
    message = ikev1.Message.from_wire(sent_by(two, "MM3"))
    assert message.to_text().startswith("KE(64 octets) NONCE(")
    assert message[ikev1.Nonce].data.hex() not in message.to_text()
    assert message.to_text() in repr(message)
    assert "encrypted" in ikev1.Message.from_wire(sent_by(two, "MM5")).to_text()
    strange = message.replace(message[ikev1.KE], ikev1.ID(ikev1.IdType.FQDN, 0, 0, b"\x1b[2J\n"))
    assert strange.to_text().isprintable()


@pytest.mark.parametrize(
    ("change", "notify", "offset"),
    [
        (lambda octets: octets[:20], "UNEQUAL_PAYLOAD_LENGTHS", 0),
        (lambda octets: octets[:17] + b"\x20" + octets[18:], "INVALID_MAJOR_VERSION", 17),
        (lambda octets: octets[:19] + b"\x80" + octets[20:], "INVALID_FLAGS", 19),
        (lambda octets: octets[:29] + b"\x01" + octets[30:], "PAYLOAD_MALFORMED", 29),
    ],
)
def test_what_is_no_message_is_a_remote_error_that_says_where(
    two: Two, change: Callable[[bytes], bytes], notify: str, offset: int
) -> None:
    with pytest.raises(ikev1.RemoteError) as raised:
        ikev1.Message.from_wire(change(sent_by(two, "MM1")))
    assert isinstance(raised.value, ikev1.WireError)
    assert (raised.value.notify.name, raised.value.offset) == (notify, offset)


def test_a_message_is_immutable(two: Two) -> None:
    message = ikev1.Message.from_wire(sent_by(two, "MM1"))
    with pytest.raises(AttributeError):
        message.payloads = ()
    with pytest.raises(ikev1.LocalError):
        message.replace(ikev1.Nonce(bytes(16)))
    with pytest.raises(ikev1.LocalError):
        ikev1.Message(message.header, message.payloads, ciphertext=bytes(16))


def test_what_does_not_fit_its_field_is_a_local_error(two: Two) -> None:
    message = ikev1.Message.from_wire(sent_by(two, "MM3"))
    wrong = message.replace(message[ikev1.KE], ikev1.Notification(1, 300, b"", 14, b""))
    with pytest.raises(ikev1.LocalError):
        wrong.to_wire()


# --- one thing broken


def answer_to(label: str, change: Callable[[ikev1.Message], ikev1.Message]) -> Two:
    """A conversation in which one message of Alice's arrives changed."""
    two = Two()

    def changed(datagram: ikev1.Datagram) -> bytes:
        if datagram.label != label:
            return datagram.octets
        return change(ikev1.Message.from_wire(datagram.octets)).to_wire()

    two.change = changed
    two.connect()
    return two


def test_a_nonce_too_short_is_refused() -> None:
    two = answer_to("MM3", lambda message: message.replace(message[ikev1.Nonce], ikev1.Nonce(bytes(4))))
    (failure,) = [event for event in events_of(two.bob) if isinstance(event, Failure)]
    assert failure.code is Code.MALFORMED
    assert [datagram.label for datagram in two.wire][:3] == ["MM1", "MM2", "MM3"]
    assert "MM4" not in [datagram.label for datagram in two.wire]


def test_an_offer_of_another_group_finds_no_proposal_chosen() -> None:
    def weaker(message: ikev1.Message) -> ikev1.Message:
        offer = message[ikev1.SA]
        (proposal,) = offer.proposals
        transforms = tuple(
            transform._replace(
                attributes=tuple(
                    attribute._replace(value=int(ikev1.Group.MODP_768))
                    if attribute.type == ikev1.Phase1Attribute.GROUP_DESCRIPTION
                    else attribute
                    for attribute in transform.attributes
                )
            )
            for transform in proposal.transforms
        )
        return message.replace(offer, offer._replace(proposals=(proposal._replace(transforms=transforms),)))

    two = answer_to("MM1", weaker)
    (failure,) = [event for event in events_of(two.bob) if isinstance(event, Failure)]
    assert failure.code is Code.NO_PROPOSAL_CHOSEN
    refusal = ikev1.Message.from_wire(two.wire[1].octets)
    assert refusal[ikev1.Notification].type == ikev1.NotifyType.NO_PROPOSAL_CHOSEN


def test_a_message_without_its_key_exchange_is_refused() -> None:
    two = answer_to("MM3", lambda message: message.replace(message[ikev1.KE]))
    (failure,) = [event for event in events_of(two.bob) if isinstance(event, Failure)]
    assert failure.code is Code.MALFORMED


# --- keys


def test_quick_mode_is_decrypted_with_the_keys_of_the_isakmp_sa(two: Two, sa: ikev1.events.IkeSa) -> None:
    first, second, third = (ikev1.Message.from_wire(sent_by(two, label)) for label in ("QM1", "QM2", "QM3"))
    key = Phase1.of(sa, first.header.message_id)
    clear = first.decrypt(key)
    assert (clear[ikev1.SA].proposals[0].protocol, len(clear.all(ikev1.ID))) == (ikev1.ProtocolId.ESP, 2)
    assert clear.encrypt(key) == first
    answer = second.decrypt(key := key.after(first.ciphertext))
    assert len(answer[ikev1.Nonce].data) >= 8
    assert third.decrypt(key.after(second.ciphertext))[ikev1.Hash].data
    assert sa.keys is not None
    assert sa.chosen is not None
    expected = HASH_1(sa.chosen.suite.hash, sa.keys.SKEYID_a, first.header.message_id, clear.after_first)
    assert hmac.compare_digest(clear[ikev1.Hash].data, expected)


def test_the_last_messages_of_main_mode_are_decrypted(two: Two, sa: ikev1.events.IkeSa) -> None:
    third, fourth, fifth, sixth = (ikev1.Message.from_wire(sent_by(two, f"MM{number}")) for number in range(3, 7))
    assert sa.keys is not None
    assert sa.chosen is not None
    g_xi, g_xr = third[ikev1.KE].data, fourth[ikev1.KE].data
    iv = ikev1.keys.phase1_iv(sa.chosen.suite.hash, g_xi, g_xr, 16)
    key = Phase1(sa.chosen.suite, sa.keys.encryption_key, iv)
    identities = fifth.decrypt(key)[ikev1.ID], sixth.decrypt(key.after(fifth.ciphertext))[ikev1.ID]
    assert [identity.data for identity in identities] == [bytes((192, 0, 2, 1)), bytes((198, 51, 100, 2))]
    assert sixth.ciphertext[-16:] == sa.keys.last_block


def test_keymat_is_derived_by_hand(two: Two, sa: ikev1.events.IkeSa) -> None:
    first, second = (ikev1.Message.from_wire(sent_by(two, label)) for label in ("QM1", "QM2"))
    key = Phase1.of(sa, first.header.message_id)
    offer, answer = first.decrypt(key), second.decrypt(key.after(first.ciphertext))
    assert sa.keys is not None
    assert sa.chosen is not None
    ((proposal,),) = (answer[ikev1.SA].proposals,)
    nonces = offer[ikev1.Nonce].data, answer[ikev1.Nonce].data
    material = ikev1.keys.KEYMAT(
        sa.chosen.suite.hash, sa.keys.SKEYID_d, proposal.protocol, proposal.spi, *nonces, 16 + 32
    )
    (child,) = [event.child for event in events_of(two.bob) if isinstance(event, ChildUp)]
    assert material == child.inbound.encryption_key + child.inbound.integrity_key


def test_a_wrong_key_is_told_from_a_wrong_call(two: Two, sa: ikev1.events.IkeSa) -> None:
    first = ikev1.Message.from_wire(sent_by(two, "QM1"))
    key = Phase1.of(sa, first.header.message_id)
    with pytest.raises(ikev1.RemoteError):
        first.decrypt(Phase1(key.suite, bytes(32), key.iv))
    with pytest.raises(ikev1.LocalError):
        first.decrypt(Phase1(key.suite, key.SKEYID_e, bytes(3)))
    with pytest.raises(ikev1.LocalError):
        first.encrypt(key)
    with pytest.raises(ikev1.LocalError):
        first.decrypt(key).decrypt(key)
    with pytest.raises(ikev1.LocalError):
        Phase1.of(sa, 0)
    assert key.SKEYID_e.hex() not in repr(key)
    assert repr(key.SKEYID_e) not in repr(key)


def test_suites_have_names(two: Two, sa: ikev1.events.IkeSa) -> None:
    assert sa.chosen is not None
    assert ikev1.keys.suite("aes128-sha256-ecp256") == sa.chosen.suite
    assert ikev1.keys.suite_name(sa.chosen.suite) == "aes128-sha256-ecp256"
    assert ikev1.keys.suite_name(two.bob.sas[0].children[0].suite) == "aes128-sha256"
    with pytest.raises(ikev1.LocalError):
        ikev1.keys.suite("aes128")


def test_a_quick_mode_with_another_hash_is_answered_by_nothing(sa: ikev1.events.IkeSa) -> None:
    two = Two()
    two.connect(None)
    (up,) = [event.sa for event in events_of(two.alice) if isinstance(event, IkeUp)]
    events_of(two.bob)

    def forged(datagram: ikev1.Datagram) -> bytes:
        message = ikev1.Message.from_wire(datagram.octets)
        if datagram.label != "QM1":
            return datagram.octets
        key = Phase1.of(up, message.header.message_id)
        clear = message.decrypt(key)
        return clear.replace(clear[ikev1.Hash], ikev1.Hash(bytes(32))).encrypt(key).to_wire()

    two.change = forged
    before = len(two.wire)
    two.alice.connect("peer", "lan", ALICE, BOB, NOW)
    two.exchange()
    assert [datagram.label for datagram in two.wire[before:]] == ["QM1"]
    assert not [event for event in events_of(two.bob) if isinstance(event, ChildUp)]
