"""Clients behind one NAT in transport mode: each flow belongs to one of them, whatever address and port it has."""

from __future__ import annotations

import os
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esp_packets import child, ip, ones_complement, pseudo_header, tcp, tcp_checksum_is_right, udp
from ikev1.core.records.child_sa import ChildSa, IpsecMode
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.esp.inner import parse
from ikev1.esp.nat_clients import NatClients, redirected
from ikev1.esp.sa_pair import SaPair
from ikev1.esp.transport_pair import TransportPair

SERVER, NAT = "198.51.100.1", "203.0.113.1"
L2TP = 1701
_spis = iter(range(0x1000, 0x10000))


def record(port: int, *, peer: bytes = b"", reqid: int = 0, host: str = NAT, what: str = "[udp]") -> ChildSa:
    """A pair of the client whose ISAKMP comes from ``port`` of the NAT."""
    made = child(
        local=f"{SERVER}[udp/1701]" if what == "[udp]" else SERVER,
        remote=host + what,
        path=UdpPath(SERVER, 4500, host, port),
        inbound_spi=next(_spis),
    )
    whole: ChildSa = replace(made, mode=IpsecMode.TRANSPORT, reqid=reqid or port, peer=peer or port.to_bytes(2))
    return whole


def paired(known: ChildSa) -> SaPair:
    return TransportPair(known, 1400, os.urandom, print)


class There:
    """The server's table of clients, at a time of its own."""

    def __init__(self) -> None:
        self.clients = NatClients()
        self.now = 1000.0

    def client(self, port: int, **what: object) -> SaPair:
        pair = paired(record(port, **what))  # type: ignore[arg-type]
        self.clients.add(pair)
        return pair

    def hears(self, pair: SaPair, packet: bytes) -> bytes | None:
        seen = self.clients.inbound(pair, [packet], self.now)
        return seen[0] if seen else None

    def port_of(self, pair: SaPair, port: int = L2TP) -> int:
        """The port from which the server's programs see the client's packets from ``port``."""
        seen = self.hears(pair, udp(pair.child.path.remote_host, SERVER, port, L2TP))
        assert seen is not None
        return int.from_bytes(seen[20:22])

    def goes_to(self, port: int, host: str = NAT) -> tuple[SaPair | None, int]:
        """By which pair an answer to ``port`` leaves, and to which port of the client."""
        packet = udp(SERVER, host, L2TP, port)
        answer = self.clients.outbound(parse(packet)[0], self.now)
        if answer is None:
            return None, 0
        return answer.pair, port if answer.port is None else int.from_bytes(answer.port)


def test_the_first_client_keeps_its_port_and_the_next_gets_another() -> None:
    there = There()
    one, two, three = (there.client(port) for port in (4500, 50_001, 50_002))
    ports = [there.port_of(pair) for pair in (one, two, three)]
    assert ports[0] == L2TP
    assert len(set(ports)) == 3
    assert all(port >= 49_152 for port in ports[1:])
    for pair, port in zip((one, two, three), ports, strict=True):
        assert there.goes_to(port) == (pair, L2TP)
        assert there.port_of(pair) == port, "the same as before"


def test_ports_of_their_own_are_kept() -> None:
    there = There()
    one, two = there.client(4500), there.client(50_001)
    assert [there.port_of(one, 40_000), there.port_of(two, 40_001)] == [40_000, 40_001]
    assert there.goes_to(40_001) == (two, 40_001)


def test_a_client_that_uses_the_port_that_another_one_got() -> None:
    there = There()
    one, two = there.client(4500), there.client(50_001)
    there.port_of(one)
    given_ = there.port_of(two)
    other = there.port_of(one, given_)
    assert other not in (given_, L2TP)
    assert there.goes_to(other) == (one, given_)
    assert there.goes_to(given_) == (two, L2TP)


