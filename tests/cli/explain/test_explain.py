"""`ikev1 explain` as people and programs call it, on recordings of our own engines."""

from __future__ import annotations

import gzip
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from captured import Recorder, two
from configured import SECRET
from ikev1.capture.records.packets import Datagram
from ikev1.capture.records.report import Report
from ikev1.capture.write import datagram_block, section_blocks
from ikev1.cli.explain.text import MANY
from ikev1.cli.main import main
from ikev1.core.records.settings import Aggressive, Mode
from pcap_writer import pcap
from playbook import Network
from shared import CAPTURES, shared_file

Explain = Callable[..., Result]
LABELS = ["MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3"]


@pytest.fixture
def secrets(main_mode: Recorder) -> list[str]:
    """The options that open the recording: the pre-shared key, and private exponents of one peer."""
    exponents = [option for private in main_mode.privates["alice"] for option in ("--dh-secret", private.hex())]
    return ["--psk", SECRET.decode(), *exponents]


def _arrows(output: str) -> list[str]:
    return [line.split()[1] for line in output.splitlines() if line.startswith(("│── ", "│◀─ "))]


def test_every_message_is_a_rung_of_the_ladder(explain: Explain, capture: Path) -> None:
    done = explain(capture)
    assert done.exit_code == 0
    assert _arrows(done.stdout) == LABELS
    assert "1. 192.0.2.1 → 198.51.100.2: established" in done.stdout
    assert done.stderr == ""


def test_no_line_is_wider_than_the_terminal(explain: Explain, capture: Path, secrets: list[str]) -> None:
    done = explain(capture, "-v", "--show-keys", *secrets)
    assert max(map(len, done.stdout.splitlines())) <= 80
    sides = {line[-1] for line in done.stdout.splitlines() if line.startswith("│")}
    assert sides == {"│"}


def test_without_a_terminal_there_are_no_colours(explain: Explain, capture: Path) -> None:
    assert "\x1b" not in explain(capture).stdout


def test_keys_open_what_was_encrypted(explain: Explain, capture: Path, secrets: list[str]) -> None:
    closed, opened = explain(capture).stdout, explain(capture, *secrets).stdout
    assert "✓ HASH_I" not in closed
    assert "✓ HASH_I" in opened
    assert "✓ HASH_R" in opened
    assert "✗" not in opened


def test_key_material_is_shown_only_when_asked_for(explain: Explain, capture: Path, secrets: list[str]) -> None:
    for form in ((), ("--json",), ("-v",)):
        done = explain(capture, *secrets, *form)
        assert SECRET.hex() not in done.stdout
        assert SECRET.hex() in explain(capture, *secrets, *form, "--show-keys").stdout


def test_fields_are_shown_on_demand(explain: Explain, capture: Path) -> None:
    assert "Initiator Cookie" not in explain(capture).stdout
    one = explain(capture, "--message", "mm1").stdout
    assert one.count(" 0    Initiator Cookie: ") == 1
    assert "octets:" in one
    assert explain(capture, "-v").stdout.count(" 0    Initiator Cookie: ") == len(LABELS)


def test_json_is_the_report(explain: Explain, capture: Path) -> None:
    report = msgspec.json.decode(explain(capture, "--json").stdout, type=Report)
    assert report.source == "branch.pcap"
    assert [message.label for message in report.conversations[0].messages] == LABELS


def test_a_page_is_written_and_closed_if_there_are_keys_in_it(
    explain: Explain, capture: Path, secrets: list[str], tmp_path: Path
) -> None:
    open_page, closed_page = tmp_path / "open.html", tmp_path / "closed.html"
    done = explain(capture, "--html", open_page)
    explain(capture, *secrets, "--show-keys", "--html", closed_page)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert str(open_page) in done.stderr
    assert open_page.read_text().startswith("<!DOCTYPE html>")
    assert stat.S_IMODE(open_page.stat().st_mode) & 0o044
    assert stat.S_IMODE(closed_page.stat().st_mode) == 0o600


