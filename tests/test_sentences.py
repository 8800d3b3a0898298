"""``sentences.txt`` holds every sentence that the package can show to people, so that a reviewer reads them as text.

The sentences are the string literals of src/ that hold words of English, with the expressions of f-strings in braces,
and the docstrings of commands, which `--help` prints. ``pytest tests/test_sentences.py --update`` rewrites the file.
Tests elsewhere assert codes and fields: a sentence can be improved without a change to a test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "ikev1"
RECORDED = Path(__file__).with_name("sentences.txt")
CODES = frozenset({"Code", "Rule"})  # the enumerations of stable names
_TWO_WORDS = re.compile(r"[a-z]{2,}[,:;.)'`\"]{0,2} [(`'\"]?[A-Za-z{]")  # SQL, formats and names have no such place


def template(node: ast.Constant | ast.JoinedStr) -> str:
    """The text of a literal, with ``{expression}`` where an f-string has one, on one line."""
    if isinstance(node, ast.Constant):
        return " ".join(str(node.value).split())
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append(f"{{{ast.unparse(part.value)}{'!r' if part.conversion == ord('r') else ''}}}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return " ".join("".join(parts).split())


def sentences(node: ast.AST, code: str = "") -> Iterator[str]:
    """The sentences below ``node`` in order, each behind the ``[code]`` of the call that it is an argument of."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.FunctionDef) and _is_command(node) and (text := ast.get_docstring(node)):
        yield f"[--help] {' '.join(text.split())}"
    if isinstance(node, ast.Call):
        code = _code(node) or code
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        text = template(node)
        if _TWO_WORDS.search(text):
            yield f"[{code}] {text}" if code else text
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
            yield from sentences(child, code)


def _is_command(node: ast.FunctionDef) -> bool:
    return any(re.search(r"\b(command|group)\(", ast.unparse(decorator)) for decorator in node.decorator_list)


def _code(call: ast.Call) -> str:
    """The stable name among the arguments of a call."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    for node in arguments:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CODES:
            return node.attr
    return ""


def collect() -> str:
    """The content that ``sentences.txt`` should have."""
    lines = ["# Every sentence of src/ikev1 that people can see: reviewed here, rewritten by `pytest --update`."]
    for path in sorted(SOURCE.rglob("*.py")):
        if found := list(sentences(ast.parse(path.read_text()))):
            lines += ["", path.relative_to(SOURCE).as_posix(), *(f"    {sentence}" for sentence in found)]
    return "\n".join(lines) + "\n"


def test_the_sentences_are_those_that_were_reviewed(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update"):
        RECORDED.write_text(collect())
    assert collect().splitlines() == RECORDED.read_text().splitlines()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Failure(Code.NO_ANSWER, f'{peer} sent no {what!r}')", ["[NO_ANSWER] {peer} sent no {what!r}"]),
        ("raise Refusal('no such' 'SA here')", ["no suchSA here"]),
        ("log.write(level, f'{x or \"an SA of ours\"} has ended')", [
            '{x or \'an SA of ours\'} has ended', "an SA of ours",
        ]),
        ("@click.command()\ndef up() -> None:\n    '''Bring up\n    a tunnel.'''", ["[--help] Bring up a tunnel."]),
        ("def up() -> None:\n    '''Bring up a tunnel.'''", []),
        ("query = 'SELECT a FROM b'", []),
    ],
)  # fmt: skip
def test_a_sentence_is_found_with_its_code_and_placeholders(source: str, expected: list[str]) -> None:
    assert list(sentences(ast.parse(source))) == expected