def test_rekeying_keeps_the_flow_and_the_newest_pair_sends() -> None:
    there = There()
    there.port_of(there.client(4500))
    old = there.client(50_001)
    port = there.port_of(old)
    new = there.client(50_001)
    assert there.goes_to(port) == (new, L2TP)
    assert there.port_of(new) == port
    assert there.port_of(old) == port, "packets that are under way"
    there.clients.remove(new)
    assert there.goes_to(port) == (old, L2TP)


def test_a_peer_that_comes_back_goes_on_with_its_flows() -> None:
    """A new ISAKMP SA, and so another reqid, of the same peer."""
    there = There()
    there.port_of(there.client(4500))
    old = there.client(50_001)
    port = there.port_of(old)
    there.clients.remove(old)
    new = there.client(50_001, reqid=77)
    assert there.goes_to(port) == (new, L2TP)
    assert there.port_of(new) == port


def test_nobody_gets_what_is_sent_to_a_client_that_has_gone() -> None:
    there = There()
    gone, other = there.client(4500), there.client(50_001)
    there.port_of(gone)
    there.port_of(other)
    there.clients.remove(gone)
    assert there.goes_to(L2TP) == (None, 0)
    third = there.client(50_002)
    assert there.port_of(third) != L2TP


def test_a_flow_of_a_client_that_has_gone_is_forgotten_in_time() -> None:
    there = There()
    gone = there.client(4500)
    there.port_of(gone)
    there.clients.remove(gone)
    there.now += 200
    assert there.goes_to(L2TP) == (None, 0), "which a program still sends to"
    there.now += 200
    there.port_of(there.client(50_001), 40_000)
    assert there.port_of(there.client(50_002)) != L2TP
    there.now += 301
    assert there.port_of(there.client(50_003)) == L2TP


def test_a_program_that_sends_first_reaches_the_only_client_there() -> None:
    there = There()
    only = there.client(4500)
    assert there.goes_to(40_000) == (only, 40_000)
    assert there.port_of(only, 40_000) == 40_000
    there.client(50_001)
    assert there.goes_to(40_001) == (None, 0), "which of them?"
    assert there.goes_to(40_000) == (only, 40_000)


def test_selectors_choose_among_clients() -> None:
    there = There()
    there.client(4500, what="[udp/40000]")
    two = there.client(50_001, what="[udp/40001]")
    assert there.goes_to(40_001) == (two, 40_001)


def test_protocols_without_ports_belong_to_the_first() -> None:
    there = There()
    one, two = there.client(4500, what=""), there.client(50_001, what="")
    packet = ip(NAT, SERVER, 47, b"GRE")
    assert there.hears(one, packet) == packet
    assert there.hears(two, packet) is None
    assert two.counters(0.0).selector_drops == 1
    answer = there.clients.outbound(parse(ip(SERVER, NAT, 47, b"GRE"))[0], there.now)
    assert answer is not None
    assert answer == (one, None)


def test_a_client_that_moves_takes_nothing_from_who_comes_from_its_old_port() -> None:
    there = There()
    mover = there.client(4500)
    there.port_of(mover)
    moved = replace(mover.child, path=mover.child.path._replace(remote_port=60_000))
    there.clients.moving(mover, moved)
    mover.move(moved, 1400)
    newcomer = there.client(4500, reqid=99)
    assert there.port_of(newcomer) != L2TP
    assert there.goes_to(L2TP) == (mover, L2TP)


def test_a_client_that_moves_to_another_address() -> None:
    there = There()
    mover = there.client(4500)
    there.port_of(mover)
    moved = replace(
        mover.child,
        path=mover.child.path._replace(remote_host="203.0.113.77"),
        remote=Selector.parse("203.0.113.77[udp]"),
    )
    there.clients.moving(mover, moved)
    mover.move(moved, 1400)
    assert there.goes_to(40_000, "203.0.113.77") == (mover, 40_000)
    assert there.goes_to(40_000) == (None, 0)


