"""strongSwan's charon with ipsec.conf: the starter reads it, and tells charon by the plugin stroke."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab import pki
from lab.control import Control
from lab.network import Node
from lab.paths import NOESP, STARTER
from lab.process import LabError, Program

_DAEMON = Path("/usr/lib/ipsec")
_PLUGINS = "random nonce openssl x509 constraints pubkey pkcs1 pkcs8 pem xauth-generic kernel-netlink socket-default"


@dataclass(frozen=True)
class StarterOptions:
    """What a test may choose: ipsec.conf and ipsec.secrets as a whole."""

    configuration: str
    secrets: str
    certificate: str = ""  # a leaf of the lab's PKI, which the configuration names


class Starter(Program):
    """A running starter and its charon; ``control`` is charon's VICI socket."""

    def __init__(self, node: Node, directory: Path, options: StarterOptions) -> None:
        daemon, run_directory = directory / "daemon", directory / "run"
        run_directory.mkdir(parents=True)
        shutil.copytree(_DAEMON, daemon, symlinks=True)
        shutil.copytree(STARTER, daemon, symlinks=True, dirs_exist_ok=True)
        settings, config = directory / "strongswan.conf", directory / "ipsec.conf"
        settings.write_text(_strongswan_conf(directory))
        write_ipsec_conf(config, options)
        # a folder that charon has built in: what is not there cannot be mounted over
        mounts = {run_directory: "/run", daemon: _DAEMON}
        super().__init__(
            node.namespace,
            # charon ends with the starter, whatever ends that
            ["unshare", "--pid", "--fork", "--kill-child", _DAEMON / "starter", "--nofork", "--conf", config],
            directory,
            setup="; ".join(f"mount --bind '{ours}' '{theirs}'" for ours, theirs in mounts.items()),
            environment={"STRONGSWAN_CONF": str(settings), "LD_PRELOAD": str(NOESP)},
        )
        self.control = Control(directory / "vici.sock")
        try:
            self.wait_for(self.control.answers, "an answer on its VICI socket")
            self.wait_for(lambda: "added " in self.log(), "its connections")
        except LabError:
            self.stop()
            raise

    def stop(self, *, patience: float = 0) -> None:
        """Kill it: the program in front of the starter lets SIGTERM pass."""
        if self.alive:
            self._process.kill()
            self._process.wait()


def write_ipsec_conf(file: Path, options: StarterOptions) -> None:
    """Write ipsec.conf, ipsec.secrets and ipsec.d, where ``@FOLDER@`` stands for the latter."""
    folder = file.parent / "ipsec.d"
    for name, text in ((file.name, options.configuration), ("ipsec.secrets", options.secrets)):
        path = file.with_name(name)
        path.touch(mode=0o600)
        path.write_text(text.replace("@FOLDER@", str(folder)))
    if options.certificate:
        sources = {"certs": [pki.certificate(options.certificate)], "private": [pki.private_key(options.certificate)]}
        for name, files in (sources | {"cacerts": [pki.ROOT]}).items():
            (folder / name).mkdir(parents=True)
            for each in files:
                shutil.copy(each, folder / name)


def _strongswan_conf(directory: Path) -> str:
    return f"""
charon {{
    load_modular = no
    load = {_PLUGINS} updown stroke vici
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    filelog {{ main {{ path = {directory}/charon.log
                       flush_line = yes
                       default = 1 }} }}
    plugins {{
        vici {{ socket = unix://{directory}/vici.sock }}
        stroke {{ secrets_file = {directory}/ipsec.secrets }}
    }}
}}
"""
