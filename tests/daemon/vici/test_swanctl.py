"""Debian's unmodified swanctl as a client: what it prints, and its exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ikev1.core.records.child_sa import IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.record import replace
from ikev1.core.records.selector import DYNAMIC
from ikev1.core.records.settings import Connection, IpsecProposal, Settings, Start, Tunnel
from ikev1.wire.registry import IntegrityAlgorithm, ProtocolId

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

pytestmark = pytest.mark.skipif(shutil.which("swanctl") is None, reason="swanctl (strongswan-swanctl) is not installed")


class Output(NamedTuple):
    code: int
    out: str
    err: str


async def swanctl(side: Side, *arguments: str) -> Output:
    pipe = asyncio.subprocess.PIPE
    # Without root, one of its usual plugins complains on standard error
    settings = side.control.with_name("strongswan.conf")
    settings.write_text("swanctl { load = random openssl pem pkcs1 x509 }\n")
    process = await asyncio.create_subprocess_exec(
        *("swanctl", *arguments, "--uri", f"unix://{side.control}"),
        stdout=pipe,
        stderr=pipe,
        env=os.environ | {"STRONGSWAN_CONF": str(settings)},
    )
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return Output(process.returncode, out.decode(), err.decode())


LISTED = re.compile(
    r"""branch: #1, ESTABLISHED, IKEv1, [0-9a-f]{16}_i\* [0-9a-f]{16}_r
  local  '127\.0\.0\.1' @ 127\.0\.0\.1\[\d+\]
  remote '127\.0\.0\.2' @ 127\.0\.0\.2\[\d+\]
  AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256
  established \ds ago, rekeying in \d+s, expires in 86\d+s
  net: #1, reqid 1, INSTALLED, TUNNEL, ESP:AES_CBC-128/HMAC_SHA2_256_128
    installed \ds ago, rekeying in \d+s, expires in 3[56]\d\ds
    in  [0-9a-f]{8},    168 bytes,     2 packets,     \ds ago
    out [0-9a-f]{8},    252 bytes,     3 packets
    local  10\.1\.0\.0/16
    remote 10\.2\.0\.0/16
