"""The records behind the tables and the JSON of `show`, made only from VICI's `list-sa` and `stats`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ikev1.cli.control import Section
from ikev1.cli.counter_help import OF_A_PAIR, words_of
from ikev1.cli.states import meaning, state_word


class IsakmpSa(msgspec.Struct, frozen=True):
    """A line of `show isakmp sa`. ``dst`` is the responder, ``src`` the initiator; times are in seconds."""

    dst: str
    src: str
    state: str
    meaning: str
    conn_id: int
    status: str
    connection: str
    suite: str
    rekey_in: int | None
    expires_in: int | None
    nat: str
    moves: int  # how often the peer's address or port changed
    maker: str
    local_id: str
    remote_id: str
    cookies: str
    removed: bool = False  # its connection is not configured any more


class Direction(msgspec.Struct, frozen=True):
    """One of a pair of IPsec SAs."""

    spi: str
    cpi: str | None  # of IPComp
    packets: int
    bytes: int
    idle: int | None  # seconds since the last packet; None before the first
    errors: dict[str, int]  # dropped packets by the name of the counter; without those that are 0


class IpsecSa(msgspec.Struct, frozen=True):
    """A block of `show ipsec sa`: a pair of SAs; times are in seconds."""

    connection: str
    tunnel: str
    conn_id: int
    state: str
    peer: str
    peer_port: int
    local: str
    local_ident: list[str]
    remote_ident: list[str]
    mode: str
    protocol: str
    settings: list[str]  # other than the mode: ESN, IPComp, marks and interface IDs
    suite: str
    pfs: str | None
    inbound: Direction
    outbound: Direction
    age: int
    rekey_in: int | None
    expires_in: int | None
    removed: bool = False  # its tunnel is not configured any more


class Drop(msgspec.Struct, frozen=True):
    """Packets dropped since the gateway started that belong to no pair of IPsec SAs, with an explanation."""

    name: str
    count: int
    meaning: str
    cause: str
    cure: str


class Plane(msgspec.Struct, frozen=True):
    """The record of `show plane`: the data plane, why it was chosen, and dropped packets."""

    name: str
    reason: str
    drops: list[Drop]


def plane_of(stats: Section) -> Plane:
    """The data plane in the response of VICI's ``stats``, which only this daemon includes."""
    plane = stats.get("data-plane", {})
    drops = [Drop(name, int(count), *words_of(name)) for name, count in stats.get("drops", {}).items()]
    return Plane(plane.get("name", "unknown"), plane.get("reason", "not reported by the daemon"), drops)


def isakmp_sas(sas: Iterable[tuple[str, Section]]) -> list[IsakmpSa]:
    """The ISAKMP SAs in a list of SAs."""
    return [_isakmp_sa(name, sa) for name, sa in sas]


def ipsec_sas(sas: Iterable[tuple[str, Section]]) -> list[IpsecSa]:
    """The pairs of IPsec SAs in a list of SAs."""
    return [_ipsec_sa(name, sa, child) for name, sa in sas for child in sa["child-sas"].values()]


def _isakmp_sa(connection: str, sa: Section) -> IsakmpSa:
    local, remote = sa["local-host"], sa["remote-host"]
    state = state_word(sa)
    return IsakmpSa(
        dst=remote if "initiator" in sa else local,
        src=local if "initiator" in sa else remote,
        state=state,
        meaning=meaning(state),
        conn_id=int(sa["uniqueid"]),
        status="ACTIVE" if sa["state"] == "ESTABLISHED" else sa["state"],
        connection=connection,
        suite=_suite(sa, "prf-alg"),
        rekey_in=_number(sa, "rekey-time"),
        expires_in=_number(sa, "life-time"),
        nat=_nat(sa),
        moves=int(sa.get("moves", "0")),
        maker=sa.get("peer-maker", ""),
        local_id=sa["local-id"],
        remote_id=sa["remote-id"],
        cookies=f"{sa['initiator-spi']}:{sa['responder-spi']}",
        removed="removed" in sa,
    )


def _ipsec_sa(connection: str, sa: Section, child: Section) -> IpsecSa:
    return IpsecSa(
        connection=connection,
        tunnel=child["name"],
        conn_id=int(child["uniqueid"]),
        state=child["state"],
        peer=sa["remote-host"],
        peer_port=int(sa["remote-port"]),
        local=sa["local-host"],
        local_ident=child["local-ts"],
        remote_ident=child["remote-ts"],
        mode=child["mode"].lower() + (" in UDP" if "encap" in child else ""),
        protocol=child["protocol"].lower(),
        settings=_settings(child),
        suite=_suite(child, "integ-alg"),
        pfs=child.get("dh-group"),
        inbound=_direction(child, "in"),
        outbound=_direction(child, "out"),
        age=int(child["install-time"]),
        rekey_in=_number(child, "rekey-time"),
        expires_in=_number(child, "life-time"),
        removed="removed" in child,
    )


def _direction(child: Section, way: str) -> Direction:
    return Direction(
        spi=f"0x{child[f'spi-{way}']}",
        cpi=f"0x{child[f'cpi-{way}']}" if f"cpi-{way}" in child else None,
        packets=int(child[f"packets-{way}"]),
        bytes=int(child[f"bytes-{way}"]),
        idle=_number(child, f"use-{way}"),
        errors=_counts(child, f"-{way}"),
    )


def _settings(child: Section) -> list[str]:
    found = [word for key, word in (("esn", "ESN"), ("cpi-in", "IPComp")) if key in child]
    for way in ("in", "out"):
        if f"mark-{way}" in child:
            found.append(f"mark {way} 0x{child[f'mark-{way}']}/0x{child[f'mark-mask-{way}']}")
        if f"if-id-{way}" in child:
            found.append(f"if_id {way} 0x{child[f'if-id-{way}']}")
    return found


def _counts(child: Section, ending: str) -> dict[str, int]:
    """The counts of dropped packets in one direction; other daemons send none."""
    return {name: int(child[name]) for name in OF_A_PAIR if name.endswith(ending) and child.get(name, "0") != "0"}


def _number(section: Section, key: str) -> int | None:
    return int(section[key]) if key in section else None


def _suite(section: Section, integrity: str) -> str:
    """The algorithms in swanctl's words: ``AES_CBC-256 HMAC_SHA2_256_128``, in phase 1 with the group."""
    cipher = "-".join(section[key] for key in ("encr-alg", "encr-keysize") if key in section)
    group = section.get("dh-group", "") if integrity == "prf-alg" else ""
    return " ".join(filter(None, (cipher, section.get(integrity, "").removeprefix("PRF_HMAC_"), group)))


def _nat(sa: Section) -> str:
    """Who is behind a NAT, in a word."""
    sides = [side for side in ("local", "remote") if f"nat-{side}" in sa]
    return " and ".join(sides) or "none"
