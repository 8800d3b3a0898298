"""Which pre-shared key a router uses for a peer, and which profile applies to it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.interfaces import named
from ikev1.config.formats.cisco_ios.model import Device, Interface, Key, Profile
from ikev1.config.formats.cisco_ios.reading import Report, Set


def profile_of(device: Device, chosen: Set[str] | None, peer: str, report: Report) -> Profile | None:
    """The ISAKMP profile that a command names, or else the first that the address of the peer matches."""
    if chosen is not None:
        found = device.profiles.get(chosen.value)
        if found is None:
            report.error(chosen.place, Rule.INVALID_VALUE, f"there is no crypto isakmp profile {chosen.value}")
        return found
    return next((each for each in device.profiles.values() if peer and _matches(each, peer)), None)


def _matches(profile: Profile, peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return any(match.kind == "host" and match.value.lower() == peer for match in profile.matches)
    return any(match.network is not None and address in match.network for match in profile.matches)


def key_of(device: Device, profile: Profile | None, peer: str) -> Key | None:
    """The key for the address or name of a peer: in each keyring, that of the longest prefix."""
    try:
        address = ip_address(peer)
    except ValueError:
        address = None
    for keys in _rings(device, profile):
        fitting = [
            key
            for key in keys
            if (key.hostname == peer if key.network is None else address is not None and address in key.network)
        ]
        if fitting:
            return max(fitting, key=lambda key: key.network.prefixlen if key.network is not None else 128)
    return None


def keys_of_unknown(device: Device, profile: Profile | None, known: Iterable[str]) -> list[Key]:
    """The keys of peers that are not ``known`` by their addresses or names."""
    found: dict[object, Key] = {}
    hosts = set(known)
    for keys in _rings(device, profile):
        for key in keys:
            whose = key.hostname or str(key.network)
            if whose.removesuffix("/32").removesuffix("/128") not in hosts:
                found.setdefault(whose, key)
    return list(found.values())


def _rings(device: Device, profile: Profile | None) -> list[list[Key]]:
    """The lists of keys in the order in which they are searched."""
    if profile is not None and profile.keyrings:
        return [device.keyrings[each.value].keys for each in profile.keyrings if each.value in device.keyrings]
    return [device.keys, *(ring.keys for ring in device.keyrings.values())]


def address_of(device: Device, written: Set[str] | None) -> Set[str] | None:
    """The address that a command gives by itself or by an interface; None if it is not fixed, or not known."""
    if written is None:
        return None
    try:
        return Set(str(ip_address(written.value)), written.place)
    except ValueError:
        pass
    interface = named(device, written.value)
    return None if interface is None else fixed_address(device, interface)


def fixed_address(device: Device, interface: Interface) -> Set[str] | None:
    """The address of an interface, None if it is not fixed."""
    if interface.address is not None:
        return Set(str(interface.address.value.ip), interface.address.place)
    if interface.unnumbered is not None:
        other = named(device, interface.unnumbered.value)
        if other is not None and other.address is not None:
            return Set(str(other.address.value.ip), other.address.place)
    return None
