"""`ikev1 audit`: forms of output, exit statuses, and sentences where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikev1.cli.main import main
from shared import CAPTURES, shared_file

EXAMPLE = Path(__file__).parents[3] / "examples" / "branch.pcap"
SECRET = "x7Qm-2vBz9LwPk4RtYc8HnSd"
SOUND = f"""
[connection.branch]
secret = "{SECRET}"
remote_address = "192.0.2.1"
proposals = ["aes256-sha256-modp2048"]
[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
pfs = "modp2048"
proposals = ["aes256gcm16"]
"""


def audit(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["audit", *map(str, arguments)])


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    file.chmod(0o600)
    return file


@pytest.fixture
def capture() -> Path:
    return shared_file(CAPTURES / "aggressive-mode-psk.pcap")


def test_a_capture_is_known_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "ikev1.toml"
    file.write_bytes(EXAMPLE.read_bytes())
    assert "1 conversation in 15 frames" in audit(file).stdout


def test_a_configuration_is_known_by_its_content(tmp_path: Path) -> None:
    done = audit(written(tmp_path, "capture.pcap", SOUND))
    assert "1 connection\n" in done.stdout
    assert done.exit_code == 0


ROUTER = """hostname R1
crypto isakmp policy 10
 encr aes 256
 authentication pre-share
 group 2
crypto isakmp key x7Qm-2vBz9LwPk4RtYc8HnSd address 198.51.100.7
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
crypto map VPN 10 ipsec-isakmp
 set peer 198.51.100.7
 set transform-set T
 match address 100
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map VPN
access-list 100 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
"""


@pytest.mark.parametrize("side", ["--as", "--peer-of"])
def test_either_end_of_a_router(tmp_path: Path, side: str) -> None:
    file = written(tmp_path, "router.txt", ROUTER)
    done = audit("--json", side, "R1", file)
    assert "weak-group" in {finding["code"] for finding in json.loads(done.stdout)["findings"]}
    assert audit(side, "R2", file).exit_code == 2


def test_a_capture_has_no_ends_of_a_router(capture: Path) -> None:
    assert audit("--peer-of", "R1", capture).exit_code == 2


@pytest.mark.parametrize(
    ("fail_on", "status"), [("high", 0), ("medium", 1), ("low", 1), ("info", 1), ("never", 0), ("worst", 2)]
)
def test_the_exit_status_for_pipelines(tmp_path: Path, fail_on: str, status: int) -> None:
    file = written(tmp_path, "ikev1.toml", SOUND.replace("pfs", "#pfs"))  # a medium finding
    assert audit("--fail-on", fail_on, file).exit_code == status


def test_high_is_what_fails_unless_said_otherwise(tmp_path: Path) -> None:
    assert audit(written(tmp_path, "ikev1.toml", SOUND.replace("pfs", "#pfs"))).exit_code == 0
    assert audit(written(tmp_path, "ikev1.toml", SOUND.replace(SECRET, "secret"))).exit_code == 1


def test_json(tmp_path: Path) -> None:
    found = json.loads(audit("--json", written(tmp_path, "ikev1.toml", SOUND)).stdout)
    assert (found["schema"], found["kind"]) == (1, "configuration")
    assert {finding["code"] for finding in found["findings"]} == {"ikev1"}


def test_a_page(tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    done = audit("--html", page, EXAMPLE)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "weak-group" in page.read_text()


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"this is no TOML"],
)
def test_neither_of_the_two(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    done = audit(file)
    assert done.exit_code == 2
    assert str(file) in done.stderr


def test_a_capture_that_is_broken_is_no_clean_bill(tmp_path: Path) -> None:
    file = tmp_path / "broken.pcapng"
    file.write_bytes(bytes.fromhex("0a0d0d0a") + bytes(40))
    assert audit(file).exit_code == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert audit(tmp_path / "missing").exit_code == 2


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    done = audit("--html", tmp_path / "missing" / "page.html", EXAMPLE)
    assert done.exit_code == 2
    assert str(tmp_path / "missing" / "page.html") in done.stderr


def test_a_key_that_is_none(tmp_path: Path) -> None:
    done = audit("--dh-secret", "nonsense", EXAMPLE)
    assert done.exit_code == 2


# --- one's own secret


def test_the_configured_secret_falls_to_a_word_list(tmp_path: Path, capture: Path) -> None:
    secret, words = written(tmp_path, "s", "MYPASSWORD\n"), written(tmp_path, "words", "x\nMYPASSWORD\n")
    done = audit("--secret-file", secret, "--words", words, capture)
    assert done.exit_code == 1
    assert "guessable-secret" in done.stdout
    assert "MYPASSWORD" not in done.output


def test_the_secret_of_a_connection(tmp_path: Path, capture: Path) -> None:
    config = written(tmp_path, "ikev1.toml", SOUND.replace(SECRET, "MYPASSWORD"))
    done = audit("--config", config, "--json", capture)
    found = {finding["code"]: finding["found"] for finding in json.loads(done.stdout)["findings"]}
    assert "the secret of connection branch" in found["testable-secret"]
    assert "MYPASSWORD" not in done.output


def test_another_secret_than_that_of_the_capture(tmp_path: Path, capture: Path) -> None:
    config, words = written(tmp_path, "ikev1.toml", SOUND), written(tmp_path, "words", "MYPASSWORD\n")
    done = audit("--config", config, "--words", words, capture)
    assert "guessable-secret" not in done.stdout
    assert "testable-secret" not in done.stdout


def test_words_without_a_secret_of_ones_own(tmp_path: Path, capture: Path) -> None:
    done = audit("--words", written(tmp_path, "words", "MYPASSWORD\n"), capture)
    assert done.exit_code == 2
    assert "--config or --secret-file" in done.stderr


def test_a_configuration_has_no_hash_to_test_by(tmp_path: Path) -> None:
    file = written(tmp_path, "ikev1.toml", SOUND)
    done = audit("--config", file, file)
    assert done.exit_code == 2
    assert str(file) in done.stderr


def test_a_configuration_without_secrets(tmp_path: Path, capture: Path) -> None:
    done = audit("--config", written(tmp_path, "ikev1.toml", "[gateway]\n"), capture)
    assert done.exit_code == 2
    assert "ikev1.toml" in done.stderr


def test_a_configuration_that_cannot_be_used(tmp_path: Path, capture: Path) -> None:
    done = audit("--config", written(tmp_path, "ikev1.toml", "[gatewy]\n"), capture)
    assert done.exit_code == 2
    assert "`ikev1 check " in done.stderr


def test_a_word_list_that_cannot_be_read(tmp_path: Path, capture: Path) -> None:
    """Not even root can read the memory at address 0."""
    secret = written(tmp_path, "s", "MYPASSWORD\n")
    done = audit("--secret-file", secret, "--words", "/proc/self/mem", capture)
    assert done.exit_code == 2


def test_a_secret_file_that_others_can_read(tmp_path: Path, capture: Path) -> None:
    secret = written(tmp_path, "s", "MYPASSWORD\n")
    secret.chmod(0o644)
    done = audit("--secret-file", secret, capture)
    assert done.exit_code == 2
    assert "chmod 600" in done.stderr
    assert "MYPASSWORD" not in done.output
