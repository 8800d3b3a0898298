"""What an installation without all extras can do: each test runs Python with exactly the packages that are declared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ikev1.cli.commands import COMMANDS, MODULES_OF_EXTRAS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
LIBRARY = ("files", "wire", "crypto", "core", "esp", "store", "config", "capture", "lesson")
START = "from ikev1.__main__ import main; main()"
IMPORT_FOLDERS = """
import importlib, pkgutil, sys
without = [f"ikev1.{name[1:]}." for name in sys.argv if name.startswith("-")]
for folder in [name for name in sys.argv[1:] if not name.startswith("-")]:
    package = importlib.import_module(f"ikev1.{folder}")
    for module in pkgutil.walk_packages(package.__path__, f"ikev1.{folder}."):
        if not module.name.startswith(tuple(without)):
            importlib.import_module(module.name)
"""


class Installation:
    """A Python that finds the standard library, `ikev1`, and the packages in one folder."""

    def __init__(self, folder: Path) -> None:
        self._paths = [str(folder), str(SOURCE)]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        prepared = f"import sys; sys.path[:0] = {self._paths!r}\n{program}"
        command = [sys.executable, "-I", "-S", "-B", "-c", prepared, *arguments]  # without site-packages
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    def ikev1(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(START, *arguments)


Install = Callable[..., Installation]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    def install(*extras: str) -> Installation:
        folder = tmp_path / "-".join(["with", *extras])
        folder.mkdir()
        required = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
        for name in closure(required):
            for entry in entries_of(name):
                (folder / entry.name).symlink_to(entry)
        (folder / "ikev1.dist-info").mkdir()
        (folder / "ikev1.dist-info" / "METADATA").write_text(f"Name: ikev1\nVersion: {PROJECT['version']}\n")
        return Installation(folder)

    return install


def closure(lines: list[str]) -> set[str]:
    """The names of the distributions that pip installs for these requirements."""
    found: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        name = canonicalize_name(waiting.pop().name)
        if name not in found:
            found.add(name)
            requirements = (Requirement(line) for line in distribution(name).requires or ())
            waiting += [each for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def entries_of(name: str) -> set[Path]:
    """What a distribution has put into site-packages."""
    files = distribution(name).files or ()
    tops = {file.parts[0] for file in files} - {"..", "__pycache__"}
    return {Path(str(distribution(name).locate_file(top))) for top in tops}


def third_party(path: Path) -> Iterator[str]:
    """The packages that a file of ours imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def assert_names(done: subprocess.CompletedProcess[str], extra: str) -> None:
    assert done.returncode == 2
    assert f"pip install 'ikev1[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_library_needs_no_extra(install: Install) -> None:
    plain = install()
    done = plain.run(IMPORT_FOLDERS, *LIBRARY)
    assert (done.returncode, done.stderr) == (0, "")
    assert plain.run("import click").returncode == 1  # else this says nothing


def test_the_library_needs_three_packages() -> None:
    assert {Requirement(line).name for line in PROJECT["dependencies"]} == {"cryptography", "pycryptodome", "msgspec"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_the_extra_that_it_lacks(install: Install, command: str) -> None:
    assert_names(install().ikev1(command, "x"), COMMANDS[command].extra)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("--version",), ("fly",)])
def test_without_a_command_all_extras_are_named(install: Install, arguments: tuple[str, ...]) -> None:
    assert_names(install().ikev1(*arguments), "all")


@pytest.mark.parametrize(("there", "lacking"), [("explain", "gateway"), ("gateway", "explain")])
def test_one_extra_serves_its_commands_and_names_the_other(install: Install, there: str, lacking: str) -> None:
    installation = install(there)
    assert installation.ikev1("--version").stdout == f"ikev1, version {PROJECT['version']}\n"
    listed = installation.ikev1("--help")
    assert (listed.returncode, listed.stderr) == (0, "")
    table = listed.stdout.partition("Commands:")[2]
    commands = dict(re.findall(r"^  (\w+) +(\S.*)$", table, re.MULTILINE))
    assert commands.keys() == COMMANDS.keys()
    served = {name for name, text in commands.items() if text != "(not installed)"}
    assert served >= {name for name, command in COMMANDS.items() if command.extra == there}
    command = "show" if lacking == "gateway" else "explain"
    assert command not in served
    assert_names(installation.ikev1(command, "--any", "thing"), lacking)
    assert_names(installation.ikev1(command, "--help"), lacking)


def test_the_gateway_extra_brings_what_the_daemon_imports_when_it_runs(install: Install) -> None:
    done = install("gateway").run(IMPORT_FOLDERS, "pki", "aaa", "daemon", "-daemon.metrics")
    assert (done.returncode, done.stderr) == (0, "")


def test_metrics_need_their_extra_and_nothing_else_does(install: Install) -> None:
    pytest.importorskip("prometheus_client", reason="the extra `metrics` is not installed")
    assert install("gateway").run(IMPORT_FOLDERS, "daemon.metrics").returncode == 1
    done = install("gateway", "metrics").run(IMPORT_FOLDERS, "daemon.metrics")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_explain_extra_brings_what_reports_import(install: Install) -> None:
    done = install("explain").run(IMPORT_FOLDERS, "audit", "page")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_that_meets_a_missing_package_late_names_the_extra(install: Install, tmp_path: Path) -> None:
    """`run` imports the daemon, and with it pyOpenSSL, only after it has read the configuration."""
    configuration = tmp_path / "ikev1.toml"
    configuration.write_text("")
    assert_names(install("explain").ikev1("run", "--core-dumps", "--config", str(configuration)), "gateway")


def test_a_module_of_ours_that_is_missing_is_a_defect(install: Install) -> None:
    hidden = "sys.modules['ikev1.cli.updown'] = None\n" + START
    done = install("gateway").run(hidden, "up", "x")
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_every_package_of_an_extra_can_be_named() -> None:
    """Else its absence would look like a defect."""
    known = {"cryptography", "Crypto", "msgspec", "numpy", "ikev1", "__future__"} | sys.stdlib_module_names
    imported = {name for path in SOURCE.rglob("*.py") for name in third_party(path)}
    assert imported - known == MODULES_OF_EXTRAS
