"""Which pre-shared key a router uses for a peer, and which profile applies to it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import Device, Interface, Key, Keys, Profile
from ikev1.config.formats.cisco_ios.prefixes import Prefixes
from ikev1.config.formats.cisco_ios.reading import Report, Set

_GLOBAL = "default"  # the keyring of the keys outside of keyrings


class Chooser:
    """Chooses profiles and keys of ``device``."""

    def __init__(self, device: Device, report: Report) -> None:
        self._device = device
        self._report = report
        self._by_network: Prefixes[tuple[int, Profile]] = Prefixes()
        self._by_name: dict[str, Profile] = {}
        for number, profile in enumerate(device.profiles.values()):
            for ring in profile.keyrings:
                if ring.value not in device.keyrings and ring.value != _GLOBAL:
                    report.error(ring.place, Rule.INVALID_VALUE, f"there is no crypto keyring {ring.value}")
            for match in profile.matches:
                if match.network is not None:
                    self._by_network.put(match.network, (number, profile), replaces=False)
                elif match.kind == "host":
                    self._by_name.setdefault(match.value.lower(), profile)

    def profile(self, chosen: Set[str] | None, peer: str) -> Profile | None:
        """The ISAKMP profile that a command names, or else the first that the address or name of the peer matches."""
        if chosen is not None:
            found = self._device.profiles.get(chosen.value)
            if found is None:
                text = f"there is no crypto isakmp profile {chosen.value}"
                self._report.error(chosen.place, Rule.INVALID_VALUE, text)
            return found
        try:
            fitting = self._by_network.fitting(ip_address(peer))
        except ValueError:
            return self._by_name.get(peer)
        return min(fitting, key=lambda found: found[0], default=(0, None))[1]

    def key(self, profile: Profile | None, peer: str) -> Key | None:
        """The key for the address or name of a peer: that of the first keyring that has one."""
        return next(filter(None, (keys.of(peer) for keys in self._rings(profile))), None)

    def keys_of_unknown(self, profile: Profile | None, known: Iterable[str]) -> list[Key]:
        """The keys of peers that are not ``known`` by their addresses or names."""
        found: dict[str, Key] = {}
        hosts = set(known)
        for keys in self._rings(profile):
            for owner, key in keys:
                whose = str(owner)
                if whose.removesuffix("/32").removesuffix("/128") not in hosts:
                    found.setdefault(whose, key)
        return list(found.values())

    def _rings(self, profile: Profile | None) -> list[Keys]:
        """The keyrings in the order in which they are searched."""
        device = self._device
        if profile is not None and profile.keyrings:
            rings = {_GLOBAL: device.keys, **{name: ring.keys for name, ring in device.keyrings.items()}}
            return [rings[each.value] for each in profile.keyrings if each.value in rings]
        return [device.keys, *(ring.keys for ring in device.keyrings.values())]


def address_of(device: Device, written: Set[str] | None) -> Set[str] | None:
    """The address that a command gives by itself or by an interface; None if it is not fixed, or not known."""
    if written is None:
        return None
    try:
        return Set(str(ip_address(written.value)), written.place)
    except ValueError:
        pass
    interface = device.interfaces.find(written.value)
    return None if interface is None else fixed_address(device, interface)


def fixed_address(device: Device, interface: Interface) -> Set[str] | None:
    """The address of an interface, None if it is not fixed."""
    if interface.address is not None:
        return Set(str(interface.address.value.ip), interface.address.place)
    if interface.unnumbered is not None:
        other = device.interfaces.find(interface.unnumbered.value)
        if other is not None and other.address is not None:
            return Set(str(other.address.value.ip), other.address.place)
    return None