def test_one_client_cannot_take_all_memory() -> None:
    there = There()
    greedy, modest = there.client(4500), there.client(50_001)
    for port in range(1, 5000):
        there.hears(greedy, udp(NAT, SERVER, port, L2TP))
    assert len(there.clients) == 2048, "two share the address"
    assert greedy.counters(0.0).selector_drops == 4999 - 2048
    assert there.goes_to(there.port_of(modest, 30_000)) == (modest, 30_000)


def test_nothing_is_left_of_pairs_that_carried_nothing() -> None:
    there = There()
    pair = there.client(4500)
    there.clients.remove(pair)
    assert there.clients.inbound(pair, [udp(NAT, SERVER)], there.now) == []
    assert len(there.clients) == 0


@given(data=st.binary(max_size=40))
@pytest.mark.parametrize("version", [4, 6])
def test_another_port_keeps_the_checksum_right(version: int, data: bytes) -> None:
    nat, server = (NAT, SERVER) if version == 4 else ("fd99::1", "fd77::1")
    start = 20 if version == 4 else 40
    bare = udp(nat, server, L2TP, L2TP, data)
    total = ones_complement(pseudo_header(bare, 17, len(bare) - start) + bare[start:])
    packet = bare[: start + 6] + ((~total & 0xFFFF) or 0xFFFF).to_bytes(2) + bare[start + 8 :]
    changed = redirected(packet, (50_000).to_bytes(2))
    assert changed[start + 2 : start + 4] == (50_000).to_bytes(2)
    assert ones_complement(pseudo_header(changed, 17, len(changed) - start) + changed[start:]) == 0xFFFF
    assert redirected(bare, (50_000).to_bytes(2))[start + 6 : start + 8] == bytes(2), "none stays none"


def test_another_port_in_tcp() -> None:
    assert tcp_checksum_is_right(redirected(tcp(NAT, SERVER, data=b"hello"), (50_000).to_bytes(2)))


def test_clients_with_ipv6_addresses() -> None:
    there = There()
    pairs = []
    for port in (4500, 50_001):
        made = record(port, host="fd99::1")
        made = replace(made, local=Selector.parse("fd77::1[udp/1701]"), path=UdpPath("fd77::1", 4500, "fd99::1", port))
        pairs.append(paired(made))
        there.clients.add(pairs[-1])
    seen = [there.clients.inbound(pair, [udp("fd99::1", "fd77::1", L2TP, L2TP)], there.now)[0] for pair in pairs]
    ports = [int.from_bytes(packet[40:42]) for packet in seen]
    assert ports[0] == L2TP != ports[1]
    assert seen[1][8:24] == ip_address("fd99::1").packed


def test_a_few_clients_do_not_take_all_ports_of_an_address() -> None:
    there = There()
    greedy = [there.client(50_000 + number, what="") for number in range(8)]
    for number, pair in enumerate(greedy):
        for port in range(49_152 + 2048 * number, 49_152 + 2048 * (number + 1)):
            there.hears(pair, udp(NAT, SERVER, port, L2TP))
    there.hears(greedy[0], udp(NAT, SERVER, L2TP, L2TP))
    assert len(there.clients) <= 4096, "all of them together have what one alone may have"
    other = there.client(60_000)
    for _ in range(10):  # it sends again until a port is found
        if there.hears(other, udp(NAT, SERVER, L2TP, L2TP)) is not None:
            break
    assert there.goes_to(there.port_of(other)) == (other, L2TP)


def test_a_flow_of_a_live_client_is_forgotten_after_two_hours_of_silence() -> None:
    there = There()
    pair = there.client(4500)
    there.port_of(pair, 40_000)
    used = there.port_of(pair, 40_001)
    for _ in range(5):
        there.now += 1800
        assert there.port_of(pair, 40_001) == used
    there.port_of(pair, 40_002)
    assert len(there.clients) == 2
    assert there.goes_to(40_001) == (pair, 40_001)
