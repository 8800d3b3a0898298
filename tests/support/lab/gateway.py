"""Our own gateway as an operator runs it: a configuration file, `ikev1 run`, and its VICI socket."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab import pki
from lab.charon import CLIENT_ID, GATEWAY_ID, PSK, lay_out_certificates
from lab.control import Control
from lab.network import Node
from lab.paths import sparing_the_resolver
from lab.process import LabError, Program
from lab.starter import StarterOptions, write_ipsec_conf


@dataclass(frozen=True)
class OurOptions:
    """What a test may choose: connection ``peer``, its tunnel ``net``, proposals in strongSwan's notation."""

    configuration: str = ""  # ikev1.toml as a whole but for the control socket, instead of all connections
    swanctl: str = ""  # swanctl.conf as a whole, instead of ikev1.toml
    ipsec: StarterOptions | None = None  # ipsec.conf and ipsec.secrets, instead of ikev1.toml
    cisco: str = ""  # the text of a Cisco device, instead of ikev1.toml; ``arguments`` say which end of it
    arguments: Sequence[str] = ()  # more options of `ikev1 run`
    calls: bool = False  # the initiator's side: identity alice@lab, calls the node's peer
    ike: str = "aes128-sha256-modp2048"
    esp: str = "aes128-sha256"
    ah: str = ""  # instead of ``esp``
    suites: Sequence[tuple[str, str]] = ()  # ike and esp of more connections: peer-0, peer-1, ...
    psk: str = PSK
    certificate: str = ""  # a leaf of the lab's PKI (see lab.pki) instead of the secret; its CA is believed
    ca: bool = False  # neither secret nor certificate: the CA of the lab's PKI is believed
    aggressive: bool = False  # calls in Aggressive Mode, accepts it even with a pre-shared key
    own_id: str = ""  # alice@lab or gw.lab unless told
    lifetime: str = ""  # of the tunnel; the default otherwise, so that no peer is refused for its own
    local: str = ""  # the node's own networks unless told
    remote: str = ""
    remote_id: str = ""
    remote_address: str = ""  # in TOML; by default the node's peer if we call, else anybody
    hosts: Path | None = None  # the host names that this gateway knows, as in /etc/hosts
    encapsulation: bool = False
    keylog: bool = False
    record: bool = False
    data_plane: str = ""  # the default unless told; others: see `_PROGRAMS`
    state: Path | None = None  # the file in which ISAKMP SAs outlive the daemon
    half_open_limit: int = 1000
    log_level: str = "debug"
    fresh: bool = False  # in an interpreter of its own, as an operator starts it, rather than a fork: see lab.preloaded
    gateway: str = ""  # more lines of [gateway]
    extra: str = ""  # more lines of the connection
    tunnel: str = ""  # more lines of each tunnel
    others: str = ""  # more tables: other connections


class OurGateway(Program):
    """A running ikev1; ``control`` is its VICI socket, ``keylog`` and ``record`` the files of keys and of
    messages if they were asked for.
    """

    def __init__(self, node: Node, directory: Path, options: OurOptions) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.node = node
        self.options = options
        names = {"swanctl.conf": options.swanctl, "ipsec.conf": options.ipsec, "router.cfg": options.cisco}
        self.config = directory / next((name for name, text in names.items() if text), "ikev1.toml")
        self.keylog = directory / "keylog"
        self.record = directory / "record.pcapng"
        hides = sparing_the_resolver()
        if options.cisco:  # which cannot say where the control socket is
            (directory / "run" / "ikev1").mkdir(parents=True)
            hides["/run"] = str(directory / "run")
        self.control = Control(directory / ("run/ikev1/control.vici" if options.cisco else "control.vici"))
        self.configure(options)
        arguments = ["-m", "ikev1", "run", "--config", str(self.config)]
        if options.data_plane in _PROGRAMS:
            arguments = [str(Path(__file__).with_name(_PROGRAMS[options.data_plane])), str(self.config)]
        arguments += options.arguments
        self.command_line = [sys.executable, *arguments]
        if options.hosts is not None:
            hides["/etc/hosts"] = str(options.hosts)
        environment = {"PYTHONDONTWRITEBYTECODE": "1"}
        command = self.command_line if options.fresh else arguments
        super().__init__(
            node.namespace, command, directory, hides=hides, environment=environment, preloaded=not options.fresh
        )
        try:
            self.wait_for(self.control.answers, "an answer on its VICI socket")
        except LabError:
            self.stop()
            raise

    def configure(self, options: OurOptions) -> None:
        """Write the configuration; a running gateway takes no notice before `reload`."""
        self.config.touch(mode=0o600)
        if options.swanctl or options.ipsec:
            self.config.with_name("strongswan.conf").write_text(f"""
charon {{
    plugins {{ vici {{ socket = unix://{self.control.path} }} }}
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
}}
""")
        if options.cisco:
            self.config.write_text(options.cisco)
            return
        if options.ipsec:
            write_ipsec_conf(self.config, options.ipsec)
            return
        if options.swanctl:
            self.config.write_text(options.swanctl)
            if options.certificate:
                lay_out_certificates(self.config.parent, options.certificate)
            return
        if options.certificate:
            chain = [pki.certificate(options.certificate), *pki.chain(options.certificate)]
            self.config.with_name(_CHAIN).write_text("".join(file.read_text() for file in chain))
        if options.configuration:
            self.config.write_text(_with_control(options.configuration, self.control.path))
            return
        self.config.write_text(_toml(self.node, self.control.path, self.keylog, self.record, options))

    def command(self, *arguments: str, check: bool = True) -> str:
        """Our own command line, on this gateway's socket. What it brings up is up at both ends."""
        said = self._run(*arguments, check=check)
        if check and arguments[0] == "up":
            self.control.await_other_end()
        return said

    def release(self) -> None:
        """`ikev1 release`, where this gateway ran."""
        self._run("release", "--config", str(self.config))

    def _run(self, *arguments: str, check: bool = True) -> str:
        command = ["-m", "ikev1", *arguments]
        environment = {"IKEV1_SOCKET": str(self.control.path)}
        with TemporaryDirectory() as folder:
            program = Program(self.node.namespace, command, Path(folder), environment=environment, preloaded=True)
            status = program.wait()
            if check and status != 0:
                raise LabError(f"ikev1 {' '.join(arguments)} ended with {status}:\n{program.log()}")
            return program.log()


