"""Golden conversations of phase 1: each exchange, each method of authentication, and refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

import authority
from configured import ALICE, BOB, connection, policy, settings, suite, tunnel
from golden import GoldenNetwork, GoldenPeer, conversation, repeats_codes, without_reload
from ikev1.core.records.certificate_check import Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Aggressive, Credential, Mode, Policy, Trust, TrustedKey, XauthRole
from ikev1.wire.registry import AuthenticationMethod, NotifyType

__all__: list[str] = []

KEYS = Path(__file__).parent.parent / "core" / "golden" / "keys"  # test keys
NAMES: dict[str, dict[str, Any]] = {
    "alice": {"local_id": "alice@example.org", "remote_id": "bob.example.org"},
    "bob": {"local_id": "bob.example.org", "remote_id": "*@example.org"},
}
SUBJECTS: dict[str, dict[str, Any]] = {
    "alice": {"local_id": "C=XX, O=golden, CN=alice", "remote_id": "C=XX, O=golden, CN=bob"},
    "bob": {"local_id": "C=XX, O=golden, CN=bob", "remote_id": "C=XX, O=golden, CN=*"},
}
OTHER = {"alice": "bob", "bob": "alice"}


@cache
def key(name: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    loaded = load_pem_private_key((KEYS / f"{name}.key.pem").read_bytes(), None)
    assert isinstance(loaded, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey))
    return loaded


@cache
def certificate(name: str) -> bytes:
    loaded = x509.load_pem_x509_certificate((KEYS / f"{name}.cert.pem").read_bytes())
    return loaded.public_bytes(Encoding.DER)


def spki(name: str) -> bytes:
    return key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def by(method: int, text: str = "aes128-sha256-ecp256") -> tuple[Policy, ...]:
    return (Policy(1, replace(suite(text), authentication=int(method))),)


def raw(network: GoldenNetwork, method: int, kind: str, **both: Any) -> tuple[GoldenPeer, GoldenPeer]:
    """Two peers with raw public keys."""
    options: dict[str, Any] = {
        name: {
            "credential": Credential(authority.pkcs8(key(f"{name}-{kind}"))),
            "trust": Trust(public_keys=(TrustedKey(spki(f"{OTHER[name]}-{kind}")),)),
        }
        | NAMES[name]
        for name in OTHER
    }
    return network.couple(**options, **{"secret": b"", "policies": by(method)} | both)


def certified(network: GoldenNetwork, **both: Any) -> tuple[GoldenPeer, GoldenPeer]:
    """Two peers with certificates issued by one CA."""
    options: dict[str, Any] = {
        name: {
            "credential": Credential(authority.pkcs8(key(f"{name}-rsa-2048")), (certificate(f"{name}-rsa-2048"),)),
            "trust": Trust((certificate("ca"),)),
        }
        | SUBJECTS[name]
        for name in OTHER
    }
    return network.couple(**options, **{"secret": b"", "policies": by(AuthenticationMethod.RSA_SIGNATURES)} | both)


def trusts(peer: GoldenPeer) -> None:
    """Answers that the certificate of the other peer is valid."""
    peer.is_told(Trusted(spki(f"{OTHER[peer.name]}-rsa-2048"), OTHER[peer.name]))


# --- pre-shared keys ------------------------------------------------------------------------------------------------


@conversation
def main_mode_psk(network: GoldenNetwork) -> None:
    """Main Mode with a pre-shared key, Quick Mode, and Delete of both SAs."""
    alice, bob = network.couple()
    alice.calls()
    network.run(8)
    network.heading("alice closes the ISAKMP SA")
    alice.does(lambda engine: engine.close_ike(alice.sa.unique_id, network.now))
    network.settle()
    assert not alice.engine.sas
    assert not bob.engine.sas


@conversation
def main_mode_psk_alone(network: GoldenNetwork) -> None:
    """No tunnel at first: bob, who sent the last message, sends R-U-THERE. Then bob initiates Quick Mode."""
    alice, bob = network.couple(policies=(policy("3des-md5-modp1024"),))
    alice.calls(None)
    network.run(10)
    bob.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_psk_ipv6_names(network: GoldenNetwork) -> None:
    """IPv6, ID_FQDN and ID_KEY_ID, Curve25519."""
    alice, bob = network.couple(
        addresses=("2001:db8::1", "2001:db8:1::2"),
        policies=(policy("aes256-sha512-curve25519"),),
        tunnel_options={"local": "2001:db8:1::/48", "remote": "2001:db8:2::/64"},
        alice={"local_id": "keyid:one", "remote_id": "bob.example.org"},
        bob={"local_id": "bob.example.org", "remote_id": "keyid:one"},
    )
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_policies(network: GoldenNetwork) -> None:
    """Several policies with lifetimes in seconds and kilobytes; bob accepts less and sends RESPONDER-LIFETIME."""
    of_alice = (
        policy("aes256-sha384-modp2048", 1, lifetime=90_000, lifetime_kilobytes=100_000),
        policy("camellia128-sha1-ecp384", 2, lifetime=90_000),
        policy(priority=3, lifetime=90_000),
    )
    alice, bob = network.couple(
        alice={"policies": of_alice}, bob={"policies": (policy(lifetime=70_000, lifetime_kilobytes=50_000),)}
    )
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_modp(network: GoldenNetwork) -> None:
    """Group 14 (RFC 3526)."""
    alice, _ = network.couple(policies=(policy("aes256-sha256-modp2048"),))
    alice.calls()
    network.settle()


@conversation
def main_mode_wrong_psk(network: GoldenNetwork) -> None:
    """Different pre-shared keys: bob cannot decrypt message 5."""
    alice, bob = network.couple(alice={"secret": b"one"}, bob={"secret": b"another"})
    alice.calls()
    network.run(300)
    assert Code.PSK_MISMATCH in bob.failures
    assert not alice.engine.sas


@conversation
def main_mode_no_proposal(network: GoldenNetwork) -> None:
    """No common policy: NO-PROPOSAL-CHOSEN in the clear."""
    alice, bob = network.couple(alice={"policies": (policy("3des-md5-modp1024"),)})
    alice.calls()
    network.run(300)
    assert Code.NO_PROPOSAL_CHOSEN in bob.failures


@conversation
def main_mode_no_connection(network: GoldenNetwork) -> None:
    """Bob has no connection for alice's address."""
    alice, bob = network.couple(bob={"remote_address": "203.0.113.99"})
    alice.calls()
    network.run(300)
    assert Code.NO_CONNECTION in bob.failures


