"""Access lists as pairs of selectors."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import Ace, Device, Line, Unclear
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.written import Place
from ikev1.core.records.selector import Selector

MOST_PAIRS = 500  # of an access list
_MOST_DENIED = 2000


def as_text(selector: Selector) -> str:
    """A selector as it is configured."""
    return str(selector).replace("..", "-")


def lines_of(device: Device, name: Set[str], report: Report) -> list[Line] | None:
    """What an access list permits; None if it does not exist or cannot be used, which is reported."""
    if name.value not in device.permitted:
        device.permitted[name.value] = _lines(device, name, report)
    return device.permitted[name.value]


def _lines(device: Device, name: Set[str], report: Report) -> list[Line] | None:
    acl = device.acls.get(name.value)
    if acl is None:
        report.error(name.place, Rule.INVALID_VALUE, f"there is no access list {name.value}")
        return None
    permitted: dict[tuple[Selector, Selector], Line] = {}
    denied: list[Line] = []
    wrong = False
    for number, line in sorted(acl.lines.items()):
        if isinstance(line, Unclear):
            report.unsupported(line.place, f"{line.text}; the traffic of the line is not protected")
            wrong = True
            continue
        for part in _parts(device, line, number, report):
            if not line.permits:
                denied.append(part)
                continue
            permitted.setdefault((part.source, part.destination), part)
            if len(permitted) > MOST_PAIRS or len(denied) > _MOST_DENIED:
                text = f"{name.value} has more than {MOST_PAIRS} pairs of networks, or denies more than {_MOST_DENIED}"
                report.error(name.place, Rule.INVALID_VALUE, text)
                return None
    if not permitted and not wrong:
        report.error(name.place, Rule.INVALID_VALUE, f"the access list {name.value} permits nothing")
    kept = _without_mirrors(device, permitted, report)
    device.exempt += _exempt(kept, denied, report)
    return kept or None


def _without_mirrors(device: Device, permitted: dict[tuple[Selector, Selector], Line], report: Report) -> list[Line]:
    """The lines without those that are the mirror image of another: a list is written from the router's end only."""
    kept = []
    for (source, destination), line in permitted.items():
        mirror = permitted.get((destination, source))
        if mirror is not None and source != destination:
            behind = _is_behind(device, source), _is_behind(device, destination)
            first = line.place.line <= mirror.place.line
            if behind == (False, True) or (behind[0] is behind[1] and not first):
                text = f"is left out: it is the mirror image of line {mirror.place.line}"
                report.warn(line.place, Rule.UNUSED_KEY, text)
                continue
        kept.append(line)
    return kept


def _is_behind(device: Device, end: Selector) -> bool:
    """Whether an interface of the router is in a network."""
    addresses = (each.address.value.ip for each in device.interfaces if each.address is not None)
    return any(end.contains(end.with_address(str(address))) for address in addresses)


def _exempt(permitted: list[Line], denied: list[Line], report: Report) -> list[Line]:
    """The lines that exclude a part of what later ones permit. They cannot be expressed if they also concern what an
    earlier one permits.
    """
    found = []
    for each in denied:
        concerned = [line for line in permitted if overlap(each, line)]
        if all(_precedes(line, each) for line in concerned):
            continue
        if any(_precedes(line, each) for line in concerned):
            report_not_exempt(each, report)
        else:
            found.append(each)
    return found


def report_not_exempt(denied: Line, report: Report) -> None:
    """Report that a line cannot be expressed."""
    text = "a part of its traffic is permitted elsewhere, and the gateway exempts traffic from all tunnels, or none"
    report.unsupported(denied.place, text)


def overlap(one: Line, other: Line) -> bool:
    """Whether there is a packet that both lines match."""
    return one.source.overlaps(other.source) and one.destination.overlaps(other.destination)


def _precedes(one: Line, other: Line) -> bool:
    return one.number < other.number


def _parts(device: Device, ace: Ace, number: int, report: Report) -> Iterator[Line]:
    sources, destinations = (
        list(_networks(device, end, ace.place, report, set())) for end in (ace.source, ace.destination)
    )
    if len(sources) * len(destinations) > MOST_PAIRS:
        text = f"its objects make {len(sources) * len(destinations)} pairs of networks: expected at most {MOST_PAIRS}"
        report.error(ace.place, Rule.INVALID_VALUE, text)
        return
    for source, destination in product(sources, destinations):
        try:
            ends = (
                Selector.parse(source + _behind(ace.protocol, ace.source_port)),
                Selector.parse(destination + _behind(ace.protocol, ace.destination_port)),
            )
        except ValueError as error:
            report.error(ace.place, Rule.INVALID_VALUE, str(error))
            return
        if ends[0].version == ends[1].version:
            yield Line(*ends, ace.place, number)


def _behind(protocol: str, port: str) -> str:
    if not protocol:
        return ""
    return f"[{protocol}/{port}]" if port else f"[{protocol}]"


def _networks(device: Device, end: str, place: Place, report: Report, seen: set[str]) -> Iterator[str]:
    """The networks of an end; those of an object or a group once, even if others contain it as well."""
    if not end.startswith(("object ", "group ")):
        yield end
        return
    if end in seen:
        return
    seen.add(end)
    members = device.objects.get(end)
    if members is None:
        report.error(place, Rule.INVALID_VALUE, f"the {end} does not exist")
        return
    for member in members:
        if isinstance(member, Unclear):
            report.unsupported(member.place, f"{member.text}; the traffic of the object is not protected")
        else:
            yield from _networks(device, member, place, report, seen)
