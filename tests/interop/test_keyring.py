"""The keyring of a desktop, as the user fills it by secret-tool and `ikev1 connect` reads it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from lab.paths import KEYRING
from lab.process import run

_SESSION = """
set -e
printf 'of the login' | gnome-keyring-daemon --unlock --components=secrets > /dev/null
store() { printf "$1" | secret-tool store --label=vpn service ikev1 gateway gw.example "$2" "$3"; }
until store 'of the group' group staff 2> /dev/null; do sleep 0.1; done  # until the keyring is on the bus
store 'of the user\\n' user 'alice; true'
store 'p\\303\\244ss' secret l2tp
exec "$@"
"""
_READS = """
import sys
from ikev1.cli.connect.secrets import secret_in_keyring
asked = [("gw.example", "group", "staff"), ("gw.example", "user", "alice; true"), ("gw.example", "secret", "l2tp")]
asked += [("gw.example", "group", "other"), ("gw2.example", "group", "staff"), ("gw.example", "user", "staff")]
print([secret_in_keyring(*each) for each in asked])
"""


@pytest.mark.interop
def test_secrets_in_the_keyring(peers: None, tmp_path: Path) -> None:
    """The line end that a shell may have added is not part of a secret."""
    (library,) = KEYRING.glob("lib/*/libsecret-1.so.0")
    for name in ("home", "runtime"):
        (tmp_path / name).mkdir(mode=0o700)
    environment: dict[str, Any] = {
        "LC_ALL": "C.UTF-8",
        "PATH": f"{KEYRING / 'bin'}:/usr/bin:/bin",
        "LD_LIBRARY_PATH": str(library.parent),
        "HOME": str(tmp_path / "home"),
        "XDG_DATA_HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(tmp_path / "runtime"),
    }
    command = ["dbus-run-session", "--", "sh", "-c", _SESSION, "sh", sys.executable, "-c", _READS]
    expected = [b"of the group", b"of the user", "p\u00e4ss".encode(), b"", b"", b""]
    assert run(*command, **environment).splitlines()[-1] == str(expected)
