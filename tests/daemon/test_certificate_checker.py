"""Gateways that prove who they are by signatures, and believe one another's certificates or do not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type

import authority
from authority import Authority, PrivateKey
from ikev1.core.records.actions import CheckCertificate
from ikev1.core.records.certificate_check import CertificateVerdict, Trusted, Untrusted
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection, Credential, Mode, Revocation, Settings, Trust, TrustedKey
from ikev1.crypto import public_keys, signatures
from ikev1.crypto.distinguished_name import from_text
from ikev1.daemon.certificate_checker import CertificateChecker
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.pending_operations import NotEstablished
from ikev1.pki.verdict import verdict_on
from ikev1.wire.payloads import Certificate, Identification
from ikev1.wire.registry import CertificateEncoding, IdType

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

ROOT = authority.root("C=XX, O=lab, CN=root")
OTHER_ROOT = authority.root("C=XX, O=elsewhere, CN=root", 101)
TRUST = Trust(authorities=(ROOT.der,))

OTHERS = {"alice": "bob", "bob": "alice"}

BEGAN = time.monotonic()


def clock() -> float:
    """A clock that goes, at the time for which the certificates are made."""
    return authority.NOW + time.monotonic() - BEGAN


def certificate(host: str, key: PrivateKey, ca: Authority = ROOT, **more: Any) -> bytes:
    return authority.der(ca.issue(f"C=XX, O=lab, CN={host}", key, [f"{host}.example"], **more))


def signing(
    host: str, key: PrivateKey, *certificates: bytes, trust: Trust = TRUST, **more: Any
) -> Callable[[Connection], Connection]:
    """What makes a connection prove by ``key`` that it is ``host``."""
    method = signatures.method_of(key)

    def change(connection: Connection) -> Connection:
        policies = tuple(
            replace(policy, suite=replace(policy.suite, authentication=method)) for policy in connection.policies
        )
        return replace(
            connection,
            secret=b"",
            credential=Credential(authority.pkcs8(key), certificates),
            trust=trust,
            policies=policies,
            **({"local_id": f"{host}.example", "remote_id": f"{OTHERS[host]}.example"} | more),
        )

    return change


KEYS: dict[str, tuple[PrivateKey, PrivateKey]] = {
    "rsa": (authority.rsa_key(1), authority.rsa_key(2)),
    "p256": (authority.ec_key(1), authority.ec_key(2)),
    "p384": (authority.ec_key(3, ec.SECP384R1), authority.ec_key(4, ec.SECP384R1)),
    "p521": (authority.ec_key(5, ec.SECP521R1), authority.ec_key(6, ec.SECP521R1)),
}
ALICE, BOB = KEYS["p256"]


OURS = signing("alice", ALICE, certificate("alice", ALICE))
THEIRS = signing("bob", BOB, certificate("bob", BOB))


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", KEYS)
def test_certificates_prove_who_both_are(meet: Meet, kind: str, mode: Mode) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        await them.until(lambda: them.gateway.is_up("branch", "net"))
        assert us.gateway.counters.total["ike-up"] == them.gateway.counters.total["ike-up"] == 1

    alice, bob = KEYS[kind]
    ours = signing("alice", alice, certificate("alice", alice), mode=mode)
    theirs = signing("bob", bob, certificate("bob", bob))
    meet(scenario, change=ours, their_change=theirs, clock=clock)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_raw_keys_need_no_certificates(meet: Meet, kind: str, mode: Mode) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")

    alice, bob = KEYS[kind]
    known = [Trust(public_keys=(TrustedKey(public_keys.encode(key.public_key())),)) for key in (bob, alice)]
    meet(
        scenario,
        change=signing("alice", alice, trust=known[0], mode=mode),
        their_change=signing("bob", bob, trust=known[1]),
    )


def test_our_distinguished_name_goes_out_in_the_octets_of_our_certificate(meet: Meet) -> None:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice", _ASN1Type.PrintableString)])

    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        (sa,) = us.gateway.engine.sas.values()
        assert sa.IDii_b[4:] == subject.public_bytes() != from_text("CN=alice")

    named = authority.der(ROOT.issue(subject, ALICE))
    ours = signing("alice", ALICE, named, local_id="CN=alice")
    theirs = signing("bob", BOB, certificate("bob", BOB), remote_id="CN=alice")
    meet(scenario, change=ours, their_change=theirs, clock=clock)


def test_a_certificate_that_is_known_already_need_not_be_sent(meet: Meet) -> None:
    async def scenario(us: Side, them: Side) -> None:
        await us.gateway.initiate("branch", "net")
        assert not any("CERT" in text for text in us.texts), us.texts

    certificates = certificate("alice", ALICE), certificate("bob", BOB)
    ours = signing("alice", ALICE, certificates[0], trust=Trust(peers=certificates[1:]))
    theirs = signing("bob", BOB, certificates[1], trust=Trust(peers=certificates[:1]))
    meet(scenario, change=ours, their_change=theirs, clock=clock)


class StoppedClock:
    """A clock that only the test moves: nobody gives up while the other one examines a certificate."""

    def __init__(self) -> None:
        self.now = float(authority.NOW)

    def __call__(self) -> float:
        return self.now


async def is_refused(us: Side, them: Side, stopped: StoppedClock, code: str, told: bool) -> None:
    """We call, and they report ``code``; if we are ``told``, by a message, our call ends when it has arrived."""

    def has_complaint() -> bool:
        return any(sa.phase1 is not None and sa.phase1.complaint is not None for sa in us.gateway.engine.sas.values())

    waiting = asyncio.ensure_future(us.gateway.initiate("branch", "net"))
    await them.until(lambda: code in [line.code for line in them.lines])
    async with asyncio.timeout(60):
        while told and not has_complaint():
            await asyncio.sleep(0)
    stopped.now += 60
    with pytest.raises(NotEstablished):
        await waiting


def test_a_key_that_is_not_the_peers_proves_nothing(meet: Meet, impatient: Callable[[Settings], Settings]) -> None:
    stopped = StoppedClock()

    async def scenario(us: Side, them: Side) -> None:
        await is_refused(us, them, stopped, "authentication-failed", told=True)

    forged = replace(TRUST, public_keys=(TrustedKey(public_keys.encode(authority.ec_key(9).public_key())),))
    theirs = signing("bob", BOB, certificate("bob", BOB), trust=forged)
    meet(scenario, change=OURS, their_change=theirs, settings=impatient, clock=stopped)


ISSUED = ROOT.issue("C=XX, O=lab, CN=alice", ALICE, ["alice.example"])
REFUSED = {
    "cert-untrusted": (certificate("alice", ALICE, OTHER_ROOT), TRUST),
    "cert-expired": (certificate("alice", ALICE, ends=-authority.DAY / 2), TRUST),
    "cert-revoked": (authority.der(ISSUED), replace(TRUST, revocation_lists=(ROOT.revocation_list([ISSUED]),))),
    "cert-revocation-unknown": (certificate("alice", ALICE), replace(TRUST, revocation=Revocation.STRICT)),
    "cert-id-mismatch": (certificate("mallory", ALICE), TRUST),
    "cert-unusable": (certificate("alice", ALICE, usage=authority.key_usage("key_encipherment")), TRUST),
}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("code", REFUSED)
def test_a_certificate_that_is_not_believed_is_refused_with_the_reason(
    meet: Meet, impatient: Callable[[Settings], Settings], code: str, mode: Mode
) -> None:
    stopped = StoppedClock()

    async def scenario(us: Side, them: Side) -> None:
        in_main_mode = mode is Mode.MAIN  # in Aggressive Mode we are done when our proof leaves
        await is_refused(us, them, stopped, code, told=in_main_mode)
        if in_main_mode:
            assert "refused-by-peer" in [line.code for line in us.lines], us.texts
        assert them.gateway.counters.total["ike-up"] == 0

    shown, trust = REFUSED[code]
    theirs = signing("bob", BOB, certificate("bob", BOB), trust=trust)
    ours = signing("alice", ALICE, shown, mode=mode, trust=replace(TRUST, authorities=(ROOT.der, OTHER_ROOT.der)))
    meet(scenario, change=ours, their_change=theirs, settings=impatient, clock=stopped)


# --- the examiner by itself


def question(request: int = 1, trust: Trust = TRUST, **more: Any) -> CheckCertificate:
    octets = certificate("alice", ALICE, **more)
    connection = Connection("branch", (), (), trust=trust)
    identity = Identification(IdType.FQDN, 0, 0, b"alice.example")
    return CheckCertificate(request, (Certificate(CertificateEncoding.X509_SIGNATURE, octets),), identity, connection)


def of_others(first: Trust, *others: Trust, **more: Any) -> CertificateVerdict:
    """The verdict if the connections with the ``others``, named by number, are tried after the first."""
    named = tuple(Connection(str(number), (), (), trust=trust) for number, trust in enumerate(others))
    return verdict_on(question(trust=first, **more)._replace(others=named), clock())


def test_another_connection_is_used_if_its_ca_has_issued_the_certificate() -> None:
    other = Trust(authorities=(OTHER_ROOT.der,))
    known = of_others(other, other, TRUST, TRUST)
    assert isinstance(known, Trusted)
    assert known.connection is not None
    assert known.connection.name == "1"
    known = of_others(TRUST, TRUST)
    assert isinstance(known, Trusted)
    assert known.connection is None
    refused = of_others(other, other)
    assert isinstance(refused, Untrusted)
    assert refused.code == "cert-untrusted"


def test_no_other_connection_is_used_for_what_is_wrong_with_the_certificate() -> None:
    strict = replace(TRUST, revocation=Revocation.STRICT)
    refused = of_others(strict, TRUST)
    assert isinstance(refused, Untrusted)
    assert refused.code == "cert-revocation-unknown"


async def verdicts(examiner: CertificateChecker, found: dict[int, CertificateVerdict], count: int) -> None:
    async with asyncio.timeout(60):
        while len(found) < count:
            await asyncio.sleep(0.001)
    examiner.close()


def test_each_question_has_its_answer() -> None:
    found: dict[int, CertificateVerdict] = {}
    lines: list[Line] = []

    async def ask() -> None:
        log = EventLog()
        log.attach(Level.INFO, lines.append)
        examiner = CertificateChecker(found.__setitem__, clock, log=log)
        examiner.check(question(1))
        examiner.check(question(2, Trust(authorities=(OTHER_ROOT.der,))))
        assert not found
        await verdicts(examiner, found, 2)

    asyncio.run(ask())
    assert isinstance(found[1], Trusted)
    assert found[1][:2] == (public_keys.encode(ALICE.public_key()), "C=XX, O=lab, CN=alice")
    assert tuple(line.text for line in lines) == found[1].statuses
    assert len(lines) == 1  # neither CRL nor OCSP says anything about it
    assert isinstance(found[2], Untrusted)
    assert found[2].code == "cert-untrusted"


class Slow:
    """A server of revocation lists that says nothing before it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.go_on = threading.Event()
        self.calls = 0

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        self.calls += 1
        self.asked.set()
        assert self.go_on.wait(10)
        return ROOT.revocation_list()