def _with_control(configuration: str, control: Path) -> str:
    """The configuration with the control socket of this gateway."""
    line = f'[gateway]\ncontrol = "{control}"\n'
    return configuration.replace("[gateway]\n", line) if "[gateway]\n" in configuration else line + configuration


def _toml(node: Node, control: Path, keylog: Path, record: Path, options: OurOptions) -> str:
    connections = [_connection(node, options, "peer", "net", options.ike, options.esp)]
    connections += [
        _connection(node, options, f"peer-{number}", f"net-{number}", ike, esp)
        for number, (ike, esp) in enumerate(options.suites)
    ]
    return f"""
[gateway]
control = "{control}"
log_level = "{options.log_level}"
half_open_limit = {options.half_open_limit}
{options.gateway}
{f'keylog = "{keylog}"' if options.keylog else ""}
{f'record = "{record}"' if options.record else ""}
{f'data_plane = "{options.data_plane}"' if options.data_plane not in ("", *_PROGRAMS) else ""}
{f'state = "{options.state}"' if options.state else ""}
{"".join(connections)}
{options.others}
"""


def _connection(node: Node, options: OurOptions, name: str, tunnel: str, ike: str, esp: str) -> str:
    local_id, remote_id = (CLIENT_ID, GATEWAY_ID) if options.calls else (GATEWAY_ID, CLIENT_ID)
    return f"""
[connection.{name}]
local_address = "{node.address}"
remote_address = {options.remote_address or _quoted(node.peer if options.calls else "%any")}
local_id = "{options.own_id or local_id}"
remote_id = "{options.remote_id or remote_id}"
{_proof(options)}
proposals = ["{ike}"]
{"encapsulation = true" if options.encapsulation else ""}
{_AGGRESSIVE if options.aggressive else ""}
{options.extra}

[connection.{name}.tunnel.{tunnel}]
local = "{options.local or node.network}"
remote = "{options.remote or node.remote}"
{f'ah_proposals = ["{options.ah}"]' if options.ah else f'proposals = ["{esp}"]'}
{f'lifetime = "{options.lifetime}"' if options.lifetime else ""}
{options.tunnel}
"""


def _quoted(text: str) -> str:
    return f'"{text}"'


# instead of `ikev1 run`, by the name of the data plane
_PROGRAMS = {"nobody": "nobody.py", "kernel with iptables": "iptables_clients.py"}
_CHAIN = "own.crt"
_AGGRESSIVE = """
mode = "aggressive"
aggressive = "accept-psk"
"""


def _proof(options: OurOptions) -> str:
    if options.ca:
        return f'ca = "{pki.ROOT}"'
    if not options.certificate:
        return f'secret = "{options.psk}"'
    return f"""
certificate = "{_CHAIN}"
private_key = "{pki.private_key(options.certificate)}"
ca = "{pki.ROOT}"
"""
