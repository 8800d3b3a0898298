"""CRLs and OCSP, and what the three policies make of them."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authority import DAY, NOW, Authority, der, ec_key, key_usage, root, rsa_key
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Authority as SettingsAuthority
from ikev1.core.records.settings import Revocation, Trust
from ikev1.pki.answer import Status
from ikev1.pki.certificate import read
from ikev1.pki.crl import ask_lists
from ikev1.pki.errors import RevocationUnknown, Revoked, Untrusted
from ikev1.pki.fetch import FetchFailed
from ikev1.pki.ocsp import read_response
from small_pki import Pki

ALICE = "C=XX, O=lab, CN=alice"
CRL_URL, OCSP_URL = "http://ca.example/crl", "http://ca.example/ocsp"
GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN


class Web:
    """What is where; everything else fails. Remembers what it was asked for."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = {CRL_URL: pages.get("crl"), OCSP_URL: pages.get("ocsp")}
        self.asked: list[tuple[str, bytes | None]] = []

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        self.asked.append((url, body))
        page = self.pages.get(url)
        if page is None:
            raise FetchFailed(f"{url}: refused")
        return page


def verify(
    pki: Pki,
    policy: str,
    *sent: x509.Certificate,
    crls: tuple[bytes, ...] = (),
    web: Web | None = None,
    authorities: tuple[SettingsAuthority, ...] = (),
) -> None:
    trust = replace(pki.trust, revocation=Revocation(policy), revocation_lists=crls)
    pki.verify(*sent, trust=trust, fetch=web, authorities=authorities)


@pytest.mark.parametrize("policy", ["strict", "if-present"])
def test_a_list_at_hand(pki: Pki, alice: x509.Certificate, policy: str) -> None:
    verify(pki, policy, alice, crls=(pki.root.revocation_list(),))
    with pytest.raises(Revoked, match=r"CN=alice .* CRL of .*CN=root") as caught:
        verify(pki, policy, alice, crls=(pki.root.revocation_list([alice]),))
    assert caught.value.code == "cert-revoked"


@pytest.mark.parametrize("known", ["authorities", "intermediates"])
@pytest.mark.parametrize("policy", ["strict", "if-present"])
def test_a_certificate_that_is_configured_as_the_peers(
    pki: Pki, alice: x509.Certificate, policy: str, known: str
) -> None:
    trust = Trust((), peers=(der(alice),), revocation=Revocation(policy))
    trust = replace(trust, **{known: (pki.root.der,)})
    pki.verify(alice, trust=replace(trust, revocation_lists=(pki.root.revocation_list(),)))
    with pytest.raises(Revoked):
        pki.verify(alice, trust=replace(trust, revocation_lists=(pki.root.revocation_list([alice]),)))
    unknown = replace(trust, authorities=(), intermediates=())
    pki.verify(alice, trust=replace(unknown, revocation_lists=(pki.root.revocation_list([alice]),)))


@pytest.mark.parametrize("known", ["authorities", "intermediates"])
@pytest.mark.parametrize("policy", ["strict", "if-present"])
def test_a_ca_that_has_expired_or_has_a_new_key_still_revokes_the_peers(
    pki: Pki, alice: x509.Certificate, policy: str, known: str
) -> None:
    name = "C=XX, O=lab, CN=root"
    expired, renewed = root(name, 1, ends=-DAY), root(name, 77)
    trust = Trust((), peers=(der(alice),), revocation=Revocation(policy))
    revoked = replace(trust, revocation_lists=(pki.root.revocation_list([alice]),))
    for authorities in ((expired,), (renewed, pki.root), (pki.root, renewed)):
        ders = tuple(authority.der for authority in authorities)
        with pytest.raises(Revoked):
            pki.verify(alice, trust=replace(revoked, **{known: ders}))
    good = replace(trust, revocation_lists=(pki.root.revocation_list(),))
    pki.verify(alice, trust=replace(good, **{known: (renewed.der, pki.root.der)}))
    pki.verify(alice, renewed.certificate, trust=replace(good, **{known: (pki.root.der,)}))


def test_the_ca_of_a_certificate_that_is_configured_as_the_peers_was_revoked(pki: Pki) -> None:
    leaf = pki.middle.issue(ALICE, ec_key(10))
    lists = (pki.root.revocation_list([pki.middle.certificate]), pki.middle.revocation_list())
    trust = Trust((), peers=(der(leaf),), revocation=Revocation.IF_PRESENT, revocation_lists=lists)
    pki.verify(leaf, trust=replace(trust, intermediates=(pki.middle.der,)))
    for authorities, intermediates in (((pki.root,), (pki.middle,)), ((), (pki.root, pki.middle))):
        known = {"authorities": tuple(each.der for each in authorities)}
        known["intermediates"] = tuple(each.der for each in intermediates)
        with pytest.raises(Revoked):
            pki.verify(leaf, trust=replace(trust, **known))