def test_compressed_or_from_standard_input_it_is_the_same(explain: Explain, capture: Path, tmp_path: Path) -> None:
    packed = tmp_path / "packed" / "branch.pcap"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    expected = explain(capture).stdout
    assert explain(packed).stdout == expected
    program = "from ikev1.cli.main import main; main()"
    command = [sys.executable, "-c", program, "explain", "-"]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command, input=capture.read_bytes(), capture_output=True, env=environment, check=False)
    assert (done.stderr.decode(), done.stdout.decode()) == ("", expected)


def test_a_capture_without_times_has_none(explain: Explain, main_mode: Recorder, tmp_path: Path) -> None:
    """Some tools write zeros; nothing is then said of when, and no repetition is taken for a copy."""
    first = main_mode.packets[0]
    file, page = tmp_path / "timeless.pcap", tmp_path / "page.html"
    file.write_bytes(pcap([packet._replace(time=0.0) for packet in [first, first, *main_mode.packets[1:]]]))
    said = explain(file).stdout
    assert "MM1 again" in said
    explain(file, "--html", page)
    for text in (said, page.read_text()):
        assert "1970" not in text
        assert "0.000 s" not in text


def test_an_empty_secret_is_not_taken(explain: Explain, capture: Path, tmp_path: Path) -> None:
    file = tmp_path / "psk"
    file.write_text("\n")
    done = explain(capture, "--psk-file", file)
    assert done.exit_code == 1
    assert str(file) in done.stderr


