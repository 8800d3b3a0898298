"""From list-sas to what `show` tells."""

from __future__ import annotations

from typing import Any

from ikev1.cli.counter_help import words_of
from ikev1.cli.states import meaning
from ikev1.cli.views import Direction, Drop, IpsecSa, IsakmpSa, ipsec_sas, isakmp_sas, plane_of

Sas = list[tuple[str, dict[str, Any]]]

QM_IDLE = meaning("QM_IDLE")


def test_an_isakmp_sa(sas: Sas) -> None:
    assert isakmp_sas(sas)[0] == IsakmpSa(
        dst="198.51.100.7",
        src="192.0.2.1",
        state="QM_IDLE",
        meaning=QM_IDLE,
        conn_id=7,
        status="ACTIVE",
        connection="branch",
        suite="AES_CBC-256 SHA2_256 MODP_2048",
        rekey_in=81000,
        expires_in=86385,
        nat="remote",
        moves=0,
        maker="",
        local_id="gw.example.org",
        remote_id="branch.example.org",
        cookies="282bca108071a9b3:34717ddeeeb14f00",
    )


def test_a_responder_is_the_destination(sas: Sas) -> None:
    sa = isakmp_sas(sas)[1]
    assert (sa.dst, sa.src, sa.state, sa.status) == ("192.0.2.1", "203.0.113.9", "MM_WAIT_MSG5", "CONNECTING")
    assert (sa.suite, sa.rekey_in, sa.nat) == ("3DES_CBC SHA1 MODP_1024", None, "none")


def test_an_isakmp_sa_before_its_suite_is_chosen(connecting: dict[str, Any]) -> None:
    young = {key: value for key, value in connecting.items() if not key.endswith(("-alg", "-group"))}
    assert isakmp_sas([("young", young)])[0].suite == ""


def test_a_pair_of_ipsec_sas(sas: Sas) -> None:
    assert ipsec_sas(sas) == [
        IpsecSa(
            connection="branch",
            tunnel="office",
            conn_id=3,
            state="INSTALLED",
            peer="198.51.100.7",
            peer_port=4500,
            local="192.0.2.1",
            local_ident=["10.1.0.0/16"],
            remote_ident=["10.2.0.0/16[tcp/80]"],
            mode="tunnel in UDP",
            protocol="esp",
            settings=[],
            suite="AES_GCM_16-256",
            pfs="ECP_256",
            inbound=Direction("0xdbbf6366", None, 2, 168, 3, {"replays-in": 4, "integrity-failures-in": 1}),
            outbound=Direction("0x4b444ca8", None, 0, 0, None, {"unsent-out": 2}),
            age=15,
            rekey_in=3271,
            expires_in=3585,
        )
    ]


def test_a_daemon_that_counts_no_errors(sas: Sas) -> None:
    (child,) = sas[0][1]["child-sas"].values()
    others = {key: value for key, value in child.items() if not key.startswith(("replays", "integrity-f", "unsent"))}
    (pair,) = ipsec_sas([("branch", {**sas[0][1], "child-sas": {"office-3": others}})])
    assert (pair.inbound.errors, pair.outbound.errors) == ({}, {})


def test_the_data_plane_and_what_it_dropped() -> None:
    plane = plane_of(
        {
            "data-plane": {"name": "kernel", "reason": "it has ESP"},
            "drops": {"XfrmInNoPols": "3", "XfrmOfTheFuture": "1"},
        }
    )
    assert (plane.name, plane.reason) == ("kernel", "it has ESP")
    known, unknown = plane.drops
    assert known == Drop("XfrmInNoPols", 3, *words_of("XfrmInNoPols"))
    assert unknown == Drop("XfrmOfTheFuture", 1, *words_of("XfrmOfTheFuture"))


def test_a_daemon_that_tells_nothing_of_its_data_plane() -> None:
    plane = plane_of({"uptime": {}})
    assert (plane.name, plane.drops) == ("unknown", [])
