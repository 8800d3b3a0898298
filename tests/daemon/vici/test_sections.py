"""What a connection says of how both ends prove who they are, and a pair of IPsec SAs of what protects it."""

from __future__ import annotations

import pytest
from tests.daemon.conftest import AES128_SHA256_ECP256

import authority
from ikev1.core.records.child_sa import ChildSa, Compression, IpsecKeys, IpsecMode, IpsecSuite, Mark, PacketMarks
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState
from ikev1.core.records.mode_config import ModeConfig
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import User
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import Connection, Credential, Policy, Trust, TrustedKey, Tunnel, XauthRole
from ikev1.daemon.vici.sections import child_section, connection_section, ike_section, refused
from ikev1.esp.plane import Counters
from ikev1.wire.registry import AuthenticationMethod, ProtocolId

CA = authority.root("C=XX, CN=root")
KEY = authority.ec_key(1)
SHARED = Connection("branch", (Policy(1, AES128_SHA256_ECP256),), (), secret=b"hush", remote_id="bob.example")


def signing(certificates: tuple[bytes, ...], trust: Trust) -> Connection:
    suite = replace(AES128_SHA256_ECP256, authentication=AuthenticationMethod.ECDSA_SHA256_P256)
    credential = Credential(authority.pkcs8(KEY), certificates)
    return replace(SHARED, policies=(Policy(1, suite),), secret=b"", credential=credential, trust=trust)


PLAIN = ChildSa(
    unique_id=1,
    name="net",
    connection="branch",
    suite=IpsecSuite(12, 128, 5),
    inbound=IpsecKeys(0x1000, b"", b""),
    outbound=IpsecKeys(0x2000, b"", b""),
    local=Selector.parse("192.0.2.1[udp/1701]"),
    remote=Selector.parse("198.51.100.2[udp]"),
    path=UdpPath("192.0.2.1", 500, "198.51.100.2", 500),
    udp_encapsulation=False,
    initiator=True,
    created_at=0.0,
)


def test_a_pair_says_no_more_than_it_has() -> None:
    section = child_section(PLAIN, Counters(), 0.0)
    assert (section["mode"], section["protocol"]) == ("TUNNEL", "ESP")
    assert not {key for key in section if key.startswith(("esn", "cpi", "mark", "if-id", "encap"))}


def test_a_pair_with_all_that_a_kernel_has() -> None:
    child = replace(
        PLAIN,
        suite=IpsecSuite(0, 0, 5, ProtocolId.AH, True),
        mode=IpsecMode.TRANSPORT,
        compression=Compression(2, 0x0123, 0xABCD),
        marks=PacketMarks(Mark(0x2A, 0xFF), Mark(0, 0xFF), 0, 16),
    )
    section = child_section(child, Counters(), 0.0)
    wanted = {
        "mode": "TRANSPORT",
        "protocol": "AH",
        "cpi-in": "0123",
        "cpi-out": "abcd",
        "mark-in": "0000002a",
        "mark-mask-in": "000000ff",
        "mark-out": "00000000",
        "mark-mask-out": "000000ff",
        "if-id-out": "00000010",
        "integ-alg": "HMAC_SHA2_256_128",
        "esn": "1",
    }
    assert {key: section.get(key) for key in wanted} == wanted
    assert [key for key in section if key in wanted] == list(wanted)
    assert not {"if-id-in", "encr-alg", "encr-keysize"} & section.keys()


def test_a_connection_says_in_which_mode_its_tunnels_are() -> None:
    modes = tuple(Tunnel(mode, DYNAMIC, DYNAMIC, (), mode=mode) for mode in IpsecMode)
    children = connection_section(replace(SHARED, tunnels=modes))["children"]
    assert isinstance(children, dict)
    assert [child["mode"] for child in children.values() if isinstance(child, dict)] == ["TUNNEL", "TRANSPORT"]


def test_a_pre_shared_key() -> None:
    section = connection_section(SHARED)
    assert section["local-1"] == {"class": "pre-shared key"}
    assert section["remote-1"] == {"class": "pre-shared key", "id": "bob.example"}


def test_certificates() -> None:
    ours = authority.der(CA.issue("C=XX, CN=alice", KEY))
    section = connection_section(signing((ours, CA.der), Trust(authorities=(CA.der,))))
    assert section["local-1"] == {"class": "public key", "certs": ["C=XX, CN=alice"]}
    assert section["remote-1"] == {"class": "public key", "id": "bob.example", "cacerts": ["C=XX, CN=root"]}


def test_raw_keys() -> None:
    section = connection_section(signing((), Trust(public_keys=(TrustedKey(b"a key"),))))
    assert section["local-1"] == {"class": "public key"}


@pytest.mark.parametrize(("method", "number"), [(65001, 2), (AuthenticationMethod.HYBRID_INIT_RSA, 1)])
def test_who_is_asked_for_a_user(method: int, number: int) -> None:
    """With hybrid authentication, the client proves nothing before."""
    suite = replace(AES128_SHA256_ECP256, authentication=int(method))
    both = replace(SHARED, policies=(Policy(1, suite),))
    server = connection_section(replace(both, xauth=XauthRole.SERVER))
    assert server[f"remote-{number}"] == {"class": "XAUTH"}
    client = connection_section(replace(both, xauth=XauthRole.CLIENT, xauth_user="carol"))
    assert client[f"local-{number}"] == {"class": "XAUTH", "xauth_id": "carol"}


def test_the_user_of_an_isakmp_sa() -> None:
    sa = IkeSa(7, "branch", Role.INITIATOR, PLAIN.path, b"i" * 8, b"r" * 8, created_at=0.0)
    assert "remote-xauth-id" not in ike_section(sa, 0.0, {})
    assert ike_section(replace(sa, user=User("carol", "CORP")), 0.0, {})["remote-xauth-id"] == r"CORP\carol"


def test_extensions_are_behind_the_keys_of_charon() -> None:
    path = UdpPath("192.0.2.1", 500, "198.51.100.2", 500)
    sa = IkeSa(7, "branch", Role.RESPONDER, path, b"i" * 8, b"r" * 8, created_at=0.0, state=IkeState.ESTABLISHED)
    busy = replace(
        sa,
        assigned=ModeConfig(addresses=("10.99.0.1",)),
        queued=("net",),
        moves=1,
        rekey_at=90.0,
        expires_at=100.0,
    )
    keys = list(ike_section(busy, 0.0, {}, removed=True))
    standard = ["established", "rekey-time", "life-time", "remote-vips", "tasks-queued"]
    extensions = ["cisco-state", "moves", "moved", "removed"]
    assert keys[-10:] == [*standard, "child-sas", *extensions]
    assert keys[: keys.index("established")] == [
        *("uniqueid", "version", "state", "local-host", "local-port", "local-id"),
        *("remote-host", "remote-port", "remote-id", "initiator-spi", "responder-spi"),
    ]
    pair = list(child_section(PLAIN, Counters(), 0.0))
    assert pair[pair.index("remote-ts") + 1 :] == list(refused(Counters()))
