"""The report on the terminal: for each conversation the peers, the messages and the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.text import Text

from ikev1.capture.records.report import Answer, Conversation, EspFlow, Message, Report
from ikev1.cli.explain.ladder import Ladder
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.words import began, frames_text, moment, size, timeless

MANY = 20
"""If a report has more conversations, it only lists them."""

OUTCOMES = {"established": "green", "failed": "red", "unfinished": "yellow"}


def write_report(writer: TerminalWriter, report: Report, detailed: Callable[[Message], bool]) -> None:
    """Write the report. Messages for which ``detailed`` is true are written with all fields and octets.

    More than `MANY` conversations are listed with one line each.
    """
    if len(report.conversations) > MANY:
        _list(writer, report.conversations)
    else:
        for conversation in report.conversations:
            _conversation(writer, conversation, detailed)
    if report.esp:
        writer.heading("ESP without negotiation in the capture")
        _flows(writer, report.esp)
    if report.notes:
        writer.heading("What could not be read")
        for note in report.notes:
            writer.paragraph(note, indent="  ", further="    ")


def _list(writer: TerminalWriter, conversations: tuple[Conversation, ...]) -> None:
    for conversation in conversations:
        time = "" if timeless(conversation) else f", {moment(conversation.first_time)}"
        ends = writer.text(f"{_names(conversation)}: ") + _outcome(writer, conversation)
        rest = f", {conversation.mode or 'without phase 1'}, {len(conversation.messages)} messages"
        writer.write(*writer.wrapped(ends + writer.text(f"{rest}{time}"), writer.width, further="    "))
    writer.heading(f"{len(conversations)} conversations; --conversation N shows one of them.")


def _names(conversation: Conversation) -> str:
    return f"{conversation.number}. {conversation.initiator.address} → {conversation.responder.address}"


def _outcome(writer: TerminalWriter, conversation: Conversation) -> Text:
    return writer.text(conversation.outcome, f"bold {OUTCOMES.get(conversation.outcome, '')}")


def _conversation(writer: TerminalWriter, conversation: Conversation, detailed: Callable[[Message], bool]) -> None:
    _header(writer, conversation)
    ladder = Ladder(writer)
    ladder.ends(conversation)
    for message in conversation.messages:
        ladder.message(message, conversation, detailed(message))
    ladder.close()
    if conversation.esp:
        writer.heading("ESP")
        _flows(writer, conversation.esp)
    for answer in conversation.answers:
        _answer(writer, answer)
    writer.write(Text(""))


def _header(writer: TerminalWriter, conversation: Conversation) -> None:
    title = writer.text(f"{_names(conversation)}: ", "bold") + _outcome(writer, conversation)
    writer.write(Text(""), *writer.wrapped(title, writer.width))
    writer.paragraph(conversation.summary)
    facts = [
        ("phase 1", conversation.mode or "not in the capture"),
        ("suite", conversation.suite or "unknown"),
        ("started", began(conversation)),
        ("cookies", f"{conversation.initiator_cookie} {conversation.responder_cookie}"),
    ]
    for name, value in facts:
        writer.write(
            *writer.wrapped(writer.text(f"{name:9}", "dim") + writer.text(value), writer.width, "  ", " " * 11)
        )
    writer.write(Text(""))


def _answer(writer: TerminalWriter, answer: Answer) -> None:
    writer.heading(answer.title)
    writer.paragraph(answer.text, indent="  ")
    if answer.frames:
        writer.paragraph(f"({frames_text(answer.frames)})", "dim", "  ")


def _flows(writer: TerminalWriter, flows: Iterable[EspFlow]) -> None:
    for flow in flows:
        writer.paragraph(f"SPI {flow.spi}  {flow.source} → {flow.destination}", indent="  ", further="      ")
        writer.paragraph(", ".join(_facts(flow)), indent="      ")
        if flow.inner:
            writer.paragraph(f"contents: {flow.inner}", indent="      ")


def _facts(flow: EspFlow) -> Iterable[str]:
    yield f"{flow.packets} packets" if flow.packets != 1 else "1 packet"
    yield size(flow.octets)
    yield f"frames {flow.first_frame} to {flow.last_frame}"
    if flow.suite:
        yield flow.suite
    if flow.opened:
        yield f"{flow.opened} with a right ICV"
    if flow.wrong:
        yield f"{flow.wrong} with a WRONG ICV"
    if flow.unopened:
        yield f"{flow.unopened} that the key does not decrypt (no ICV to verify)"
    if flow.missing:
        yield f"{flow.missing} missing from the capture"
