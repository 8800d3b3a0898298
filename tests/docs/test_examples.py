"""Every example of README.md and docs/ does what the document says; `documents` explains how one is written."""

from __future__ import annotations

import asyncio
import io
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

import ikev1
from documents import DOCUMENTS, ROOT, Block, blocks, indented_commands, markers
from ikev1.cli.main import main
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Connection
from ikev1.esp.plane import Counters
from printed import compare, in_form
from responder import responder

if TYPE_CHECKING:
    from tests.daemon.conftest import Meet, Side

BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]
PROGRAMS = [
    document for document in DOCUMENTS if any(b.language == "python" and not b.not_run for b in blocks(document))
]
OPTIONS = re.compile(r"peer|random|interop|gateway|gateway with another secret|status \d+|\d+ columns")
OF_PEERS = ("swanctl", "ipsec", "ipsec-secrets", "vpnc")  # configurations of real peers: tests/interop/test_recipes.py
# A block that no test runs has a reason beside it. Their number is here, so that one more is seen.
NOT_RUN = {
    "README.md": 1,
    "docs/architecture.md": 2,
    "docs/commands.md": 4,
    "docs/connect-l2tp.md": 1,  # it needs a gateway
    "docs/connect-socks.md": 1,  # it needs a gateway
    "docs/connect.md": 2,  # it needs a gateway
    "docs/data-plane.md": 1,
    "docs/ipsec-command.md": 1,  # it writes to /usr and /etc
    # peers that no test can start
    "docs/recipes/azure.md": 1,
    "docs/recipes/cisco-asa.md": 1,
    "docs/recipes/cisco-ios.md": 1,
    "docs/recipes/cisco-vpn-client.md": 1,
    "docs/recipes/fortigate.md": 1,
    "docs/recipes/fritzbox.md": 1,
    "docs/recipes/mikrotik.md": 2,
    "docs/recipes/networkmanager-l2tp.md": 2,
    "docs/recipes/windows-l2tp.md": 4,
    "docs/updown.md": 1,  # a script that must exist
    "docs/users.md": 4,  # a prompt, formats of files, and a program for the gateway
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
    """Whether a test looks at a block: one of this file, of test_configurations.py and test_recipes.py, which load
    TOML, or of tests/interop/test_recipes.py.
    """
    if block.language in OF_PEERS:
        return "interop" in block.options
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


COMMANDS = [
    block for block in BLOCKS if block.language == "console" and not block.not_run and "interop" not in block.options
]


def needs_gateway(block: Block) -> bool:
    return bool(block.options & {"gateway", "gateway with another secret"})


@pytest.mark.parametrize(
    "block", [pytest.param(block, id=block.place) for block in COMMANDS if not needs_gateway(block)]
)
def test_a_command_prints_what_the_document_says(tmp_path: Path, block: Block) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for file in block.files:
        (tmp_path / file.name).touch(mode=0o600)
        (tmp_path / file.name).write_text(file.content)
        (tmp_path / file.name).chmod(file.mode)
    for command, shown in commands(block):
        status, printed = output(command, tmp_path, block.option("columns", 80), tmp_path / "s")
        assert status == block.option("status", 0), printed
        compare(shown, printed, "random" in block.options)


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a block, each with what it prints."""
    before, *parts = re.split(r"^\$ (?=ikev1 )", block.text, flags=re.MULTILINE)
    assert (before, block.text.count("\n$ ")) == ("", len(parts) - 1), block.place
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def output(command: str, folder: Path, columns: int, control: Path) -> tuple[int, str]:
    """Exit status and output of a command in a shell; ``control`` is the socket of the gateway, if one runs."""
    program = folder / "bin" / "ikev1"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ikev1 "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {
        "COLUMNS": str(columns),
        "IKEV1_SOCKET": str(control),
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
    return done.returncode, done.stdout.replace(str(control), "/run/ikev1/control.vici")


@pytest.mark.parametrize("mood", ["gateway", "gateway with another secret"])
def test_a_command_prints_of_a_gateway_what_the_document_says(tmp_path: Path, meet: Meet, mood: str) -> None:
    """All but octets, times, ports and the width of columns."""

    async def scenario(us: Side, them: Side) -> None:
        for block in COMMANDS:
            if mood not in block.options:
                continue
            for command, shown in commands(block):
                for pair in us.plane.inbound:
                    us.plane.counted[pair] = Counters(252, 3, 252, 3, time.time() - 1, time.time() - 1, replays=2)
                given = command.replace(PEER, "127.0.0.2")
                status, printed = await asyncio.to_thread(output, given, tmp_path, 200, us.control)
                assert status == block.option("status", 0), printed
                printed = printed.replace("127.0.0.2", PEER).replace("127.0.0.1", OURS)
                compare(in_form(shown), in_form(printed), random=False)

    def ours(connection: Connection) -> Connection:
        return replace(as_documented(connection, "10.1.0.0/16", "10.2.0.0/16"), local_id=IDS[0], remote_id=IDS[1])

    def theirs(connection: Connection) -> Connection:
        connection = as_documented(connection, "10.2.0.0/16", "10.1.0.0/16")
        secret = b"another" if "another" in mood else connection.secret
        return replace(connection, local_id=IDS[1], remote_id=IDS[0], secret=secret)

    meet(scenario, change=ours, their_change=theirs)


OURS, PEER = "192.0.2.1", "198.51.100.7"
IDS = "gw.example.org", "branch.example.org"


def as_documented(connection: Connection, local: str, remote: str) -> Connection:
    """The connection with the tunnel and the suites that the documents show."""
    office = ikev1.tunnel("office", local, remote, esp="aes256gcm16-ecp256")
    policies = ikev1.psk("branch", b"secret", ike="aes256-sha256-modp2048").policies
    return replace(connection, tunnels=(office,), policies=policies)


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
