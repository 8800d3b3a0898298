"""What strongSwan's `ipsec` prints, from VICI: scripts look for its words, such as `ESTABLISHED` and `INSTALLED`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address

from vici import Session

from ikev1.cli.control import Section, decoded, list_connections, list_sas, statistics

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
_WIDTH = 12  # of names


def duration(seconds: int) -> str:
    """A time as strongSwan writes it: a unit is used from two of it on."""
    for name, size in _UNITS:
        if seconds > 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def status(session: Session, name: str | None, *, everything: bool) -> str:
    """The output of `status` and `statusall`, for all connections or that with the ``name``."""
    sas = list_sas(session)
    traps = [item for event in session.list_policies({"trap": "yes"}) for item in decoded(event).items()]
    lines = list(_daemon(session, name)) if everything else []
    routed = [line for _, trap in traps if name in (None, trap["child"], trap["ike"]) for line in _trap(trap)]
    up = sum(sa["state"] == "ESTABLISHED" for _, sa in sas)
    connecting = sum(sa["state"] == "CONNECTING" for _, sa in sas)
    lines += ["Routed Connections:", *routed] if routed else []
    lines.append(f"Security Associations ({up} up, {connecting} connecting):")
    shown = [line for each, sa in sas if _concerns(name, each, sa) for line in _sa(each, sa, everything)]
    return "\n".join([*lines, *(shown or ["  none" if name is None else "  no match"])])


def _concerns(name: str | None, connection: str, sa: Section) -> bool:
    return name in (None, connection) or any(child["name"] == name for child in sa["child-sas"].values())


def _daemon(session: Session, name: str | None) -> Iterator[str]:
    version, stats = decoded(session.version()), statistics(session)
    system = f"{version['sysname']} {version['release']}, {version['machine']}"
    yield f"Status of IKE charon daemon ({version['daemon']} {version['version']}, {system}):"
    yield f"  uptime: {stats['uptime']['running']}, since {stats['uptime']['since']}"
    yield "Connections:"
    for connection, section in list_connections(session).items():
        if name in (None, connection, *section["children"]):
            yield from _connection(connection, section)


def _connection(name: str, section: Section) -> Iterator[str]:
    here, there = (", ".join(section[key]) for key in ("local_addrs", "remote_addrs"))
    title = f"{name:>{_WIDTH}}"
    yield f"{title}:  {here}...{there}  IKEv1"
    for end in ("local", "remote"):
        for number in (1, 2):
            if (found := section.get(f"{end}-{number}")) is not None:
                identity = f" [{found['id']}]" if "id" in found else ""
                yield f"{title}:   {end + ':':<8}{identity} uses {found['class']} authentication"
    for child, found in section["children"].items():
        yield f"{child:>{_WIDTH}}:   child:  {_selectors(found)} {found['mode']}"


def _sa(connection: str, sa: Section, everything: bool) -> Iterator[str]:
    title = f"{connection:>{_WIDTH}}[{sa['uniqueid']}]"
    age = f" {duration(int(sa['established']))} ago" if "established" in sa else ""
    ends = (f"{sa[f'{end}-host']}[{sa[f'{end}-id'] or '%any'}]" for end in ("local", "remote"))
    yield f"{title}: {sa['state']}{age}, {'...'.join(ends)}"
    if user := sa.get("remote-xauth-id"):
        yield f"{title}: Remote XAuth identity: {user}"
    if everything:
        first, second = ("*", "") if "initiator" in sa else ("", "*")
        spis = f"{sa['initiator-spi']}_i{first} {sa['responder-spi']}_r{second}"
        rekey = f", rekeying in {duration(int(sa['rekey-time']))}" if "rekey-time" in sa else ""
        yield f"{title}: IKEv1 SPIs: {spis}{rekey}"
        if "encr-alg" in sa:
            yield f"{title}: IKE proposal: {_algorithms(sa, 'encr', 'integ', 'prf', 'dh')}"
    for child in sa["child-sas"].values():
        yield from _child(child, everything)


def _child(child: Section, everything: bool) -> Iterator[str]:
    title = f"{child['name']:>{_WIDTH}}{{{child['uniqueid']}}}"
    encapsulated = " in UDP" if child.get("encap") == "yes" else ""
    spis = f"{child['protocol']}{encapsulated} SPIs: {child['spi-in']}_i {child['spi-out']}_o"
    yield f"{title}:  {child['state']}, {child['mode']}, reqid {child['reqid']}, {spis}"
    if everything:
        counts = f"{child['bytes-in']} bytes_i, {child['bytes-out']} bytes_o"
        rekey = f", rekeying in {duration(int(child['rekey-time']))}" if "rekey-time" in child else ""
        yield f"{title}:  {_algorithms(child, 'encr', 'integ', 'dh')}, {counts}{rekey}"
    yield f"{title}:   {_selectors(child)}"


def _trap(trap: Section) -> Iterator[str]:
    title = f"{trap['child']:>{_WIDTH}}"
    yield f"{title}:  ROUTED, {trap['mode']}"
    yield f"{title}:   {_selectors(trap)}"


def _selectors(section: Section) -> str:
    return " === ".join(" ".join(section[key]) for key in ("local-ts", "remote-ts"))


def _algorithms(section: Section, *kinds: str) -> str:
    sizes = {"encr": "encr-keysize", "integ": "integ-keysize"}
    words = []
    for kind in kinds:
        word = section.get("dh-group" if kind == "dh" else f"{kind}-alg")
        if word:
            size = section.get(sizes.get(kind, ""), "")
            words.append(f"{word}_{size}" if size else word)
    return "/".join(words)


def addresses_between(first: str, last: str | None = None) -> Callable[[str], bool]:
    """Whether an address lies from ``first`` to ``last``, or is ``first``.

    Raises:
        ValueError: they are no addresses.
    """
    lowest, highest = ip_address(first), ip_address(last or first)
    if lowest.version != highest.version:
        raise ValueError(f"{first} and {last} are of different IP versions")

    def between(address: str) -> bool:
        found = ip_address(address)
        return found.version == lowest.version and int(lowest) <= int(found) <= int(highest)

    return between


def algorithms(found: Mapping[str, Mapping[str, str]]) -> str:
    """The output of `listalgs`."""
    names = {"encryption": "encryption:", "integrity": "hasher:", "prf": "prf:", "dh": "dh-group:"}
    lines = ["", "List of registered IKE algorithms:", ""]
    for kind, each in found.items():
        words = " ".join(f"{name}[{library}]" for name, library in each.items())
        lines.append(f"  {names.get(kind, kind):<12}{words}")
    return "\n".join(lines)


def counters(found: Mapping[str, Mapping[str, str]]) -> str:
    """The output of `listcounters`."""
    lines = []
    for name, counts in found.items():
        lines += ["", f"List of IKE counters{f' for {name!r}' if name else ''}:", ""]
        lines += [f"  {counter:<24}{count:>12}" for counter, count in counts.items()]
    return "\n".join(lines)


def leases(pools: Mapping[str, Section], name: str | None = None, address: str | None = None) -> str:
    """The output of `leases`."""
    if name is not None and name not in pools:
        return f"pool '{name}' not found"
    lines = [
        line
        for pool, section in pools.items()
        if name in (None, pool)
        for line in _pool(pool, section, section.get("leases", {}).values(), address)
    ]
    return "\n".join(lines or ["no pools found"])


def _pool(name: str, section: Section, found: Iterable[Section], address: str | None) -> Iterator[str]:
    used = int(section["online"]) + int(section["offline"])
    yield f"Leases in pool '{name}', usage: {used}/{section['size']}, {section['online']} online"
    shown = [lease for lease in found if address in (None, lease["address"])]
    if not shown:
        yield "  no matching leases found"
    for lease in shown:
        yield f"  {lease['address']:>15}   {lease['status']:<8} '{lease['identity']}'"
