"""The fields and octets of a message on the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from ikev1.capture.records.report import Field, Message
from ikev1.cli.explain.terminal_writer import TerminalWriter

_ROW = 16


class Fields:
    """Formats the fields of messages. The meaning of a field is written only at its first occurrence."""

    def __init__(self, writer: TerminalWriter, width: int) -> None:
        self._writer = writer
        self._width = width
        self._explained: set[str] = set()

    def lines(self, fields: tuple[Field, ...], depth: int = 0) -> Iterator[Text]:
        """The lines of ``fields``: each field with its offset, followed by its subfields."""
        writer = self._writer
        for field in fields:
            margin = f"{field.offset:5}  {'  ' * depth}"
            further = " " * (len(margin) + 2)
            text = writer.text(field.name, "" if depth else "bold") + writer.text(f": {field.value}", "cyan")
            yield from writer.wrapped(text, self._width, margin, further)
            if field.about and field.about not in self._explained:
                self._explained.add(field.about)
                yield from writer.wrapped(writer.text(field.about, "dim"), self._width, further)
            yield from self.lines(field.fields, depth + 1)


def octet_lines(writer: TerminalWriter, message: Message) -> Iterator[Text]:
    """A hex dump of the message, sixteen octets per line."""
    octets = bytes.fromhex(message.plaintext or message.octets)
    yield writer.text("octets, decrypted:" if message.encrypted and message.decrypted else "octets:", "dim")
    for at in range(0, len(octets), _ROW):
        row = octets[at : at + _ROW]
        shown = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
        yield writer.text(f"{at:5}  {row.hex(' '):{3 * _ROW - 1}}  {shown}", "dim")
