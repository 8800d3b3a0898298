"""The log as JSON and in the journal: the same fields, whatever the text says."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from documents import ROOT
from ikev1.core.records.events import Code, Failure, IkeUp, Note
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.daemon.observe.event_log import EVENT_NAMES, EventLog, Level, Line
from ikev1.daemon.observe.log_output import JournalHandler, JsonFormatter, leads_to_journal, write_to_logger

SA = IkeSa(
    7, "branch", Role.INITIATOR, UdpPath("192.0.2.1", 500, "192.0.2.2", 4500), b"i" * 8, b"r" * 8, created_at=0.0
)


class Kept(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def record_of(line: Line) -> logging.LogRecord:
    """What `write_to_logger` passes to the handlers for ``line``."""
    kept, logger = Kept(), logging.getLogger("ikev1")
    logger.addHandler(kept)
    level, logger.level = logger.level, logging.DEBUG
    try:
        write_to_logger(line)
    finally:
        logger.removeHandler(kept)
        logger.level = level
    (record,) = kept.records
    return record


def lines_of(*events: Failure | IkeUp | Note) -> list[Line]:
    found: list[Line] = []
    log = EventLog()
    log.attach(Level.DEBUG, found.append)
    for event in events:
        log.event(event)
    return found


def test_a_line_is_one_json_object_with_stable_names() -> None:
    (line,) = lines_of(Failure(Code.PSK_MISMATCH, 'they "differ"\nand "é"', "192.0.2.2[4500]", SA))
    text = JsonFormatter().format(record_of(line))
    assert "\n" not in text
    shown = json.loads(text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown.pop("time"))
    assert shown == {
        "level": "warning",
        "subsystem": "IKE",
        "message": line.text,
        "event": "failure",
        "code": "psk-mismatch",
        "connection": "branch",
        "conn_id": 7,
        "peer": "192.0.2.2[4500]",
    }


def test_what_does_not_apply_is_left_out() -> None:
    stranger, up = lines_of(Failure(Code.MALFORMED, "garbage", "192.0.2.9"), IkeUp(SA))
    shown = json.loads(JsonFormatter().format(record_of(stranger)))
    assert (shown["peer"], shown["event"], shown["code"]) == ("192.0.2.9", "failure", "malformed")
    assert not shown.keys() & {"connection", "conn_id"}
    shown = json.loads(JsonFormatter().format(record_of(up)))
    assert (shown["event"], "code" in shown) == ("ike-up", False)
    own = json.loads(JsonFormatter().format(record_of(Line(Level.INFO, "NET", "listening"))))
    assert own.keys() == {"time", "level", "subsystem", "message"}


def test_a_record_of_another_logger_has_a_level_and_a_message() -> None:
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "%d of %s", (1, "it"), None)
    shown = json.loads(JsonFormatter().format(record))
    assert (shown["level"], shown["subsystem"], shown["message"]) == ("error", "asyncio", "1 of it")


def test_a_traceback_is_part_of_the_message(tmp_path: Path) -> None:
    try:
        raise ValueError("the cause\nIKEV1_CODE=forged")
    except ValueError:
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "a task failed", (), sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    message = json.loads(text)["message"]
    assert message.startswith("a task failed\nTraceback ")
    assert message.endswith("ValueError: the cause\nIKEV1_CODE=forged")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(60)
        JournalHandler(str(tmp_path / "journal"), Kept()).emit(record)
        received = parsed(journal.recv(65_536))
    assert received["MESSAGE"] == f"ERROR   {message}"
    assert "IKEV1_CODE" not in received


def test_the_journal_receives_the_fields(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(60)
        otherwise = Kept()
        handler = JournalHandler(str(tmp_path / "journal"), otherwise)
        (line,) = lines_of(Note(Code.WEAK, "two\nlines", SA))
        handler.emit(record_of(line))
        received = parsed(journal.recv(65_536))
        assert received.pop("MESSAGE") == f"WARNING {line}"
        assert received == {
            "PRIORITY": "4",
            "SYSLOG_IDENTIFIER": "ikev1",
            "IKEV1_SUBSYSTEM": "IKE",
            "IKEV1_EVENT": "note",
            "IKEV1_CODE": "weak",
            "IKEV1_CONNECTION": "branch",
            "IKEV1_CONN_ID": "7",
            "IKEV1_PEER": "192.0.2.2[4500]",
        }
        assert otherwise.records == []
    handler.emit(record_of(line))  # nobody listens any more
    assert len(otherwise.records) == 1
    handler.close()


def parsed(datagram: bytes) -> dict[str, str]:
    """The fields of a datagram in the journal's native protocol."""
    found: dict[str, str] = {}
    while datagram:
        head, _, rest = datagram.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[9 + length :]
        found[name.decode()] = value.decode()
        datagram = rest
    return found


def test_the_journal_is_used_only_if_the_stream_leads_to_it(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("wb") as stream:
        status = os.fstat(stream.fileno())
        named = f"{status.st_dev}:{status.st_ino}"
        assert leads_to_journal(stream.fileno(), {"JOURNAL_STREAM": named})
        assert not leads_to_journal(stream.fileno(), {"JOURNAL_STREAM": f"{named}0"})
        assert not leads_to_journal(stream.fileno(), {})
    assert not leads_to_journal(-1, {"JOURNAL_STREAM": named})


@pytest.mark.parametrize(("level", "wanted"), [(Level.INFO, [True, False]), (Level.WARNING, [False, False])])
def test_a_subsystem_has_a_level_of_its_own(level: Level, wanted: list[bool]) -> None:
    found: list[Line] = []
    log = EventLog()
    detach = log.attach(level, found.append, {"ENC": Level.ERROR, "NET": Level.DEBUG})
    assert [log.listens(Level.INFO, group) for group in ("IKE", "ENC")] == wanted
    assert log.wants_message(SA, "MM1") is False
    for each in Level:
        for group in ("IKE", "ENC", "NET"):
            log.write(each, group, "a line")
    seen = [(line.level, line.group) for line in found]
    assert seen == [
        (each, group)
        for each in Level
        for group, least in (("IKE", level), ("ENC", Level.ERROR), ("NET", Level.DEBUG))
        if each >= least
    ]
    log.attach(Level.INFO, found.append)  # as a VICI client
    assert log.wants_message(SA, "MM1") is True
    detach()
    assert not log.listens(Level.DEBUG, "NET")


def test_the_documentation_names_every_event() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    section = document.partition("\n### The log\n")[2].partition("\n### ")[0]
    row = next(line for line in section.splitlines() if line.startswith("| `IKEV1_EVENT` |"))
    assert set(re.findall(r"`([a-z-]+)`", row)) - {"event"} == set(EVENT_NAMES)
