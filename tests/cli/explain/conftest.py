"""Recordings of our own engines, and the command on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from captured import Recorder, two
from ikev1.cli.main import main
from pcap_writer import pcap
from playbook import Network

Explain = Callable[..., Result]


@pytest.fixture(scope="session")
def main_mode() -> Recorder:
    """Alice calls bob: Main Mode and Quick Mode, nine messages."""
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    return recorder


@pytest.fixture
def capture(main_mode: Recorder, tmp_path: Path) -> Path:
    """The file of it."""
    file = tmp_path / "branch.pcap"
    file.write_bytes(pcap(main_mode.packets))
    return file


@pytest.fixture
def explain() -> Explain:
    """Runs `ikev1 explain` in 80 columns."""

    def run(*arguments: object, **settings: str) -> Result:
        environment = {"COLUMNS": "80", "NO_COLOR": None, "TERM": "dumb"} | settings
        return CliRunner().invoke(main, ["explain", *map(str, arguments)], env=environment)

    return run
