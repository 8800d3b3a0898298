"""The glass box: captures to datagrams, conversations and a report that says what every message means.

`open_capture` reads a pcap or pcapng file, an `Analyst` takes its packets one by one, and `Analyst.report` makes a
`Report`, whose form has the version `SCHEMA`. `load_keys` reads the keys with which it decrypts. All of it is imported
when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ikev1.capture.analyse import Analyst as Analyst
    from ikev1.capture.keys import KeyFileError as KeyFileError
    from ikev1.capture.keys import KeyRing as KeyRing
    from ikev1.capture.keys import load_keys as load_keys
    from ikev1.capture.read import Capture as Capture
    from ikev1.capture.read import CaptureError as CaptureError
    from ikev1.capture.read import NotACapture as NotACapture
    from ikev1.capture.read import open_capture as open_capture
    from ikev1.capture.records.packets import Packet as Packet
    from ikev1.capture.records.report import SCHEMA as SCHEMA
    from ikev1.capture.records.report import Report as Report

__all__ = [
    "SCHEMA",
    "Analyst",
    "Capture",
    "CaptureError",
    "KeyFileError",
    "KeyRing",
    "NotACapture",
    "Packet",
    "Report",
    "load_keys",
    "open_capture",
]

_HOMES = {
    "analyse": ("Analyst",),
    "keys": ("KeyFileError", "KeyRing", "load_keys"),
    "read": ("Capture", "CaptureError", "NotACapture", "open_capture"),
    "records.packets": ("Packet",),
    "records.report": ("SCHEMA", "Report"),
}


if not TYPE_CHECKING:  # who checks types shall know no names but those above

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"ikev1.capture.{home}"), name)
        raise AttributeError(f"module 'ikev1.capture' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
