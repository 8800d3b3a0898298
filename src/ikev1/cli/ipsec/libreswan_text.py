"""What libreswan's `ipsec whack` prints, from VICI."""

from __future__ import annotations

import time
from collections.abc import Iterator

from vici import Session

from ikev1.cli.control import Section, list_connections, list_sas

_STATES = {True: ("STATE_MAIN_I4", "STATE_QUICK_I2"), False: ("STATE_MAIN_R3", "STATE_QUICK_R2")}  # by who initiated


def status(session: Session) -> Iterator[str]:
    """The output of `--status`."""
    sas = list_sas(session)
    connections = list_connections(session)
    yield "000 Connection list:"
    yield "000  "
    for section in connections.values():
        yield from _connection(section)
    loaded = sum(len(section["children"]) for section in connections.values())
    active = len({(name, child["name"]) for name, sa in sas for child in sa["child-sas"].values()})
    yield "000  "
    yield f"000 Total IPsec connections: loaded {loaded}, active {active}"
    yield "000  "
    yield from brief(session)
    yield "000  "
    yield from states(session)


def _connection(section: Section) -> Iterator[str]:
    """Each tunnel under its own name, which is that of its conn, also if several conns are one connection here."""
    ends = ((section["local_addrs"], section.get("local-1")), (section["remote_addrs"], section.get("remote-1")))
    here, there = (f"{','.join(hosts)}[{(found or {}).get('id', '%any')}]" for hosts, found in ends)
    for name, child in section["children"].items():
        local, remote = (" ".join(child[key]) for key in ("local-ts", "remote-ts"))
        yield f'000 "{name}": {local}==={here}...{there}==={remote}'
        yield f'000 "{name}":   policy: IKEv1+{child["mode"]}'


def brief(session: Session) -> Iterator[str]:
    """The output of `--briefstatus`."""
    sas = [sa for _, sa in list_sas(session)]
    up = sum(sa["state"] == "ESTABLISHED" for sa in sas)
    pairs = sum(len(sa["child-sas"]) for sa in sas)
    yield f"000 IKE SAs: total({len(sas)}), half-open({len(sas) - up}), open(0), authenticated({up}), anonymous(0)"
    yield f"000 IPsec SAs: total({pairs}), authenticated({pairs}), anonymous(0)"


def states(session: Session) -> Iterator[str]:
    """The output of `--showstates`."""
    for name, sa in list_sas(session):
        main, quick = _STATES["initiator" in sa]
        place = f'"{name}":{sa["remote-port"]}'
        if sa["state"] != "ESTABLISHED":
            yield f"000 #{sa['uniqueid']}: {place} {sa['state']};"
            continue
        replace = f" REPLACE in {sa['rekey-time']}s;" if "rekey-time" in sa else ""
        yield f"000 #{sa['uniqueid']}: {place} {main} (IKE SA established);{replace} newest;"
        for child in sa["child-sas"].values():
            replace = f" REPLACE in {child['rekey-time']}s;" if "rekey-time" in child else ""
            owner = f"ISAKMP SA #{sa['uniqueid']};"
            conn = f'"{child["name"]}"'
            up = f"{quick} (IPsec SA established);{replace} newest; {owner}"
            yield f"000 #{child['uniqueid']}: {conn}:{sa['remote-port']} {up}"
            kind = child["protocol"].lower()
            ends = f"{kind}.{child['spi-out']}@{sa['remote-host']} {kind}.{child['spi-in']}@{sa['local-host']}"
            traffic = f"{child['protocol']}in={child['bytes-in']}B {child['protocol']}out={child['bytes-out']}B"
            yield f"000 #{child['uniqueid']}: {conn} {ends} Traffic: {traffic}"


def traffic(session: Session) -> Iterator[str]:
    """The output of `--trafficstatus`."""
    for _, sa in list_sas(session):
        for child in sa["child-sas"].values():
            added = int(time.time()) - int(child["install-time"])
            counts = f"inBytes={child['bytes-in']}, outBytes={child['bytes-out']}"
            what = f'"{child["name"]}", type={child["protocol"]}, add_time={added}'
            yield f"006 #{child['uniqueid']}: {what}, {counts}, id='{sa['remote-id']}'"


def shunts(session: Session) -> Iterator[str]:
    """The output of `--shuntstatus`: there are none."""
    del session
    yield "000 Bare Shunt list:"
    yield "000  "
