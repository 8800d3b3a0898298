"""`ikev1.Ike` as its users have it: two endpoints, and whatever carries datagrams between them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

import ikev1
from ikev1.core.exchanges.quick_mode import SWITCHES_AFTER
from ikev1.events import ChildDown, ChildUp, Code, Failure, IkeDown, IkeUp, MessageSeen
from ikev1.testing import Randomness
from library import ALICE, BOB, ESP, IKE, NOW, Two, connections, events_of


def test_a_tunnel_comes_up_with_the_same_keys_at_both_ends() -> None:
    two = Two()
    two.connect()
    assert [datagram.label for datagram in two.wire] == [f"MM{n}" for n in range(1, 7)] + ["QM1", "QM2", "QM3"]
    of_alice, of_bob = events_of(two.alice), events_of(two.bob)
    (up,) = [event.child for event in of_alice if isinstance(event, ChildUp)]
    (at_bob,) = [event.child for event in of_bob if isinstance(event, ChildUp)]
    assert (up.inbound, up.outbound) == (at_bob.outbound, at_bob.inbound)
    assert len(up.inbound.encryption_key) == 16
    assert len(up.inbound.integrity_key) == 32
    assert up.inbound.spi != up.outbound.spi
    assert [type(event) for event in of_alice if not isinstance(event, MessageSeen)][:2] == [IkeUp, ChildUp]


@pytest.mark.parametrize(
    ("kind", "label", "protocol", "mode"),
    [
        ("aggressive", "AM3", ikev1.ProtocolId.ESP, "tunnel"),
        ("ah", "MM6", ikev1.ProtocolId.AH, "tunnel"),
        ("transport", "MM6", ikev1.ProtocolId.ESP, "transport"),
        ("compression", "MM6", ikev1.ProtocolId.ESP, "tunnel"),
    ],
)
def test_other_kinds_of_tunnels(kind: str, label: str, protocol: ikev1.ProtocolId, mode: str) -> None:
    def endpoint(local: str, remote: str) -> ikev1.Ike:
        if kind == "ah":
            tunnel = ikev1.tunnel("lan", local, remote, ah="sha256")
        elif kind == "transport":
            tunnel = ikev1.tunnel("lan", esp=ESP, mode="transport")
        else:
            tunnel = ikev1.tunnel("lan", local, remote, esp=ESP, compress=kind == "compression")
        options: ikev1.ConnectionOptions = {"ike": IKE}
        if kind == "aggressive":
            options = {"ike": IKE, "mode": "aggressive", "aggressive": "accept-psk"}
        return ikev1.Ike(ikev1.psk("peer", b"secret", tunnel, **options))

    two = Two()
    two.alice, two.bob = endpoint("10.1.0.0/16", "10.2.0.0/16"), endpoint("10.2.0.0/16", "10.1.0.0/16")
    two.connect()
    assert label in [datagram.label for datagram in two.wire]
    (child,) = [event.child for event in events_of(two.bob) if isinstance(event, ChildUp)]
    assert (child.suite.protocol, child.mode.value) == (protocol, mode)
    assert (child.compression is not None) == (kind == "compression")


def test_messages_are_reported_in_the_clear_unless_they_are_not_wanted() -> None:
    two = Two()
    two.connect()
    seen = [event for event in events_of(two.alice) if isinstance(event, MessageSeen)]
    assert [(event.label, event.sent) for event in seen[:4]] == [
        ("MM1", True),
        ("MM2", False),
        ("MM3", True),
        ("MM4", False),
    ]
    (fifth,) = [event for event in seen if event.label == "MM5"]
    assert fifth.message[ikev1.ID].id_type == ikev1.IdType.IPV4_ADDR
    assert fifth.state == "MM_WAIT_MSG6"
    quiet = ikev1.Ike(connections()[0], messages=False)
    quiet.connect("peer", "lan", ALICE, BOB, NOW)
    assert events_of(quiet) == []
    assert [datagram.label for datagram in quiet.datagrams_to_send()] == [""]


def test_endpoints_go_on_from_their_states_between_any_two_messages() -> None:
    two = Two()
    events: list[ikev1.events.Event] = []
    labels: list[str] = []

    def restart() -> None:
        events.extend(events_of(two.alice))
        events.extend(events_of(two.bob))
        two.alice = ikev1.Ike.from_state(two.alice.state(), connections()[0], random=Randomness(f"a{len(labels)}"))
        two.bob = ikev1.Ike.from_state(two.bob.state(), connections()[1], random=Randomness(f"b{len(labels)}"))

    def carry() -> None:
        while sent := [*two.alice.datagrams_to_send(), *two.bob.datagrams_to_send()]:
            for datagram in sent:
                restart()
                labels.append(datagram.label)
                receiver = two.bob if datagram.local == ALICE else two.alice
                receiver.receive_datagram(datagram.octets, datagram.remote, datagram.local, two.now)

    two.alice.connect("peer", "lan", ALICE, BOB, two.now)
    carry()
    ups = [event.child for event in events if isinstance(event, ChildUp)]
    two.alice.rekey(ups[0], two.now)
    carry()
    two.now += SWITCHES_AFTER
    two.alice.handle_timer(two.now)
    carry()
    two.alice.close(two.alice.sas[0], two.now)
    carry()
    restart()
    assert labels[:9] == [f"MM{n}" for n in range(1, 7)] + ["QM1", "QM2", "QM3"]
    assert labels[9:12] == ["QM1", "QM2", "QM3"]
    assert labels[12] == "", "QM3 is repeated, because bob sends nothing with the new pair"
    assert set(labels[13:]) == {"INFO"}
    assert len([event for event in events if isinstance(event, ChildUp)]) == 4
    assert len([event for event in events if isinstance(event, IkeDown)]) == 2
    assert not [event for event in events if isinstance(event, Failure)]
    assert two.alice.sas == two.bob.sas == ()


def test_a_state_holds_no_datagram_and_no_event() -> None:
    two = Two()
    two.alice.connect("peer", "lan", ALICE, BOB, NOW)
    with pytest.raises(ikev1.LocalError, match="fetch"):
        two.alice.state()
    two.alice.datagrams_to_send()
    with pytest.raises(ikev1.LocalError, match="fetch"):
        two.alice.state()
    events_of(two.alice)
    assert two.alice.state()


@pytest.mark.parametrize("octets", [b"", b"nothing", bytes(40)])
def test_a_state_that_is_none_is_a_local_error(octets: bytes) -> None:
    with pytest.raises(ikev1.LocalError):
        ikev1.Ike.from_state(octets, *connections())


def test_another_secret_is_a_failure_with_a_code() -> None:
    two = Two(secret_of_bob=b"another")
    two.connect()
    for _ in range(20):
        two.now = min(two.alice.get_timer(), two.bob.get_timer())
        if two.now == math.inf:
            break
        two.alice.handle_timer(two.now)
        two.bob.handle_timer(two.now)
        two.exchange()
    of_alice, of_bob = events_of(two.alice), events_of(two.bob)
    assert Code.PSK_MISMATCH in [event.code for event in of_alice if isinstance(event, Failure)]
    assert Code.PSK_MISMATCH in [event.code for event in of_bob if isinstance(event, Failure)]
    assert not [event for event in (*of_alice, *of_bob) if isinstance(event, IkeUp)]
    assert b"another" not in repr((of_alice, of_bob)).encode()


def test_a_silent_peer_is_called_again_by_the_timer_and_given_up() -> None:
    two = Two()
    two.alice.connect("peer", "lan", ALICE, BOB, NOW)
    (first,) = two.alice.datagrams_to_send()
    due = two.alice.get_timer()
    assert NOW + 3 < due < NOW + 5
    two.alice.handle_timer(due - 1)
    assert two.alice.datagrams_to_send() == []
    two.alice.handle_timer(due)
    (again,) = two.alice.datagrams_to_send()
    assert (again.octets, again.label) == (first.octets, "")
    while (due := two.alice.get_timer()) < math.inf:
        two.alice.handle_timer(due)
    assert Code.PEER_SILENT in [event.code for event in events_of(two.alice) if isinstance(event, Failure)]
    assert two.alice.sas == ()


def test_a_pair_is_rekeyed_and_closed() -> None:
    two = Two()
    two.connect()
    (first,) = [event.child for event in events_of(two.bob) if isinstance(event, ChildUp)]
    two.bob.rekey(first, two.now)
    two.exchange()
    two.now += SWITCHES_AFTER
    two.bob.handle_timer(two.now)
    (up,) = [event for event in events_of(two.bob) if isinstance(event, ChildUp)]
    assert up.replaces is not None
    assert up.replaces.inbound.spi == first.inbound.spi
    assert up.child.inbound.encryption_key != first.inbound.encryption_key
    events_of(two.alice)
    two.bob.close(up.child, two.now)
    two.exchange()
    (gone,) = [event.child for event in events_of(two.alice) if isinstance(event, ChildDown)]
    assert gone.outbound.spi == up.child.inbound.spi


def test_an_isakmp_sa_is_rekeyed_and_hands_its_pair_over() -> None:
    two = Two()
    two.connect()
    (before,) = two.alice.sas
    two.alice.rekey(before, two.now)
    two.exchange()
    replaced, after = two.alice.sas
    assert (replaced.unique_id, replaced.heir) == (before.unique_id, after.unique_id)
    assert [child.unique_id for child in after.children] == [child.unique_id for child in before.children]
    assert len([event for event in events_of(two.bob) if isinstance(event, IkeUp)]) == 2


def test_an_isakmp_sa_is_closed_with_its_pairs() -> None:
    two = Two()
    two.connect()
    events_of(two.bob)
    two.alice.close(two.alice.sas[0], two.now)
    two.exchange()
    assert two.alice.sas == two.bob.sas == ()
    gone = [type(event) for event in events_of(two.bob) if isinstance(event, ChildDown | IkeDown)]
    assert gone == [ChildDown, IkeDown]


def test_messages_on_the_encapsulation_port_have_the_marker_and_esp_there_is_left_alone() -> None:
    lan = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16", esp=ESP)
    mirrored = ikev1.tunnel("lan", "10.2.0.0/16", "10.1.0.0/16", esp=ESP)
    two = Two()
    two.alice = ikev1.Ike(ikev1.psk("peer", b"secret", lan, ike=IKE, encapsulation=True))
    two.bob = ikev1.Ike(ikev1.psk("peer", b"secret", mirrored, ike=IKE, encapsulation=True))
    two.connect()
    ports = {datagram.label: (datagram.local[1], datagram.octets[:4] == bytes(4)) for datagram in two.wire}
    assert ports["MM4"] == (500, False)
    assert ports["MM5"] == ports["QM3"] == (4500, True)
    (child,) = [event.child for event in events_of(two.alice) if isinstance(event, ChildUp)]
    assert child.udp_encapsulation
    events_of(two.bob)
    for ignored in (b"\xff", child.outbound.spi.to_bytes(4) + bytes(60)):
        two.bob.receive_datagram(ignored, (BOB[0], 4500), (ALICE[0], 4500), two.now)
    assert events_of(two.bob) == []
    assert two.bob.datagrams_to_send() == []


def test_what_a_peer_sends_raises_nothing() -> None:
    two = Two()
    for octets in (b"", b"x", bytes(28), bytes(100), b"\x01" * 60):
        two.bob.receive_datagram(octets, BOB, ALICE, NOW)
    caller = Two().alice
    caller.connect("peer", "lan", ALICE, BOB, NOW)
    (first,) = caller.datagrams_to_send()
    two.bob.receive_datagram(first.octets, BOB, (ALICE[0], 0), NOW)  # from a port that cannot be answered
    assert {datagram.remote for datagram in two.bob.datagrams_to_send()} <= {ALICE}
    two.connect()
    assert [event for event in events_of(two.bob) if isinstance(event, ChildUp)]


LAN = ikev1.tunnel("lan", "10.1.0.0/16", "10.2.0.0/16")
WRONG: dict[str, Callable[[], object]] = {
    "no secret": lambda: ikev1.psk("peer", b"", LAN),
    "a secret that is text": lambda: ikev1.psk("peer", "secret", LAN),  # type: ignore[arg-type]
    "no name": lambda: ikev1.psk("", b"secret", LAN),
    "no tunnel but a string": lambda: ikev1.psk("peer", b"secret", "lan"),  # type: ignore[arg-type]
    "two tunnels of one name": lambda: ikev1.psk("peer", b"secret", LAN, LAN),
    "an unknown option": lambda: ikev1.psk("peer", b"secret", LAN, remot="192.0.2.1"),  # type: ignore[call-arg]
    "an unknown suite": lambda: ikev1.psk("peer", b"secret", LAN, ike="aes256-sha3-modp2048"),
    "a suite without group": lambda: ikev1.psk("peer", b"secret", LAN, ike="aes256-sha256"),
    "no suite": lambda: ikev1.psk("peer", b"secret", LAN, ike=()),
    "an address that is none": lambda: ikev1.psk("peer", b"secret", LAN, remote="gateway.example"),
    "an identity that is none": lambda: ikev1.psk("peer", b"secret", LAN, local_id="@#xyz"),
    "a mode that is none": lambda: ikev1.psk("peer", b"secret", LAN, mode="base"),  # type: ignore[arg-type]
    "a lifetime of nothing": lambda: ikev1.psk("peer", b"secret", LAN, lifetime=0),
    "a network that is none": lambda: ikev1.tunnel("lan", "10.1.0.0/33"),
    "an unknown ESP suite": lambda: ikev1.tunnel("lan", esp="aes256"),
    "groups that differ": lambda: ikev1.tunnel("lan", esp=("aes128-sha1-modp1024", "aes128-sha1")),
    "ESP and AH": lambda: ikev1.tunnel("lan", esp="aes256gcm16", ah="sha256"),
    "no key": lambda: ikev1.certificate("peer", b"key", b"certificate", b"ca", LAN),
    "an endpoint of no connection": lambda: ikev1.Ike("peer"),  # type: ignore[arg-type]
    "two connections of one name": lambda: ikev1.Ike(*connections()),
    "an unknown connection": lambda: Two().alice.connect("nobody", "lan", ALICE, BOB, NOW),
    "an unknown tunnel": lambda: Two().alice.connect("peer", "wan", ALICE, BOB, NOW),
    "a wildcard": lambda: Two().alice.connect("peer", "lan", ("0.0.0.0", 500), BOB, NOW),
    "a name for an address": lambda: Two().alice.connect("peer", "lan", ALICE, ("peer.example", 500), NOW),
    "a port of 0": lambda: Two().alice.connect("peer", "lan", ALICE, (BOB[0], 0), NOW),
    "an address without port": lambda: Two().bob.receive_datagram(b"", BOB, (ALICE[0],), NOW),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_asked_wrongly_is_a_local_error_that_says_what_to_do(wrong: Callable[[], object]) -> None:
    with pytest.raises(ikev1.LocalError) as raised:
        wrong()
    assert len(str(raised.value)) > 20
    assert raised.value.code
    assert "secret'" not in str(raised.value)


def test_what_is_gone_cannot_be_closed_or_rekeyed() -> None:
    two = Two()
    two.connect()
    (sa,) = two.alice.sas
    (child,) = sa.children
    two.alice.close(sa, two.now)
    for gone in (sa, child):
        with pytest.raises(ikev1.LocalError):
            two.alice.close(gone, two.now)
        with pytest.raises(ikev1.LocalError):
            two.alice.rekey(gone, two.now)