def test_off_asks_nothing(pki: Pki) -> None:
    leaf = pki.root.issue(ALICE, ec_key(10), crl_url=CRL_URL, ocsp_url=OCSP_URL)
    web = Web()
    verify(pki, "off", leaf, crls=(pki.root.revocation_list([leaf]),), web=web)
    assert web.asked == []


def test_without_any_news(pki: Pki, alice: x509.Certificate) -> None:
    verify(pki, "if-present", alice)
    with pytest.raises(RevocationUnknown, match=r"CRL of .*CN=root") as caught:
        verify(pki, "strict", alice)
    assert caught.value.code == "cert-revocation-unknown"


def test_strict_wants_news_of_every_authority_but_the_trusted(pki: Pki) -> None:
    sent = pki.middle.issue(ALICE, ec_key(10)), pki.middle.certificate
    crls = pki.root.revocation_list(), pki.middle.revocation_list()
    verify(pki, "strict", *sent, crls=crls)
    for one, missing in zip(crls, ("alice", "middle"), strict=True):
        with pytest.raises(RevocationUnknown, match=f"CN={missing}"):
            verify(pki, "strict", *sent, crls=(one,))


def test_a_revoked_authority(pki: Pki) -> None:
    sent = pki.middle.issue(ALICE, ec_key(10)), pki.middle.certificate
    with pytest.raises(Revoked, match="CN=middle"):
        verify(pki, "if-present", *sent, crls=(pki.root.revocation_list([pki.middle.certificate]),))


def test_a_list_out_of_its_time_still_revokes(pki: Pki, alice: x509.Certificate) -> None:
    old = pki.root.revocation_list(starts=-30 * DAY, ends=-20 * DAY)
    verify(pki, "if-present", alice, crls=(old,))
    with pytest.raises(RevocationUnknown, match="CN=root"):
        verify(pki, "strict", alice, crls=(old,))
    with pytest.raises(Revoked):
        verify(pki, "if-present", alice, crls=(pki.root.revocation_list([alice], starts=-30 * DAY, ends=-20 * DAY),))
    verify(pki, "strict", alice, crls=(old, pki.root.revocation_list()))


def test_a_list_that_another_signed(pki: Pki, alice: x509.Certificate) -> None:
    forged = Authority(pki.root.certificate, ec_key(66)).revocation_list([alice])
    stale = Authority(pki.root.certificate, ec_key(66)).revocation_list([alice], starts=-30 * DAY, ends=-20 * DAY)
    for crl in (forged, stale):
        verify(pki, "if-present", alice, crls=(crl,))
        with pytest.raises(RevocationUnknown):
            verify(pki, "strict", alice, crls=(crl,))


def test_lists_that_are_none(pki: Pki, alice: x509.Certificate) -> None:
    other = root("CN=other", 9).revocation_list([alice])
    verify(pki, "strict", alice, crls=(b"", b"what?", other, pki.root.revocation_list()))


def test_a_list_whose_issuer_has_a_name_of_bits_is_none(pki: Pki, alice: x509.Certificate) -> None:
    crl = bytearray(pki.root.revocation_list([alice]))
    at = crl.index(b"\x0c\x04root")
    crl[at], crl[at + 2] = 3, 0  # a BIT STRING without unused bits
    assert ask_lists(read(der(alice)), read(pki.root.der), [bytes(crl)], NOW).status is Status.UNKNOWN


def damaged(octets: bytes, damage: list[tuple[int, int]]) -> bytes:
    """``octets`` with some of them, wherever they are, turned into others."""
    spoiled = bytearray(octets)
    for at, difference in damage:
        spoiled[at % len(octets)] ^= difference
    return bytes(spoiled)


one_octet = st.tuples(st.integers(0, 10_000), st.integers(1, 255))


@given(damage=one_octet)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_list_proves_nothing(pki: Pki, alice: x509.Certificate, damage: tuple[int, int]) -> None:
    for pristine in (pki.root.revocation_list(), pki.root.revocation_list([alice])):
        crl = damaged(pristine, [damage])
        answer = ask_lists(read(der(alice)), read(pki.root.der), [crl], NOW)
        # a signature's BIT STRING may say that its last bit is unused where that is 0, and means the same
        assert answer.status is Status.UNKNOWN or signed_part(crl) == signed_part(pristine)


def signed_part(crl: bytes) -> bytes:
    """What the signature covers."""
    return x509.load_der_x509_crl(crl).tbs_certlist_bytes


@pytest.fixture(scope="module")
def located(pki: Pki) -> x509.Certificate:
    """A peer whose certificate says where to ask."""
    return pki.root.issue(ALICE, ec_key(10), crl_url=CRL_URL, ocsp_url=OCSP_URL)


