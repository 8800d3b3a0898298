"""Whether the kernel can carry ESP; what it says where it can is in tests/kernel."""

from __future__ import annotations

import os

from ikev1.esp.xfrm.probe import probe

NOBODY = 65_534


def told_to_nobody() -> str:
    """What `probe` says to a process without rights."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(write, probe().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def test_without_rights_it_says_which() -> None:
    assert "CAP_NET_ADMIN is missing" in told_to_nobody()


def test_it_says_what_is_missing_in_one_line() -> None:
    assert "\n" not in probe()