def test_questions_beyond_the_limit_are_refused_at_once_and_the_loop_goes_on() -> None:
    found: dict[int, CertificateVerdict] = {}
    slow = Slow()

    async def ask() -> None:
        examiner = CertificateChecker(found.__setitem__, clock, slow, most=1, log=EventLog())
        examiner.check(question(1, crl_url="http://crl.example/root.crl"))
        examiner.check(question(2))
        await verdicts(CertificateChecker(found.__setitem__, clock, log=EventLog()), found, 1)
        assert isinstance(found[2], Untrusted)
        assert found[2].code == "overloaded"
        slow.go_on.set()
        await verdicts(examiner, found, 2)

    asyncio.run(ask())
    assert isinstance(found[1], Trusted)


def test_a_closed_examiner_answers_and_fetches_no_more() -> None:
    found: dict[int, CertificateVerdict] = {}
    slow = Slow()
    urls: dict[str, Any] = {"crl_url": "http://crl.example/root.crl", "ocsp_url": "http://ocsp.example/"}

    async def ask() -> None:
        examiner = CertificateChecker(found.__setitem__, clock, slow, log=EventLog())
        examiner.check(question(1, **urls))
        await asyncio.to_thread(slow.asked.wait, 10)
        examiner.close()
        slow.go_on.set()

    asyncio.run(ask())
    assert not found
    assert slow.calls == 1


def test_a_bug_in_a_check_is_logged_and_answers_the_question() -> None:
    found: dict[int, CertificateVerdict] = {}
    lines: list[Line] = []

    def bug(url: str, body: bytes | None = None) -> bytes:
        raise ZeroDivisionError("what no log may hold")

    async def ask() -> None:
        log = EventLog()
        log.attach(Level.ERROR, lines.append)
        examiner = CertificateChecker(found.__setitem__, clock, bug, log=log)
        examiner.check(question(1, crl_url="http://crl.example/root.crl"))
        await verdicts(examiner, found, 1)

    asyncio.run(ask())
    assert isinstance(found[1], Untrusted)
    assert found[1].code is Code.INTERNAL_ERROR
    assert [line.code for line in lines] == [Code.INTERNAL_ERROR]
    assert not any("what no log may hold" in text for text in (found[1].text, lines[0].text))