def test_a_fetched_list(pki: Pki, located: x509.Certificate) -> None:
    verify(pki, "strict", located, web=Web(crl=pki.root.revocation_list()))
    with pytest.raises(Revoked):
        verify(pki, "if-present", located, web=Web(crl=pki.root.revocation_list([located])))


def test_nothing_to_be_fetched(pki: Pki, located: x509.Certificate) -> None:
    verify(pki, "if-present", located, web=Web())
    with pytest.raises(RevocationUnknown, match=r"http://ca.example/ocsp: refused; http://ca.example/crl: refused"):
        verify(pki, "strict", located, web=Web())


def test_the_uris_of_an_authority_come_first(pki: Pki, alice: x509.Certificate, located: x509.Certificate) -> None:
    revoked = pki.root.revocation_list([alice, located])
    asks_crl, asks_ocsp = (
        (SettingsAuthority("root", pki.root.der, crl_uris=(CRL_URL,)),),
        (SettingsAuthority("root", pki.root.der, ocsp_uris=("http://other.example", OCSP_URL)),),
    )
    for list_ in (revoked, x509.load_der_x509_crl(revoked).public_bytes(Encoding.PEM)):
        with pytest.raises(Revoked):
            verify(pki, "if-present", alice, web=Web(crl=list_), authorities=asks_crl)
    response = pki.root.ocsp_response(alice, REVOKED)
    with pytest.raises(Revoked):
        verify(pki, "if-present", alice, web=Web(ocsp=response), authorities=asks_ocsp)
    web = Web()
    verify(pki, "if-present", located, web=web, authorities=(*asks_ocsp, *asks_crl))
    assert [url for url, _ in web.asked] == ["http://other.example", OCSP_URL, CRL_URL]
    web = Web(crl=revoked)
    verify(pki, "if-present", alice, web=web, authorities=(SettingsAuthority("x", pki.middle.der, (CRL_URL,)),))
    assert web.asked == []


def test_a_uri_makes_the_difference(pki: Pki, alice: x509.Certificate, located: x509.Certificate) -> None:
    verify(pki, "if-uri", alice, web=Web())
    verify(pki, "if-uri", located, web=Web(crl=pki.root.revocation_list()))
    for certificate, authorities in (
        (located, ()),
        (alice, (SettingsAuthority("root", pki.root.der, ocsp_uris=(OCSP_URL,)),)),
    ):
        for web in (Web(), None):
            with pytest.raises(RevocationUnknown):
                verify(pki, "if-uri", certificate, web=web, authorities=authorities)


def test_nobody_is_asked_when_a_list_at_hand_knows(pki: Pki, located: x509.Certificate) -> None:
    web = Web(ocsp=pki.root.ocsp_response(located, GOOD))
    verify(pki, "strict", located, crls=(pki.root.revocation_list(),), web=web)
    with pytest.raises(Revoked):
        verify(pki, "strict", located, crls=(pki.root.revocation_list([located]),), web=web)
    assert web.asked == []


def test_nothing_is_fetched_for_a_certificate_that_is_not_trusted(pki: Pki) -> None:
    web = Web()
    stranger = root("CN=stranger", 4)
    with pytest.raises(Untrusted):
        verify(pki, "strict", stranger.issue(ALICE, ec_key(10), crl_url=CRL_URL, ocsp_url=OCSP_URL), web=web)
    assert web.asked == []


def test_addresses_are_few(pki: Pki) -> None:
    points = [
        x509.DistributionPoint([x509.UniformResourceIdentifier(f"http://{number}.example")], None, None, None)
        for number in range(20)
    ]
    leaf = pki.root.issue(ALICE, ec_key(10), more=[(x509.CRLDistributionPoints(points), False)])
    web = Web()
    verify(pki, "if-present", leaf, web=web)
    assert len(web.asked) == 2


def test_lists_at_one_address_are_few(pki: Pki, located: x509.Certificate) -> None:
    """They come over plain HTTP, and OpenSSL would look at each."""
    list_ = x509.load_der_x509_crl(pki.root.revocation_list()).public_bytes(Encoding.PEM)
    verify(pki, "strict", located, web=Web(crl=16 * list_))
    with pytest.raises(RevocationUnknown):
        verify(pki, "strict", located, web=Web(crl=17 * list_))


def test_ocsp_is_asked_first(pki: Pki, located: x509.Certificate) -> None:
    web = Web(ocsp=pki.root.ocsp_response(located, GOOD), crl=pki.root.revocation_list([located]))
    verify(pki, "strict", located, web=web)
    (url, body), *more = web.asked
    assert (url, more) == (OCSP_URL, [])
    assert body is not None
    assert ocsp.load_der_ocsp_request(body).serial_number == located.serial_number


