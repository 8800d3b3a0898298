"""The judgements of `ikev1.crypto.weaknesses` with the topics of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ikev1.audit.topics import Topic, topic
from ikev1.crypto import weaknesses
from ikev1.crypto.weaknesses import Severity, Weakness
from ikev1.wire.registry import EspTransform


class Judgement(NamedTuple):
    """A judgement on one algorithm."""

    topic: Topic
    severity: Severity
    reason: str  # continues a sentence: "DES_CBC: ..."


def _about(code: str, judged: Mapping[int, Weakness]) -> dict[int, Judgement]:
    return {number: Judgement(topic(code), *weakness) for number, weakness in judged.items()}


IKE_CIPHERS = _about("weak-cipher", weaknesses.IKE_CIPHERS)
ESP_CIPHERS = _about("weak-cipher", weaknesses.ESP_CIPHERS)
ESP_CIPHERS |= _about(
    "null-encryption",
    {number: weaknesses.ESP_CIPHERS[number] for number in (EspTransform.NULL, EspTransform.NULL_AUTH_AES_GMAC)},
)
IKE_HASHES = _about("weak-hash", weaknesses.IKE_HASHES)
INTEGRITY = _about("weak-hash", weaknesses.INTEGRITY)
GROUPS = _about("weak-group", weaknesses.GROUPS)


def group_in_quick_mode(judgement: Judgement) -> Judgement:
    """The judgement on a group of Quick Mode: one step milder, because the group of phase 1 must be broken as well."""
    milder = {Severity.HIGH: Severity.MEDIUM, Severity.MEDIUM: Severity.LOW}
    return judgement._replace(severity=milder.get(judgement.severity, judgement.severity))
