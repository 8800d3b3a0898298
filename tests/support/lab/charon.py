"""strongSwan's charon, Debian's own build, with one connection ``peer`` and its child ``net``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import pki
from lab.control import Control
from lab.network import Node
from lab.paths import NOESP
from lab.process import LabError, Program

GATEWAY_ID, CLIENT_ID, PSK = "gw.lab", "alice@lab", "lab-psk-0123456789"
XAUTH_USER, XAUTH_PASSWORD = "carol", "the password of carol"


@dataclass(frozen=True)
class CharonOptions:
    """What a test may choose; proposals in strongSwan's own notation.

    ``plane`` is who carries ESP: ``libipsec`` is charon itself, always in UDP on port 4500, as it tells the peer of a
    NAT that is not there; ``noesp`` is nobody, but charon believes that the kernel does: native ports, no traffic;
    ``kernel`` is the kernel, where that has ESP (see kernel-run).
    """

    configuration: str = ""  # swanctl.conf as a whole, instead of all below up to ``plane``
    calls: bool = False  # the initiator's side: identity alice@lab, calls the node's peer
    ike: str = "aes128-sha256-modp2048"
    esp: str = "aes128-sha256"
    suites: Sequence[tuple[str, str]] = ()  # ike and esp of more connections: peer-0, peer-1, ...
    psk: str = PSK
    own_id: str = ""  # alice@lab or gw.lab unless told
    peer_id: str = ""  # gw.lab or *@lab unless told
    certificate: str = ""  # a leaf of the lab's PKI (see lab.pki) instead of the secret
    revocation_list: bool = False  # whether it has the CA's
    xauth: bool = False  # who calls is ``user``, whom the other end asks for the password (XAUTH)
    user: str = XAUTH_USER
    password: str = XAUTH_PASSWORD
    hybrid: bool = False  # with ``xauth``: only the gateway has a certificate, the client none
    called_user: bool = False  # with ``xauth``: who is called is ``user``
    plane: str = "libipsec"
    modules: str = ""  # more plugins
    others: str = ""  # more sections of swanctl.conf
    settings: str = ""  # more lines of strongswan.conf for charon
    aggressive: bool = False
    encap: bool = False
    life_time: str = "1h"
    rekey_time: str = "0s"  # never; but with ``kernel`` that is at once
    local_ts: str = ""  # the node's own networks unless told
    remote_ts: str = ""
    child: str = ""  # more lines of each child
    connection: str = ""  # more lines of each connection
    # for benchmarks
    dos_protection: bool = True
    install_routes: bool = True
    unique: str = "no"
    log_level: int = 1
    threads: int = 16
    # OpenSSL's Diffie-Hellman refuses the random public values that ike-scan sends; gmp's accepts them
    crypto: str = "openssl gmp aes sha1 sha2 md5 hmac gcm"
    # exponents matched to the group's strength, not as long as its prime (strongswan.conf(5), dh_exponent_ansi_x9_42)
    short_exponents: bool = False


class Charon(Program):
    """A running charon; ``control`` is its VICI socket."""

    def __init__(self, node: Node, directory: Path, options: CharonOptions) -> None:
        if options.plane not in ("libipsec", "noesp", "kernel"):
            raise ValueError(f"no plane {options.plane!r}: libipsec, noesp or kernel")
        run_directory = directory / "run"
        run_directory.mkdir(parents=True)
        strongswan_conf = directory / "strongswan.conf"
        strongswan_conf.write_text(_strongswan_conf(directory, options))
        (directory / "swanctl.conf").write_text(options.configuration or _swanctl_conf(node, options))
        if options.certificate:
            lay_out_certificates(directory, options.certificate, revocation_list=options.revocation_list)
        environment = {"STRONGSWAN_CONF": str(strongswan_conf)}
        if options.plane == "noesp":
            environment["LD_PRELOAD"] = str(NOESP)
        super().__init__(
            node.namespace,
            ["/usr/sbin/charon-systemd"],
            directory,
            hides={"/run": str(run_directory)},
            environment=environment,
        )
        self.control = Control(directory / "vici.sock")
        try:
            self.wait_for(self.control.answers, "an answer on its VICI socket")
            if _LACKING.search(self.log()):
                raise LabError(f"charon lacks a plugin:\n{self.tail()}")
            loaded = self.control.swanctl("--load-all", "--noprompt", directory=directory)
            if loaded.returncode != 0:
                raise LabError(f"charon refused its configuration:\n{loaded.stdout}{loaded.stderr}")
        except LabError:
            self.stop()
            raise


# Of two plugins that carry ESP the second one may fail: "feature ... in plugin ... failed to load"
_LACKING = re.compile(r"^(?!.*\] feature ).*failed to load", re.MULTILINE)

_CERTIFICATES = "x509 constraints revocation pubkey pkcs1 pkcs8 pem"
_FOR_CERTIFICATES = "openssl pem pkcs1 pkcs8 x509 pubkey"  # what swanctl needs to read them


def _strongswan_conf(directory: Path, options: CharonOptions) -> str:
    # kernel-libipsec comes before kernel-netlink: it takes the ESP part, netlink keeps addresses and routes
    kernel = "kernel-libipsec kernel-netlink" if options.plane == "libipsec" else "kernel-netlink"
    xauth = "xauth-generic" if options.xauth else ""
    return f"""
