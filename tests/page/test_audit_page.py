"""The page of an audit."""

from __future__ import annotations

from ikev1.audit.finding import Audit, Evidence, Severity
from ikev1.audit.topics import topic
from ikev1.page.audit import audit_page

HOSTILE = "<script>alert(1)</script>"


def audit(*found: str, notes: tuple[str, ...] = ()) -> Audit:
    evidence = (
        Evidence(text="HASH_R", frames=(2, 3), message="AM2", offset=40, length=24),
        Evidence(text=HOSTILE, file="ikev1.toml", key="connection.a.mode"),
    )
    findings = tuple(topic("aggressive-psk").finding(Severity.HIGH, each, *evidence) for each in found)
    return Audit(source="a.pcap", kind="capture", examined="1 conversation", findings=findings, notes=notes)


def test_a_finding_with_its_evidence() -> None:
    page = audit_page(audit("what was found"))
    assert "what was found" in page
    assert "frames 2, 3, AM2, octets 40 to 63: HASH_R" in page
    assert "connection.a.mode" in page
    assert topic("aggressive-psk").source in page


def test_nothing_in_it_is_obeyed() -> None:
    page = audit_page(audit(HOSTILE, notes=(HOSTILE,)))
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3


def test_nothing_found_is_said() -> None:
    page = audit_page(audit())
    assert 'class="card finding"' in audit_page(audit("a finding"))
    assert 'class="card finding"' not in page
    assert page.count("<p>") > audit_page(audit("a finding")).count("<p>")