"""
)


def test_a_tunnel_from_initiate_to_terminate(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        up = await swanctl(us, "--initiate", "--child", "net", "--timeout", "10")
        assert (up.code, up.err) == (0, "")
        assert "[ENC] MM1 sent" in up.out
        assert up.out.endswith("initiate completed successfully\n")

        listed = await swanctl(us, "--list-sas")
        assert listed.code == 0
        assert LISTED.fullmatch(listed.out), listed.out + listed.err
        assert "_i " in (await swanctl(them, "--list-sas")).out

        assert (await swanctl(us, "--rekey", "--child", "net")).code == 0
        await us.until(lambda: us.gateway.counters.total["child-rekey"] == 1)
        listed = await swanctl(us, "--list-sas")
        assert "net: #1, reqid 1, REKEYED" in listed.out
        assert "net: #2, reqid 1, INSTALLED" in listed.out

        down = await swanctl(us, "--terminate", "--ike", "branch")
        assert (down.code, down.err) == (0, "")
        assert down.out.endswith("terminate completed successfully\n")
        assert (await swanctl(us, "--list-sas")).out == ""

    meet(scenario)


def test_what_fails_has_exit_code_1_and_a_reason(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    async def scenario(us: Side, them: Side) -> None:
        for arguments, reason in (
            (("--initiate", "--child", "net"), "initiate failed: establishing CHILD_SA 'net' failed: "),
            (("--initiate", "--child", "none"), "initiate failed: CHILD_SA config 'none' not found"),
            (("--terminate", "--ike", "branch"), "terminate failed: no matching SAs to terminate found"),
            (("--rekey", "--ike", "branch"), "rekey failed: no matching SAs to rekey found"),
            (("--redirect", "--ike", "branch", "--gateway", "192.0.2.1"), "redirect failed: "),
            (("--uninstall", "--child", "net"), "uninstall failed: policy 'net' not found"),
            (("--reload-settings",), "connection.branch: "),
        ):
            failed = await swanctl(us, *arguments)
            assert failed.code == 1, failed
            assert reason in failed.err

    meet(scenario, settings=impatient, change=lambda c: replace(c, remote_address="127.0.0.3"))


def kernel_only(connection: Connection) -> Connection:
    """Its tunnel in transport mode under AH, with all that may come with it."""
    suite = IpsecSuite(0, 0, IntegrityAlgorithm.HMAC_SHA2_256, ProtocolId.AH, True)
    marks = PacketMarks(Mark(0x2A, 0xFF), Mark(), 0, 16)
    return replace(
        connection,
        tunnels=(
            Tunnel(
                "net",
                DYNAMIC,
                DYNAMIC,
                (IpsecProposal(suite),),
                mode=IpsecMode.TRANSPORT,
                compress=True,
                marks=marks,
            ),
        ),
    )


def test_what_only_a_kernel_carries(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        assert "  net: TRANSPORT, rekeying every 3600s\n" in (await swanctl(us, "--list-conns")).out
        assert (await swanctl(us, "--initiate", "--child", "net", "--timeout", "10")).code == 0
        listed = (await swanctl(us, "--list-sas")).out
        assert "net: #1, reqid 1, INSTALLED, TRANSPORT, AH:HMAC_SHA2_256_128/ESN\n" in listed
        assert re.search(r"\n    in  [0-9a-f]{8}/[0-9a-f]{4} \(0x0000002a/0x000000ff\),", listed), listed
        assert re.search(r"\n    out [0-9a-f]{8}/[0-9a-f]{4} \(-\|0x00000010\),", listed), listed
        assert "    local  127.0.0.1/32\n    remote 127.0.0.2/32\n" in listed

    meet(scenario, change=kernel_only, their_change=kernel_only)


def test_a_timeout_leaves_the_work_in_the_background(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        late = await swanctl(us, "--initiate", "--child", "net", "--timeout", "1")
        assert late.code == 1
        assert "CHILD_SA 'net' not established after 1000ms" in late.err
        queued = await swanctl(us, "--list-sas")
        assert "CONNECTING" in queued.out
        assert "queued:  QUICK_MODE" in queued.out
        assert "active:  MAIN_MODE" in queued.out
        assert (await swanctl(us, "--initiate", "--child", "net", "--timeout", "-1")).code == 0

    meet(scenario, change=lambda c: replace(c, remote_address="127.0.0.3"))


def test_queries(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        version = await swanctl(us, "--version", "--daemon")
        assert version.code == 0
        assert " ikev1 (Linux, " in version.out
        stats = await swanctl(us, "--stats")
        assert stats.code == 0
        assert "IKE_SAs: 0 total, 0 half-open" in stats.out
        conns = await swanctl(us, "--list-conns")
        assert conns.code == 0
        assert conns.out == (
            "branch: IKEv1, reauthentication every 86400s\n"
            "  local:  127.0.0.1\n"
            "  remote: 127.0.0.2\n"
            "  local pre-shared key authentication:\n"
            "  remote pre-shared key authentication:\n"
            "    id: 127.0.0.2\n"
            "  net: TUNNEL, rekeying every 3600s\n"
            "    local:  10.1.0.0/16\n"
            "    remote: 10.2.0.0/16\n"
        )
        policies = await swanctl(us, "--list-pols")
        assert policies.out == "branch/net, TUNNEL\n  local:  10.1.0.0/16\n  remote: 10.2.0.0/16\n"
        assert "AES_CBC[cryptography]" in (await swanctl(us, "--list-algs")).out
        assert "global:" in (await swanctl(us, "--counters")).out
        for nothing in ("--list-certs", "--list-authorities", "--list-pools", "--flush-certs"):
            assert await swanctl(us, nothing) == (0, "", "")

    meet(scenario, start=Start.TRAP)


SWANCTL_CONF = """
connections {
  other {
    version = 1
    remote_addrs = 192.0.2.9
    local { auth = psk }
    remote { auth = psk }
    children { net { remote_ts = 10.9.0.0/16 } }
  }
}
secrets {
  ike-other { secret = another }
}
"""


def test_load_all_adds_to_the_file_and_takes_away_what_it_had_added(meet: Meet, tmp_path: Path) -> None:
    file, empty = tmp_path / "swanctl.conf", tmp_path / "empty.conf"
    file.write_text(SWANCTL_CONF)
    empty.touch()

    async def scenario(us: Side, them: Side) -> None:
        loaded = await swanctl(us, "--load-all", "--noprompt", "--file", str(file))
        assert loaded.code == 0
        assert "successfully loaded 1 connections, 0 unloaded" in loaded.out
        assert await names(us) == ["branch", "other"]
        await us.gateway.initiate("branch", "net")

        loaded = await swanctl(us, "--load-all", "--noprompt", "--file", str(empty))
        assert "0 unloaded" not in loaded.out.splitlines()[-1]
        assert await names(us) == ["branch"]
        assert us.gateway.is_up("branch", "net")

    async def names(side: Side) -> list[str]:
        listed = (await swanctl(side, "--list-conns")).out
        return [line.partition(":")[0] for line in listed.splitlines() if not line.startswith(" ")]

    meet(scenario)


@pytest.mark.parametrize(("option", "expected"), [("--log", r"\d\d\[ENC\] MM1 sent"), ("--monitor-sa", r"net: #\d+")])
def test_what_happens_can_be_watched(meet: Meet, option: str, expected: str) -> None:
    async def scenario(us: Side, them: Side) -> None:
        watching = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", "swanctl", option, "--uri", f"unix://{us.control}", stdout=asyncio.subprocess.PIPE
        )
        assert watching.stdout is not None
        seen = ""
        try:
            async with asyncio.timeout(60):
                while not re.search(expected, seen):
                    # until swanctl has registered, a tunnel may come and go unseen
                    await us.gateway.initiate("branch", "net")
                    for sa in tuple(us.gateway.engine.sas.values()):
                        us.gateway.close_ike(sa)
                    with contextlib.suppress(TimeoutError):
                        seen += (await asyncio.wait_for(watching.stdout.read(65_536), 0.2)).decode()
        finally:
            watching.terminate()
            assert await watching.wait() == 0

    meet(scenario)
