"""Every example of README.md and docs/ does what the document says; `documents` explains how one is written."""

from __future__ import annotations

import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest

import ikev1
from documents import DOCUMENTS, ROOT, Block, blocks, indented_commands, markers
from ikev1.cli.main import main
from responder import responder

BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
PROGRAMS = [
    document for document in DOCUMENTS if any(b.language == "python" and not b.not_run for b in blocks(document))
]
OPTIONS = re.compile(r"peer|random|status \d+|\d+ columns")
# A block that no test runs has a reason beside it. Their number is here, so that one more is seen.
NOT_RUN = {
    "README.md": 2,
    "docs/architecture.md": 2,
    "docs/commands.md": 7,
    "docs/data-plane.md": 1,
}
PATIENCE = 30.0  # seconds


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


# --- what there is


def test_a_block_is_run_or_says_why_not() -> None:
    counted: dict[str, int] = {}
    for block in BLOCKS:
        if block.not_run:
            counted[name(block.document)] = counted.get(name(block.document), 0) + 1
    assert counted == NOT_RUN


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_block_has_a_language_that_something_here_runs(document: Path) -> None:
    found = blocks(document)
    assert [block.place for block in found if not block.not_run and not runs(block, found)] == []
    assert [block.place for block in found for option in block.options if not OPTIONS.fullmatch(option)] == []
    assert markers(document) == len([block for block in found if block.not_run or block.options])


def runs(block: Block, found: list[Block]) -> bool:
    """Whether a test looks at a block: one of this file, or of test_configurations.py, which loads TOML."""
    if block.language == "text":
        before = [earlier for earlier in found if earlier.line < block.line]
        return bool(before) and before[-1].language == "python" and not before[-1].not_run
    return block.language in ("python", "console", "toml")


def test_there_are_examples() -> None:
    languages = [block.language for block in BLOCKS if not block.not_run]
    assert languages.count("python") > 10
    assert languages.count("console") > 5
    assert languages.count("text") > 5


# --- programs


@pytest.mark.parametrize("document", PROGRAMS, ids=name)
def test_a_program_prints_what_the_document_says(document: Path) -> None:
    run(document)


def run(document: Path) -> dict[str, Any]:
    """Run the programs of a document in one namespace, compare what they print, and return the namespace."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    found = blocks(document)
    for block, following in pairwise([*found, None]):
        if block is None or block.language != "python" or block.not_run:
            continue
        printed = io.StringIO()
        with peer(block) as program, redirect_stdout(printed):
            code = compile("\n" * block.line + program, str(document), "exec", dont_inherit=True)
            exec(code, namespace)
        if following is not None and following.language == "text" and not following.not_run:
            assert printed.getvalue() == following.text, following.place
        else:
            assert printed.getvalue() == "", f"{block.place} prints, and the document does not say what"
    for value in namespace.values():
        if isinstance(value, socket.socket):
            value.close()
    return namespace


@contextmanager
def peer(block: Block) -> Iterator[str]:
    """The program of a block. Where it calls a peer, a responder answers it, and has a pair of IPsec SAs in the end."""
    if "peer" not in block.options:
        yield block.text
        return
    with responder(block.text, ike="aes256-sha256-modp2048") as (program, events):
        yield program
    assert any(isinstance(event, ikev1.events.ChildUp) for event in events), f"{block.place}: {events}"


# --- commands


@pytest.mark.parametrize(
    "block", [pytest.param(b, id=b.place) for b in BLOCKS if b.language == "console" and not b.not_run]
)
def test_a_command_prints_what_the_document_says(tmp_path: Path, block: Block) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for file in block.files:
        (tmp_path / file.name).touch(mode=0o600)
        (tmp_path / file.name).write_text(file.content)
        (tmp_path / file.name).chmod(file.mode)
    assert block.text.startswith("$ ")
    for each in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = each.partition("\n")
        assert command.startswith("ikev1 ")
        status, printed = output(command, tmp_path, block.option("columns", 80))
        assert status == block.option("status", 0), printed
        compare(shown, printed, "random" in block.options)


def output(command: str, folder: Path, columns: int) -> tuple[int, str]:
    """Exit status and output of a command in a shell, where no gateway runs."""
    program = folder / "bin" / "ikev1"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ikev1 "$@"\n')
    program.chmod(0o755)
    socket_of_gateway = str(folder / "s")
    environment = os.environ | {
        "COLUMNS": str(columns),
        "IKEV1_SOCKET": socket_of_gateway,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout.replace(socket_of_gateway, "/run/ikev1/control.vici")


def compare(shown: str, printed: str, random: bool) -> None:
    """``shown`` is ``printed``, but for parts that are left out."""
    lines, rest = without_values(shown, random), without_values(printed, random)
    first = True
    for part in split_at_dots(lines):
        places = [0] if first else range(len(rest) - len(part) + 1)
        place = next((place for place in places if rest[place : place + len(part)] == part), None)
        assert place is not None, f"not printed:\n{chr(10).join(part)}\nbut:\n{chr(10).join(rest)}"
        rest = rest[place + len(part) :]
        first = False
    if not is_dots(lines[-1]):
        assert rest == []


def without_values(text: str, random: bool) -> list[str]:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    return [re.sub(r"[0-9a-f]{12,}", "*", line) for line in lines] if random else lines


def is_dots(line: str) -> bool:
    return line.strip("│ ") == "..."


def split_at_dots(lines: list[str]) -> list[list[str]]:
    """The parts between lines that are left out; the first is empty if the beginning is."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if is_dots(line):
            parts.append([])
        else:
            parts[-1].append(line)
    return parts if parts[-1] or len(parts) == 1 else parts[:-1]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_command_without_output_can_be_given(document: Path) -> None:
    for line in indented_commands(document):
        words = shlex.split(line.partition("|")[0], comments=True)[1:]
        context, command = click.Context(main), click.Command("")
        command = main
        while isinstance(command, click.Group):
            found = command.get_command(context, words.pop(0))
            assert found is not None, line
            command = found
        context = click.Context(command)
        _, left, _ = command.make_parser(context).parse_args(words)  # raises UsageError: there is no such option
        assert left == [], line


# --- the test itself


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("a\nb", "a\nb\nc"),
        ("a\n...\nd", "a\nb\nc"),
        ("b\n...", "a\nb"),
        ("a\n...\nc\nb", "a\nb\nc"),
        ("...\nb", "a\nb\nc"),
        ("b 0123456789abcdef", "b fedcba9876543210"),
    ],
)
def test_another_output_is_noticed(shown: str, printed: str) -> None:
    with pytest.raises(AssertionError):
        compare(shown, printed, random=False)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nprint(1)\n```\n```text\n2\n```\n", AssertionError),
        ("```python\nprint(1)\n```\n", AssertionError),
        ("```python\na = 1\n```\n\n```python\nb = c\n```\n", NameError),
    ],
)
def test_a_program_that_does_something_else_is_noticed(tmp_path: Path, text: str, error: type[Exception]) -> None:
    (tmp_path / "page.md").write_text(text)
    with pytest.raises(error):
        run(tmp_path / "page.md")
