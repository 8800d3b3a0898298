"""Programs that install name servers: real ones, unpacked by `setup` and moved to a folder of the test, and one that
notes what it is asked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lab.paths import LAB

_MOVED = ("/etc/resolvconf", "/etc/resolv.conf", "/lib/resolvconf", "/run/resolvconf", "SYSCONFDIR=/etc", "ETC=/etc")


class Resolvers:
    """``setup`` is a line of shell that has a program find ``bin`` on its path, and a /run of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.run = folder / "run"
        for made in (self.bin, self.run):
            made.mkdir(parents=True)
        self.setup = f"mount --bind '{self.bin}' /usr/local/sbin; mount --bind '{self.run}' /run"
        self._noted = folder / "noted"
        self._resolv_conf = folder / "etc" / "resolv.conf"

    def add_resolvectl(self) -> None:
        """A resolvectl that notes its arguments, and the folder of a systemd-resolved that runs."""
        (self.run / "systemd" / "resolve").mkdir(parents=True)
        program = self.bin / "resolvectl"
        program.write_text(f'#!/bin/sh\necho "$*" >> {self._noted}\n')
        program.chmod(0o755)

    @property
    def noted(self) -> list[str]:
        """The arguments of each call of resolvectl."""
        return self._noted.read_text().splitlines() if self._noted.exists() else []

    def add_resolvconf(self, package: str) -> None:
        """The resolvconf of a Debian package, whose files are all in ``folder``."""
        unpacked = LAB / package
        if not unpacked.is_dir():
            pytest.skip(f"{package} is not unpacked here (tests/support/lab/setup does it)")
        for part in ("etc", "lib"):
            shutil.copytree(unpacked / part, self.folder / part)
        shutil.copytree(unpacked / "sbin", self.bin, dirs_exist_ok=True)
        dynamic = self.folder / "run" / "resolvconf"
        dynamic.mkdir()
        for file in (file for part in ("etc", "lib", "bin") for file in (self.folder / part).rglob("*")):
            if file.is_file():
                file.write_text(self._moved(file.read_text()))
        if package == "resolvconf":
            (dynamic / "interface").mkdir()
            (dynamic / "enable-updates").touch()
            self._resolv_conf.symlink_to(dynamic / "resolv.conf")

    def _moved(self, text: str) -> str:
        for place in _MOVED:
            head, _, path = place.rpartition("=")
            text = text.replace(place, f"{head}={self.folder}{path}" if head else f"{self.folder}{path}")
        return text

    @property
    def resolv_conf(self) -> list[str]:
        """The lines of resolv.conf, without comments."""
        if not self._resolv_conf.exists():
            return []
        return [line for line in self._resolv_conf.read_text().splitlines() if line and not line.startswith("#")]
