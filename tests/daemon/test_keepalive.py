"""NAT-keepalive packets: only from behind a NAT, and only after silence."""

from __future__ import annotations

import math

import pytest

from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import Nat, NatTraversalVersion, UdpPath
from ikev1.core.records.record import replace
from ikev1.daemon.net.keepalive import Keepalives

PATH = UdpPath("10.0.0.2", 4500, "192.0.2.1", 4500)


@pytest.fixture
def sa() -> IkeSa:
    nat = Nat(NatTraversalVersion.RFC_3947, local_behind=True)
    return IkeSa(1, "branch", Role.INITIATOR, PATH, b"i" * 8, b"r" * 8, created_at=100.0, nat=nat)


def test_a_silent_path_is_due_every_interval(sa: IkeSa) -> None:
    keepalives = Keepalives(20.0)
    keepalives.watch(sa, 100.0)
    assert keepalives.deadline == 120.0
    assert keepalives.due(119.0) == []
    assert keepalives.due(120.0) == [PATH]
    assert keepalives.deadline == 140.0
    assert keepalives.due(140.0) == [PATH]


def test_whatever_is_sent_postpones_it(sa: IkeSa) -> None:
    keepalives = Keepalives(20.0)
    keepalives.watch(sa, 100.0)
    keepalives.sent(PATH, 115.0)
    assert keepalives.due(120.0) == []
    assert keepalives.deadline == 135.0
    assert keepalives.due(135.0) == [PATH]


@pytest.mark.parametrize("nat", [None, Nat(NatTraversalVersion.RFC_3947, remote_behind=True)])
def test_only_who_is_behind_the_nat_sends_them(sa: IkeSa, nat: Nat | None) -> None:
    keepalives = Keepalives(20.0)
    keepalives.watch(replace(sa, nat=nat), 100.0)
    assert keepalives.deadline == math.inf
    assert keepalives.due(1000.0) == []


def test_the_path_is_the_current_one(sa: IkeSa) -> None:
    keepalives = Keepalives(20.0)
    keepalives.watch(sa, 100.0)
    moved = PATH._replace(remote_host="192.0.2.9")
    keepalives.watch(replace(sa, path=moved), 110.0)
    assert keepalives.due(130.0) == [moved]


def test_two_sas_on_one_path_share_keepalives_until_both_are_gone(sa: IkeSa) -> None:
    keepalives = Keepalives(20.0)
    other = replace(sa, unique_id=2, CKY_I=b"j" * 8)
    keepalives.watch(sa, 100.0)
    keepalives.watch(other, 110.0)
    keepalives.forget(sa)
    assert keepalives.due(120.0) == [PATH]
    keepalives.forget(other)
    assert keepalives.due(140.0) == []
    assert keepalives.deadline == math.inf
