"""The records of `show` as people see them."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from ikev1.cli.counter_help import words_of
from ikev1.cli.remote_users import ShownLease, leases_table
from ikev1.cli.tables import drops_text, duration, ipsec_text, isakmp_table, plane_text, states_text, table
from ikev1.cli.views import Drop, Plane, ipsec_sas, isakmp_sas

Sas = list[tuple[str, dict[str, Any]]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0s"), (59, "59s"), (60, "1m 00s"), (3599, "59m 59s"), (86385, "23h 59m")],
)
def test_durations(seconds: int | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_line_for_each_isakmp_sa(sas: Sas) -> None:
    head, first, second = (line.split() for line in isakmp_table(isakmp_sas(sas)).splitlines())
    assert head[:5] == ["dst", "src", "state", "conn-id", "status"]
    assert first[:6] == ["198.51.100.7", "192.0.2.1", "QM_IDLE", "7", "ACTIVE", "branch"]
    assert first[-5:] == ["23h", "59m", "22h", "30m", "remote"]
    assert second[:5] == ["192.0.2.1", "203.0.113.9", "MM_WAIT_MSG5", "8", "CONNECTING"]
    assert second[-3:] == ["-", "-", "none"]


def test_how_often_a_peer_moved_stands_beside_its_nat(sas: Sas) -> None:
    (name, sa), *_ = sas
    printed = isakmp_table(isakmp_sas([(name, sa | {"moves": "3", "moved": "20"})]))
    assert printed.splitlines()[1].split()[-3:] == ["remote,", "moved", "3x"]


def test_each_state_is_explained_once(sas: Sas) -> None:
    rows = isakmp_sas(sas)
    assert [line.split(":")[0] for line in states_text([*rows, *rows]).splitlines()] == ["MM_WAIT_MSG5", "QM_IDLE"]


def said(name: str) -> str:
    words = words_of(name)
    return f"{words.meaning}. Likely cause: {words.cause}. Remedy: {words.cure}."


def test_a_block_for_each_pair_of_ipsec_sas(sas: Sas) -> None:
    text = ipsec_text(ipsec_sas(sas * 2))
    first, second = text.split("\n\n")
    assert first == second
    assert first.splitlines() == [
        "branch/office, conn-id 3, INSTALLED",
        "  local 192.0.2.1, peer 198.51.100.7 port 4500",
        "  local  ident: 10.1.0.0/16",
        "  remote ident: 10.2.0.0/16[tcp/80]",
        "  #pkts encaps: 0 (0 bytes)",
        "  #pkts decaps: 2 (168 bytes, last 3s ago)",
        "  #send errors 2, #recv errors 5",
        f"    2 unsent-out: {said('unsent-out')}",
        f"    4 replays-in: {said('replays-in')}",
        f"    1 integrity-failures-in: {said('integrity-failures-in')}",
        "  inbound  esp spi: 0xdbbf6366",
        "  outbound esp spi: 0x4b444ca8",
        "  transform: AES_GCM_16-256, PFS ECP_256",
        "  in use settings ={Tunnel UDP-Encaps, }",
        "  lifetime: 59m 45s left, rekey in 54m 31s, up for 15s",
    ]


def test_what_else_protects_and_steers_a_pair_is_shown(sas: Sas) -> None:
    (child,) = sas[0][1]["child-sas"].values()
    more = {
        "mode": "TRANSPORT",
        "protocol": "AH",
        "esn": "1",
        "cpi-in": "1234",
        "cpi-out": "5678",
        "mark-out": "0000002a",
        "mark-mask-out": "000000ff",
        "if-id-in": "00000010",
    }
    plain = {key: value for key, value in child.items() if key != "encap"}
    text = ipsec_text(ipsec_sas([("branch", {**sas[0][1], "child-sas": {"office-3": plain | more}})]))
    lines = text.splitlines()
    assert lines[lines.index("  inbound  ah spi: 0xdbbf6366") :][:6] == [
        "  inbound  ah spi: 0xdbbf6366",
        "  inbound  pcp cpi: 0x1234",
        "  outbound ah spi: 0x4b444ca8",
        "  outbound pcp cpi: 0x5678",
        "  transform: AES_GCM_16-256, PFS ECP_256",
        "  in use settings ={Transport, ESN, IPComp, if_id in 0x00000010, mark out 0x0000002a/0x000000ff, }",
    ]


def test_a_pair_of_ipsec_sas_may_be_without_limits(sas: Sas) -> None:
    (sa,) = ipsec_sas(sas)
    unlimited = msgspec.structs.replace(sa, rekey_in=None, expires_in=None)
    assert ipsec_text([unlimited]).splitlines()[-1] == "  lifetime: no limit, no rekeying, up for 15s"


def test_the_data_plane_and_what_it_dropped() -> None:
    quiet = Plane("userspace", "data_plane says so", [])
    assert plane_text(quiet).splitlines()[0] == "data plane: userspace: data_plane says so"
    assert drops_text(quiet) == ""
    drop = Drop("unknown-spi", 3, "nobody knows them", "a restart", "wait")
    *_, line = plane_text(Plane("userspace", "data_plane says so", [drop])).splitlines()
    assert re.findall(r"3 unknown-spi|nobody knows them|a restart|wait", line) == [
        *("3 unknown-spi", "nobody knows them", "a restart", "wait"),
    ]


@pytest.mark.parametrize("owner", ["[/x]@example.org", "[red]admin[/red]", ":smile:", "[link=file:///etc]a"])
def test_what_peers_choose_is_shown_as_it_is(owner: str) -> None:
    assert owner in leases_table([ShownLease("pool", "10.9.0.1", owner, "user", "online")])


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("a", "b"), [("long", ""), ("", "x")]) == "a     b\nlong\n      x"
