"""The sections of swanctl.conf while they are made of those of ipsec.conf: strongSwan itself knows no other model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ikev1.config.formats.swanctl.options import Options
from ikev1.config.formats.written import Place, Places


class Tree:
    """A section, or with an empty ``path`` what contains all of them; ``places`` are those in ipsec.conf."""

    def __init__(self, values: dict[str, Any], places: Places, path: str = "") -> None:
        self.values = values
        self._places = places
        self._path = path

    def section(self, name: str, place: Place | None = None) -> Tree:
        """The section ``name``, which was written at ``place``."""
        path = f"{self._path}.{name}" if self._path else name
        if place is not None:
            self._places.put(path, place)
        return Tree(self.values.setdefault(name, {}), self._places, path)

    def detached(self, *names: str) -> Tree:
        """A section of this path, which is not yet in its place."""
        return Tree({}, self._places, ".".join(filter(None, (self._path, *names))))

    def put(self, key: str, value: object, place: Place | None = None) -> None:
        """Set ``key``, which was written at ``place``; None: it is a default."""
        self.values[key] = str(value)
        if place is not None:
            self._places.put(f"{self._path}.{key}", place)

    def copy(
        self, options: Options, key: str, name: str, convert: Callable[[object], object] = str, default: object = None
    ) -> None:
        """Set ``name`` to the converted ``key`` of ``options``, or to ``default`` unless it is None."""
        value = options.take(key, convert, None)
        if value is not None:
            self.put(name, value, options.place(key))
        elif default is not None:
            self.put(name, default)
