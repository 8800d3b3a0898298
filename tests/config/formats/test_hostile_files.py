"""Whatever a file in any format contains, it is a configuration or has errors: nothing else happens, and soon."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from format_samples import SAMPLES, Sample
from ikev1.config import ConfigError, Finding, load

_PIECES = [
    *("{", "}", '"', "'", ";", "=", ",", ":", "\\", "#", "!", "[", "]", "(", ")", "%", "*", "/", "\n", "\t", " ", "\r"),
    *("0", "-1", "1.5", "99999999999999999999", "\u0661", "\u00e4", "\u00a0", "\u2028", "\U0001f600", "\x00", "\x1b"),
    *("..", "::", "%any", "dynamic", "0x", "0s", "@", "@#", "@["),
]
_LONGEST = 6_000  # characters of a finding


def outcome(file: Path, name: str) -> tuple[Finding, ...]:
    """The errors of a configuration, none if it can be used."""
    try:
        load(file, format=name)
    except ConfigError as error:
        found = error.findings
    else:
        return ()
    assert found
    assert all(len(str(each)) < _LONGEST for each in found)
    return found


def laid_out(folder: Path, sample: Sample, content: str | bytes) -> Path:
    files: dict[str, str | bytes] = {**dict(sample.beside), sample.name: content}
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / sample.name


def replaced(text: str, at: int, length: int, piece: str) -> str:
    at %= len(text) + 1
    return text[:at] + piece + text[at + length :]


def moved(text: str, first: int, second: int, apart: str) -> str:
    """``text`` with two of its parts exchanged."""
    parts = text.split(apart)
    a, b = first % len(parts), second % len(parts)
    parts[a], parts[b] = parts[b], parts[a]
    return apart.join(parts)


_PLACES = st.integers(0, 1 << 20)
_DAMAGE: st.SearchStrategy[Callable[[str], str]] = st.one_of(
    st.builds(
        lambda at, length, piece: lambda text: replaced(text, at, length, piece),
        _PLACES,
        st.integers(0, 12),
        st.sampled_from(["", *_PIECES]),
    ),
    st.builds(
        lambda first, second, apart: lambda text: moved(text, first, second, apart),
        _PLACES,
        _PLACES,
        st.sampled_from(["\n", " "]),
    ),
    st.builds(
        lambda which, number: (
            lambda text: re.sub(r"\d+", lambda found: number if found.start() % 17 == which else found[0], text)
        ),
        st.integers(0, 16),
        st.sampled_from(["0", "1", "65536", "4294967296", "1" * 30]),
    ),
)


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_DAMAGE, min_size=1, max_size=4), st.booleans())
def test_damaged_files(name: str, damage: list[Callable[[str], str]], beside: bool) -> None:
    sample = SAMPLES[name]
    whole = {**dict(sample.beside), sample.name: sample.text}
    which = sample.beside[-1][0] if beside and sample.beside else sample.name
    for each in damage:
        whole[which] = each(whole[which])
    with tempfile.TemporaryDirectory() as folder:
        file = laid_out(Path(folder), sample, whole[sample.name])
        for other, _ in sample.beside:
            (file.parent / other).write_text(whole[other])
        outcome(file, name)


MANY: dict[str, Callable[[Sample], str]] = {
    "lines": lambda sample: "x\n" * 1_000_000,
    "comments": lambda sample: f"{sample.comment} x\n" * 1_000_000,
    "empty lines": lambda sample: "\n" * 1_000_000,
    "a long line": lambda sample: "x" * (1 << 20),
    "a long comment": lambda sample: sample.comment + "x" * (1 << 20),
    "a long value": lambda sample: sample.text.replace("198.51.100.7", "9" * (1 << 20)).replace(
        "gw.example.org", "a" * (1 << 20)
    ),
    "NUL": lambda sample: sample.text + "\0",
    "control characters": lambda sample: sample.text.replace("e", "\x1b[31m"),
}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("what", MANY)
def test_much_of_something(tmp_path: Path, name: str, what: str) -> None:
    sample = SAMPLES[name]
    found = outcome(laid_out(tmp_path, sample, MANY[what](sample)), name)
    assert found or name == "toml"  # which has no limits but those of its parser


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_other_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    sample = SAMPLES[name]
    assert outcome(laid_out(tmp_path, sample, f"{sample.text}\n{sample.comment} \u00e4\n".encode(encoding)), name)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    file = tmp_path / sample.name
    assert outcome(file, name)
    file.mkdir()
    assert outcome(file, name)
    file.rmdir()
    file.symlink_to(file)
    assert outcome(file, name)
    file.unlink()
    if name != "toml":  # which is also read from a pipe
        os.mkfifo(file)
        assert outcome(file, name)


@pytest.mark.parametrize("name", [name for name, sample in SAMPLES.items() if sample.include])
def test_includes_without_end(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    itself = laid_out(tmp_path, sample, sample.include.format(sample.name) + "\n" + sample.text)
    assert outcome(itself, name)
    for number in range(100):
        (tmp_path / f"{number}.inc").write_text(sample.include.format(f"{number + 1}.inc") + "\n")
    (tmp_path / "100.inc").write_text("\n")
    assert outcome(laid_out(tmp_path, sample, sample.include.format("0.inc") + "\n" + sample.text), name)


def calls(work: Callable[[], Any]) -> int:
    """How many functions are called, which does not depend on how fast the machine is."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", SAMPLES)
def test_work_grows_with_the_file_and_not_faster(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    file = laid_out(tmp_path, sample, "")
    found = []
    outcome(laid_out(tmp_path, sample, sample.text), name)  # what is computed once
    for times in (20, 40):
        text = "\n".join(sample.text.replace("conn ", f"conn c{number}") for number in range(times))
        file.write_text(text)
        found.append(calls(lambda: outcome(file, name)))
    assert found[1] < 2.5 * found[0]
