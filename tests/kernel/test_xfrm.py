"""What we ask of XFRM, and what a real kernel makes of it, in the words of ip(8)."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import product
from pathlib import Path
from socket import AF_INET, AF_INET6

import pytest

from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite, Mark
from ikev1.core.records.selector import Selector
from ikev1.crypto.algorithms import ESP_CIPHERS, INTEGRITIES
from ikev1.crypto.suites import esp_key_sizes
from ikev1.esp.netlink import NetlinkError
from ikev1.esp.xfrm.policy import Direction, PolicyId, Rule, Template, selectors
from ikev1.esp.xfrm.requests import Xfrm
from ikev1.esp.xfrm.sockets import bypass_policies
from ikev1.esp.xfrm.state import Limits, Protocol, State, StateId, XfrmMode
from ikev1.wire.registry import ProtocolId
from xfrm_lab import Namespace

HERE, THERE = ip_address("127.0.0.1").packed, ip_address("127.0.0.2").packed
ESP_ID = StateId(THERE, 0x1234, Protocol.ESP)
GCM = IpsecSuite(encryption=20, key_length=128)
KEY = bytes(range(20))
STATE = State(ESP_ID, HERE, 77, XfrmMode.TUNNEL, GCM, IpsecKeys(0x1234, KEY))


class Kernel(Xfrm):
    """Ours, in a namespace of its own, and what ip(8) shows there."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        with namespace.entered():
            super().__init__()

    def show(self, what: str) -> str:
        return self.namespace.run("ip", "-d", "-s", "xfrm", what)


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    namespace = Namespace()
    namespace.run("ip", "link", "set", "lo", "up")
    yield namespace
    namespace.close()


@pytest.fixture
def kernel(namespace: Namespace) -> Iterator[Kernel]:
    kernel = Kernel(namespace)
    yield kernel
    namespace.batch("xfrm state flush", "xfrm policy flush")
    kernel.close()


def every_suite() -> list[IpsecSuite]:
    combined = [IpsecSuite(cipher.number, cipher.key_length) for cipher in ESP_CIPHERS.values() if cipher.aead]
    others = [
        IpsecSuite(cipher.number, cipher.key_length, hash.integrity)
        for cipher, hash in product(ESP_CIPHERS.values(), INTEGRITIES.values())
        if not cipher.aead
    ]
    ah = [IpsecSuite(0, 0, hash.integrity, ProtocolId.AH) for hash in INTEGRITIES.values()]
    return combined + others + ah


@pytest.mark.parametrize("esn", [False, True])
def test_the_kernel_takes_every_suite_that_we_negotiate(kernel: Kernel, esn: bool) -> None:
    suites = every_suite()
    for spi, suite in enumerate(suites, 0x2000):
        sizes = esp_key_sizes(suite.encryption or 11, suite.key_length, suite.integrity)
        keys = IpsecKeys(spi, *(bytes([spi & 0xFF]) * size for size in sizes))
        protocol = Protocol.AH if suite.protocol == ProtocolId.AH else Protocol.ESP
        changed = IpsecSuite(suite.encryption, suite.key_length, suite.integrity, suite.protocol, esn)
        kernel.add(STATE._replace(id=StateId(THERE, spi, protocol), suite=changed, keys=keys))
    shown = kernel.show("state")
    assert shown.count("reqid 77") == len(suites) > 70
    assert shown.count("anti-replay esn context") == (len(suites) if esn else 0)


def test_an_sa_is_as_it_was_asked_for(kernel: Kernel) -> None:
    limits = Limits(1000, 2000, 30, 40, 50)
    kernel.add(STATE._replace(limits=limits, encapsulation=(4500, 4600), if_id=5, output_mark=9, replay_window=16))
    shown = kernel.show("state")
    assert "src 127.0.0.1 dst 127.0.0.2" in shown
    assert re.search(r"proto esp spi 0x00001234\(4660\) reqid 77\(\S+\) mode tunnel", shown)
    assert f"aead rfc4106(gcm(aes)) 0x{KEY.hex()} (160 bits) 128" in shown
    assert "encap type espinudp sport 4500 dport 4600" in shown
    assert "limit: soft 1000(bytes), hard 2000(bytes)" in shown
    assert "limit: soft 30(packets), hard 40(packets)" in shown
    assert "expire add: soft 0(sec), hard 50(sec)" in shown
    assert "replay-window 16" in shown
    assert "if_id 0x5" in shown
    assert "output-mark 0x9" in shown


def test_one_sa_at_a_time(kernel: Kernel) -> None:
    kernel.add(STATE)
    with pytest.raises(NetlinkError) as refusal:
        kernel.add(STATE)
    assert refusal.value.errno == errno.EEXIST
    assert [info.id for info in kernel.states()] == [ESP_ID]
    assert kernel.delete(ESP_ID)
    assert not kernel.delete(ESP_ID)
    assert kernel.find(ESP_ID) is None
    assert kernel.states() == []


def test_marks_tell_sas_of_one_spi_apart(kernel: Kernel) -> None:
    for value in (1, 2):
        kernel.add(STATE._replace(id=ESP_ID._replace(mark=Mark(value, 0xFF)), reqid=70 + value))
    found = [kernel.find(ESP_ID._replace(mark=Mark(value, 0xFF))) for value in (1, 2)]
    assert [info.reqid for info in found if info] == [71, 72]
    assert kernel.delete(ESP_ID._replace(mark=Mark(1, 0xFF)))
    assert len(kernel.states()) == 1


