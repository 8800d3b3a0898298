"""libreswan's pluto, unpacked by `setup`, with one connection ``peer``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate

from lab import pki
from lab.charon import CLIENT_ID, GATEWAY_ID, PSK
from lab.network import Node
from lab.paths import LIBRESWAN, NOESP
from lab.process import PATIENCE, LabError, Program, run


@dataclass(frozen=True)
class PlutoOptions:
    """What a test may choose; proposals in libreswan's notation.

    ``plane`` is ``noesp``, where it believes that the kernel carries ESP (see noesp.c), or ``kernel``, where it does.
    """

    configuration: tuple[str, str] = ("", "")  # ipsec.conf and ipsec.secrets as a whole, instead of what follows
    connection: str = "peer"  # the name of the connection in ``configuration``
    calls: bool = False
    ike: str = "aes128-sha2_256-modp2048"
    esp: str = "aes128-sha2_256"
    psk: str = PSK
    pfs: bool = False
    aggressive: bool = False
    certificate: str = ""  # a leaf of the lab's PKI (see lab.pki) instead of the secret
    plane: str = "noesp"
    conn: str = ""  # more lines of the connection


class Pluto(Program):
    """A running pluto, which sets no routes."""

    def __init__(self, node: Node, directory: Path, options: PlutoOptions) -> None:
        for name in ("nss", "run/pluto", "ipsec.d"):
            (directory / name).mkdir(parents=True)
        config, secrets = directory / "ipsec.conf", directory / "ipsec.secrets"
        own_id, peer_id = (CLIENT_ID, f"@{GATEWAY_ID}") if options.calls else (f"@{GATEWAY_ID}", CLIENT_ID)
        settings, secret = options.configuration
        config.write_text(settings or _ipsec_conf(node, options, own_id, peer_id))
        secrets.touch(mode=0o600)
        secrets.write_text(secret or f'{own_id} {peer_id} : PSK "{options.psk}"\n')
        _fill_database(directory, options.certificate)
        arguments = ["--nofork", "--config", str(config), "--rundir", str(directory), "--secretsfile", str(secrets)]
        arguments += ["--nssdir", f"{directory}/nss", "--ipsecdir", f"{directory}/ipsec.d", "--no-dnssec"]
        super().__init__(
            node.namespace,
            [LIBRESWAN / "pluto", *arguments, "--logfile", f"{directory}/pluto.log"],
            directory,
            # pluto will not start without /usr/libexec/ipsec/addconn, and the package is only unpacked
            hides={"/usr/libexec": str(LIBRESWAN.parent), "/run": f"{directory}/run"},
            environment={"LD_PRELOAD": str(NOESP)} if options.plane == "noesp" else {},
        )
        try:
            self.wait_for(self._listens, "pluto to listen")
            run(LIBRESWAN / "addconn", "--config", config, "--ctlsocket", directory / "pluto.ctl", options.connection)
        except LabError:
            self.stop()
            raise

    def whack(self, *arguments: str, timeout: float = PATIENCE) -> str:
        """pluto's own control program; returns what it said."""
        return run(LIBRESWAN / "whack", "--rundir", self.directory, *arguments, timeout=timeout)

    def await_pair(self, connection: str = "peer") -> None:
        """Until it has IPsec SAs of a connection: who answers has them a little after who called."""
        self.wait_for(lambda: f'"{connection}"' in self.whack("--trafficstatus"), "a pair of IPsec SAs")

    def initiate(self) -> str:
        """Bring the connection up; returns what whack said, and raises `LabError` where it did not come up."""
        return self.whack("--name", "peer", "--initiate")

    def _listens(self) -> bool:
        try:
            self.whack("--listen")
        except LabError:
            return False
        return True


_PASSPHRASE = "open"


def _fill_database(directory: Path, leaf: str) -> None:
    """What NSS keeps: the certificate and the key of ``leaf``, the certificates above it, and whom to believe."""
    database = f"sql:{directory}/nss"
    run("certutil", "-N", "-d", database, "--empty-password")
    if not leaf:
        return
    bundle = directory / "own.p12"
    bundle.write_bytes(_pkcs12(leaf))
    run("pk12util", "-i", bundle, "-d", database, "-W", _PASSPHRASE, "-K", "")
    run("certutil", "-A", "-n", "root", "-t", "CT,,", "-a", "-i", pki.ROOT, "-d", database)


def _pkcs12(leaf: str) -> bytes:
    key = serialization.load_pem_private_key(pki.private_key(leaf).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    certificate, *above = (
        load_pem_x509_certificate(file.read_bytes()) for file in (pki.certificate(leaf), *pki.chain(leaf))
    )
    encryption = serialization.BestAvailableEncryption(_PASSPHRASE.encode())  # NSS takes nothing without
    return pkcs12.serialize_key_and_certificates(b"own", key, certificate, above, encryption)


def _proof(options: PlutoOptions) -> str:
    if not options.certificate:
        return "authby=secret"
    return "authby=rsasig\n    leftcert=own\n    leftsendcert=always\n    sendca=all\n    rightca=%same"


def _ipsec_conf(node: Node, options: PlutoOptions, own_id: str, peer_id: str) -> str:
    # without ikev1-policy, 4.10 says "global ikev1-policy does not allow IKEv1"
    return f"""config setup
    logfile={node.name}.log
    uniqueids=yes
    ikev1-policy=accept

conn peer
    ikev2=no
    {_proof(options)}
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
    {options.conn}
    auto=ignore
"""


def _yes(value: bool) -> str:
    return "yes" if value else "no"
