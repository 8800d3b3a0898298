"""Configuration files of vpnc: its keys, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from ikev1.cli.connect.vpnc_conf import VpncConf, VpncConfError, read_vpnc_conf


def read(folder: Path, content: str | bytes, *, allow_weak: bool = False) -> VpncConf:
    file = folder / "vpnc.conf"
    file.touch(mode=0o600)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_vpnc_conf(file, allow_weak=allow_weak)


def test_the_first_value_of_a_key_counts(tmp_path: Path) -> None:
    conf = read(tmp_path, 'IPSec gateway vpn.example.com\nipsec GATEWAY other\n# IPSec ID x\n\nIPSec ID "g 1"\n')
    assert conf.values == {"ipsec gateway": "vpn.example.com", "ipsec id": "g 1"}
    assert conf.warnings == ()


def test_secrets_are_kept_apart_and_not_shown(tmp_path: Path) -> None:
    conf = read(tmp_path, "IPSec secret ab cd\nXauth password pw\n")
    assert conf.secrets == {"ipsec secret": b"ab cd", "xauth password": b"pw"}
    assert "ab cd" not in repr(conf)
    assert "pw" not in repr(conf)


def test_unknown_keys_are_named_by_their_line_without_their_value(tmp_path: Path) -> None:
    conf = read(tmp_path, "IPSec gateway a\nIPSec secrett hidden\n")
    (warning,) = conf.warnings
    assert "line 2" in warning
    assert "hidden" not in warning


def test_keys_without_effect_are_named(tmp_path: Path) -> None:
    assert len(read(tmp_path, "Vendor cisco\nDebug 1\n").warnings) == 2


@pytest.mark.parametrize(
    "line", ["Enable Single DES", "IKE DH Group dh2", "Perfect Forward Secrecy dh1", "Enable weak encryption"]
)
def test_what_lowers_the_security_is_refused_unless_permitted(tmp_path: Path, line: str) -> None:
    with pytest.raises(VpncConfError) as caught:
        read(tmp_path, f"IPSec gateway a\n{line}\n")
    assert "line 2" in str(caught.value)
    permitted = read(tmp_path, line, allow_weak=True)
    assert bool(permitted.warnings) == line.startswith("Enable"), "it is permitted, and does nothing"


def test_no_encryption_is_refused_always(tmp_path: Path) -> None:
    with pytest.raises(VpncConfError):
        read(tmp_path, "Enable no encryption", allow_weak=True)


@pytest.mark.parametrize(
    "content",
    [
        b"IPSec gateway \xff",
        b"IPSec gateway a\0b",
        b"IPSec gateway",
        b"IKE DH Group dh99",
        b"Perfect Forward Secrecy bogus",
        b"IKE Authmode trust-me",
        b"NAT Traversal Mode sometimes",
        b"IPSec obfuscated secret 00",
        b"x" * 65_537,
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(VpncConfError) as caught:
        read(tmp_path, content)
    assert caught.value.code == "config-invalid"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o644, 1)])
def test_a_file_with_secrets_that_others_can_read(tmp_path: Path, mode: int, warnings: int) -> None:
    (tmp_path / "vpnc.conf").touch()
    (tmp_path / "vpnc.conf").chmod(mode)
    assert len(read(tmp_path, "IPSec secret abc\n").warnings) == warnings


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VpncConfError):
        read_vpnc_conf(tmp_path / "none", allow_weak=False)


def test_a_script(tmp_path: Path) -> None:
    conf = read(tmp_path, "Script /etc/vpnc/vpnc-script -x\n")
    assert conf.values == {"script": "/etc/vpnc/vpnc-script -x"}
    assert conf.warnings == ()


@pytest.mark.parametrize("mode", [0o620, 0o602])
@pytest.mark.parametrize("line", ["Script x", "Pidfile /etc/shadow"])
def test_a_script_or_a_pid_file_in_a_file_that_others_can_change(tmp_path: Path, mode: int, line: str) -> None:
    """They could have root run or overwrite anything."""
    file = tmp_path / "vpnc.conf"
    file.write_text(f"{line}\n")
    file.chmod(mode)
    with pytest.raises(VpncConfError):
        read_vpnc_conf(file, allow_weak=True)
