"""The demo's two gateways: ordinary ones, each with a configuration file and a process of its own."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import click

from ikev1.cli.control import answers
from ikev1.cli.demo.network import LEFT, RIGHT, Side, Stage

_SECRET = "a secret for a demo, known to everybody"  # noqa: S105
_PATIENCE = 20.0  # seconds for a gateway to start

_CONFIGURATION = """\
[gateway]
control = "{control}"
data_plane = "userspace"
tun = "tunnel"

[policy.10]
encryption = "aes256"
hash = "sha256"
group = "modp2048"

[connection.demo]
local_address = "{side.address}"
remote_address = "{other.address}"
local_id = "{side.name}.example"
remote_id = "{other.name}.example"
secret = "{secret}"

[connection.demo.tunnel.net]
local = "{side.network}"
remote = "{other.network}"
proposals = ["aes128gcm16-modp2048"]
"""


class DemoGateway:
    """A running gateway on one side of the stage."""

    def __init__(self, stage: Stage, side: Side, folder: Path) -> None:
        self.side = side
        self.control = str(folder / f"{side.name}.vici")
        self._log = folder / f"{side.name}.log"
        configuration = folder / f"{side.name}.toml"
        configuration.touch(mode=0o600)
        other = RIGHT if side is LEFT else LEFT
        configuration.write_text(_CONFIGURATION.format(control=self.control, side=side, other=other, secret=_SECRET))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                stage.command(side, "ikev1", "run", "--config", str(configuration)), stdout=log, stderr=log
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(self.control):
                return
            time.sleep(0.05)
        said = self._log.read_text(errors="replace").strip()
        self.stop()
        raise click.ClickException(f"The {self.side.name} gateway did not start. It said:\n{said or 'nothing'}")

    def stop(self) -> None:
        """Ends the gateway as an operator would; it takes leave of its peer."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
