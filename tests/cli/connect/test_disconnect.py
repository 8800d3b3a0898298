"""`ikev1 disconnect` where there is nothing to disconnect; the rest is in tests/interop/test_connect.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from ikev1.cli.connect.configuration import FOLDER_PREFIX
from ikev1.cli.connect.disconnect import disconnect
from ikev1.files.temporary import temporary_folder


@pytest.mark.parametrize("arguments", [[], ["vpn.example.com"]])
def test_there_is_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{FOLDER_PREFIX}left").mkdir(0o700)
    with temporary_folder(FOLDER_PREFIX):  # whose process does not listen yet
        result = CliRunner().invoke(disconnect, arguments)
    assert result.exit_code == 1
    assert result.output
