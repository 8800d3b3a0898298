"""Sections of strongSwan's settings with all that they inherit, as nested tables of strings."""

from __future__ import annotations

from typing import Any, NamedTuple

from ikev1.config.findings import ConfigError, Rule
from ikev1.config.formats.settings_file import Reference, Section, Setting
from ikev1.config.formats.written import Place, Places

MOST_SETTINGS = 200_000  # with those that are inherited, each time
DEEPEST = 64


class Tables(NamedTuple):
    """Nested tables of strings, and where each of them was written, by its path."""

    values: dict[str, Any]
    places: Places
    inherited: frozenset[str] = frozenset()  # the names of top sections that others inherit from

    def __repr__(self) -> str:
        return f"Tables(values=<{len(self.values)} sections>, inherited={self.inherited!r})"


def tables(top: Section, places: Places | None = None) -> Tables:
    """All sections and settings below ``top``; what is inherited follows what a section itself has. Their places are
    added to ``places``.

    Raises:
        ConfigError: a section inherits from one that does not exist or from itself, or there are too many settings.
    """
    made = Tables({}, places or Places())
    inheritance = _Inheritance(top, made.places)
    inheritance.add([top], "", made.values, frozenset(), 0)
    return made._replace(inherited=frozenset(inheritance.inherited))


class _Inheritance:
    def __init__(self, top: Section, places: Places) -> None:
        self._top = top
        self._places = places
        self._left = MOST_SETTINGS
        self.inherited: set[str] = set()

    def add(self, layers: list[Section], path: str, into: dict[str, Any], around: frozenset[int], depth: int) -> None:
        """Add to ``into`` the content of a section, which consists of ``layers``: of two settings with the same name,
        the first counts. ``around`` are the sections that contain it, of which there are ``depth``.
        """
        layers = self._with_references(layers)
        for layer in layers:
            if depth > DEEPEST or id(layer) in around:
                raise _refused(layer.place, f"{layer.place.key} inherits from itself")
        around = around.union(map(id, layers))
        settings: dict[str, Setting] = {}
        for layer in layers:
            for key, setting in layer.settings.items():
                settings.setdefault(key, setting)
        for key, setting in settings.items():
            if setting.value:
                self._take_one(setting.place)
                into[key] = setting.value
                self._put(f"{path}{key}", setting.place)
        for name in dict.fromkeys(name for layer in layers for name in layer.sections):
            parts = [layer.sections[name] for layer in layers if name in layer.sections]
            self._take_one(parts[0].place)
            if name in settings and settings[name].value:
                raise _refused(parts[0].place, "is both a key and a section")
            self._put(f"{path}{name}", parts[0].place)
            into[name] = {}
            self.add(parts, f"{path}{name}.", into[name], around, depth + 1)

    def _put(self, path: str, place: Place) -> None:
        self._places.put(path, place._replace(key=path))

    def _take_one(self, place: Place) -> None:
        self._left -= 1
        if self._left < 0:
            raise _refused(place, f"there are more than {MOST_SETTINGS} settings, with those that are inherited")

    def _with_references(self, layers: list[Section]) -> list[Section]:
        """The sections and those from which they inherit, directly and indirectly, in the order of precedence."""
        found: dict[int, Section] = {}

        def visit(section: Section, below: tuple[int, ...]) -> None:
            if id(section) in below:
                raise _refused(section.place, f"{section.place.key} inherits from itself")
            if len(below) > DEEPEST:
                raise _refused(section.place, f"sections inherit from one another more than {DEEPEST} times")
            self._take_one(section.place)
            if id(section) in found:
                return
            found[id(section)] = section
            for reference in section.references:
                visit(self._named(reference), (*below, id(section)))

        for layer in layers:
            visit(layer, ())
        return list(found.values())

    def _named(self, reference: Reference) -> Section:
        section = self._top
        self.inherited.add(reference.path.partition(".")[0])
        for name in reference.path.split("."):
            if name not in section.sections:
                raise _refused(reference.place, f"there is no section {reference.path!r} to inherit from")
            section = section.sections[name]
        return section


def _refused(place: Place, text: str) -> ConfigError:
    return ConfigError((place.finding(Rule.SYNTAX, text),))