@conversation
def main_mode_wrong_identity(network: GoldenNetwork) -> None:
    """The responder refuses the identity, then the initiator does."""
    alice, bob = network.couple(alice={"local_id": "mallory.example.org"}, bob={"remote_id": "alice.example.org"})
    alice.calls()
    network.run(300)
    assert Code.ID_MISMATCH in bob.failures
    network.heading("bob has another name than alice expects")
    alice.is_given(settings(connection(ALICE, BOB, tunnel(), local_id="alice.example.org", remote_id="carol.example")))
    alice.calls()
    network.run(300)
    assert Code.ID_MISMATCH in alice.failures


# --- Aggressive Mode ------------------------------------------------------------------------------------------------


@conversation
def aggressive_psk(network: GoldenNetwork) -> None:
    """Aggressive Mode with a pre-shared key, then Quick Mode."""
    alice, bob = network.couple(
        alice=NAMES["alice"],
        bob=NAMES["bob"] | {"remote_address": "%any"},
        mode=Mode.AGGRESSIVE,
        aggressive=Aggressive.ACCEPT_PSK,
    )
    alice.calls()
    network.run(8)
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def aggressive_lost_messages(network: GoldenNetwork) -> None:
    """Each message of Aggressive Mode is lost once."""
    alice, bob = network.couple(mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK)
    loses(network, "AM1", "AM2", "AM3")
    alice.calls()
    network.run(60)
    assert alice.carries.inbound == bob.carries.outbound


def loses(network: GoldenNetwork, *labels: str) -> None:
    """Has the next message of each of these labels lost."""
    left = [*labels]
    beyond = network.link

    def link(datagram: Any) -> list[Any]:
        if datagram.label in left:
            left.remove(datagram.label)
            return []
        return beyond(datagram)

    network.link = link


@conversation
def aggressive_wrong_psk(network: GoldenNetwork) -> None:
    """Different pre-shared keys: HASH_R is wrong."""
    alice, _ = network.couple(
        alice={"secret": b"one"}, bob={"secret": b"another"}, mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK
    )
    alice.calls()
    network.run(300)
    assert alice.failures


@conversation
def aggressive_refused(network: GoldenNetwork) -> None:
    """Bob does not accept Aggressive Mode."""
    alice, bob = network.couple(mode=Mode.AGGRESSIVE, bob={"aggressive": Aggressive.REFUSE, "mode": Mode.MAIN})
    alice.calls()
    network.run(300)
    assert bob.failures


