"""Golden conversations: retransmission, rekeying, Informational exchanges, restart, changes of the configuration."""

from __future__ import annotations

from typing import Any

from configured import ALICE, BOB, connection, policy, settings, tunnel
from golden import GoldenNetwork, GoldenPeer, conversation, repeats_codes, sealed, without_reload
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Unique
from playbook import Datagram

__all__: list[str] = []

INFORMATIONAL, NEW_GROUP_MODE = 5, 33  # RFC 2408 §3.1, RFC 2409 Appendix A
SA, NOTIFICATION, DELETE = 1, 11, 12
R_U_THERE, R_U_THERE_ACK, RESPONDER_LIFETIME, INITIAL_CONTACT, INVALID_SPI = 36_136, 36_137, 24_576, 24_578, 11
HOUR, DAY = 3600, 86_400
CAROL = "203.0.113.9"


def established(network: GoldenNetwork, **options: Any) -> tuple[GoldenPeer, GoldenPeer]:
    """Alice and bob with a tunnel that alice initiated."""
    alice, bob = network.couple(**options)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound
    network.heading("the tunnel is up")
    return alice, bob


def loses(network: GoldenNetwork, *labels: str) -> None:
    """Loses the next message of each label."""
    left = [*labels]

    def link(datagram: Datagram) -> list[Datagram]:
        if datagram.label in left:
            left.remove(datagram.label)
            return []
        return [datagram]

    network.link = link


# --- retransmissions ------------------------------------------------------------------------------------------------


@conversation
def silence_in_main_mode(network: GoldenNetwork) -> None:
    """Message 1 is lost until alice gives up; then messages 5 and 6 are lost."""
    alice, bob = network.couple()
    network.link = lambda datagram: []
    alice.calls()
    network.run(400)
    assert alice.failures == [Code.PEER_SILENT]
    network.heading("only what follows message 4 is lost")
    network.link = lambda datagram: [datagram] if datagram.label in ("MM1", "MM2", "MM3", "MM4") else []
    alice.calls()
    network.run(400)
    assert not alice.engine.sas
    assert not bob.engine.sas


@conversation
def silence_in_quick_mode(network: GoldenNetwork) -> None:
    """Message 1 of Quick Mode is lost until alice gives up; then message 3 is lost until bob gives up."""
    alice, bob = network.couple()
    alice.calls(None)
    network.run(10)
    network.link = lambda datagram: []
    alice.calls()
    network.run(400)
    network.link = lambda datagram: [] if datagram.label == "QM3" else [datagram]
    alice.calls()
    network.run(400)
    assert bob.children == []


@conversation
def lost_messages(network: GoldenNetwork) -> None:
    """Each message of Main Mode and of Quick Mode is lost once."""
    alice, bob = network.couple()
    loses(network, "MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3")
    alice.calls()
    network.run(120)
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def duplicates(network: GoldenNetwork) -> None:
    """Every datagram arrives twice, and those of alice once more when the tunnel is up."""
    alice, bob = network.couple()
    network.link = lambda datagram: [datagram, datagram]
    alice.calls()
    network.settle()
    network.link = lambda datagram: [datagram]
    for label in ("MM3", "MM5", "QM1", "QM3"):
        network.deliver(next(datagram for datagram in network.sent if datagram.label == label))
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@without_reload
def calls_in_one_generation(network: GoldenNetwork) -> None:
    """The responder answers two equal SA payloads from its memory, with the same number in CKY-R."""
    network.new_generations = False
    alice, bob = network.couple()
    for _ in range(2):
        alice.calls(None)
        network.settle()
        alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
        network.settle()
    assert not bob.engine.sas


# --- renewal --------------------------------------------------------------------------------------------------------


@conversation
def renewal_by_the_clock(network: GoldenNetwork) -> None:
    """A day and a half: IPsec SAs and ISAKMP SAs are rekeyed before they expire."""
    alice, bob = established(network, tunnel_options={"lifetime": 8 * HOUR})
    network.run(1.5 * DAY)
    assert alice.failures == bob.failures == []
    assert alice.sa.cookies == bob.sa.cookies


