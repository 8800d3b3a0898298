"""What was not understood, counted by reason."""

from __future__ import annotations

MOST_REASONS = 64
"""Reasons kept apart: some name a number of the file, and a file may hold any number."""

OTHER = "not understood for yet other reasons"


class Notes:
    """Counts of frames by the reason why they, or a part of them, were not understood."""

    def __init__(self) -> None:
        self._frames: dict[str, list[int]] = {}  # how many, and the first one's number
        self._remarks: dict[str, None] = {}

    def frame(self, reason: str, number: int) -> None:
        """Count frame ``number`` under ``reason``."""
        if reason not in self._frames and len(self._frames) >= MOST_REASONS:
            reason = OTHER
        self._frames.setdefault(reason, [0, number])[0] += 1

    def remark(self, text: str) -> None:
        """Something about the capture as a whole, said once."""
        if len(self._remarks) < MOST_REASONS:
            self._remarks[text] = None

    def lines(self) -> tuple[str, ...]:
        """Everything, a sentence each."""
        counted = [
            f"{count} frames: {reason} (the first is frame {first})" if count > 1 else f"frame {first}: {reason}"
            for reason, (count, first) in self._frames.items()
        ]
        return (*self._remarks, *counted)
