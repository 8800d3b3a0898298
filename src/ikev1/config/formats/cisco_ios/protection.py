"""How a router protects packets: transform sets, lifetimes and groups, with the defaults of IOS and ASA."""

from __future__ import annotations

from ikev1.config.findings import Rule
from ikev1.config.formats.cisco_ios.model import Device, Ipsec, TransformSet
from ikev1.config.formats.cisco_ios.peerings import Protection
from ikev1.config.formats.cisco_ios.reading import Report, Set
from ikev1.config.formats.written import Place

_LIFETIME, _LIFETIME_OF_ASA = 3600, 28_800
_KILOBYTES = 4_608_000
_WINDOW = 64
_PFS = 1
_PFS_OF_ASA, _PFS_OF_OLD_ASA = 14, 2
_OTHER_DEFAULTS = (9, 13)  # the version of ASA with other defaults than before
_BUILT_IN = (("aes", "sha1"), ("3des", "sha1"))


def protection(device: Device, ipsec: Ipsec, report: Report) -> Protection | None:
    """What an entry of a map or a profile says; None if it cannot be used, which is reported."""
    sets = _sets(device, ipsec, report)
    if not sets:
        return None
    with_ah = bool(sets[0].ah)
    mode = sets[0].mode.value if sets[0].mode else "tunnel"
    proposals = []
    for each in sets:
        if bool(each.ah) is not with_ah or (each.mode.value if each.mode else "tunnel") != mode:
            text = f"{each.name} differs from {sets[0].name} in its mode or protocol: it is left out"
            report.unsupported(ipsec.transform_sets[0].place, text)
            continue
        proposals.append(each.ah if with_ah else "-".join(filter(None, (each.cipher, _integrity(each)))))
    place = ipsec.transform_sets[0].place if ipsec.transform_sets else ipsec.place
    return Protection(
        list(dict.fromkeys(proposals)),
        with_ah,
        mode,
        place,
        _pfs(device, ipsec.pfs),
        _chosen(ipsec.lifetime, device.lifetime, _LIFETIME_OF_ASA if device.asa else _LIFETIME),
        _chosen(ipsec.kilobytes, device.kilobytes, _KILOBYTES),
        _chosen(ipsec.window, device.window, _WINDOW),
    )


def _integrity(transforms: TransformSet) -> str:
    return "" if transforms.protects_itself else transforms.hash


def _chosen(own: Set[int] | None, common: Set[int] | None, default: int) -> tuple[int, Place | None]:
    chosen = own or common
    return (default, None) if chosen is None else (chosen.value, chosen.place)


def _pfs(device: Device, chosen: Set[int] | None) -> Set[int] | None:
    if chosen is None or chosen.value:
        return chosen
    of_asa = _PFS_OF_ASA if device.version >= _OTHER_DEFAULTS else _PFS_OF_OLD_ASA
    return Set(of_asa if device.asa else _PFS, chosen.place)


def _sets(device: Device, ipsec: Ipsec, report: Report) -> list[TransformSet]:
    found = []
    for name in ipsec.transform_sets:
        known = device.transform_sets.get(name.value)
        if known is None:
            report.error(name.place, Rule.INVALID_VALUE, f"there is no crypto ipsec transform-set {name.value}")
        elif known.ah or known.hash or known.protects_itself:
            found.append(known)
    if not ipsec.transform_sets:
        text = "has no transform set: the built-in sets of the router are used, esp-aes and esp-3des with esp-sha-hmac"
        report.warn(ipsec.place, Rule.MISSING_KEY, text)
        mode = Set("transport", ipsec.place)
        found = [TransformSet(cipher, ipsec.place, cipher, hashed, mode=mode) for cipher, hashed in _BUILT_IN]
    return found