@conversation
def renewal_of_an_isakmp_sa(network: GoldenNetwork) -> None:
    """The initiator rekeys the ISAKMP SA, then the responder does; its IPsec SAs are inherited, rekeyed and deleted."""
    alice, bob = established(network)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(10)
    network.heading("bob rekeys the ISAKMP SA")
    bob.does(lambda engine: engine.rekey_ike(bob.sa.unique_id, network.now))
    network.run(10)
    network.heading("bob rekeys the IPsec SAs, then alice deletes them")
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(60)
    alice.does(lambda engine: engine.close_child(alice.child.unique_id, network.now))
    network.settle()
    assert alice.children == bob.children == []


@conversation
def renewal_again_and_again(network: GoldenNetwork) -> None:
    """The IPsec SAs are rekeyed so often that the oldest are deleted before their time."""
    alice, bob = established(network)
    for _ in range(7):
        alice.does(lambda engine: engine.rekey_child(alice.children[-1].unique_id, network.now))
        network.run(5)
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound


@repeats_codes
def renewal_by_both_at_once(network: GoldenNetwork) -> None:
    """Both peers rekey the IPsec SAs at the same time, then the ISAKMP SA."""
    alice, bob = established(network)
    for peer in (alice, bob):
        number = peer.children[-1].unique_id
        peer.does(lambda engine, number=number: engine.rekey_child(number, network.now))  # type: ignore[misc]
    network.run(150)
    network.heading("both rekey the ISAKMP SA")
    for peer in (alice, bob):
        number = peer.sa.unique_id
        peer.does(lambda engine, number=number: engine.rekey_ike(number, network.now))  # type: ignore[misc]
    network.run(60)
    assert set(alice.failures + bob.failures) <= {Code.UNKNOWN_SA}, "both delete the old one"


@conversation
def both_call_at_once(network: GoldenNetwork) -> None:
    """Both peers initiate at the same time, which makes two ISAKMP SAs and two pairs of IPsec SAs."""
    alice, bob = network.couple()
    alice.calls()
    bob.calls()
    network.run(HOUR + 100)
    assert alice.failures == bob.failures == []


@conversation
def renewal_with_less_life(network: GoldenNetwork) -> None:
    """The responder has the shorter lifetimes and sends RESPONDER-LIFETIME; both SAs are rekeyed in time."""
    ours = connection(ALICE, BOB, tunnel(lifetime=HOUR), policies=(policy(lifetime=DAY),))
    theirs = connection(BOB, ALICE, tunnel(mirrored=True, lifetime=600), policies=(policy(lifetime=1200),))
    alice = network.peer("alice", ALICE, settings(ours))
    bob = network.peer("bob", BOB, settings(theirs))
    alice.calls()
    network.run(1300)
    assert alice.failures == bob.failures == []


@repeats_codes
def ends_without_renewal(network: GoldenNetwork) -> None:
    """Without rekeying the IPsec SAs expire, and then the ISAKMP SA."""
    alice, bob = established(network, rekey=False, policies=(policy(lifetime=2 * HOUR),))
    network.run(2 * HOUR + 10)
    assert not alice.engine.sas
    assert not bob.engine.sas


