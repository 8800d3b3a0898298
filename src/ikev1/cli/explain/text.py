"""A report as text: for each conversation the peers, the messages, and answers to common questions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.text import Text

from ikev1.capture.records.report import Answer, Conversation, EspFlow, Message, Report
from ikev1.cli.explain.ladder import Ladder
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.words import began, frames_text, moment, size, timeless

MANY = 20
"""If there are more conversations than this, they are only listed."""

OUTCOMES = {"established": "green", "failed": "red", "unfinished": "yellow"}


def write_report(pen: TerminalWriter, report: Report, detailed: Callable[[Message], bool]) -> None:
    """Write the report; messages for which ``detailed`` is true with all their fields and octets. More than `MANY`
    conversations get a line each.
    """
    if len(report.conversations) > MANY:
        _list(pen, report.conversations)
    else:
        for conversation in report.conversations:
            _conversation(pen, conversation, detailed)
    if report.esp:
        pen.heading("ESP without its negotiation in the capture")
        _flows(pen, report.esp)
    if report.notes:
        pen.heading("Not evaluated")
        for note in report.notes:
            pen.paragraph(note, indent="  ", further="    ")


def _list(pen: TerminalWriter, conversations: tuple[Conversation, ...]) -> None:
    for conversation in conversations:
        time = "" if timeless(conversation) else f", {moment(conversation.first_time)}"
        ends = pen.text(f"{_names(conversation)}: ") + _outcome(pen, conversation)
        rest = f", {conversation.mode or 'without phase 1'}, {len(conversation.messages)} messages"
        pen.write(*pen.wrapped(ends + pen.text(f"{rest}{time}"), pen.width, further="    "))
    pen.heading(f"{len(conversations)} conversations: show one of them with --conversation N")


def _names(conversation: Conversation) -> str:
    return f"{conversation.number}. {conversation.initiator.address} → {conversation.responder.address}"


def _outcome(pen: TerminalWriter, conversation: Conversation) -> Text:
    return pen.text(conversation.outcome, f"bold {OUTCOMES.get(conversation.outcome, '')}")


def _conversation(pen: TerminalWriter, conversation: Conversation, detailed: Callable[[Message], bool]) -> None:
    _header(pen, conversation)
    ladder = Ladder(pen)
    ladder.ends(conversation)
    for message in conversation.messages:
        ladder.message(message, conversation, detailed(message))
    ladder.close()
    if conversation.esp:
        pen.heading("ESP")
        _flows(pen, conversation.esp)
    for answer in conversation.answers:
        _answer(pen, answer)
    pen.write(Text(""))


def _header(pen: TerminalWriter, conversation: Conversation) -> None:
    title = pen.text(f"{_names(conversation)}: ", "bold") + _outcome(pen, conversation)
    pen.write(Text(""), *pen.wrapped(title, pen.width))
    pen.paragraph(conversation.summary)
    facts = [
        ("phase 1", conversation.mode or "not in the capture"),
        ("suite", conversation.suite or "unknown"),
        ("began", began(conversation)),
        ("cookies", f"{conversation.initiator_cookie} {conversation.responder_cookie}"),
    ]
    for name, value in facts:
        pen.write(*pen.wrapped(pen.text(f"{name:9}", "dim") + pen.text(value), pen.width, "  ", " " * 11))
    pen.write(Text(""))


def _answer(pen: TerminalWriter, answer: Answer) -> None:
    pen.heading(answer.title)
    pen.paragraph(answer.text, indent="  ")
    if answer.frames:
        pen.paragraph(f"({frames_text(answer.frames)})", "dim", "  ")


def _flows(pen: TerminalWriter, flows: Iterable[EspFlow]) -> None:
    for flow in flows:
        pen.paragraph(f"SPI {flow.spi}  {flow.source} → {flow.destination}", indent="  ", further="      ")
        pen.paragraph(", ".join(_facts(flow)), indent="      ")
        if flow.inner:
            pen.paragraph(f"inside: {flow.inner}", indent="      ")


def _facts(flow: EspFlow) -> Iterable[str]:
    yield f"{flow.packets} packets" if flow.packets != 1 else "1 packet"
    yield size(flow.octets)
    yield f"frames {flow.first_frame} to {flow.last_frame}"
    if flow.suite:
        yield flow.suite
    if flow.opened:
        yield f"{flow.opened} with a correct ICV"
    if flow.wrong:
        yield f"{flow.wrong} with a WRONG ICV"
    if flow.unopened:
        yield f"{flow.unopened} that the key does not decrypt (ICV not verified)"
    if flow.missing:
        yield f"{flow.missing} missing from the capture"
