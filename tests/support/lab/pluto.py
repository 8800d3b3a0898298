"""libreswan's pluto, unpacked by `setup`, with one connection ``peer``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.charon import CLIENT_ID, GATEWAY_ID, PSK
from lab.network import Node
from lab.paths import LIBRESWAN, NOESP
from lab.process import LabError, Program, run

__all__ = ["Pluto", "PlutoOptions"]


@dataclass(frozen=True)
class PlutoOptions:
    """What a test may choose; proposals in libreswan's notation."""

    calls: bool = False
    ike: str = "aes128-sha2_256-modp2048"
    esp: str = "aes128-sha2_256"
    psk: str = PSK
    pfs: bool = False
    aggressive: bool = False


class Pluto(Program):
    """A running pluto. It believes that the kernel carries ESP (see noesp.c): exchanges end well, nothing flows."""

    def __init__(self, node: Node, directory: Path, options: PlutoOptions) -> None:
        for name in ("nss", "run/pluto", "ipsec.d"):
            (directory / name).mkdir(parents=True)
        config, secrets = directory / "ipsec.conf", directory / "ipsec.secrets"
        own_id, peer_id = (CLIENT_ID, f"@{GATEWAY_ID}") if options.calls else (f"@{GATEWAY_ID}", CLIENT_ID)
        config.write_text(_ipsec_conf(node, options, own_id, peer_id))
        secrets.touch(mode=0o600)
        secrets.write_text(f'{own_id} {peer_id} : PSK "{options.psk}"\n')
        run("certutil", "-N", "-d", f"sql:{directory}/nss", "--empty-password")
        arguments = ["--nofork", "--config", str(config), "--rundir", str(directory), "--secretsfile", str(secrets)]
        arguments += ["--nssdir", f"{directory}/nss", "--ipsecdir", f"{directory}/ipsec.d", "--no-dnssec"]
        super().__init__(
            node.namespace,
            [LIBRESWAN / "pluto", *arguments, "--logfile", f"{directory}/pluto.log"],
            directory,
            # pluto will not start without /usr/libexec/ipsec/addconn, and the package is only unpacked
            setup=f"mount --bind '{LIBRESWAN.parent}' /usr/libexec; mount --bind '{directory}/run' /run",
            environment={"LD_PRELOAD": str(NOESP)},
        )
        try:
            self.wait_for(self._listens, "pluto to listen")
            run(LIBRESWAN / "addconn", "--config", config, "--ctlsocket", directory / "pluto.ctl", "peer")
        except LabError:
            self.stop()
            raise

    def whack(self, *arguments: str, timeout: float = 30) -> str:
        """pluto's own control program; returns what it said."""
        return run(LIBRESWAN / "whack", "--rundir", self.directory, *arguments, timeout=timeout)

    def initiate(self) -> str:
        """Bring the connection up; returns what whack said, and raises `LabError` where it did not come up."""
        return self.whack("--name", "peer", "--initiate")

    def _listens(self) -> bool:
        try:
            self.whack("--listen")
        except LabError:
            return False
        return True


def _ipsec_conf(node: Node, options: PlutoOptions, own_id: str, peer_id: str) -> str:
    # without ikev1-policy, 4.10 says "global ikev1-policy does not allow IKEv1"
    return f"""config setup
    logfile={node.name}.log
    uniqueids=yes
    ikev1-policy=accept

conn peer
    ikev2=no
    authby=secret
    aggressive={_yes(options.aggressive)}
    left={node.address}
    leftid={own_id}
    leftsubnet={node.network}
    right={node.peer}
    rightid={peer_id}
    rightsubnet={node.remote}
    ike={options.ike}
    phase2alg={options.esp}
    pfs={_yes(options.pfs)}
    leftupdown=/bin/true
    auto=ignore
"""


def _yes(value: bool) -> str:
    return "yes" if value else "no"
