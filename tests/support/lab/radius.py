"""A FreeRADIUS server on the loopback interface, with a configuration, ports and files of its own."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.process import LabError, wait_until

SECRET = "between gateway and server"

_CONFIGURATION = """
name = test
prefix = /usr
libdir = /usr/lib/freeradius
pidfile = {folder}/pid
security {{
  reject_delay = 0
  status_server = no
  allow_vulnerable_openssl = yes
}}
thread pool {{
  start_servers = 1
  max_servers = 2
  min_spare_servers = 1
  max_spare_servers = 2
}}
client gateway {{
  ipaddr = 127.0.0.1
  secret = "{secret}"
  require_message_authenticator = yes
}}
modules {{
  pap {{
  }}
  eap {{
    default_eap_type = gtc
    gtc {{
    }}
    md5 {{
    }}
  }}
  files {{
    filename = {folder}/users
  }}
  detail {{
    filename = {folder}/detail
    permissions = 0600
  }}
  always handled {{
    rcode = handled
  }}
}}
server default {{
  listen {{
    type = auth
    ipaddr = 127.0.0.1
    port = {auth}
  }}
  listen {{
    type = acct
    ipaddr = 127.0.0.1
    port = {acct}
  }}
  authorize {{
    {first}
    if (&User-Name == "pin" && &State == 0x6f7470) {{
      update reply {{
        &Reply-Message := "New PIN?"
        &State := 0x70696e
      }}
      update control {{
        &Response-Packet-Type := Access-Challenge
      }}
      handled
    }}
    if ((&User-Name == "otp" || &User-Name == "pin") && !&State) {{
      update reply {{
        &Reply-Message := "Code?"
        &State := 0x6f7470
      }}
      update control {{
        &Response-Packet-Type := Access-Challenge
      }}
      handled
    }}
    files
    eap
    pap
  }}
  authenticate {{
    pap
    eap
  }}
  accounting {{
    detail
  }}
}}
"""


class FreeRadius:
    """A running server. ``users`` are in the format of its file. Unless it ``signs``, which 3.2.1 does not by
    itself, its answers have no Message-Authenticator. It runs in a network ``namespace``, or in the tests' own.
    """

    def __init__(self, folder: Path, users: str, *, signs: bool = True, namespace: str = "") -> None:
        self.folder = folder
        self.auth_port, self.acct_port = _free_port(), _free_port()
        self._users = users
        self._before = ["ip", "netns", "exec", namespace] if namespace else []
        self._first = "update reply {\n&Message-Authenticator := 0x00\n}" if signs else ""

    @contextmanager
    def running(self) -> Iterator[FreeRadius]:
        """Start it, and end it afterwards."""
        self.folder.mkdir(mode=0o700)
        (self.folder / "users").write_text(self._users)
        process = self._start()
        try:
            while not self._ready(process):
                self.auth_port, self.acct_port = _free_port(), _free_port()
                process = self._start()
            yield self
        finally:
            process.terminate()
            process.wait(20)

    def log(self) -> str:
        """What it has said."""
        return (self.folder / "log").read_text()

    def _start(self) -> subprocess.Popen[bytes]:
        ports = {"auth": self.auth_port, "acct": self.acct_port}
        text = _CONFIGURATION.format(folder=self.folder, secret=SECRET, first=self._first, **ports)
        (self.folder / "radiusd.conf").write_text(text)
        command = ["freeradius", "-f", "-l", "stdout", "-xx", "-d", str(self.folder), "-D", "/usr/share/freeradius"]
        with (self.folder / "log").open("wb") as output:
            return subprocess.Popen([*self._before, *command], stdout=output, stderr=subprocess.STDOUT)

    def _ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until it answers; False if another program has taken one of its ports meanwhile."""

        def look() -> bool:
            return "Ready to process requests" in self.log() or process.poll() is not None

        wait_until(look, "freeradius", says=self.log)
        if process.poll() is None:
            return True
        if "Address already in use" not in self.log():
            raise LabError(f"freeradius did not start:\n{self.log()[-2000:]}")
        return False

    @property
    def accounting(self) -> list[dict[str, str]]:
        """The accounting requests that it has confirmed, as attributes and their values."""
        file = self.folder / "detail"
        records = file.read_text().split("\n\n") if file.exists() else []
        found = re.compile(r"^\t([\w-]+) = \"?(.*?)\"?$", re.MULTILINE)
        return [dict(found.findall(record)) for record in records if record.strip()]


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
