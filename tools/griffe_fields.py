"""What the reference shows beyond docstrings: fields of records, members of enumerations, and links between names.

- A named tuple or record shows its fields as the parameters that it is made with.
- An enumeration shows its members and their numbers.
- A payload class has the name under which `ikev1` exports it, such as ``KE``.
- A name in single backticks, such as `Ike.connect`, becomes a link where the reference has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import griffe

DOCS = Path(__file__).parents[1] / "docs"
RECORDS = {"NamedTuple", "_Pair", "Record", "Struct"}
ENUMERATIONS = {"OpenEnum", "IntEnum", "IntFlag", "StrEnum", "Enum"}
STABLE = re.compile(r"^- `(\w+)`: .* these are stable: (.*)\.$", re.MULTILINE)
NAME = re.compile(r"(?<!`)`([A-Za-z_][\w.]*)`(?!`)")


class Fields(griffe.Extension):
    """The extension that mkdocs.yml names."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        if pkg.path != "ikev1":
            return
        rename_payloads(pkg["library.payloads"])
        stable = {
            name: re.findall(r"\w+", fields) for name, fields in STABLE.findall((DOCS / "library.md").read_text())
        }
        for kind in classes(pkg):
            bases = {str(base).rpartition(".")[2] for base in kind.bases}
            if bases & RECORDS:
                show_fields(kind, stable.get(kind.name))
            if bases & ENUMERATIONS:
                show_members(kind)
        Links(pkg).set()


def classes(module: griffe.Module) -> Iterator[griffe.Class]:
    """All classes of a package."""
    for member in module.members.values():
        if isinstance(member, griffe.Class):
            yield member
        elif isinstance(member, griffe.Module):
            yield from classes(member)


def rename_payloads(module: griffe.Module) -> None:
    """``SA = SecurityAssociation`` names the class itself."""
    for name, member in list(module.members.items()):
        if isinstance(member, griffe.Attribute) and isinstance(member.value, griffe.ExprName):
            module.set_member(name, griffe.Alias(name, member.value.canonical_path, parent=module))


def show_fields(kind: griffe.Class, stable: list[str] | None) -> None:
    """Give a record the constructor that its fields imply: all of them, or those that docs/library.md calls stable."""
    if "__init__" in kind.members or "__new__" in kind.members:
        return
    how = griffe.ParameterKind.positional_or_keyword
    parameters = [griffe.Parameter("self", kind=how)]
    for field in kind.members.values():
        if isinstance(field, griffe.Attribute) and field.annotation is not None and "property" not in field.labels:
            hidden = field.name.startswith("_") or "ClassVar" in str(field.annotation)
            if not hidden and (stable is None or field.name in stable):
                annotation = unwrapped(field.annotation)
                parameters.append(griffe.Parameter(field.name, annotation=annotation, kind=how, default=field.value))
    kind.set_member("__init__", griffe.Function("__init__", parameters=griffe.Parameters(*parameters)))


def unwrapped(annotation: str | griffe.Expr) -> str | griffe.Expr:
    """The type itself, where the annotation is a name such as ``UInt8`` for ``Annotated[int, ...]``."""
    if isinstance(annotation, griffe.ExprName) and isinstance(annotation.parent, griffe.Object):
        try:
            named = resolved(annotation.parent.module[annotation.name])
        except (griffe.AliasResolutionError, KeyError):
            return annotation
        value = named.value if isinstance(named, griffe.Attribute) else None
        return unwrapped(value) if is_annotated(value) else annotation
    return unwrapped(annotation.slice.elements[0]) if is_annotated(annotation) else annotation


def is_annotated(value: object) -> bool:
    """Whether it is ``Annotated[...]``."""
    return isinstance(value, griffe.ExprSubscript) and str(value.left) == "Annotated"


def show_members(kind: griffe.Class) -> None:
    """Add the members of an enumeration to its docstring."""
    members = [
        f"| `{member.name}` | {str(member.value).strip(chr(39) + chr(34))} |"
        for member in kind.members.values()
        if isinstance(member, griffe.Attribute) and member.name.isupper() and member.value is not None
    ]
    if members and kind.docstring is not None:
        kind.docstring.value += "\n\n" + "\n".join(["| name | value |", "|---|---|", *members])


class Links:
    """Names of the reference, and links to them."""

    def __init__(self, package: griffe.Module) -> None:
        text = "\n".join(path.read_text() for path in sorted((DOCS / "api").glob("*.md")))
        self._objects = {}
        for name in re.findall(r"^::: (ikev1\.[\w.]+)$", text, re.MULTILINE):
            with suppress(KeyError):  # mkdocstrings tells of a name that is not there
                self._objects[name] = resolved(package[name.partition(".")[2]])
        self._anchors = {name.rpartition(".")[2]: name for name in self._objects}
        self._anchors |= {name: name for name in self._objects}
        for name, each in self._objects.items():
            for member in documented(each):
                self._anchors[f"{each.name}.{member.name}"] = f"{name}.{member.name}"
                self._anchors[f"{name}.{member.name}"] = f"{name}.{member.name}"

    def set(self) -> None:
        """Make links of the names in all docstrings of the reference."""
        for name, each in self._objects.items():
            self._link(each, name)
            for member in documented(each):
                self._link(member, name)

    def _link(self, each: griffe.Object, around: str) -> None:
        def link(match: re.Match[str]) -> str:
            name = match[1]
            nearby = (f"{around}.{name}", f"{around.rpartition('.')[0]}.{name}", name)
            anchor = next((self._anchors[each] for each in nearby if each in self._anchors), None)
            return match[0] if anchor in (None, around) else f"[`{name}`][{anchor}]"

        if each.docstring is not None:
            each.docstring.value = NAME.sub(link, each.docstring.value)


def resolved(each: griffe.Object | griffe.Alias) -> griffe.Object:
    """The object itself, where it is imported from elsewhere."""
    return each.final_target if isinstance(each, griffe.Alias) else each


def documented(each: griffe.Object) -> list[griffe.Object]:
    """The members of a class that the reference shows."""
    if not isinstance(each, griffe.Class):
        return []
    members = [member for member in each.members.values() if isinstance(member, griffe.Object)]
    constructor = [member for member in members if member.name == "__init__"]
    return [member for member in members if member.has_docstring and not member.name.startswith("_")] + constructor
