"""The life of an L2TP link, with shell scripts in place of xl2tpd that write what it writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import pytest

from ikev1.core.records.selector import Selector
from ikev1.daemon.l2tp.link import L2tpLink, LinkError, LinkOptions, _free_name, _is_near
from ikev1.daemon.l2tp.port import reserved
from ikev1.daemon.l2tp.requirements import Programs
from ikev1.daemon.observe.event_log import EventLog

GATEWAY, LOCAL = "192.0.2.1", "127.0.0.1"
LISTENING = "echo 'xl2tpd[1]: Listening on IP address 127.0.0.1, port 1701' >&2"
FOR_EVER = "while :; do sleep 0.05; done"


def link(folder: Path, script: str) -> L2tpLink:
    """A link whose xl2tpd is ``script``."""
    program = folder / "bin" / "xl2tpd"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    private = folder / "private"
    private.mkdir(mode=0o700)
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    assert setpriv is not None
    return L2tpLink(LinkOptions(Programs(str(program), setpriv), b"carol", b"secret", private, reserved()), EventLog())


def processes(folder: Path) -> list[str]:
    """The processes with a file of ``folder`` on their command line."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and f"{folder}/private/".encode() in (process / "cmdline").read_bytes():
                found.append(process.name)
    return found


def failure(folder: Path, script: str) -> LinkError:
    """How `L2tpLink.start` fails."""

    async def life() -> LinkError:
        tried = link(folder, script)
        with pytest.raises(LinkError) as raised:
            await tried.start(GATEWAY, LOCAL)
        await tried.stop()
        return raised.value

    error = asyncio.run(life())
    assert not processes(folder)
    assert not (folder / "private" / "options").exists()
    return error


@pytest.mark.parametrize(
    ("script", "authentication"),
    [
        ("exit 1", False),
        (f"echo 'xl2tpd[1]: Maximum retries exceeded for tunnel 1.  Closing.' >&2; {FOR_EVER}", False),
        (f"echo 'xl2tpd[1]: control_finish: Connection closed to 192.0.2.1, port 1701 ()' >&2; {FOR_EVER}", False),
        (f"echo 'child_handler : pppd exited for call 7 with code 10' >&2; {FOR_EVER}", False),
        (f"echo 'child_handler : pppd exited for call 7 with code 19' >&2; {FOR_EVER}", True),
        (f"echo 'CHAP authentication failed: E=691 R=1' >&2; echo 'Connection 7 closed to x' >&2; {FOR_EVER}", True),
        ("trap '' TERM; echo 'Connection 7 closed to x' >&2; while :; do sleep 0.05; done", False),
    ],
)
def test_a_link_that_does_not_come_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, authentication: bool
) -> None:
    monkeypatch.setattr("ikev1.daemon.l2tp.link._GRACE", 1.0)
    assert failure(tmp_path, script).authentication is authentication


def test_the_last_message_of_pppd_may_come_when_the_link_is_ended(tmp_path: Path) -> None:
    """The gateway closes L2TP as soon as it has refused the password."""
    script = f"""trap "echo 'CHAP authentication failed' >&2; exit" TERM
echo 'Connection 7 closed to x' >&2; {FOR_EVER}"""
    assert failure(tmp_path, script).authentication


def test_messages_without_end(tmp_path: Path) -> None:
    """They are read, and not kept."""
    script = "head -c 300000 /dev/zero | tr '\\0' x >&2; echo >&2; echo 'pppd exited for call 7 with code 15' >&2"
    assert not failure(tmp_path, script).authentication


def test_name_servers_that_no_gateway_can_reach(tmp_path: Path) -> None:
    """They would get routes to the link: link-local addresses are those of services of this host's own network. What
    the server says when it ends the link is written as it is, and can look like a message of pppd.
    """
    tried = link(tmp_path, "exit")
    tried._message("local  IP address 10.99.0.10")
    for address in ("169.254.169.254", "127.0.0.1", "0.0.0.0", "224.0.0.1", "999.0.0.1", "10.1.0.53"):
        tried._message(f"primary   DNS address {address}")
    assert tried._name_servers == ("10.1.0.53",)
    tried._options.port.close()


def test_links_that_come_up_at_once_have_different_interfaces(tmp_path: Path) -> None:
    """None of them is there yet. A link would have routed its networks to another one's server."""
    folders = [tmp_path / name for name in ("first", "second", "third")]
    names = []
    for folder in folders:
        folder.mkdir()
        names.append(_free_name(folder))
    assert len(set(names)) == 3
    shutil.rmtree(folders[0])
    folders[0].mkdir()
    assert _free_name(folders[0]) == names[0]


@pytest.mark.parametrize(
    ("peer", "is_near"), [("192.168.1.1", True), ("10.99.0.1", False), ("10.99.0.2", False), ("192.168.2.1", False)]
)
def test_a_server_may_not_have_the_address_of_a_local_host(
    monkeypatch: pytest.MonkeyPatch, peer: str, is_near: bool
) -> None:
    """It would get what is sent to that host, such as the router. The kernel adds a route to the peer of a PPP link."""
    attached = [Selector.parse(text) for text in ("192.168.1.0/24", "10.99.0.1/32")]
    monkeypatch.setattr("ikev1.daemon.l2tp.link.attached_networks", lambda: attached)
    assert _is_near(peer) is is_near


def test_ipv6_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    async def life() -> None:
        tried = link(tmp_path, f"touch {tmp_path}/started; {FOR_EVER}")
        with pytest.raises(LinkError):
            await tried.start("2001:db8::1", "2001:db8::2")
        await tried.stop()

    asyncio.run(life())
    assert not (tmp_path / "started").exists()


def test_files_are_private_and_a_stop_ends_all(tmp_path: Path) -> None:
    async def life() -> None:
        tried = link(tmp_path, f"{LISTENING}; {FOR_EVER}")
        starting = asyncio.ensure_future(tried.start(GATEWAY, LOCAL))
        while not processes(tmp_path):
            await asyncio.sleep(0)
        private = tmp_path / "private"
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in private.iterdir())
        assert b"carol" in (private / "options").read_bytes()
        assert all(b"secret" not in Path("/proc", each, "cmdline").read_bytes() for each in processes(tmp_path))
        assert processes(tmp_path)
        starting.cancel()
        await tried.stop()

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(life())
    assert not processes(tmp_path)
    assert not (tmp_path / "private" / "options").exists()
    assert len(os.listdir("/proc/self/fd")) <= before
