"""One sentence for all Quick Modes with the same result: an SA that is rekeyed every hour has many of them."""

from __future__ import annotations

from collections.abc import Iterable

_NAMED = 4  # message IDs listed in one sentence
_KINDS = 16


def quick_mode_sentences(results: Iterable[tuple[int, str]]) -> list[str]:
    """Group ``results``, pairs of message ID and text, into one sentence per distinct text."""
    alike: dict[str, list[int]] = {}
    for message_id, text in results:
        alike.setdefault(text, []).append(message_id)
    sentences = [f"{_names(message_ids)}: {text}" for text, message_ids in alike.items()]
    if len(sentences) > _KINDS:
        sentences[_KINDS:] = [f"{sum(map(len, list(alike.values())[_KINDS:]))} more Quick Modes differ from these."]
    return sentences


def _names(message_ids: list[int]) -> str:
    shown = ", ".join(f"{message_id:08x}" for message_id in message_ids[:_NAMED])
    more = f" and {len(message_ids) - _NAMED} more" if len(message_ids) > _NAMED else ""
    return f"Quick Mode{'s' if len(message_ids) > 1 else ''} {shown}{more}"