def test_ocsp_says_revoked(pki: Pki, located: x509.Certificate) -> None:
    with pytest.raises(Revoked, match="OCSP responder of"):
        verify(pki, "if-present", located, web=Web(ocsp=pki.root.ocsp_response(located, REVOKED)))


def test_ocsp_does_not_know(pki: Pki, located: x509.Certificate) -> None:
    response = pki.root.ocsp_response(located, UNKNOWN)
    verify(pki, "strict", located, web=Web(ocsp=response, crl=pki.root.revocation_list()))
    with pytest.raises(RevocationUnknown):
        verify(pki, "strict", located, web=Web(ocsp=response))


def ask(pki: Pki, certificate: x509.Certificate, response: bytes) -> Status:
    return read_response(response, read(der(certificate)), read(pki.root.der), NOW).status


@pytest.mark.parametrize(
    ("starts", "ends", "status"),
    [
        (-60, DAY, Status.GOOD),
        (-60, None, Status.GOOD),
        (120, DAY, Status.GOOD),
        (-2 * DAY, -DAY, Status.UNKNOWN),
        (-DAY, None, Status.UNKNOWN),
        (3600, DAY, Status.UNKNOWN),
    ],
)
def test_the_age_of_a_response(
    pki: Pki, alice: x509.Certificate, starts: float, ends: float | None, status: Status
) -> None:
    assert ask(pki, alice, pki.root.ocsp_response(alice, starts=starts, ends=ends)) is status


def test_a_response_about_another(pki: Pki, alice: x509.Certificate, located: x509.Certificate) -> None:
    assert ask(pki, alice, pki.root.ocsp_response(located)) is Status.UNKNOWN


def test_a_response_that_another_signed(pki: Pki, alice: x509.Certificate) -> None:
    response = pki.root.ocsp_response(alice)
    signature = ocsp.load_der_ocsp_response(response).signature
    forged = response.replace(signature, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert ask(pki, alice, response) is Status.GOOD
    assert ask(pki, alice, forged) is Status.UNKNOWN


@pytest.mark.parametrize(("size", "status"), [(60_000, Status.GOOD), (66_000, Status.UNKNOWN)])
def test_a_response_that_is_too_large(pki: Pki, alice: x509.Certificate, size: int, status: Status) -> None:
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.5.6"), bytes(size))
    large = pki.root.issue("CN=large", pki.root.key, more=[(filler, False)])
    assert ask(pki, alice, pki.root.ocsp_response(alice, responder=(large, pki.root.key))) is status


@pytest.mark.parametrize("key", [ec_key(30), rsa_key(2)])
def test_a_response_that_a_delegate_signed(pki: Pki, alice: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    purposes = [ExtendedKeyUsageOID.OCSP_SIGNING]
    delegate = pki.root.issue("CN=ocsp", key, extended=purposes, usage=key_usage("digital_signature"))
    assert ask(pki, alice, pki.root.ocsp_response(alice, responder=(delegate, key))) is Status.GOOD
    others = [
        pki.root.issue("CN=ocsp", key),
        pki.root.issue("CN=ocsp", key, extended=[ExtendedKeyUsageOID.SERVER_AUTH]),
        pki.root.issue("CN=ocsp", key, extended=purposes, ends=-1),
        pki.middle.issue("CN=ocsp", key, extended=purposes),
        root("C=XX, O=lab, CN=root", 66).issue("CN=ocsp", key, extended=purposes),
    ]
    for other in others:
        assert ask(pki, alice, pki.root.ocsp_response(alice, responder=(other, key))) is Status.UNKNOWN


@pytest.mark.parametrize("status", [ocsp.OCSPResponseStatus.TRY_LATER, ocsp.OCSPResponseStatus.UNAUTHORIZED])
def test_a_responder_that_does_not_answer(pki: Pki, alice: x509.Certificate, status: ocsp.OCSPResponseStatus) -> None:
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    answer = read_response(refusal, read(der(alice)), read(pki.root.der), NOW)
    assert answer.status is Status.UNKNOWN
    assert status.name in answer.source


def tbs(response: bytes) -> bytes:
    """What the signature covers."""
    return ocsp.load_der_ocsp_response(response).tbs_response_bytes


@given(damage=st.lists(one_octet, min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_a_damaged_response_proves_nothing(pki: Pki, alice: x509.Certificate, damage: list[tuple[int, int]]) -> None:
    pristine = pki.root.ocsp_response(alice)
    response = damaged(pristine, damage)
    assert ask(pki, alice, response) is Status.UNKNOWN or tbs(response) == tbs(pristine)


@given(octets=st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_octets_prove_nothing(pki: Pki, alice: x509.Certificate, octets: bytes) -> None:
    assert ask(pki, alice, octets) is Status.UNKNOWN
    assert ask_lists(read(der(alice)), read(pki.root.der), [octets], NOW).status is Status.UNKNOWN
