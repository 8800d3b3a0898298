"""Each rule for configurations, both ways: a sound configuration, and what is found when one thing in it is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.audit.finding import Finding, Severity

Audited = Callable[..., dict[str, list[Finding]]]

ALWAYS = {"ikev1"}  # what no configuration can help
SECRET = 'secret = "x7Qm-2vBz9LwPk4RtYc8HnSd"'
PROPOSALS = '["aes256-sha256-modp2048"]'
ESP = 'proposals = ["aes256gcm16"]'
PFS = 'pfs = "modp2048"'
ADDRESS = 'remote_address = "192.0.2.1"'
ANOTHER = """
[connection.other]
remote_address = "192.0.2.9"
proposals = ["aes256-sha256-modp2048"]
"""


def test_a_sound_configuration(audited: Audited) -> None:
    found = audited()
    assert set(found) == ALWAYS
    assert all(finding.severity is Severity.INFO for findings in found.values() for finding in findings)


@pytest.mark.parametrize(
    ("old", "new", "code", "severity", "key"),
    [
        (
            ADDRESS,
            ADDRESS + '\naggressive = "accept-psk"',
            "aggressive-psk",
            "medium",
            "connection.branch.aggressive",
        ),
        (PROPOSALS, '["des-sha256-modp2048"]', "weak-cipher", "high", "connection.branch.proposals"),
        (PROPOSALS, '["3des-sha256-modp2048"]', "weak-cipher", "medium", "connection.branch.proposals"),
        (PROPOSALS, '["aes256-md5-modp2048"]', "weak-hash", "medium", "connection.branch.proposals"),
        (PROPOSALS, '["aes256-sha1-modp2048"]', "weak-hash", "info", "connection.branch.proposals"),
        (PROPOSALS, '["aes256-sha256-modp1024"]', "weak-group", "high", "connection.branch.proposals"),
        (ESP, 'proposals = ["3des-sha256"]', "weak-cipher", "medium", "connection.branch.tunnel.net.proposals"),
        (ESP, 'proposals = ["aes256-md5"]', "weak-hash", "medium", "connection.branch.tunnel.net.proposals"),
        (ESP, 'proposals = ["null-sha256"]', "null-encryption", "high", "connection.branch.tunnel.net.proposals"),
        (
            ESP,
            'ah_proposals = ["sha256"]',
            "null-encryption",
            "medium",
            "connection.branch.tunnel.net.ah_proposals",
        ),
        (PFS, 'pfs = "modp1024"', "weak-group", "medium", "connection.branch.tunnel.net.proposals"),
        (PFS, "", "no-pfs", "medium", "connection.branch.tunnel.net.pfs"),
        (PFS, PFS + '\nlifetime = "9h"', "phase2-lifetime", "medium", "connection.branch.tunnel.net.lifetime"),
        (PFS, PFS + "\nreplay_window = 0", "anti-replay-off", "medium", "connection.branch.tunnel.net.replay_window"),
        (
            ADDRESS,
            ADDRESS + '\nlifetime = "2d"',
            "phase1-lifetime",
            "low",
            "connection.branch.lifetime",
        ),
        (ADDRESS, ADDRESS + '\nproposal_check = "obey"', "obey", "medium", "connection.branch.proposal_check"),
        (ADDRESS, 'remote_address = "%any"', "group-secret", "medium", "connection.branch.remote_address"),
        (ADDRESS, 'remote_address = "192.0.2.0/24"', "group-secret", "medium", "connection.branch.remote_address"),
        (SECRET, 'secret = "Summer2024!"', "weak-secret", "high", "connection.branch.secret"),
        (SECRET, 'secret = "0x01020304050607ff"', "weak-secret", "medium", "connection.branch.secret"),
        (
            "[connection.branch]",
            '[gateway]\nkeylog = "keys"\n[connection.branch]',
            "key-log",
            "medium",
            "gateway.keylog",
        ),
    ],
)
def test_one_thing_is_changed(audited: Audited, old: str, new: str, code: str, severity: str, key: str) -> None:
    found = audited((old, new))
    assert set(found) == {*ALWAYS, code}
    (finding,) = found[code]
    assert finding.severity == severity
    assert finding.evidence[0].key == key


@pytest.mark.parametrize(("lifetime", "count"), [("8h", 0), ("28801", 1)])
def test_eight_hours_are_the_limit_of_phase_2(audited: Audited, lifetime: str, count: int) -> None:
    assert len(audited((PFS, f'{PFS}\nlifetime = "{lifetime}"')).get("phase2-lifetime", [])) == count


@pytest.mark.parametrize(("secret", "severity"), [(SECRET, Severity.MEDIUM), ('secret = "Summer2024!"', Severity.HIGH)])
@pytest.mark.parametrize("option", ['mode = "aggressive"', 'aggressive = "accept-psk"'])
def test_a_strong_secret_takes_the_edge_off_aggressive_mode(
    audited: Audited, secret: str, severity: Severity, option: str
) -> None:
    (finding,) = audited((ADDRESS, f"{ADDRESS}\n{option}"), (SECRET, secret))["aggressive-psk"]
    assert finding.severity is severity
    assert finding.evidence[0].key == f"connection.branch.{option.split()[0]}"


def test_what_is_sent_in_aggressive_mode(audited: Audited) -> None:
    found = audited((ADDRESS, f'{ADDRESS}\nmode = "aggressive"\nlocal_id = "joe@example.org"'))
    assert "joe@example.org" in found["identities-exposed"][0].found
    assert found["identities-exposed"][0].severity is Severity.MEDIUM


def test_an_address_says_little(audited: Audited) -> None:
    found = audited((ADDRESS, f'{ADDRESS}\nmode = "aggressive"'))
    assert found["identities-exposed"][0].severity is Severity.INFO


def test_no_finding_tells_the_secret(audited: Audited) -> None:
    found = audited((SECRET, 'secret = "Summer2024!"'), (ADDRESS, f'{ADDRESS}\nmode = "aggressive"'))
    assert "ummer" not in repr(found)


def test_the_same_secret_twice(audited: Audited) -> None:
    found = audited((ADDRESS, f"{ADDRESS}\n"), ("[connection.branch]", f"{ANOTHER}{SECRET}\n[connection.branch]"))
    (finding,) = found["reused-secret"]
    assert [evidence.key for evidence in finding.evidence] == ["connection.other.secret", "connection.branch.secret"]


def test_different_secrets_are_no_matter(audited: Audited) -> None:
    other = f"{ANOTHER}{SECRET.replace('x7Qm', 'Zk3w')}\n[connection.branch]"
    assert "reused-secret" not in audited(("[connection.branch]", other))


def test_a_weak_algorithm_in_two_connections_is_one_finding(audited: Audited) -> None:
    weak = ANOTHER.replace("aes256", "3des") + SECRET.replace("x7Qm", "Zk3w")
    found = audited((PROPOSALS, '["3des-sha256-modp2048"]'), ("[connection.branch]", f"{weak}\n[connection.branch]"))
    (finding,) = found["weak-cipher"]
    assert len(finding.evidence) == 2


def test_policies_of_their_own_are_where_the_finding_points(audited: Audited) -> None:
    policy = '[policy.20]\nencryption = "3des"\nhash = "sha256"\ngroup = 14\n[connection.branch]'
    found = audited((f"proposals = {PROPOSALS}", ""), ("[connection.branch]", policy))
    assert found["weak-cipher"][0].evidence[0].key == "policy.20"
    found = audited((f"proposals = {PROPOSALS}", ""), ("[connection.branch]", f"{policy.replace('3des', 'aes')}"))
    assert "weak-cipher" not in found


def test_default_policies_are_sound_but_for_sha1(audited: Audited) -> None:
    found = audited((f"proposals = {PROPOSALS}", ""))
    assert set(found) == {*ALWAYS, "weak-hash"}
    assert found["weak-hash"][0].evidence[0].key == "connection.branch"


def test_a_file_that_others_can_read(audited: Audited) -> None:
    found = audited(mode=0o644)
    assert set(found) == {"ikev1", "exposed-file"}  # the rest cannot be examined
    assert found["exposed-file"][0].evidence[0].key == "connection.branch.secret"


def test_a_secret_file_that_others_can_read(audited: Audited, tmp_path: Path) -> None:
    secret = tmp_path / "psk"
    secret.write_text("x7Qm-2vBz9LwPk4RtYc8HnSd\n")
    secret.chmod(0o640)
    change = (SECRET, 'secret_file = "psk"')
    assert ("exposed-file" in audited(change)) == (secret.stat().st_gid != 0)
    secret.chmod(0o644)
    (finding,) = audited(change)["exposed-file"]
    assert finding.evidence[0].file == str(secret)
    secret.chmod(0o600)
    assert set(audited(change)) == ALWAYS


def test_a_configuration_that_others_can_change(audited: Audited, tmp_path: Path) -> None:
    secret = tmp_path / "psk"
    secret.touch(0o600)
    secret.write_text("x7Qm-2vBz9LwPk4RtYc8HnSd\n")
    change = (SECRET, 'secret_file = "psk"')
    assert set(audited(change, mode=0o644)) == ALWAYS
    found = audited(change, mode=0o666)
    assert set(found) == {"ikev1", "changeable-file"}
    assert found["changeable-file"][0].severity is Severity.HIGH


def test_a_folder_that_others_can_write_to(audited: Audited, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    gateway = '[gateway]\nstate = "open/state"\nrecord = "open/record"\n[connection.branch]'
    (finding,) = audited(("[connection.branch]", gateway))["changeable-file"]
    assert (finding.evidence[0].file, finding.evidence[0].key) == (str(tmp_path / "open"), "gateway.state")
    tmp_path.chmod(0o777)
    found = audited()
    assert set(found) == {"ikev1", "changeable-file"}
    assert found["changeable-file"][0].evidence[0].file == str(tmp_path)


def test_a_key_log_that_others_can_read(audited: Audited, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("")
    keys.chmod(0o644)
    found = audited(("[connection.branch]", '[gateway]\nkeylog = "keys"\n[connection.branch]'))
    assert set(found) == {*ALWAYS, "exposed-file", "key-log"}


def test_what_keeps_it_from_being_used(audited: Audited) -> None:
    found = audited((ADDRESS, 'remote_adress = "192.0.2.1"'))
    assert set(found) == {"ikev1", "unusable"}
    assert "'remote_address'" in found["unusable"][0].found
