"""Remote users: groups with a key, users with passwords, and pools of addresses (Easy VPN)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.identities import own_identity
from ikev1.config.formats.cisco_ios.model import Device, Group, Map, Profile
from ikev1.config.formats.cisco_ios.peerings import Pair, Peering, Protection
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.written import Place

_LOCAL = ("local", "local-case")


class Access(NamedTuple):
    """Where remote users are accepted: by the entries of a map with this profile, at the address ``local``."""

    device: Device
    profile: Profile | None
    map: Map | None
    local: Set[str] | None
    report: Report


def methods_of(device: Device, chosen: Set[str] | None, report: Report) -> Set[list[str]] | None:
    """What checks users according to a list, in our words; None if users are not asked for."""
    if chosen is None:
        return None
    methods = device.user_lists.get(chosen.value)
    if methods is None and device.asa:
        report.unsupported(chosen.place, f"the servers of {chosen.value} are not read: local users only")
        return Set(["users"], chosen.place)
    if methods is None:
        text = f"there is no aaa authentication login {chosen.value}: local users are asked for"
        report.warn(chosen.place, Rule.MISSING_KEY, text)
        return Set(["users"], chosen.place)
    found = []
    words = iter(methods.value)
    for word in words:
        if word.lower() in _LOCAL:
            found.append("users")
        elif word.lower() == "group":
            servers = f"the servers of group {next(words, '?')} are not read"
            text = f"{servers}: only local users can log in, unless [radius] is added to what `ikev1 import` writes"
            report.unsupported(methods.place, text)
        else:
            report.unsupported(methods.place, f"users cannot be checked by {word}: local users only")
    return Set(list(dict.fromkeys(found)) or ["users"], chosen.place)


def peerings_of_groups(access: Access, name: str, place: Place, protected: Protection) -> Iterator[Peering]:
    """A peering for each group that may use the entry."""
    device, profile, whole, local, report = access
    for group in groups_of(device, profile):
        if group.key is None:
            report.error(group.place, Rule.MISSING_KEY, "has no key")
            continue
        chosen = group.user_list or (profile.user_list if profile else whole.user_list if whole else None)
        respond = profile.respond if profile else whole.respond if whole else None
        pair = Pair(f"{name}-{group.name}", group.place, "0.0.0.0/0", "dynamic", protected)
        yield Peering(
            f"{name}-{group.name}",
            place,
            group.key,
            local,
            pairs=[pair],
            own_identity=own_identity(device, profile),
            peer_identity=Set(f"keyid:{group.name}", group.place),
            keepalive=group.keepalive or (profile.keepalive if profile and profile.keepalive else device.keepalive),
            answers_aggressive=Set(True, group.place),
            only_answers=True,
            users=methods_of(device, chosen, report),
            group=group,
            pushes=Set(True, respond.place) if respond and respond.value == "initiate" else None,
        )


def groups_of(device: Device, profile: Profile | None) -> list[Group]:
    """The groups that a profile matches; all of them without a profile."""
    if profile is None:
        return list(device.groups.values())
    names = [match.value for match in profile.matches if match.kind == "group"]
    return [group for name, group in device.groups.items() if name in names]
