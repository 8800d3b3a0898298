"""Who a router says that it is, and who its peers must say that they are."""

from __future__ import annotations

from ikev1.config.formats.cisco_ios.model import Device, Match, Profile
from ikev1.config.formats.cisco_ios.reading import Set
from ikev1.config.values import ANY

_KINDS = {"host": "@{}", "host domain": "*.{}", "user": "userfqdn:{}", "user domain": "*@{}", "group": "keyid:{}"}


def own_identity(device: Device, profile: Profile | None) -> Set[str] | None:
    """The identity of the router; None is its address."""
    chosen = (profile.own_identity if profile else None) or device.identity
    if chosen is None or chosen.value == "address":
        return None
    if chosen.value == "hostname":
        name = f"{device.name}.{device.domain}" if device.domain else device.name
        return Set(f"@{name}", chosen.place)
    return chosen


def peer_identity(profile: Profile | None, *, several: bool) -> Set[str] | None:
    """What the profile requires of the identity of a peer. None is its address; a peer with several addresses may have
    any identity if the profile requires none.
    """
    match = _match(profile)
    if match is not None:
        return _pattern(match)
    if several and profile is not None and profile.matches:
        return Set(ANY, profile.matches[0].place)
    return Set(ANY, None) if several else None


def unknown_identities(profile: Profile | None) -> list[Set[str] | None]:
    """What the profile requires of peers without an address of their own: one of these; None is any identity."""
    matches = [match for match in (profile.matches if profile else ()) if match.kind != "group"]
    found = [_pattern(match) for match in matches]
    return list(dict.fromkeys(found)) or [None] if None not in found else [None]


def _pattern(match: Match) -> Set[str] | None:
    if match.network is None:
        return Set(_KINDS[match.kind].format(match.value), match.place)
    if not match.network.prefixlen:
        return None
    one = match.network.num_addresses == 1
    return Set(str(match.network.network_address if one else match.network), match.place)


def _match(profile: Profile | None) -> Match | None:
    """The match by a name, unless addresses are accepted as well."""
    matches = profile.matches if profile is not None else []
    if len(matches) == 1 and matches[0].network is None:
        return matches[0]
    return None
