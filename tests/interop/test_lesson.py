"""A lesson that was saved, in the eyes of tshark: the same identities, nonces, public values and hashes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from ikev1.cli.learn.save import key_file, save, ways_to_open
from ikev1.cli.main import main
from ikev1.lesson.evidence import Evidence, evidence_of
from ikev1.lesson.run import Subject, run
from ikev1.lesson.teach import lesson_of

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@pytest.fixture(params=list(Subject))
def evidence(request: pytest.FixtureRequest) -> Evidence:
    return evidence_of(run(request.param, "aes128-sha256-modp2048", b"only the two of us know this"))


@pytest.fixture
def capture(evidence: Evidence, tmp_path: Path) -> Path:
    file = tmp_path / "lesson.pcapng"
    save(file, evidence.run)
    return file


def fields(evidence: Evidence, capture: Path, *names: str) -> list[list[str]]:
    """What tshark makes of each frame, with the options that the learner is told."""
    _, wireshark = ways_to_open(capture, evidence)
    options = shlex.split(wireshark)[2:]
    command = ["tshark", "-r", str(capture), *options, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;"]
    command += [word for name in names for word in ("-e", name)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in shown.splitlines()]


def test_tshark_sees_the_values_that_are_told(evidence: Evidence, capture: Path) -> None:
    rows = fields(evidence, capture, "isakmp.hash", "isakmp.nonce", "isakmp.key_exchange.data", "isakmp.ispi")
    labels = [message.label for message in evidence.conversation.messages]
    seen = {label: " ".join(row).replace(":", "").lower() for label, row in zip(labels, rows, strict=True)}
    told = 0
    for step in lesson_of(evidence).steps:
        for name, value in step.values:
            if step.label and name.startswith(("HASH", "KE", "Ni", "Nr")):
                assert value in seen[step.label], f"{name} of {step.label}"
                told += 1
    assert told == {Subject.MAIN: 6, Subject.AGGRESSIVE: 6, Subject.QUICK: 7}[evidence.run.subject]


def test_tshark_sees_who_they_are(evidence: Evidence, capture: Path) -> None:
    names = {name for row in fields(evidence, capture, "isakmp.id.data.fqdn") for name in row if name}
    assert names == {"initiator.example", "responder.example"}


def test_nothing_is_malformed(evidence: Evidence, capture: Path) -> None:
    assert {cell for row in fields(evidence, capture, "_ws.malformed") for cell in row} == {""}


def test_explain_checks_every_hash(evidence: Evidence, capture: Path) -> None:
    explain, _ = ways_to_open(capture, evidence)
    done = CliRunner().invoke(main, shlex.split(explain)[1:])
    assert done.exit_code == 0
    assert "? HASH" not in done.stdout
    hashes = {Subject.MAIN: 2, Subject.AGGRESSIVE: 2, Subject.QUICK: 5}[evidence.run.subject]
    assert done.stdout.count("✓ HASH") == hashes


@pytest.mark.parametrize("secret", [b"\xff\xfe", b"0x12", b'it\'s "quoted" $HOME', "schön".encode()])
def test_any_key_can_be_given_back_to_explain(secret: bytes, tmp_path: Path) -> None:
    evidence = evidence_of(run(Subject.AGGRESSIVE, "aes128-sha256-ecp256", secret))
    save(tmp_path / "lesson.pcapng", evidence.run)
    explain, _ = ways_to_open(tmp_path / "lesson.pcapng", evidence)
    assert CliRunner().invoke(main, shlex.split(explain)[1:]).stdout.count("✓ HASH") == 2


def test_the_key_is_for_its_owner_alone(capture: Path) -> None:
    assert key_file(capture).stat().st_mode & 0o777 == 0o600
