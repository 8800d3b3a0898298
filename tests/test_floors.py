"""The house has floors: imports go down only, and what must stay pure imports nothing that is not.

The rules are those of docs/architecture.md; each is checked on the syntax tree of every file of the package.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ikev1"
FLOORS = {"wire": 0, "files": 0, "clock": 0, "af_alg": 0, "crypto": 1, "core": 2}
FLOORS |= {"esp": 3, "store": 3, "pki": 3, "aaa": 3}
FLOORS |= {"config": 4, "capture": 4, "daemon": 5, "audit": 5, "lesson": 5, "page": 6, "cli": 7}
FLOORS |= {"library": 4, "keys": 5, "events": 5, "aio": 5, "testing": 5}  # what `import ikev1` offers
ROOMS = {  # from the lowest to the highest; what stands beside the rooms may import all of them
    "core": ("records", "negotiation", "peer", "exchanges", "machine"),
    "capture": ("records", "keys", "decrypt", "track", "describe"),
    "daemon": ("host", "observe", "net"),
}
PURE = ("wire", "crypto", "core")
IMPURE_MODULES = frozenset(
    {"asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "select", "selectors", "signal", "socket"}
    | {"ssl", "subprocess", "sys", "tempfile", "threading", "time"}
)
ASYNCHRONOUS = ("daemon", "aio", "aaa")
PURE_PARTS = frozenset({("socket", name) for name in ("AF_INET", "AF_INET6", "inet_ntop", "inet_pton")})  # text only
SOURCE_OF_RANDOMNESS = ("crypto", "os", "urandom")  # a group that is given this may let OpenSSL draw from its own


class Import(NamedTuple):
    """One imported name: ``from module import name`` or, with an empty name, ``import module``."""

    module: str
    name: str
    line: int


def imports_of(source: str) -> Iterator[Import]:
    """Every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the floor"
            yield from (Import(node.module or "", alias.name, node.lineno) for alias in node.names)


def floor_of(module: str) -> str | None:
    """The folder of the package that ``module`` lies in, None where it lies in none."""
    parts = module.split(".")
    return parts[1] if parts[0] == "ikev1" and parts[1] in FLOORS else None


def room_offences(folder: str, room: str, source: str) -> list[str]:
    """What a file in a room of ``folder`` imports from a higher room, or from beside the rooms."""
    rooms, found = ROOMS[folder], []
    for module, name, line in imports_of(source):
        parts = f"{module}.{name}".split(".")
        if parts[:2] != ["ikev1", folder]:
            continue
        if parts[2] not in rooms or rooms.index(parts[2]) > rooms.index(room):
            found.append(f"line {line}: {folder}.{room} imports {module}")
    return found


def is_pure(folder: str, module: str, name: str) -> bool:
    return (module, name) in PURE_PARTS or (folder, module, name) == SOURCE_OF_RANDOMNESS


def offences(folder: str, source: str) -> list[str]:
    """What a file in ``folder`` imports and must not."""
    found = []
    for module, name, line in imports_of(source):
        top = module.partition(".")[0]
        target = floor_of(f"{module}.{name}")
        if target is not None and target != folder and FLOORS[target] >= FLOORS[folder]:
            found.append(f"line {line}: {folder} (floor {FLOORS[folder]}) imports {target} (floor {FLOORS[target]})")
        if top == "ikev1" and target is None and module != "ikev1.errors":
            found.append(f"line {line}: imports the package's front, which imports everything")
        if folder in PURE and top in IMPURE_MODULES and not is_pure(folder, top, name):
            found.append(f"line {line}: {folder} is pure and imports {module} {name}".rstrip())
        if folder in PURE and target == "clock":
            found.append(f"line {line}: {folder} is pure and imports the clock")
        if folder not in ASYNCHRONOUS and top == "asyncio":
            found.append(f"line {line}: asyncio lives in daemon, aio and aaa only")
    return found


FRONT = ("__init__.py", "__main__.py")  # what may import everything


@pytest.mark.parametrize(
    "path",
    sorted(path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).as_posix() not in FRONT),
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_a_file_imports_only_from_below(path: Path) -> None:
    assert offences(path.relative_to(SOURCE).parts[0].removesuffix(".py"), path.read_text()) == []


@pytest.mark.parametrize(
    "path",
    sorted(
        path for folder, rooms in ROOMS.items() for room in rooms for path in (SOURCE / folder / room).rglob("*.py")
    ),
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_a_room_imports_only_from_itself_and_lower_rooms(path: Path) -> None:
    folder, room, *_ = path.relative_to(SOURCE).parts
    assert room_offences(folder, room, path.read_text()) == []


def test_every_room_of_the_core_has_a_place() -> None:
    rooms = {path.name for path in (SOURCE / "core").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ROOMS["core"])


@pytest.mark.parametrize(
    "source",
    [
        "from ikev1.core.machine.engine_state import State",
        "from ikev1.core.machine import timers",
        "from ikev1.core.engine import Engine",
        "from ikev1.core import engine",
    ],
)
def test_an_import_from_a_higher_room_is_seen(source: str) -> None:
    assert room_offences("core", "exchanges", source)


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("wire", "from ikev1.crypto.groups import group"),
        ("esp", "import ikev1.store.memory"),
        ("esp", "from ikev1 import config"),
        ("core", "from ikev1 import Engine"),
        ("wire", "from ikev1 import errors"),
        ("core", "import time"),
        ("core", "from ikev1.clock import SteadyClock"),
        ("core", "def f():\n    from os import urandom"),
        ("core", "import socket"),
        ("core", "from socket import socket"),
        ("esp", "import asyncio"),
        ("cli", "from asyncio import run"),
        ("testing", "import asyncio"),
        ("core", "from ikev1.events import IkeUp"),
    ],
)
def test_an_offence_is_seen(folder: str, source: str) -> None:
    assert offences(folder, source)


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("core", "from ikev1.wire.header import Header"),
        ("core", "from ikev1.core.records.ike_sa import IkeSa"),
        ("core", "from socket import inet_ntop"),
        ("daemon", "import asyncio"),
        ("aio", "import asyncio"),
        ("cli", "from ikev1.daemon.gateway import Gateway"),
        ("wire", "from ikev1.errors import RemoteError"),
        ("esp", "import socket"),
    ],
)
def test_what_is_allowed_is_allowed(folder: str, source: str) -> None:
    assert offences(folder, source) == []


def test_the_errors_lie_below_every_floor() -> None:
    imports = imports_of((SOURCE / "errors.py").read_text())
    assert [each.module for each in imports] == ["__future__"]


def test_every_folder_has_a_floor() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in SOURCE.glob("*.py") if path.name not in FRONT}
    assert folders | modules <= FLOORS.keys() | {"errors"}