def test_a_secret_comes_through_a_pipe(explain: Explain, capture: Path, secrets: list[str], tmp_path: Path) -> None:
    """As from `--psk-file <(pass show vpn)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        pool.submit(pipe.write_text, f"{SECRET.decode()}\n")
        piped = explain(capture, "--psk-file", pipe, *secrets[2:])
    words = piped.stdout.replace(" in pipe", " in --psk").split()  # the lines may break at other places
    assert words == explain(capture, *secrets).stdout.split()


def test_a_recording_of_the_gateway_is_a_capture(explain: Explain, main_mode: Recorder, tmp_path: Path) -> None:
    """What `ikev1 run --record` writes."""
    file = tmp_path / "recording.pcapng"
    blocks = [datagram_block(packet, sent=True) for packet in main_mode.packets if isinstance(packet, Datagram)]
    file.write_bytes(section_blocks("ikev1", "a test") + b"".join(blocks))
    assert _arrows(explain(file).stdout) == LABELS


def test_two_conversations_and_one_of_them(explain: Explain, main_mode: Recorder, tmp_path: Path) -> None:
    other = [packet._replace(payload=b"other!!!" + packet.payload[8:]) for packet in main_mode.packets]  # CKY-I
    file = tmp_path / "two.pcap"
    file.write_bytes(pcap([*main_mode.packets, *other]))
    both = msgspec.json.decode(explain(file, "--json").stdout, type=Report)
    assert [conversation.number for conversation in both.conversations] == [1, 2]
    second = msgspec.json.decode(explain(file, "--json", "--conversation", 2).stdout, type=Report)
    assert second.conversations == both.conversations[1:]
    missing = explain(file, "--conversation", 3)
    assert missing.exit_code == 1
    assert "two.pcap" in missing.stderr


def test_many_conversations_are_listed(explain: Explain, main_mode: Recorder, tmp_path: Path) -> None:
    """A line each; one of them is told when it is asked for."""
    packets = [
        packet._replace(payload=number.to_bytes(8) + packet.payload[8:])
        for number in range(1, MANY + 2)
        for packet in main_mode.packets[:2]
    ]
    file = tmp_path / "many.pcap"
    file.write_bytes(pcap(packets))
    done = explain(file)
    assert _arrows(done.stdout) == []
    assert done.stdout.count(" → 198.51.100.2: unfinished, Main Mode, 2 messages, ") == MANY + 1
    assert "--conversation N" in done.stdout
    assert _arrows(explain(file, "--conversation", 5).stdout) == ["MM1", "MM2"]


def test_an_identity_that_is_a_script_and_commands_a_terminal_is_text(explain: Explain, tmp_path: Path) -> None:
    """A peer says who it is in the clear, in Aggressive Mode."""
    network = Network()
    hostile = "@</script><img src=x onerror=alert(1)>\x1b[2J[bold]"
    alice, _ = two(network, alice={"mode": Mode.AGGRESSIVE, "local_id": hostile}, aggressive=Aggressive.ACCEPT_PSK)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    file, page = tmp_path / "hostile.pcap", tmp_path / "hostile.html"
    file.write_bytes(pcap(recorder.packets))
    written = explain(file, "-v").stdout
    assert "\x1b" not in written
    assert "[bold]" in written
    explain(file, "--html", page)
    assert "<img" not in page.read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.read_text()


@pytest.mark.parametrize(("content", "remedy"), [(b"plain text\n", "tcpdump -w FILE"), (pcap([]), "--port")])
def test_a_file_in_which_nothing_can_be_read_is_exit_1(
    explain: Explain, tmp_path: Path, content: bytes, remedy: str
) -> None:
    file = tmp_path / "a.pcap"
    file.write_bytes(content)
    done = explain(file)
    assert done.exit_code == 1
    assert "a.pcap: " in done.stderr
    assert remedy in done.stderr


def test_what_cannot_be_opened_or_written_is_exit_1(explain: Explain, capture: Path, tmp_path: Path) -> None:
    done = explain(tmp_path / "absent.pcap")
    assert done.exit_code == 1
    assert f"{tmp_path}/absent.pcap" in done.stderr
    done = explain(capture, "--html", tmp_path / "absent" / "page.html")
    assert done.exit_code == 1
    assert str(tmp_path / "absent" / "page.html") in done.stderr


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        (("--dh-secret", "xyz"), "--dh-secret: "),
        (("--dh-secret", "@/nowhere"), "/nowhere"),
        (("--psk", "0xq"), "--psk: "),
        (("--esp-sa", "x"), "--esp-sa: "),
        (("--keys", "{empty}"), "empty: "),
    ],
)
def test_keys_that_are_none_are_exit_1(
    explain: Explain, capture: Path, tmp_path: Path, options: tuple[str, ...], culprit: str
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("nothing\n")
    done = explain(capture, *(option.format(empty=empty) for option in options))
    assert done.exit_code == 1
    assert culprit in done.stderr


@pytest.mark.parametrize("arguments", [(), ("{capture}", "--live", "lo"), ("{capture}", "--port", "0")])
def test_wrong_usage_is_exit_2(explain: Explain, capture: Path, arguments: tuple[str, ...]) -> None:
    assert explain(*(argument.format(capture=capture) for argument in arguments)).exit_code == 2


def test_a_key_log_brings_the_keys_of_esp_that_lie_beside_it(explain: Explain, capture: Path, tmp_path: Path) -> None:
    keylog = tmp_path / "keys"
    keylog.write_text("0011223344556677,00112233445566778899aabbccddeeff\n")
    (tmp_path / "keys.esp_sa").write_text("broken\n")
    done = explain(capture, "--keys", keylog)
    assert done.exit_code == 1
    assert f"{keylog}.esp_sa: " in done.stderr


def test_a_large_file_has_a_progress_bar_on_a_terminal(capture: Path, tmp_path: Path) -> None:
    other = b"\0" * 16 + (1000).to_bytes(4, "little") * 2
    large = tmp_path / "large.pcap"
    large.write_bytes(capture.read_bytes() + (other[8:] + b"\x45" + bytes(999)) * 18_000)
    ours, theirs = pty.openpty()
    program = "from ikev1.cli.main import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", program, "explain", str(large)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # the terminal is gone with the program
            pass
        assert running.stdout is not None
        output = running.stdout.read().decode()
    os.close(ours)
    assert running.returncode == 0
    assert b"large.pcap" in shown
    assert "reading" not in output


@pytest.mark.parametrize("name", ["main-mode-certs", "aggressive-mode-psk", "nat-t-float-4500", "main-mode-psk"])
def test_captures_of_others_fit_into_80_columns(explain: Explain, name: str) -> None:
    done = explain(shared_file(CAPTURES / f"{name}.pcap"), "-v")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_it_is_a_command_among_others() -> None:
    assert "explain" in CliRunner().invoke(main, ["--help"]).stdout
