"""Hybrid authentication (draft-ietf-ipsec-isakmp-hybrid-auth-05): the gateway signs, the client is a user."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from authority import der, root
from configured import policy, suite
from ikev1.core.records.actions import AskUser
from ikev1.core.records.events import Code, MessageSeen
from ikev1.core.records.ike_sa import IkeState
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Credential, Mode, Policy, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.wire.payloads import Certificate, Delete, Hash, Signature
from ikev1.wire.registry import DOI, AuthenticationMethod, ProtocolId
from playbook import Couple, Network, Peer, say

KEY = rsa.generate_private_key(65537, 2048)
GATEWAY = Credential(KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
KNOWN = Trust(public_keys=(TrustedKey(public_keys.encode(KEY.public_key())),))


def hybrid(method: int = AuthenticationMethod.HYBRID_INIT_RSA) -> tuple[Policy, ...]:
    return (replace(policy(), suite=replace(suite("aes128-sha256-ecp256"), authentication=int(method))),)


def client(**more: Any) -> dict[str, Any]:
    return {"secret": b"", "policies": hybrid(), "trust": KNOWN, "xauth_user": "carol"} | more


def silent(couple: Couple, **of_alice: Any) -> tuple[Peer, Peer]:
    """A client whose user does not answer, and its gateway."""
    alice, bob = couple(alice=client(**of_alice), bob=gateway())
    alice.delays.add(AskUser)
    return alice, bob


def gateway(**more: Any) -> dict[str, Any]:
    return {"secret": b"", "policies": hybrid(), "credential": GATEWAY} | more


def kinds(peer: Peer, label: str) -> set[type]:
    """The kinds of payload in a message that ``peer`` saw."""
    (seen,) = [seen for seen in peer.saw(MessageSeen) if seen.label == label]
    return set(map(type, seen.message.payloads))


@pytest.mark.parametrize("mode", list(Mode))
def test_the_gateway_signs_and_the_client_sends_its_hash(network: Network, couple: Couple, mode: Mode) -> None:
    alice, bob = silent(couple, mode=mode)
    alice.calls(tunnel=None)
    network.settle()
    from_client, from_gateway = ("MM5", "MM6") if mode is Mode.MAIN else ("AM3", "AM2")
    assert Hash in kinds(bob, from_client)
    assert Signature not in kinds(bob, from_client)
    assert Signature in kinds(alice, from_gateway)
    assert alice.sa.keys == bob.sa.keys


def test_the_gateway_sends_its_certificate_to_a_client_that_does_not_ask(network: Network, couple: Couple) -> None:
    """The client has only a CA; vpnc does not ask."""
    certificate = der(root("C=CH, O=lab, CN=root", 1).issue("C=CH, O=lab, CN=gw", key=KEY))
    with_certificate = replace(GATEWAY, certificates=(certificate,))
    alice, _ = couple(alice=client(), bob=gateway(credential=with_certificate))
    alice.calls(tunnel=None)
    network.settle()
    assert Certificate in kinds(alice, "MM6")


def test_nothing_else_may_use_it_before_the_user_is_known(network: Network, couple: Couple) -> None:
    alice, bob = silent(couple)
    alice.calls()
    network.settle()
    for peer in (alice, bob):
        assert peer.sa.state is IkeState.ESTABLISHED
        assert peer.sa.awaits_user
        assert peer.sa.peer is None
        assert peer.children == []
    bob.calls(host=alice.address)
    network.settle()
    assert [label for label in network.labels("bob") if label.startswith("QM")] == []


def test_it_ends_when_nobody_authenticates_the_user(network: Network, couple: Couple) -> None:
    alice, bob = silent(couple)
    alice.calls()
    network.settle()
    network.run(61)
    assert alice.failures == bob.failures == [Code.XAUTH_FAILED]
    assert not alice.engine.sas
    assert not bob.engine.sas


def test_a_gateway_with_another_key_is_refused(network: Network, couple: Couple) -> None:
    other = rsa.generate_private_key(65537, 2048)
    wrong = Trust(public_keys=(TrustedKey(public_keys.encode(other.public_key())),))
    alice, bob = couple(alice=client(trust=wrong, xauth_secret=b"her password"), bob=gateway())
    alice.calls()
    network.run(3)
    assert alice.failures == [Code.AUTHENTICATION_FAILED]
    assert bob.attempts == [], "the password was not sent"
    assert not alice.engine.sas


def test_a_client_that_proves_nothing_takes_nothing_from_others(network: Network, couple: Couple) -> None:
    """Whoever claims an identity must not end the SAs of its owner (INITIAL-CONTACT) or take over its pairs."""
    both = (*policy_psk(), *hybrid())
    alice, bob = couple(alice={"trust": KNOWN}, bob=gateway(policies=both, secret=b"a secret that both know"))
    alice.calls()
    network.settle()
    child = bob.child
    mallory = network.peer("mallory", alice.address, alice.settings)
    del network.peers["mallory"]
    network.peers["alice"] = mallory
    without_secret = replace(alice.settings.connections[0], policies=hybrid(), secret=b"")
    mallory.is_given(replace(alice.settings, connections=(without_secret,)))
    mallory.delays.add(AskUser)
    mallory.calls(host=bob.address)
    network.settle()
    assert any(sa.awaits_user for sa in bob.engine.sas.values())
    assert bob.children == [child]
    delete = Delete(DOI.IPSEC, ProtocolId.ESP, (child.outbound.spi.to_bytes(4),))
    mallory.does(lambda engine: say(engine, mallory.sa, [delete], network.now))
    network.settle()
    assert bob.children == [child]
    network.run(61)
    assert bob.children == [child], "nor does the end of hers take anything along"


def policy_psk() -> tuple[Policy, ...]:
    return (policy(),)
