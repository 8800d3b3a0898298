"""A configuration file that only its owner can read, written from text."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ikev1.config import ConfigError, Loaded, Rule, load

Load = Callable[..., Loaded]


@pytest.fixture
def clock() -> Callable[[], float]:
    """What time it is when a configuration is loaded; modules with certificates say something else."""
    return time.time


@pytest.fixture
def loaded(tmp_path: Path, clock: Callable[[], float]) -> Load:
    """Loads the TOML text it is given, from a file with the given mode."""

    def write_and_load(text: str, mode: int = 0o600) -> Loaded:
        file = tmp_path / "ikev1.toml"
        file.write_text(text)
        file.chmod(mode)
        return load(file, clock)

    return write_and_load


@pytest.fixture
def refused(loaded: Load) -> Callable[..., dict[str, Rule]]:
    """Loads the TOML text it is given, which must be refused; the rules that are broken, by key."""

    def load_in_vain(text: str, mode: int = 0o600) -> dict[str, Rule]:
        with pytest.raises(ConfigError) as caught:
            loaded(text, mode)
        return {finding.key: finding.rule for finding in caught.value.findings}

    return load_in_vain
