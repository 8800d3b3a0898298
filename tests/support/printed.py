"""What a command prints, compared with what a document shows of it."""

from __future__ import annotations

import re


def in_form(text: str) -> str:
    """Without what differs from run to run: octets, times, ports, and how wide a column is."""
    text = re.sub(r"\b(0x)?[0-9a-f]{8,}\b", "OCTETS", text)
    text = re.sub(r"\b\d+h \d+m\b|\b\d+m \d+s\b|\b\d+s\b", "TIME", text)
    text = re.sub(r"(_in\": |port )\d+", r"\1NUMBER", text)
    return re.sub(r"(?<=\S) +", " ", text)


def compare(shown: str, printed: str, random: bool) -> None:
    """``shown`` is ``printed``, but for parts that are left out."""
    lines, rest = without_values(shown, random), without_values(printed, random)
    first = True
    for part in split_at_dots(lines):
        places = [0] if first else range(len(rest) - len(part) + 1)
        place = next((place for place in places if rest[place : place + len(part)] == part), None)
        assert place is not None, f"not printed:\n{chr(10).join(part)}\nbut:\n{chr(10).join(rest)}"
        rest = rest[place + len(part) :]
        first = False
    if not is_dots(lines[-1]):
        assert rest == []


def without_values(text: str, random: bool) -> list[str]:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    return [re.sub(r"[0-9a-f]{12,}", "*", line) for line in lines] if random else lines


def is_dots(line: str) -> bool:
    return line.strip("│ ") == "..."


def split_at_dots(lines: list[str]) -> list[list[str]]:
    """The parts between lines that are left out; the first is empty if the beginning is."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if is_dots(line):
            parts.append([])
        else:
            parts[-1].append(line)
    return parts if parts[-1] or len(parts) == 1 else parts[:-1]
