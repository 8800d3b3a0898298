"""Profiles of other clients for `ikev1 connect`: what it refuses, and what it only warns of."""

from __future__ import annotations

from pathlib import Path

import click

from ikev1.config.findings import ConfigError
from ikev1.config.formats.cisco_client import Profile, read_profile
from ikev1.config.formats.cisco_client.profile import WEAK_GROUPS
from ikev1.config.formats.written import Place
from ikev1.errors import LocalError


class ProfileError(LocalError, click.UsageError):
    """A profile that cannot be used; the text names the line."""

    code = "config-invalid"


def profile_in(file: Path, *, allow_weak: bool) -> tuple[Profile, tuple[str, ...]]:
    """What ``file`` says, and warnings. What lowers the security is refused without ``allow_weak``; unlike for
    `ikev1 run`, what is unknown or not supported is a warning, as for vpnc.

    Raises:
        ProfileError: it cannot be read or used.
    """
    try:
        profile = read_profile(file)
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    findings = profile.findings
    if wrong := [error for error in findings.errors if not error.can_be_ignored]:
        raise ProfileError("\n".join(map(str, wrong)))
    warnings = [str(finding) for finding in (*findings.errors, *findings.warnings)]
    for name in ("dh_group", "pfs"):
        if profile.get(name) in WEAK_GROUPS and not allow_weak:
            raise _refused(profile, name, "the group is too small to be secure; --allow-weak uses it all the same")
    for name in ("weak_encryption", "weak_authentication"):
        if name in profile and not allow_weak:
            raise _refused(profile, name, "lowers the security; --allow-weak permits it")
        if place := profile.place(name):
            warnings.append(_at(place, "has no effect here: --ike and --esp choose the algorithms"))
    for name in ("script", "pid_file"):
        if name in profile and profile.others_can_change:
            raise _refused(profile, name, "is run or overwritten, but other users can change the file")
    if profile.exposed and any(name in profile for name in ("secret", "password")):
        warnings.append(f"{file}: holds secrets, but its {profile.exposed}: chmod 600 it")
    return profile, tuple(warnings)


def _refused(profile: Profile, name: str, text: str) -> ProfileError:
    place = profile.place(name)
    assert place is not None
    return ProfileError(_at(place, text))


def _at(place: Place, text: str) -> str:
    return f"{place.file}:{place.line}:{place.column}: {place.key}: {text}"