@conversation
def aggressive_signatures(network: GoldenNetwork) -> None:
    """Aggressive Mode with RSA signatures and certificates, which are checked immediately."""
    alice, bob = certified(network, mode=Mode.AGGRESSIVE)
    alice.calls()
    while network.flying:
        network.deliver(network.flying.popleft())
        for peer in (alice, bob):
            if peer.questions:
                trusts(peer)
    assert alice.carries.inbound == bob.carries.outbound


@without_reload
def aggressive_signatures_examined_slowly(network: GoldenNetwork) -> None:
    """Message 3 and the Quick Mode after it wait for the check of the certificate and are repeated meanwhile."""
    alice, bob = certified(network, mode=Mode.AGGRESSIVE)
    alice.calls()
    network.settle()
    trusts(alice)
    network.run(3)
    trusts(bob)
    network.run(20)
    assert alice.carries.inbound == bob.carries.outbound


@repeats_codes
def aggressive_no_connection(network: GoldenNetwork) -> None:
    """Bob has no connection for the identity, then no common policy."""
    alice, bob = network.couple(
        bob={"remote_id": "carol.example.org"}, mode=Mode.AGGRESSIVE, aggressive=Aggressive.ACCEPT_PSK
    )
    alice.calls()
    network.run(300)
    (own,) = bob.settings.connections
    bob.is_given(settings(replace(own, remote_id=None, policies=(policy("aes256-sha512-ecp384"),))))
    alice.calls()
    network.run(300)
    assert Code.NO_PROPOSAL_CHOSEN in bob.failures


# --- signatures -----------------------------------------------------------------------------------------------------


@conversation
def main_mode_certificates(network: GoldenNetwork) -> None:
    """Main Mode with RSA signatures: CERTREQ, CERT, and the check of the certificates."""
    alice, bob = certified(network)
    alice.calls()
    network.settle()
    trusts(bob)
    network.settle()
    trusts(alice)
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_certificate_refused(network: GoldenNetwork) -> None:
    """Bob refuses the certificate and sends INVALID-CERTIFICATE."""
    alice, bob = certified(network)
    alice.calls()
    network.settle()
    bob.is_told(Untrusted(Code.CERTIFICATE_EXPIRED, "it has expired", NotifyType.INVALID_CERTIFICATE))
    network.run(300)
    assert Code.CERTIFICATE_EXPIRED in bob.failures
    assert not alice.engine.sas


@conversation
def main_mode_rsa_signatures(network: GoldenNetwork) -> None:
    """RSA signatures with raw public keys."""
    alice, bob = raw(network, AuthenticationMethod.RSA_SIGNATURES, "rsa-2048")
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_wrong_key(network: GoldenNetwork) -> None:
    """Alice signs with a key that bob does not trust."""
    alice, bob = raw(network, AuthenticationMethod.RSA_SIGNATURES, "rsa-2048")
    (own,) = alice.settings.connections
    alice.is_given(settings(replace(own, credential=Credential(authority.pkcs8(key("bob-rsa-2048"))))))
    alice.calls()
    network.run(300)
    assert bob.failures


@conversation
def main_mode_ecdsa_p256(network: GoldenNetwork) -> None:
    """ECDSA with SHA-256 on P-256."""
    alice, bob = raw(network, AuthenticationMethod.ECDSA_SHA256_P256, "ecdsa-p256")
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def aggressive_ecdsa_p384(network: GoldenNetwork) -> None:
    """ECDSA with SHA-384 on P-384 in Aggressive Mode; the negotiated hash is SHA2-256."""
    alice, bob = raw(network, AuthenticationMethod.ECDSA_SHA384_P384, "ecdsa-p384", mode=Mode.AGGRESSIVE)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


# --- public key encryption ------------------------------------------------------------------------------------------


def encrypting(network: GoldenNetwork, method: int, mode: Mode) -> None:
    for name in OTHER:
        own = key(f"{name}-rsa-2048")
        assert isinstance(own, rsa.RSAPrivateKey)
        network.decrypts[name] = own
    alice, bob = raw(network, method, "rsa-2048", mode=mode)
    alice.calls()
    network.settle()
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_rsa_encryption(network: GoldenNetwork) -> None:
    """RFC 2409 §5.2: identities and nonces are encrypted with RSA."""
    encrypting(network, AuthenticationMethod.RSA_ENCRYPTION, Mode.MAIN)


@conversation
def main_mode_revised_rsa_encryption(network: GoldenNetwork) -> None:
    """RFC 2409 §5.3: nonces are encrypted with RSA, other payloads with keys derived from the nonces."""
    encrypting(network, AuthenticationMethod.REVISED_RSA_ENCRYPTION, Mode.MAIN)


