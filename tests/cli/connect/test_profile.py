"""Profiles of other clients for `ikev1 connect`: what it refuses, and what it only warns of."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.cli.connect.profile import ProfileError, profile_in
from ikev1.config.formats.cisco_client import Profile


def read(folder: Path, content: str | bytes, *, allow_weak: bool = False, name: str = "vpnc.conf") -> Profile:
    return both(folder, content, allow_weak=allow_weak, name=name)[0]


def both(
    folder: Path, content: str | bytes, *, allow_weak: bool = False, name: str = "vpnc.conf"
) -> tuple[Profile, tuple[str, ...]]:
    file = folder / name
    file.touch(mode=0o600)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return profile_in(file, allow_weak=allow_weak)


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    profile = read(tmp_path, "IPSec secret ab cd\nXauth password pw\n")
    assert (profile.get("secret"), profile.get("password")) == (b"ab cd", b"pw")
    assert "ab cd" not in repr(profile.values)
    assert "pw" not in repr(profile.values)


def test_unknown_keys_are_warnings_that_name_the_line_without_its_value(tmp_path: Path) -> None:
    _, (warning,) = both(tmp_path, "IPSec gateway a\nIPSec secrett hidden\n")
    assert "vpnc.conf:2:" in warning
    assert "hidden" not in warning


def test_keys_without_effect_are_named(tmp_path: Path) -> None:
    assert len(both(tmp_path, "Vendor fortigate\nDebug 1\nNAT Traversal Mode cisco-udp\n")[1]) == 3


@pytest.mark.parametrize(
    "line", ["Enable Single DES", "IKE DH Group dh2", "Perfect Forward Secrecy dh1", "Enable weak encryption"]
)
def test_what_lowers_the_security_is_refused_unless_permitted(tmp_path: Path, line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read(tmp_path, f"IPSec gateway a\n{line}\n")
    assert "vpnc.conf:2:" in str(caught.value)
    _, warnings = both(tmp_path, line, allow_weak=True)
    assert bool(warnings) == line.startswith("Enable"), "it is permitted, and does nothing"


def test_the_group_of_a_pcf_is_refused_likewise(tmp_path: Path) -> None:
    content = "[main]\nHost=192.0.2.1\nDHGroup=2\n"
    with pytest.raises(ProfileError):
        read(tmp_path, content, name="office.pcf")
    assert read(tmp_path, content, name="office.pcf", allow_weak=True).get("dh_group") == "modp1024"


@pytest.mark.parametrize(
    "content",
    [
        b"IPSec gateway \xff",
        b"IPSec gateway a\0b",
        b"IPSec gateway",
        b"Enable no encryption",
        b"IKE DH Group dh99",
        b"Perfect Forward Secrecy bogus",
        b"IKE Authmode trust-me",
        b"NAT Traversal Mode sometimes",
        b"IPSec obfuscated secret 00",
        b"Local Port 65535",
        b"x" * ((8 << 20) + 1),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ProfileError) as caught:
        read(tmp_path, content, allow_weak=True)
    assert caught.value.code == "config-invalid"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o644, 1)])
def test_a_file_with_secrets_that_others_can_read(tmp_path: Path, mode: int, warnings: int) -> None:
    (tmp_path / "vpnc.conf").touch()
    (tmp_path / "vpnc.conf").chmod(mode)
    assert len(both(tmp_path, "IPSec secret abc\n")[1]) == warnings


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ProfileError):
        profile_in(tmp_path / "none", allow_weak=False)


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("line", ["Script x", "Pidfile /etc/shadow"])
def test_a_script_or_a_pid_file_in_a_file_that_others_can_change(tmp_path: Path, mode: int, line: str) -> None:
    """They could have root run or overwrite anything."""
    file = tmp_path / "vpnc.conf"
    file.write_text(f"{line}\n")
    file.chmod(mode)
    with pytest.raises(ProfileError):
        profile_in(file, allow_weak=True)
