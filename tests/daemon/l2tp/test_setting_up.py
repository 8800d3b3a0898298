"""The port, the files and the requirements of an L2TP connection."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from ikev1.daemon.l2tp.files import pppd_options, xl2tpd_configuration
from ikev1.daemon.l2tp.name_servers import use_name_servers
from ikev1.daemon.l2tp.port import claim, reserved, share
from ikev1.daemon.l2tp.requirements import L2tpMissing, programs


def words(options: bytes) -> list[list[bytes]]:
    """The words of each line, read as pppd reads them: in quotes, a backslash and three octal digits are an octet."""
    return [
        [
            re.sub(rb"\\([0-7]{3})", lambda found: bytes((int(found[1], 8),)), word.strip(b'"'))
            for word in re.findall(rb'"[^"]*"|\S+', line)
        ]
        for line in options.splitlines()
    ]


@pytest.mark.parametrize("secret", [b"simple", b'with "quotes" and \\', b"\x01\xff\n#'", "pässwörd 7".encode()])
def test_any_octets_in_a_password(secret: bytes) -> None:
    lines = words(
        pppd_options(b"CORP\\carol", secret, "ikev1ppp0", Path("/run/x/messages"), allow_weak=False, install_dns=True)
    )
    assert [b"password", secret] in lines
    assert [b"user", b"CORP\\carol"] in lines
    assert [b"refuse-pap"] in lines
    assert [b"usepeerdns"] in lines


def test_weak_authentication_is_an_option() -> None:
    lines = words(pppd_options(b"u", b"p", "ikev1ppp0", Path("/m"), allow_weak=True, install_dns=False))
    assert [b"refuse-pap"] not in lines
    assert [b"refuse-eap"] in lines
    assert [b"usepeerdns"] not in lines


def test_xl2tpd_calls_one_gateway_from_one_address() -> None:
    lines = xl2tpd_configuration("192.0.2.1", "10.1.2.3", 40_001, Path("/run/x/options")).splitlines()
    for line in ("lns = 192.0.2.1", "listen-addr = 10.1.2.3", "port = 40001", "pppoptfile = /run/x/options"):
        assert line in lines


def test_name_servers_for_systemd_resolved(tmp_path: Path) -> None:
    tool = tmp_path / "resolvectl"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n')
    tool.chmod(0o755)
    use_name_servers("ikev1ppp0", ["10.1.0.53", "10.1.0.54"], programs=str(tmp_path), resolved=tmp_path / "none")
    assert not (tmp_path / "said").exists(), "it does not run"
    use_name_servers("ikev1ppp0", ["10.1.0.53", "10.1.0.54"], programs=str(tmp_path), resolved=tmp_path)
    assert (tmp_path / "said").read_text().splitlines() == ["dns ikev1ppp0 10.1.0.53 10.1.0.54", "domain ikev1ppp0 ~."]


def test_another_port_where_it_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as xl2tpd does
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        with reserved(taken) as held:
            assert held.getsockname()[1] not in (0, taken)


def another(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket as those of xl2tpd, which any user can have."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    other = socket.socket(family, socket.SOCK_DGRAM)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        other.bind((address, port))
    except OSError:
        other.close()
        raise
    return other


def test_the_port_is_shared_only_while_xl2tpd_starts() -> None:
    with reserved(0) as held:
        port = held.getsockname()[1]
        for address in ("127.0.0.1", "0.0.0.0"):
            with pytest.raises(OSError, match="in use"):
                another(address, port)
        share(held)
        with another(port=port) as xl2tpd, another() as sender:
            claim(held)
            for address in ("127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1"):
                with pytest.raises(OSError, match="in use"):
                    another(address, port)
            xl2tpd.settimeout(10)
            sender.sendto(b"x", ("127.0.0.1", port))
            assert xl2tpd.recv(1) == b"x"


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_a_user_who_took_the_port_meanwhile_is_noticed(address: str) -> None:
    with reserved(0) as held:
        share(held)
        with another(address, held.getsockname()[1]), pytest.raises(OSError, match="UDP port"):
            claim(held, user=os.geteuid() + 1)


@pytest.mark.parametrize("missing", ["xl2tpd", "pppd", "setpriv"])
def test_missing_programs_are_named(tmp_path: Path, missing: str) -> None:
    for name in {"xl2tpd", "pppd", "setpriv"} - {missing}:
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(L2tpMissing, match=missing):
        programs(str(tmp_path))


@pytest.mark.root
def test_a_kernel_without_ppp(tmp_path: Path) -> None:
    for name in ("xl2tpd", "pppd", "setpriv"):
        (tmp_path / name).touch(mode=0o755)
    with pytest.raises(L2tpMissing, match="ppp_generic"):
        programs(str(tmp_path), tmp_path / "ppp")
    assert programs(str(tmp_path), Path("/dev/null")).xl2tpd == f"{tmp_path}/xl2tpd"
