"""Quick Modes of which the same is to be said: an SA that is rekeyed every hour has many."""

from __future__ import annotations

from collections.abc import Iterable

_NAMED = 4  # of those that are alike
_KINDS = 16


def quick_mode_sentences(told: Iterable[tuple[int, str]]) -> list[str]:
    """A sentence for each different thing that is ``told``, with the Quick Modes that it is true of: message IDs."""
    alike: dict[str, list[int]] = {}
    for message_id, text in told:
        alike.setdefault(text, []).append(message_id)
    sentences = [f"{_names(message_ids)}: {text}" for text, message_ids in alike.items()]
    if len(sentences) > _KINDS:
        sentences[_KINDS:] = [f"And other things of {sum(map(len, list(alike.values())[_KINDS:]))} more."]
    return sentences


def _names(message_ids: list[int]) -> str:
    shown = ", ".join(f"{message_id:08x}" for message_id in message_ids[:_NAMED])
    more = f" and {len(message_ids) - _NAMED} more" if len(message_ids) > _NAMED else ""
    return f"Quick Mode{'s' if len(message_ids) > 1 else ''} {shown}{more}"
