"""The gateway's own recording: every ISAKMP message that it sends and receives, for `ikev1 explain` and Wireshark.

It holds what a capture on the gateway would hold of ISAKMP, and nothing of ESP. Messages are as encrypted as on the
wire; with the key log (`ikev1.daemon.observe.keylog`) they can be read.
"""

from __future__ import annotations

import errno
import os
import time
from importlib.metadata import version
from pathlib import Path

from ikev1.capture.read.pcapng import MAGIC_NUMBER
from ikev1.capture.records.packets import Datagram
from ikev1.capture.write import datagram_block, section_blocks
from ikev1.core.records.path import UdpPath
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.files.private import open_private

COMMENT = "ISAKMP messages as the gateway sent and received them, without ESP"


class Recorder:
    """Appends to the pcapng file ``path``, which is made if it is not there; its owner alone may read it.

    What is in the file already stays: each run of the gateway is a section of its own. After an error nothing more is
    written, for a block that is not whole makes what follows unreadable.

    Raises:
        OSError: the file cannot be opened, is something else than pcapng, or another user could read or change it
            (`ikev1.files.private`).
    """

    def __init__(self, path: Path, log: EventLog, encapsulation_port: int) -> None:
        self._log = log
        self._encapsulation_port = encapsulation_port
        self._file = open_private(path, os.O_RDWR | os.O_APPEND)
        self._broken = False
        try:
            if os.pread(self._file, 4, 0) not in (b"", MAGIC_NUMBER):
                raise FileExistsError(errno.EEXIST, "the file exists and is not pcapng", str(path))
            os.write(self._file, section_blocks(f"ikev1 {version('ikev1')}", COMMENT))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def sent(self, path: UdpPath, message: bytes) -> None:
        """``message``, without the non-ESP marker, left on ``path``."""
        self._write(message, path[:2], path[2:], path.local_port, sent=True)

    def received(self, path: UdpPath, message: bytes) -> None:
        """``message``, without the non-ESP marker, came on ``path``."""
        self._write(message, path[2:], path[:2], path.local_port, sent=False)

    def _write(
        self, message: bytes, source: tuple[str, int], destination: tuple[str, int], our_port: int, *, sent: bool
    ) -> None:
        if self._broken:
            return
        marked = our_port == self._encapsulation_port
        datagram = Datagram((), time.time(), *source, *destination, marked, message)
        block = datagram_block(datagram, sent=sent)
        try:
            if os.write(self._file, block) != len(block):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._broken = True
            self._log.write(Level.ERROR, "NET", f"recording of ISAKMP messages stopped: {error.strerror}")