@conversation
def renewal_in_silence(network: GoldenNetwork) -> None:
    """Both directions fail: each peer tries to rekey both SAs again and again until they expire."""
    alice, bob = established(network, policies=(policy(lifetime=HOUR),), tunnel_options={"lifetime": HOUR // 2})
    network.link = lambda datagram: []
    network.run(HOUR + 600)
    assert not alice.engine.sas
    assert not bob.engine.sas


# --- Informational exchanges, New Group Mode ------------------------------------------------------------------------


@conversation
def deletes(network: GoldenNetwork) -> None:
    """Each peer deletes IPsec SAs; then each peer deletes an ISAKMP SA with its IPsec SAs."""
    alice, bob = established(network)
    for closing in (alice, bob):
        closing.does(lambda engine, peer=closing: engine.close_child(peer.child.unique_id, network.now))  # type: ignore[misc]
        network.settle()
        alice.calls()
        network.settle()
    for closing in (bob, alice):
        closing.does(lambda engine, peer=closing: engine.close_ike(peer.sa.unique_id, network.now))  # type: ignore[misc]
        network.settle()
        assert not alice.engine.sas
        assert not bob.engine.sas
        if closing is bob:
            alice.calls()
            network.settle()


def notify(protocol: int, kind: int, spi: bytes = b"", data: bytes = b"") -> bytes:
    """The body of a notification in the DOI of IPsec (RFC 2408 §3.14)."""
    return (1).to_bytes(4) + bytes([protocol, len(spi)]) + kind.to_bytes(2) + spi + data


def delete(protocol: int, *spis: bytes) -> bytes:
    """The body of a Delete in the DOI of IPsec (RFC 2408 §3.15)."""
    return (1).to_bytes(4) + bytes([protocol, len(spis[0])]) + len(spis).to_bytes(2) + b"".join(spis)


@conversation
def notifies(network: GoldenNetwork) -> None:
    """Informational messages that an engine does not send by itself: R-U-THERE with repeated and new sequence numbers,
    RESPONDER-LIFETIME after the exchange, error notifies, Deletes of unknown SPIs, Delete of an ISAKMP SA alone.
    """
    alice, bob = established(network)
    cookies = alice.sa.cookies
    life = bytes.fromhex("800b0001800c012c")  # 300 seconds (RFC 2409 Appendix A)
    life_of_pair = bytes.fromhex("800100018002012c")  # the same (RFC 2407 §4.5)
    spi = bob.child.inbound.spi.to_bytes(4)
    said = {
        "R_U_THERE": (NOTIFICATION, notify(1, R_U_THERE, cookies, b"\0\0\0\7")),
        "R_U_THERE again": (NOTIFICATION, notify(1, R_U_THERE, cookies, b"\0\0\0\7")),
        "R_U_THERE next": (NOTIFICATION, notify(1, R_U_THERE, cookies, b"\0\0\0\x08")),
        "R_U_THERE without SPI": (NOTIFICATION, notify(1, R_U_THERE, b"", b"\0\0\0\x09")),
        "R_U_THERE of 3 octets": (NOTIFICATION, notify(1, R_U_THERE, cookies, b"\0\0\x0a")),
        "R_U_THERE_ACK": (NOTIFICATION, notify(1, R_U_THERE_ACK, cookies, b"\0\0\0\7")),
        "RESPONDER_LIFETIME": (NOTIFICATION, notify(1, RESPONDER_LIFETIME, cookies, life)),
        "INVALID_SPI": (NOTIFICATION, notify(3, INVALID_SPI, spi)),
        "private use": (NOTIFICATION, notify(1, 40_001)),
        "D of what is not there": (DELETE, delete(3, b"\0\0\x12\x67", b"\0\0\x12\x68")),
        "D of AH": (DELETE, delete(2, spi)),
    }
    for number, (label, (kind, body)) in enumerate(said.items(), 1):
        network.forges(alice, sealed(alice.sa, 0xA0000000 + number, INFORMATIONAL, kind, body), f"INFO {label}")
        network.run(1)
    network.heading("RESPONDER-LIFETIME by the responder, for both SAs")
    for number, body in enumerate(
        (notify(1, RESPONDER_LIFETIME, cookies, life), notify(3, RESPONDER_LIFETIME, spi, life_of_pair)), 1
    ):
        octets = sealed(bob.sa, 0xB0000000 + number, INFORMATIONAL, NOTIFICATION, body)
        network.forges(bob, octets, "INFO RESPONDER_LIFETIME")
        network.settle()
    network.run(400)
    assert alice.sa.cookies != cookies, "an SA of 300 seconds was rekeyed"
    assert alice.carries.inbound == bob.carries.outbound
    network.heading("alice deletes the ISAKMP SA, not its IPsec SAs")
    sa = alice.sa
    network.forges(alice, sealed(sa, 0xA00000FF, INFORMATIONAL, DELETE, delete(1, sa.cookies)), "INFO D(ISAKMP)")
    network.settle()
    assert len(bob.inbound) == 1
    assert bob.sa.keys is None


@repeats_codes
def unproved_informational(network: GoldenNetwork) -> None:
    """Deletes that are ignored: in the clear, changed in transit, with unknown cookies, truncated."""
    alice, bob = established(network)
    sa = alice.sa
    good = sealed(sa, 0xA0000001, INFORMATIONAL, DELETE, delete(1, sa.cookies))
    body = delete(1, sa.cookies)
    clear = good[:16] + bytes([DELETE, 0x10, INFORMATIONAL, 0]) + good[20:24]
    clear += (32 + len(body)).to_bytes(4) + b"\0\0" + (4 + len(body)).to_bytes(2) + body
    for label, octets in (
        ("in the clear", clear),
        ("changed on its way", good[:40] + bytes([good[40] ^ 1]) + good[41:]),
        ("unknown cookies", bytes(7) + b"\1" + good[8:]),
        ("too short", good[:20]),
    ):
        network.forges(alice, octets, label)
        network.settle()
    assert len(bob.children) == 1


@conversation
def initial_contact(network: GoldenNetwork) -> None:
    """INITIAL-CONTACT: in message 5, of alice after a restart without state; in an Informational exchange, of bob."""
    alice, bob = established(network)
    network.heading("alice restarts without state")
    alice.forgets()
    alice.calls()
    network.run(20)
    assert alice.carries.inbound == bob.carries.outbound
    network.heading("INITIAL-CONTACT in an Informational exchange")
    cookies = bob.sa.cookies
    body = notify(1, INITIAL_CONTACT, cookies)
    network.forges(bob, sealed(bob.sa, 0xB0000001, INFORMATIONAL, NOTIFICATION, body), "INFO INITIAL_CONTACT")
    network.settle()


@conversation
def unknown_sa(network: GoldenNetwork) -> None:
    """Bob restarts without state and does not answer messages under unknown cookies."""
    alice, bob = established(network)
    bob.forgets()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.run(200)
    assert Code.UNKNOWN_SA in bob.failures


@conversation
def new_group_mode(network: GoldenNetwork) -> None:
    """New Group Mode is refused with UNSUPPORTED-EXCHANGE-TYPE."""
    alice, _ = established(network)
    # DOI 0 and situation; one proposal of one transform: group description 32768, group type MODP (RFC 2409 §5.6)
    attributes = bytes.fromhex("8004800080050001")
    transform = bytes.fromhex("0000") + (8 + len(attributes)).to_bytes(2) + bytes.fromhex("01010000") + attributes
    proposal = bytes.fromhex("0000") + (8 + len(transform)).to_bytes(2) + bytes.fromhex("01010001") + transform
    octets = sealed(alice.sa, 0xA0000001, NEW_GROUP_MODE, SA, bytes.fromhex("0000000000000000") + proposal)
    for _ in range(2):
        network.forges(alice, octets, "NG1")
        network.settle()
    network.run(60)


@conversation
def delete_by_the_spi_of_the_receiver(network: GoldenNetwork) -> None:
    """A Delete with the inbound SPI of its receiver, as strongSwan sends it after a failed installation."""
    alice, bob = established(network)
    body = delete(3, bob.child.inbound.spi.to_bytes(4))
    network.forges(alice, sealed(alice.sa, 0xA0000001, INFORMATIONAL, DELETE, body), "INFO D(ESP)")
    network.settle()
    assert bob.children == []


@conversation
def not_confirmed(network: GoldenNetwork) -> None:
    """Nothing arrives after a rekeying of phase 1: bob, who sent the last message, sends R-U-THERE, and ends the SA."""
    alice, bob = established(network)
    network.link = lambda datagram: [datagram] if datagram.label.startswith("MM") else []
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(60)
    assert Code.NOT_CONFIRMED in bob.failures


@conversation
def reflected(network: GoldenNetwork) -> None:
    """Message 1, and a message of Quick Mode, are sent back to alice."""
    alice, bob = network.couple()
    alice.calls()
    alice.takes(network.flying[0].octets, alice.sa.path)
    network.settle()
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    alice.takes(network.flying[0].octets, alice.sa.path)
    network.settle()
    assert Code.REFLECTION in alice.failures
    assert len(bob.children) == 2


def shares_an_identity(network: GoldenNetwork, unique: Unique) -> None:
    ours: dict[str, Any] = {"local_id": "alice.example.org", "remote_id": BOB}
    theirs = connection(BOB, "%any", tunnel(mirrored=True), remote_id="alice.example.org", unique=unique)
    bob = network.peer("bob", BOB, settings(theirs))
    for name, address in (("alice", ALICE), ("carol", CAROL)):
        one = connection(address, BOB, tunnel(), **ours)
        peer = network.peer(name, address, settings(one, replace(one, name="other")))
        if unique is Unique.KEEP:  # a peer with another SA does not send INITIAL-CONTACT
            peer.calls(None, host=BOB, connection="other")
            network.flying.clear()
        peer.calls(host=BOB)
        network.run(30)
    assert len([sa for sa in bob.engine.sas.values() if sa.is_up]) == 1


@conversation
def unique_replace(network: GoldenNetwork) -> None:
    """The same identity from another address replaces the first peer."""
    shares_an_identity(network, Unique.REPLACE)


@repeats_codes
def unique_keep(network: GoldenNetwork) -> None:
    """The same identity from another address is refused."""
    shares_an_identity(network, Unique.KEEP)


# --- another process, other settings --------------------------------------------------------------------------------


@conversation
def taken_over(network: GoldenNetwork) -> None:
    """Both engines are dumped and loaded before each datagram, of which two are lost."""
    alice, bob = network.couple()
    loses(network, "MM4", "QM2")
    alice.calls()
    for _ in range(3):
        while network.flying:
            for peer in (alice, bob):
                peer.is_reborn()
            network.deliver(network.flying.popleft())
        network.wait(6)
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def restored(network: GoldenNetwork) -> None:
    """A process ends and the next one restores the store: with the IPsec SAs still installed, then without them."""
    alice, bob = established(network)
    bob.is_killed(bob.child.inbound.spi)
    network.run(10)
    bob.does(lambda engine: engine.rekey_child(bob.child.unique_id, network.now))
    network.run(60)
    network.heading("bob restarts again, and no IPsec SA is installed")
    bob.is_killed()
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound
    network.heading("alice restarts, and no IPsec SA is installed")
    alice.is_killed()
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound


@repeats_codes
def another_secret(network: GoldenNetwork) -> None:
    """Both peers get another pre-shared key and authenticate again."""
    alice, bob = established(network)
    for peer in (bob, alice):
        (own,) = peer.settings.connections
        peer.is_given(settings(replace(own, secret=b"another secret that both know")))
    network.run(200)
    assert alice.children


@conversation
def another_secret_meanwhile(network: GoldenNetwork) -> None:
    """The pre-shared key changes at both peers during phase 1, which ends it."""
    alice, bob = network.couple()
    alice.calls()
    for _ in range(4):
        network.deliver(network.flying.popleft())
    for peer in (alice, bob):
        (own,) = peer.settings.connections
        peer.is_given(settings(replace(own, secret=b"another secret that both know")))
    network.run(60)
    assert not alice.engine.sas
    assert not bob.engine.sas


@conversation
def other_policies(network: GoldenNetwork) -> None:
    """Policies change during phase 1 and apply to the next one; then the connection is removed at bob."""
    alice, bob = network.couple()
    alice.calls()
    for _ in range(3):
        network.deliver(network.flying.popleft())
    for peer in (alice, bob):
        (own,) = peer.settings.connections
        peer.is_given(settings(replace(own, policies=(policy("aes256-sha384-ecp384"),))))
    network.run(20)
    alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
    network.run(20)
    network.heading("bob removes the connection")
    bob.is_given(settings())
    network.run(60)
    assert not bob.engine.sas