def test_a_refusal_has_the_kernel_s_own_words_and_no_key(kernel: Kernel) -> None:
    weak = STATE._replace(mode=XfrmMode.TRANSPORT, encapsulation=(4500, 4500), if_id=1)
    kernel.add(weak)
    with pytest.raises(NetlinkError) as refusal:
        kernel.update(weak._replace(encapsulation=None))
    assert refusal.value.errno == errno.EINVAL
    assert KEY.hex() not in str(refusal.value)
    assert KEY.hex() not in repr(weak)


def test_a_reserved_spi_is_filled(kernel: Kernel) -> None:
    spi = kernel.allocate(THERE, HERE, Protocol.ESP)
    id = ESP_ID._replace(spi=spi)
    with pytest.raises(NetlinkError):
        kernel.add(STATE._replace(id=id))
    kernel.update(STATE._replace(id=id))
    found = kernel.find(id)
    assert found is not None
    assert found.reqid == 77


def test_an_sa_in_the_place_of_another(kernel: Kernel) -> None:
    kernel.add(STATE)
    kernel.exchange(ESP_ID, STATE._replace(source=THERE, reqid=78))
    (found,) = kernel.states()
    assert (found.source, found.reqid) == (THERE, 78)


@pytest.mark.parametrize("direction", list(Direction))
def test_a_policy_is_as_it_was_asked_for(kernel: Kernel, direction: Direction) -> None:
    (selector,) = selectors(Selector.parse("fd01::/64[tcp/80]"), Selector.parse("fd02::/48[tcp]"))
    id = PolicyId(direction, selector, Mark(5, 0xFF), 9)
    optional = direction is not Direction.OUT  # which of them the kernel takes on the way in alone
    compressed = Template(HERE, THERE, Protocol.COMP, XfrmMode.TUNNEL, 77, 0x99, optional)
    esp = Template(HERE, THERE, Protocol.ESP, XfrmMode.TRANSPORT, 77)
    assert kernel.add_policies([(id, Rule(77, (compressed, esp)))]) == []
    shown, level = kernel.show("policy"), "use" if optional else "required"
    assert "src fd01::/64 dst fd02::/48" in shown
    assert "proto tcp sport 80" in shown
    assert f"dir {('in', 'out', 'fwd')[direction]} action allow" in shown
    assert "mark 0x5/0xff" in shown
    assert "if_id 0x9" in shown
    assert re.search(r"proto comp spi 0x00000099\(153\) reqid 77\(\S+\) mode tunnel\s+level " + level, shown)
    assert re.search(r"proto esp spi 0x00000000\(0\) reqid 77\(\S+\) mode transport\s+level required", shown)
    assert kernel.policy_numbers(id) == frozenset({77})
    assert kernel.policy_numbers(id._replace(if_id=8)) is None
    assert kernel.delete_policy(id)
    assert not kernel.delete_policy(id)


def test_policies_that_are_there_are_told_and_kept(kernel: Kernel) -> None:
    (one,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"))
    (other,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse("10.3.0.0/16"))
    first, second = PolicyId(Direction.OUT, one), PolicyId(Direction.OUT, other)
    template = Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, 77)
    assert kernel.add_policies([(first, Rule(77, (template,)))]) == []
    again = [(id, Rule(78, (template._replace(reqid=78),))) for id in (first, second)]
    assert kernel.add_policies(again) == [first]
    assert (kernel.policy_numbers(first), kernel.policy_numbers(second)) == (
        frozenset({77}),
        frozenset({78}),
    )
    kernel.put_policies(again)
    assert kernel.policy_numbers(first) == frozenset({78})


def test_a_policy_turns_from_one_kind_into_another_in_its_place(kernel: Kernel) -> None:
    (selector,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"))
    id, discarding = PolicyId(Direction.OUT, selector), Rule(0xC000_0000, discards=True)
    protecting = Rule(77, (Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, 77),))
    for rule in (discarding, protecting, Rule(), discarding):
        kernel.put_policies([(id, rule)])
        assert kernel.policy_numbers(id) == frozenset((rule.number,) if rule.number else ())
        assert kernel.show("policy").count("dir out action") == 1
    assert "action block" in kernel.show("policy")


def test_policies_are_added_all_or_none(kernel: Kernel) -> None:
    (selector,) = selectors(Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16"))
    good, bad = PolicyId(Direction.OUT, selector), PolicyId(Direction.IN, b"\xff" * 56)
    rule = Rule(77, (Template(HERE, THERE, Protocol.ESP, XfrmMode.TUNNEL, 77),))
    with pytest.raises(NetlinkError):
        kernel.add_policies([(good, rule), (bad, rule)])
    assert kernel.policy_numbers(good) is None


@pytest.mark.parametrize(("family", "address"), [(AF_INET, "127.0.0.1"), (AF_INET6, "::1")])
def test_a_socket_passes_by_a_policy_that_blocks_all(kernel: Kernel, family: int, address: str) -> None:
    anybody = "0.0.0.0/0" if family == AF_INET else "::/0"
    blocks = [f"xfrm policy add src {anybody} dst {anybody} dir {way} action block" for way in ("in", "out")]
    kernel.namespace.batch(*blocks)
    with kernel.namespace.entered():  # IPv4 spares loopback
        for exemption in ("disable_xfrm", "disable_policy"):
            Path(f"/proc/sys/net/ipv4/conf/lo/{exemption}").write_text("0")
    with kernel.namespace.socket(address) as udp:
        with pytest.raises(PermissionError):
            udp.sendto(b"blocked", udp.getsockname())
        bypass_policies(udp)
        udp.sendto(b"through", udp.getsockname())
        assert udp.recv(100) == b"through"
