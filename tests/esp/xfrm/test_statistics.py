"""/proc/net/xfrm_stat."""

from __future__ import annotations

from pathlib import Path

from ikev1.esp.xfrm import statistics


def test_names_and_numbers() -> None:
    text = "XfrmInError             \t0\nXfrmInNoStates          \t17\n"
    assert statistics.parse(text) == {"XfrmInError": 0, "XfrmInNoStates": 17}


def test_other_lines_are_passed_over() -> None:
    assert statistics.parse("a b c\n\nXfrmInError minus\nXfrmInError -1\n") == {}


def test_a_kernel_without(tmp_path: Path) -> None:
    assert statistics.read(tmp_path / "xfrm_stat") == {}
    (tmp_path / "xfrm_stat").write_text("XfrmInError 3\n")
    assert statistics.read(tmp_path / "xfrm_stat") == {"XfrmInError": 3}
