"""SAs that were kept, and are not believed by the process that takes them over: their peers have to authenticate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
import pytest

from configured import ALICE, BOB, connection, settings, tunnel
from ikev1.core.machine import take_over
from ikev1.core.records.events import Code, Note
from ikev1.core.records.ike_sa import IkeSa, IkeState
from playbook import Network, Peer, establish

LATER_FIELDS = ("own_message_ids", "heard_message_ids", "anchor", "confirmed", "reached")


def as_kept_before(sa: IkeSa) -> IkeSa:
    """``sa`` as read from a record that was written before there were `LATER_FIELDS`."""
    fields: dict[str, Any] = msgspec.msgpack.decode(msgspec.msgpack.encode(sa), strict=False)
    for name in LATER_FIELDS:
        fields.pop(name, None)
    fields["recent_informationals"] = [7, 8]
    return msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=IkeSa)


def was_run_by_an_earlier_version(peer: Peer) -> None:
    peer.stored = {cookies: as_kept_before(sa) for cookies, sa in peer.stored.items()}
    assert all(sa.anchor is None for sa in peer.stored.values())


def expects_a_peer_of_another_name(peer: Peer) -> None:
    """The name is another, and the peer has it: only what is written in the configuration has changed."""
    own = peer.settings.connections[0]
    peer.settings = settings(connection(own.local_address, own.remote_address, *own.tunnels, remote_id="192.0.2.0/24"))


changes = pytest.mark.parametrize("change", [was_run_by_an_earlier_version, expects_a_peer_of_another_name])
alive = pytest.mark.parametrize("carries", [True, False], ids=["carries on", "carries nothing"])


@changes
@alive
def test_a_peer_that_is_believed_no_longer_is_called_anew(
    network: Network, alice: Peer, bob: Peer, change: Callable[[Peer], None], carries: bool
) -> None:
    establish(network, alice)
    before = bob.child
    change(bob)
    bob.is_killed(*([before.inbound.spi] if carries else []))
    assert Code.REAUTHENTICATION in [note.code for note in bob.events if isinstance(note, Note)]
    network.settle()
    assert bob.sa.anchor is not None
    assert bob.sa.created_at == network.now
    assert [bob.child.outbound.spi] == [*alice.inbound], "both ends have one pair, and the same"
    assert (bob.child.inbound.spi == before.inbound.spi) is carries


@changes
@alive
def test_a_caller_that_is_believed_no_longer_has_to_call_again(
    network: Network, change: Callable[[Peer], None], carries: bool
) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, "%any", tunnel(mirrored=True))))
    establish(network, alice)
    before = bob.child
    change(bob)
    bob.is_killed(*([before.inbound.spi] if carries else []))
    network.settle()
    assert [sa.state for sa in bob.engine.sas.values()] == [IkeState.DELETED] * carries
    alice.calls("net")
    network.settle()
    assert bob.outbound[before.local, before.remote].inbound.spi != before.inbound.spi
    network.now = before.expires_at + 1
    bob.handle_timer()
    assert before.inbound.spi not in bob.inbound, "nothing is left of what is not believed when its time is over"
    assert [sa.anchor is not None for sa in bob.engine.sas.values()] == [True]


def test_numbers_go_on_where_the_earlier_process_stopped(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    before = bob.child
    bob.is_killed(before.inbound.spi)
    network.settle()
    assert (bob.child.unique_id, bob.child.reqid) == (before.unique_id, before.reqid) == (1, 1)
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    network.run(31)
    assert (bob.child.unique_id, bob.child.reqid) == (2, 1)
    engine = bob.engine
    assert (engine._state.next_unique_id(), engine._state.next_pair_id(), engine._state.next_reqid()) == (2, 3, 2)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were many ISAKMP SAs before."""
    monkeypatch.setattr(take_over, "_AT_ONCE", 0)


@pytest.mark.usefixtures("later")
def test_the_pairs_of_many_sas_are_negotiated_again_one_after_another(network: Network, alice: Peer, bob: Peer) -> None:
    assert [*islice(take_over.times(5.0), 2)] == pytest.approx([5.001, 5.002])
    establish(network, alice)
    lost = bob.child
    bob.is_killed()
    assert (list(network.flying), bob.sa.children, bob.sa.lost) == ([], (), (lost,))
    network.run(1)
    assert (bob.sa.lost, bob.sa.resumes_at) == ((), 0.0)
    assert [bob.child.outbound.spi] == [*alice.inbound] != [lost.outbound.spi]


@pytest.mark.usefixtures("later")
def test_what_the_peer_negotiates_meanwhile_is_not_negotiated_again(network: Network, alice: Peer, bob: Peer) -> None:
    establish(network, alice)
    bob.is_killed()
    bob.is_killed()  # again, before anything came of it
    alice.does(lambda engine: engine.rekey_child(alice.child.unique_id, network.now))
    network.settle()
    new = bob.child
    network.run(1)
    assert bob.sa.children == (new,)
    assert [new.outbound.spi] == [*alice.inbound]
