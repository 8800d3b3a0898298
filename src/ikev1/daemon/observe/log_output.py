"""Where the lines of the log go: as text or JSON to standard error, or with fields to the journal."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from logging.handlers import SysLogHandler

from ikev1.daemon.observe.event_log import Level, Line

JOURNAL = "/run/systemd/journal/socket"
_STANDARD_ERROR = 2
_TEXT = "%(asctime)s %(levelname)-7s %(message)s"
_PRIORITIES = {Level.ERROR: 3, Level.WARNING: 4, Level.INFO: 6, Level.DEBUG: 7}  # syslog(3)


def write_to_logger(line: Line) -> None:
    """The sink that writes to the logger ``ikev1`` of the standard library."""
    logging.getLogger("ikev1").log(line.level, "%s", line)


def configure(form: str) -> None:
    """Write what goes to the logger ``ikev1`` in the ``form`` ``text`` or ``json``, unless the process has configured
    logging before. Text goes to the journal of systemd with its fields, if standard error is connected to it.
    """
    if logging.getLogger().handlers:
        return
    standard_error = logging.StreamHandler()
    standard_error.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    handler: logging.Handler = standard_error
    if form == "text" and leads_to_journal(_STANDARD_ERROR, os.environ):
        handler = JournalHandler(JOURNAL, standard_error)
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("ikev1").setLevel(logging.DEBUG)  # the levels of `EventLog.attach` decide


def configure_syslog(path: str) -> None:
    """Write what goes to the logger ``ikev1`` to syslog at the socket ``path``, unless the process has configured
    logging before, or there is no syslog.
    """
    if logging.getLogger().handlers or not os.path.exists(path):
        return
    handler = SysLogHandler(path, SysLogHandler.LOG_DAEMON)
    handler.ident = f"ikev1[{os.getpid()}]: "
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("ikev1").setLevel(logging.DEBUG)


def leads_to_journal(descriptor: int, environment: Mapping[str, str]) -> bool:
    """Whether ``descriptor`` is the stream to the journal that ``JOURNAL_STREAM`` names (systemd.exec(5))."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def fields(record: logging.LogRecord) -> dict[str, str | int]:
    """What a record says, by names that do not change: ``level``, ``subsystem``, ``message`` and, if there are any,
    ``event``, ``code``, ``connection``, ``conn_id`` and ``peer``, an address with or without port (``192.0.2.1[500]``).
    """
    line = record.args[0] if isinstance(record.args, tuple) and len(record.args) == 1 else None
    if not isinstance(line, Line):
        return {"level": record.levelname.lower(), "subsystem": record.name, "message": _message(record)}
    sa = line.sa
    found: dict[str, str | int] = {"level": line.level.name.lower(), "subsystem": line.group, "message": line.text}
    named = {"event": line.event, "code": str(line.code), "peer": sa.path.remote if sa is not None else line.peer}
    found |= {name: value for name, value in named.items() if value}
    if sa is not None:
        found |= {"connection": sa.connection, "conn_id": sa.unique_id}
    return found


def _message(record: logging.LogRecord) -> str:
    """The text of a record, with the traceback that libraries such as asyncio log."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    return text


class JsonFormatter(logging.Formatter):
    """A record as a JSON object on one line: ``time`` (UTC, RFC 3339) and the `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return json.dumps({"time": f"{seconds}.{int(record.msecs):03}Z", **fields(record)})


class JournalHandler(logging.Handler):
    """Sends records to the journal at the socket ``path``, with fields (systemd.journal-fields(7)); records that it
    does not accept at once go to ``otherwise``.
    """

    def __init__(self, path: str, otherwise: logging.Handler) -> None:
        super().__init__()
        self._path = path
        self._otherwise = otherwise
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Send the record."""
        try:
            self._socket.sendto(b"".join(_journal_fields(record)), self._path)
        except OSError:
            self._otherwise.emit(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def _journal_fields(record: logging.LogRecord) -> Iterator[bytes]:
    found = fields(record)
    level = Level(record.levelno) if record.levelno in set(Level) else Level.ERROR
    # the text as on standard error, without the time: whatever reads it from the journal finds what it knows
    yield _field("MESSAGE", f"{record.levelname:7} {_message(record)}")
    yield _field("PRIORITY", str(_PRIORITIES[level]))
    yield _field("SYSLOG_IDENTIFIER", "ikev1")
    for name, value in found.items():
        if name not in ("level", "message"):
            yield _field(f"IKEV1_{name.upper()}", str(value))


def _field(name: str, value: str) -> bytes:
    """A field in the journal's native protocol: text on one line, or its length (64 bits, little-endian) and octets."""
    octets = value.encode("utf-8", "replace")
    if b"\n" not in octets:
        return b"%s=%s\n" % (name.encode(), octets)
    return b"%s\n%s%s\n" % (name.encode(), len(octets).to_bytes(8, "little"), octets)