@conversation
def aggressive_rsa_encryption(network: GoldenNetwork) -> None:
    """RFC 2409 §5.2 in Aggressive Mode."""
    encrypting(network, AuthenticationMethod.RSA_ENCRYPTION, Mode.AGGRESSIVE)


@conversation
def aggressive_revised_rsa_encryption(network: GoldenNetwork) -> None:
    """RFC 2409 §5.3 in Aggressive Mode."""
    encrypting(network, AuthenticationMethod.REVISED_RSA_ENCRYPTION, Mode.AGGRESSIVE)


def encrypting_with_certificates(network: GoldenNetwork, method: int) -> None:
    options: dict[str, Any] = {}
    for name, other in OTHER.items():
        own = key(f"{name}-rsa-2048")
        assert isinstance(own, rsa.RSAPrivateKey)
        network.decrypts[name] = own
        credential = Credential(authority.pkcs8(own), (certificate(f"{name}-rsa-2048"),))
        trust = Trust(peers=(certificate(f"{other}-rsa-2048"),))
        options[name] = SUBJECTS[name] | {"credential": credential, "trust": trust}
    alice, bob = network.couple(**options, secret=b"", policies=by(method))
    alice.calls()
    while network.flying:
        network.deliver(network.flying.popleft())
        for peer in (alice, bob):
            if peer.questions:
                trusts(peer)
    assert alice.carries.inbound == bob.carries.outbound


@conversation
def main_mode_rsa_encryption_certificates(network: GoldenNetwork) -> None:
    """RFC 2409 §5.2 with HASH(1), the hash of the certificate that contains the public key."""
    encrypting_with_certificates(network, AuthenticationMethod.RSA_ENCRYPTION)


@conversation
def main_mode_revised_rsa_encryption_certificates(network: GoldenNetwork) -> None:
    """RFC 2409 §5.3 with HASH(1) and the encrypted certificate of the initiator."""
    encrypting_with_certificates(network, AuthenticationMethod.REVISED_RSA_ENCRYPTION)


# --- hybrid ---------------------------------------------------------------------------------------------------------


def hybrid(network: GoldenNetwork, mode: Mode) -> None:
    both: dict[str, Any] = {"secret": b"", "policies": by(AuthenticationMethod.HYBRID_INIT_RSA)}
    gateway = Credential(authority.pkcs8(key("bob-rsa-2048")))
    user = {"xauth": XauthRole.CLIENT, "xauth_user": "carol", "xauth_secret": b"her password"}
    alice, bob = network.couple(
        alice={"trust": Trust(public_keys=(TrustedKey(spki("bob-rsa-2048")),)), "mode": mode} | user,
        bob={"credential": gateway, "xauth": XauthRole.SERVER},
        **both,
    )
    asks_for_user(network, alice, bob)


def asks_for_user(network: GoldenNetwork, alice: GoldenPeer, bob: GoldenPeer) -> None:
    """Alice calls bob, who asks for a user and accepts carol."""

    def check(attempt: XauthAttempt) -> Verdict:
        assert (attempt.user, attempt.password) == ("carol", b"her password")
        return Accepted(User("carol"))

    bob.checks = check
    alice.calls()
    network.settle()
    assert bob.sa.user_name == "carol"
    assert bob.child


@conversation
def main_mode_hybrid(network: GoldenNetwork) -> None:
    """Hybrid authentication, and XAUTH."""
    hybrid(network, Mode.MAIN)


@conversation
def aggressive_hybrid(network: GoldenNetwork) -> None:
    """Hybrid authentication in Aggressive Mode."""
    hybrid(network, Mode.AGGRESSIVE)


# --- XAUTH ----------------------------------------------------------------------------------------------------------


def with_xauth(network: GoldenNetwork, mode: Mode) -> None:
    user = {"xauth": XauthRole.CLIENT, "xauth_user": "carol", "xauth_secret": b"her password"}
    alice, bob = network.couple(
        alice={"mode": mode} | user,
        bob={"aggressive": Aggressive.ACCEPT_PSK, "xauth": XauthRole.SERVER},
        policies=by(AuthenticationMethod.XAUTH_INIT_PRE_SHARED),
    )
    asks_for_user(network, alice, bob)


@conversation
def main_mode_xauth(network: GoldenNetwork) -> None:
    """Main Mode with a pre-shared key, XAUTH, Quick Mode (draft-beaulieu-ike-xauth-02 §5.1)."""
    with_xauth(network, Mode.MAIN)


@conversation
def aggressive_xauth(network: GoldenNetwork) -> None:
    """The same in Aggressive Mode."""
    with_xauth(network, Mode.AGGRESSIVE)
