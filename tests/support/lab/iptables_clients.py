"""A gateway with the kernel's data plane where the kernel has ESP, but no nf_tables: iptables saves and restores marks.

Run as a program with a configuration file. The rules of `ikev1.esp.nft.client_rules` are made in the older tables, but
for the zones, which the kernel of `kernel-run` does not have: clients need different ports here. Unprotected packets
are not dropped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ikev1.daemon.process import run
from ikev1.esp.nft.client_rules import SIGNATURE
from ikev1.esp.plane import Reader
from ikev1.esp.xfrm import shared_addresses

_OF_CLIENT = f"{SIGNATURE:#x}/0xffff0000"
_RULES = (
    f"-t mangle {{}} PREROUTING -m mark --mark {_OF_CLIENT} -j CONNMARK --save-mark",
    f"-t mangle {{}} OUTPUT -m connmark --mark {_OF_CLIENT} -j CONNMARK --restore-mark",
)


class IptablesFilter:
    """In place of `ikev1.esp.clear_traffic.ClearTrafficFilter`."""

    def __init__(self, *_: object) -> None:
        self._rules = False

    def possible(self) -> bool:
        return True

    def allow_port(self, port: int) -> None:
        pass

    def change(self, wanted: Mapping[Any, Any]) -> None:
        if wanted and not self._rules:
            self._rules = True
            _iptables("-t nat -S")  # loads the table, and with it NAT
            for rule in _RULES:
                _iptables(rule.format("-A"))

    def readers(self) -> Sequence[Reader]:
        return ()

    def close(self, *, keep: bool) -> None:
        for rule in _RULES if self._rules else ():
            _iptables(rule.format("-D"))


def _iptables(arguments: str) -> None:
    subprocess.run(["iptables-legacy", *arguments.split()], check=True)


if __name__ == "__main__":
    vars(shared_addresses).update(ClearTrafficFilter=IptablesFilter, forget=lambda name: False)
    run(Path(sys.argv[1]))
