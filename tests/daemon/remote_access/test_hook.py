"""What a hook may do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ikev1.daemon.remote_access.hook import HookFailed, run_hook


def test_the_environment_is_what_is_given_and_a_path(tmp_path: Path) -> None:
    os.environ["IKEV1_TEST_SECRET"] = "x"
    try:
        run_hook(
            ["/bin/sh", "-c", f"env > {tmp_path}/env; readlink /proc/self/cwd > {tmp_path}/cwd"], {"A": "b c"}, 20.0
        )
    finally:
        del os.environ["IKEV1_TEST_SECRET"]
    variables = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert variables.pop("A") == "b c"
    assert set(variables) <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}
    assert (tmp_path / "cwd").read_text() == "/\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 3", "status 3"), ("echo first; echo last >&2; exit 1", "last"), ("kill -9 $$", "status -9")],
)
def test_a_failure_says_why(script: str, said: str) -> None:
    with pytest.raises(HookFailed, match=said):
        run_hook(["/bin/sh", "-c", script], {}, 20.0)


def test_much_output_is_no_trouble_and_what_is_reported_is_short() -> None:
    with pytest.raises(HookFailed) as caught:
        run_hook(["/bin/sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; printf '\\n\\033[31m'; exit 1"], {}, 20.0)
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)
