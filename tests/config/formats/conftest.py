"""Files of other formats, written from text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cisco_text import CiscoText
from ikev1.config import ConfigError, Finding, Loaded, load

Write = Callable[..., Path]
LoadText = Callable[..., Loaded]
Faults = Callable[..., tuple[Finding, ...]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file with the text, ``swanctl.conf`` unless it has another name."""

    def write_text(text: str | bytes, name: str = "swanctl.conf", mode: int = 0o600) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(mode)
        return file

    return write_text


@pytest.fixture
def load_text(write: Write) -> LoadText:
    """Loads the text of a swanctl.conf; ``ignored`` are keys that are done without."""

    def write_and_load(text: str, *ignored: str) -> Loaded:
        return load(write(text), ignored=ignored)

    return write_and_load


@pytest.fixture
def faults(write: Write) -> Faults:
    """The errors of a swanctl.conf that cannot be used."""

    def load_in_vain(text: str | bytes, *ignored: str) -> tuple[Finding, ...]:
        with pytest.raises(ConfigError) as caught:
            load(write(text), ignored=ignored)
        return caught.value.findings

    return load_in_vain


@pytest.fixture
def text(write: Write) -> CiscoText:
    """Loads texts for Cisco IOS and ASA."""
    return CiscoText(write)
