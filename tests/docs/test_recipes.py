"""The phase 2 offers of L2TP clients find a choice with the configuration of docs/recipes/l2tp-windows.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ikev1.config import load
from ikev1.core.negotiation import phase2_proposal
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Tunnel
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import EncapsulationMode, EspTransform, IntegrityAlgorithm, ProtocolId
from ikev1.wire.registry import Phase2Attribute as A

RECIPE = Path(__file__).parents[2] / "docs" / "recipes" / "l2tp-windows.md"
SERVER, NAT = "203.0.113.5", "198.51.100.77"
AES, TRIPLE_DES, DES, NULL = EspTransform.AES_CBC, EspTransform.TRIPLE_DES, EspTransform.DES, EspTransform.NULL
SHA1, MD5 = IntegrityAlgorithm.HMAC_SHA1, IntegrityAlgorithm.HMAC_MD5
Offer = list[tuple[int, int, int]]  # cipher, key length, hash

# What the clients send, in their order: Apple's and NetworkManager's lists, and Android's cross product, were read in
# their logs and sources; Windows' is as commonly reported
WINDOWS: Offer = [(AES, 256, SHA1), (AES, 128, SHA1), (TRIPLE_DES, 0, SHA1), (DES, 0, SHA1), (NULL, 0, SHA1)]
APPLE: Offer = [
    (cipher, bits, mac) for cipher, bits in ((AES, 256), (AES, 128), (TRIPLE_DES, 0)) for mac in (SHA1, MD5)
]
ANDROID: Offer = [
    (cipher, bits, mac) for cipher, bits in ((AES, 256), (AES, 128), (TRIPLE_DES, 0), (DES, 0)) for mac in (SHA1, MD5)
]
NETWORK_MANAGER: Offer = [(AES, 256, SHA1), (AES, 128, SHA1), (TRIPLE_DES, 0, SHA1)]


@pytest.fixture
def clients(tmp_path: Path) -> Tunnel:
    """The recipe's tunnel."""
    (text,) = re.findall(r"^```toml\n(.*?)^```", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    for name, content in (("ikev1.toml", text), ("l2tp.psk", "a secret that all know")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(content)
    (connection,) = load(tmp_path / "ikev1.toml").settings.connections
    (tunnel,) = connection.tunnels
    return tunnel


def sa(offer: Offer, mode: EncapsulationMode, seconds: int, kilobytes: int, *, proposals: bool) -> SecurityAssociation:
    """One proposal with a transform for each suite, or a proposal for each."""
    transforms = []
    for number, (cipher, bits, mac) in enumerate(offer, start=1):
        attributes = [Attribute(A.SA_LIFE_TYPE, 1), Attribute(A.SA_LIFE_DURATION, seconds.to_bytes(4))]
        if kilobytes:
            attributes += [Attribute(A.SA_LIFE_TYPE, 2), Attribute(A.SA_LIFE_DURATION, kilobytes.to_bytes(4))]
        attributes += [Attribute(A.ENCAPSULATION_MODE, mode), Attribute(A.AUTHENTICATION_ALGORITHM, mac)]
        attributes += [Attribute(A.KEY_LENGTH, bits)] if bits else []
        transforms.append(Transform(1 if proposals else number, cipher, tuple(attributes)))
    spi = (0x12345678).to_bytes(4)
    if proposals:
        several = tuple(
            Proposal(number, ProtocolId.ESP, spi, (transform,)) for number, transform in enumerate(transforms, start=1)
        )
        return SecurityAssociation(1, 1, several)
    return SecurityAssociation(1, 1, (Proposal(1, ProtocolId.ESP, spi, tuple(transforms)),))


@pytest.mark.parametrize("mode", [EncapsulationMode.TRANSPORT, EncapsulationMode.UDP_TRANSPORT])
@pytest.mark.parametrize(
    ("offer", "seconds", "kilobytes", "proposals"),
    [
        pytest.param(WINDOWS, 3600, 250_000, True, id="Windows"),
        pytest.param(APPLE, 3600, 0, False, id="macOS"),
        pytest.param(ANDROID, 28_800, 0, False, id="Android"),
        pytest.param(NETWORK_MANAGER, 3600, 0, True, id="NetworkManager-l2tp"),
    ],
)
def test_the_offers_of_l2tp_clients_find_a_choice(
    clients: Tunnel, offer: Offer, seconds: int, kilobytes: int, proposals: bool, mode: EncapsulationMode
) -> None:
    offered = sa(offer, mode, seconds, kilobytes, proposals=proposals)
    agreed, _ = phase2_proposal.choose(clients, offered, mode)
    assert agreed.suite == IpsecSuite(AES, 256, SHA1)
    assert agreed.group == 0
    assert agreed.life.seconds == 3600  # a longer one is shortened, and the client is told


@pytest.mark.parametrize(
    ("client", "server"),
    [("[udp/1701]", "[udp/1701]"), ("[udp]", "[udp/1701]"), ("[udp/56322]", "[udp/1701]")],
    ids=["Windows", "Android", "macOS"],
)
def test_the_ports_of_l2tp_clients_are_within_the_tunnel(clients: Tunnel, client: str, server: str) -> None:
    assert clients.local.at(SERVER).contains(Selector.parse(SERVER + server))
    assert clients.remote.at(NAT).contains(Selector.parse(NAT + client))
