"""A conversation as a ladder diagram: two lifelines, and the messages between them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from ikev1.capture.records.report import Conversation, Message, Party
from ikev1.cli.explain.fields import Fields, octet_lines
from ikev1.cli.explain.terminal_writer import TerminalWriter
from ikev1.page.words import frames_text, kind_of, mark_of, when

COLOURS = {"clear": "yellow", "sealed": "green", "shut": "dim"}
MARK_COLOURS = {"right": "green", "wrong": "bold red", "differs": "yellow", "unknown": "dim"}


class Ladder:
    """Writes the messages of one conversation; those for which ``detailed`` is true with all their fields."""

    def __init__(self, pen: TerminalWriter) -> None:
        self._pen = pen
        self._inner = pen.width - 2
        self._fields = Fields(pen, self._inner - 2)
        self._exchange: tuple[str, str] | None = None

    def ends(self, conversation: Conversation) -> None:
        """The peers, at the upper ends of the lifelines."""
        left, right = conversation.initiator, conversation.responder
        self._apart(left.address, right.address, "bold")
        self._apart(_described("initiator", left), _described("responder", right), "dim")
        if left.identity or right.identity:
            self._apart(_identity(left), _identity(right), "")

    def message(self, message: Message, conversation: Conversation, detailed: bool) -> None:
        """One message of a conversation."""
        if (message.exchange, message.message_id) != self._exchange:
            self._exchange = message.exchange, message.message_id
            self._between(Text(""), self._pen.text(message.exchange, "dim"))
        self._pen.write(self._arrow(message, when(message, conversation)))
        if message.retransmission_of is None or detailed:
            self._between(*self._explanation(message))
        if detailed:
            blank = Text("")
            self._between(blank, *self._fields.lines(message.fields), blank, *octet_lines(self._pen, message), blank)

    def close(self) -> None:
        """The lower end of the lifelines."""
        self._between(Text(""))

    def _apart(self, left: str, right: str, style: str) -> None:
        pen = self._pen
        one, other = pen.text(left, style), pen.text(right, style)
        room = pen.width - one.cell_len - other.cell_len
        if room > 0:
            pen.write(one + Text(" " * room) + other)
            return
        pen.write(*pen.wrapped(one, pen.width))
        for line in pen.wrapped(other, pen.width):
            pen.write(Text(" " * (pen.width - line.cell_len)) + line)

    def _arrow(self, message: Message, time: str) -> Text:
        signs, repeated = self._pen.signs, message.retransmission_of is not None
        line = signs.again if repeated else signs.line
        label = self._pen.text(f" {message.label}{' again' if repeated else ''} ", "bold")
        about = self._pen.text(f" {', '.join(filter(None, (_frames(message), time)))} ", "dim")
        fill = line * max(self._inner - label.cell_len - about.cell_len - 4, 1)
        colour = COLOURS[kind_of(message)]
        arrow = Text(line, colour) + label + Text(fill, colour) + about + Text(line, colour)
        if message.sender == "initiator":
            arrow = Text(line, colour) + arrow + Text(signs.right_tip, colour)
        else:
            arrow = Text(signs.left_tip, colour) + arrow + Text(line, colour)
        if repeated:
            arrow.stylize("dim")
        return Text(signs.life, "dim") + arrow + Text(signs.life, "dim")

    def _explanation(self, message: Message) -> Iterator[Text]:
        pen = self._pen
        yield from self._indented(pen.text(message.line))
        yield from self._indented(pen.text(message.security, "italic"))
        for problem in message.problems:
            yield from self._indented(pen.text(f"! {problem}", "red"))
        for check in message.checks:
            mark = mark_of(check)
            text = pen.text(f"{pen.signs.marks[mark]} {check.name}:", MARK_COLOURS[mark])
            yield from self._indented(text + pen.text(f" {check.text}"))
        for formula in message.formulas:
            text = pen.text(formula.name, "bold") + pen.text(f" = {formula.expression}  ({formula.source})")
            yield from self._indented(text)
            for name, octets in (*formula.inputs, (f"= {formula.name}", formula.result)):
                yield from pen.wrapped(pen.text(f"{name}  {octets}", "dim"), self._inner - 2, " " * 8, " " * 10)

    def _indented(self, text: Text) -> list[Text]:
        return self._pen.wrapped(text, self._inner - 2, "    ", "      ")

    def _between(self, *lines: Text) -> None:
        life = Text(self._pen.signs.life, "dim")
        for line in lines:
            line.truncate(self._inner - 2, pad=True)
            self._pen.write(life + Text(" ") + line + Text(" ") + life)


def _frames(message: Message) -> str:
    """The frames; of many fragments the first and the last, because the arrow has one line."""
    few = message.frames if len(message.frames) < 3 else ()
    return frames_text(few) or f"frames {message.frames[0]} to {message.frames[-1]}"


def _described(role: str, party: Party) -> str:
    nat = ", behind a NAT (or claims to be)" if party.behind_nat else ""
    return f"{role}, {party.maker}{nat}" if party.maker else f"{role}{nat}"


def _identity(party: Party) -> str:
    if not party.identity:
        return "identity unknown"
    return f"{party.identity} ({'visible to everybody' if party.identity_visible else 'encrypted'})"
