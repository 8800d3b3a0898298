"""All fields of a message, and its octets."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from ikev1.capture.records.report import Field, Message
from ikev1.cli.explain.terminal_writer import TerminalWriter

_ROW = 16


class Fields:
    """Writes the fields of messages; the meaning of a field is explained only the first time."""

    def __init__(self, pen: TerminalWriter, width: int) -> None:
        self._pen = pen
        self._width = width
        self._explained: set[str] = set()

    def lines(self, fields: tuple[Field, ...], depth: int = 0) -> Iterator[Text]:
        """Each field with its offset, followed by its subfields."""
        pen = self._pen
        for field in fields:
            margin = f"{field.offset:5}  {'  ' * depth}"
            further = " " * (len(margin) + 2)
            text = pen.text(field.name, "" if depth else "bold") + pen.text(f": {field.value}", "cyan")
            yield from pen.wrapped(text, self._width, margin, further)
            if field.about and field.about not in self._explained:
                self._explained.add(field.about)
                yield from pen.wrapped(pen.text(field.about, "dim"), self._width, further)
            yield from self.lines(field.fields, depth + 1)


def octet_lines(pen: TerminalWriter, message: Message) -> Iterator[Text]:
    """The octets that the offsets count, sixteen in a row."""
    octets = bytes.fromhex(message.plaintext or message.octets)
    yield pen.text("octets, decrypted:" if message.encrypted and message.decrypted else "octets:", "dim")
    for at in range(0, len(octets), _ROW):
        row = octets[at : at + _ROW]
        shown = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
        yield pen.text(f"{at:5}  {row.hex(' '):{3 * _ROW - 1}}  {shown}", "dim")
