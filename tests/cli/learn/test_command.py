"""`ikev1 learn`: forms of output, and sentences where something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ikev1.capture.read import open_capture
from ikev1.cli.main import main


def learn(*arguments: object, input: str = "") -> Result:
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["learn", *map(str, arguments)], input=input)


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ((), ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]),
        (("main",), ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6"]),
        (("aggressive",), ["AM1", "AM2", "AM3"]),
        (("quick",), ["QM1", "QM2", "QM3"]),
    ],
)
def test_every_message_is_explained(arguments: tuple[str, ...], labels: list[str]) -> None:
    done = learn(*arguments)
    assert done.exit_code == 0
    headings = [line.split()[0] for line in done.stdout.splitlines() if line[:4].strip() in labels]
    assert headings == labels


def test_the_formulas_and_the_toy_stand_there() -> None:
    text = " ".join(learn("main").stdout.split())
    assert "SKEYID = prf(pre-shared-key, Ni_b | Nr_b) RFC 2409 §5" in text
    assert "SKEYID = H(PSK | Ni | Nr)" in text
    assert "3^2 mod 5 = 4" in text
    assert "prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)" in text


def test_json() -> None:
    lesson = json.loads(learn("quick", "--json", "--suite", "aes256-sha384-ecp384").stdout)
    assert (lesson["schema"], lesson["mode"], lesson["suite"]) == (1, "Quick Mode", "aes256-sha384-ecp384")
    assert [step["label"] for step in lesson["steps"]] == ["", "QM1", "QM2", "", "QM3"]


def test_the_key_of_the_run() -> None:
    lesson = json.loads(learn("aggressive", "--json", "--psk", "ganz geheim").stdout)
    inputs = {name: octets for step in lesson["steps"] for each in step["formulas"] for name, octets in each["inputs"]}
    assert bytes.fromhex(inputs["pre-shared-key"]).decode() == "ganz geheim"


def test_a_page(tmp_path: Path) -> None:
    page = tmp_path / "lesson.html"
    done = learn("aggressive", "--html", page)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "HASH_R" in page.read_text()


def test_a_page_at_a_time_says_the_same() -> None:
    stepped, whole = learn("aggressive", "--step").stdout, learn("aggressive").stdout
    assert stepped.count("any key") == 0  # nobody sits there
    assert len(stepped.splitlines()) == pytest.approx(len(whole.splitlines()), abs=10)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--suite", "aes256"), "--suite"),
        (("--suite", "aes257-sha1-modp1024"), "aes257"),
        (("--psk", ""), "--psk"),
        (("fast",), "main"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    done = learn(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    done = learn("--html", tmp_path / "missing" / "page.html")
    assert done.exit_code == 1
    assert str(tmp_path / "missing" / "page.html") in done.stderr


def test_the_packets_are_saved_with_their_key(tmp_path: Path) -> None:
    file = tmp_path / "lesson.pcapng"
    done = learn("aggressive", "--save", file)
    assert done.exit_code == 0
    explain, wireshark = done.stderr.splitlines()
    assert explain.startswith(f"ikev1 explain {file} --port ")
    cookie, key = (tmp_path / "lesson.pcapng.keys").read_text().strip().split(",")
    assert wireshark.endswith(f"uat:ikev1_decryption_table:{cookie},{key}")
    with open_capture(file, range(1024, 65536)) as capture:
        assert len(list(capture)) == 3


def test_packets_that_cannot_be_saved(tmp_path: Path) -> None:
    done = learn("--save", tmp_path / "missing" / "lesson.pcapng")
    assert done.exit_code == 1
    assert str(tmp_path / "missing" / "lesson.pcapng") in done.stderr


def test_control_characters_in_the_key_are_not_obeyed() -> None:
    assert "\x1b[2J" not in learn("aggressive", "--psk", "\x1b[2Jgone").stdout