charon-systemd {{
    load_modular = no
    load = random nonce {options.crypto} {_CERTIFICATES} {xauth} {kernel} socket-default updown vici {options.modules}
    {options.settings}
    i_dont_care_about_security_and_use_aggressive_mode_psk = yes
    dos_protection = {_yes(options.dos_protection)}
    install_routes = {_yes(options.install_routes)}
    threads = {options.threads}
    filelog {{
        main {{
            path = {directory}/charon.log
            time_format = %b %e %T
            ike_name = yes
            flush_line = yes
            append = no
            default = {options.log_level}
        }}
    }}
    journal {{ default = -1 }}
    plugins {{ vici {{ socket = unix://{directory}/vici.sock }} }}
}}
libstrongswan {{ dh_exponent_ansi_x9_42 = {_yes(not options.short_exponents)} }}
swanctl {{ load = random {_FOR_CERTIFICATES if options.certificate or options.configuration else ""} }}
"""


def _swanctl_conf(node: Node, options: CharonOptions) -> str:
    connections = [_connection(node, options, "peer", "net", options.ike, options.esp)]
    connections += [
        _connection(node, options, f"peer-{number}", f"net-{number}", ike, esp)
        for number, (ike, esp) in enumerate(options.suites)
    ]
    # No id: in Main Mode the key is needed before the identity is known.
    secret = "" if options.certificate else f'ike-peer {{ secret = "{options.psk}" }}'
    if options.xauth:
        secret += f'\nxauth-{options.user} {{ id = {options.user}\n secret = "{options.password}" }}'
    return f"""
connections {{
{"".join(connections)}
}}
secrets {{ {secret} }}
{options.others}
"""


def _connection(node: Node, options: CharonOptions, name: str, child: str, ike: str, esp: str) -> str:
    own_id, peer_id = (CLIENT_ID, GATEWAY_ID) if options.calls else (GATEWAY_ID, "*@lab")
    local, remote = "auth = psk", "auth = psk"
    if options.certificate:
        local, remote = f"auth = pubkey\n certs = {options.certificate}.crt", "auth = pubkey\n cacerts = ca.crt"
    is_user = options.calls is not options.called_user
    user = f"auth = xauth-generic\n xauth_id = {options.user}" if is_user else "auth = xauth-generic"
    rounds = ""
    if options.hybrid:
        local, remote = (user, remote) if is_user else (local, user)
    elif options.xauth:
        rounds = f"{'local' if is_user else 'remote'}-xauth {{ {user} }}"
    return f"""
    {name} {{
        version = 1
        aggressive = {_yes(options.aggressive)}
        {options.connection}
        encap = {_yes(options.encap)}
        unique = {options.unique}
        local_addrs = {node.address}
        remote_addrs = {node.peer if options.calls else "%any"}
        proposals = {ike}
        {options.connection}
        local {{ {local}
                 id = "{options.own_id or own_id}" }}
        remote {{ {remote}
                  id = {options.peer_id or peer_id} }}
        {rounds}
        children {{
            {child} {{ local_ts = {options.local_ts or node.network}
                       remote_ts = {options.remote_ts or node.remote}
                       life_time = {options.life_time}
                       rekey_time = {options.rekey_time}
                       {_proposals(esp)}
                       {options.child} }}
        }}
    }}
"""


def _proposals(esp: str) -> str:
    """``ah:sha256-modp2048`` is AH, anything else ESP."""
    return f"ah_proposals = {esp.removeprefix('ah:')}" if esp.startswith("ah:") else f"esp_proposals = {esp}"


def swanctl_folder(directory: Path, configuration: str, certificate: str = "") -> Path:
    """A folder that swanctl loads with ``--load-all``, as the one of Debian's package."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "swanctl.conf").write_text(configuration)
    (directory / "strongswan.conf").write_text(f"swanctl {{ load = random {_FOR_CERTIFICATES} }}\n")
    if certificate:
        lay_out_certificates(directory, certificate)
    return directory


def lay_out_certificates(directory: Path, leaf: str, *, revocation_list: bool = False) -> None:
    """Into the folders in which swanctl looks for them; only the owner of a leaf knows the intermediate CA."""
    found = {"x509": pki.certificate(leaf), "private": pki.private_key(leaf)}
    for folder, file in found.items():
        (directory / folder).mkdir()
        shutil.copy(file, directory / folder)
    authorities = directory / "x509ca"
    authorities.mkdir()
    for authority in (pki.ROOT, *pki.chain(leaf)):
        shutil.copy(authority, authorities)
    if revocation_list:
        (directory / "x509crl").mkdir()
        shutil.copy(pki.REVOCATION_LIST, directory / "x509crl")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
