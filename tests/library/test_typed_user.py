"""What a type checker accepts of the face also runs."""

from __future__ import annotations

from pathlib import Path

from typed_user import main


def test_a_program_with_types_runs() -> None:
    said = main(Path(__file__).parents[2] / "examples" / "branch.pcap")
    assert "aes128-sha256" in " ".join(said)
    assert said[-2] == "established"
    assert "unknown-name" in said[-3]
