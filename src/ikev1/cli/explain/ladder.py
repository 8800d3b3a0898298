"""The ladder diagram of a conversation on the terminal."""

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
    """Writes the messages of one conversation between two lifelines."""

    def __init__(self, writer: TerminalWriter) -> None:
        self._writer = writer
        self._inner = writer.width - 2
        self._fields = Fields(writer, self._inner - 2)
        self._exchange: tuple[str, str] | None = None

    def ends(self, conversation: Conversation) -> None:
        """Write the peers above the lifelines."""
        left, right = conversation.initiator, conversation.responder
        self._apart(left.address, right.address, "bold")
        self._apart(_described("initiator", left), _described("responder", right), "dim")
        if left.identity or right.identity:
            self._apart(_identity(left), _identity(right), "")

    def message(self, message: Message, conversation: Conversation, detailed: bool) -> None:
        """Write one message; if ``detailed``, with all fields and octets."""
        if (message.exchange, message.message_id) != self._exchange:
            self._exchange = message.exchange, message.message_id
            self._between(Text(""), self._writer.text(message.exchange, "dim"))
        self._writer.write(self._arrow(message, when(message, conversation)))
        if message.retransmission_of is None or detailed:
            self._between(*self._explanation(message))
        if detailed:
            blank = Text("")
            self._between(blank, *self._fields.lines(message.fields), blank, *octet_lines(self._writer, message), blank)

    def close(self) -> None:
        """Write the end of the lifelines."""
        self._between(Text(""))

    def _apart(self, left: str, right: str, style: str) -> None:
        writer = self._writer
        one, other = writer.text(left, style), writer.text(right, style)
        room = writer.width - one.cell_len - other.cell_len
        if room > 0:
            writer.write(one + Text(" " * room) + other)
            return
        writer.write(*writer.wrapped(one, writer.width))
        for line in writer.wrapped(other, writer.width):
            writer.write(Text(" " * (writer.width - line.cell_len)) + line)

    def _arrow(self, message: Message, time: str) -> Text:
        signs, repeated = self._writer.signs, message.retransmission_of is not None
        line = signs.again if repeated else signs.line
        label = self._writer.text(f" {message.label}{' again' if repeated else ''} ", "bold")
        about = self._writer.text(f" {', '.join(filter(None, (_frames(message), time)))} ", "dim")
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
        writer = self._writer
        yield from self._indented(writer.text(message.line))
        yield from self._indented(writer.text(message.security, "italic"))
        for problem in message.problems:
            yield from self._indented(writer.text(f"! {problem}", "red"))
        for check in message.checks:
            mark = mark_of(check)
            text = writer.text(f"{writer.signs.marks[mark]} {check.name}:", MARK_COLOURS[mark])
            yield from self._indented(text + writer.text(f" {check.text}"))
        for formula in message.formulas:
            text = writer.text(formula.name, "bold") + writer.text(f" = {formula.expression}  ({formula.source})")
            yield from self._indented(text)
            for name, octets in (*formula.inputs, (f"= {formula.name}", formula.result)):
                yield from writer.wrapped(writer.text(f"{name}  {octets}", "dim"), self._inner - 2, " " * 8, " " * 10)

    def _indented(self, text: Text) -> list[Text]:
        return self._writer.wrapped(text, self._inner - 2, "    ", "      ")

    def _between(self, *lines: Text) -> None:
        life = Text(self._writer.signs.life, "dim")
        for line in lines:
            line.truncate(self._inner - 2, pad=True)
            self._writer.write(life + Text(" ") + line + Text(" ") + life)


def _frames(message: Message) -> str:
    """The frames of a message; of many fragments only the first and the last."""
    few = message.frames if len(message.frames) < 3 else ()
    return frames_text(few) or f"frames {message.frames[0]} to {message.frames[-1]}"


def _described(role: str, party: Party) -> str:
    nat = ", behind a NAT or pretending" if party.behind_nat else ""
    return f"{role}, {party.maker}{nat}" if party.maker else f"{role}{nat}"


def _identity(party: Party) -> str:
    if not party.identity:
        return "identity unknown"
    return f"{party.identity} ({'in the clear' if party.identity_visible else 'encrypted'})"
