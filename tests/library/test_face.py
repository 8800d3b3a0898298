"""What `import ikev1` offers: the names that docs/library.md promises, with docstrings, and at what cost."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ikev1

ROOT = Path(__file__).parents[2]
MODULES = ("aio", "capture", "errors", "events", "keys", "testing")


def documented() -> dict[str, list[str]]:
    """The names listed in docs/library.md, by the module that their heading names."""
    listed: dict[str, list[str]] = {}
    names: list[str] = []
    for line in (ROOT / "docs" / "library.md").read_text().splitlines():
        if heading := re.match(r"## `(ikev1[.\w]*)`", line):
            names = listed.setdefault(heading[1], [])
        elif name := re.match(r"- `(\w+)`: \S", line):
            names.append(name[1])
    return listed


LISTED = documented()
PUBLIC = [(module, name) for module, names in LISTED.items() for name in names]


def exported(module: str) -> set[str]:
    """The public names of a module of the face."""
    loaded = import_module(module)
    names = getattr(loaded, "__all__", None)
    if names is None:  # the errors, which have no list of their own
        names = [name for name, value in vars(loaded).items() if inspect.isclass(value)]
    return set(names)


def test_every_module_of_the_face_is_documented() -> None:
    assert set(LISTED) == {"ikev1", *(f"ikev1.{module}" for module in MODULES)}


@pytest.mark.parametrize("module", LISTED)
def test_what_is_exported_is_documented_and_what_is_documented_is_exported(module: str) -> None:
    assert len(LISTED[module]) == len(set(LISTED[module]))
    assert set(LISTED[module]) == exported(module)


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[f"{module}.{name}" for module, name in PUBLIC])
def test_every_name_has_a_docstring_and_so_have_its_methods(module: str, name: str) -> None:
    value = getattr(import_module(module), name)
    if not (inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value)):
        return  # a constant or a union of types, which say what they are in docs/library.md
    assert inspect.getdoc(value)
    if inspect.isclass(value) and value.__module__.startswith(("ikev1.library", "ikev1.testing", "ikev1.aio")):
        own = {key: each for key, each in vars(value).items() if not key.startswith("_")}
        assert [key for key, each in own.items() if callable(each) and not inspect.getdoc(each)] == []


def test_all_names_are_there_without_being_asked_for() -> None:
    assert set(ikev1.__all__) <= set(dir(ikev1))
    assert set(import_module("ikev1.capture").__all__) <= set(dir(ikev1.capture))
    with pytest.raises(AttributeError, match="Nonse"):
        ikev1.Nonse  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(AttributeError, match="analyze"):
        ikev1.capture.analyze  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("package", ["ikev1", "ikev1.capture"])
def test_type_checkers_see_what_is_there_at_run_time(package: str) -> None:
    loaded = import_module(package)
    assert loaded.__file__ is not None
    tree = ast.parse(Path(loaded.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {}
    for node in guarded.body:
        assert isinstance(node, ast.ImportFrom)
        (alias,) = node.names
        assert node.module is not None
        assert alias.asname == alias.name
        seen[alias.name] = node.module
    assert set(seen) == set(loaded.__all__) - {"__version__"}
    for name, module in seen.items():
        there = import_module(f"{module}.{name}") if module == "ikev1" else getattr(import_module(module), name)
        assert getattr(loaded, name) is there


def imported_by(code: str) -> set[str]:
    """The modules that a new interpreter has imported after ``code``, and had not before."""
    program = f"import sys, json; old = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - old)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_import_alone_imports_nothing_else() -> None:
    assert imported_by("import ikev1") == {"ikev1"}


def test_the_codec_needs_the_standard_library_only() -> None:
    modules = imported_by("import ikev1; ikev1.Message, ikev1.Nonce, ikev1.Header, ikev1.NotifyType, ikev1.WireError")
    assert not {name for name in modules if name.startswith(("ikev1.core", "ikev1.crypto", "cryptography", "msgspec"))}


@pytest.mark.parametrize(
    "code",
    [
        "import ikev1; [getattr(ikev1, name) for name in ikev1.__all__ if name != 'capture']",
        "import ikev1.aio, ikev1.testing, ikev1.keys, ikev1.events",
        "import ikev1; ikev1.capture.Analyst, ikev1.capture.Report, ikev1.capture.open_capture",
    ],
)
def test_the_face_needs_three_packages(code: str) -> None:
    tops = {name.partition(".")[0] for name in imported_by(code)}
    assert "ikev1" in tops
    assert not tops & {"OpenSSL", "click", "jinja2", "markupsafe", "numpy", "pyroute2", "rich", "vici", "zxcvbn"}


def test_a_certificate_is_checked_only_where_the_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("ikev1.pki", "OpenSSL"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "OpenSSL", None)
    question = ikev1.events.CheckCertificate(1, (), ikev1.ID(2, 0, 0, b"x"), ikev1.psk("peer", b"secret"))
    with pytest.raises(ikev1.LocalError, match=r"ikev1\[gateway\]"):
        ikev1.check_certificate(question, 0.0)
