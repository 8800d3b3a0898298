"""Question ``traffic``: the ESP traffic of the negotiated SAs."""

from __future__ import annotations

from ikev1.capture.records.report import Answer, EspFlow
from ikev1.capture.track.esp_flows import TrackedFlow

_TITLE = "What did the tunnel carry?"
_SHOWN = 8


def what_traffic(flows: list[TrackedFlow]) -> Answer | None:
    """One sentence per SPI."""
    if not flows:
        return None
    reports = [flow.report() for flow in flows]
    parts = [_words(each) for each in reports[:_SHOWN]]
    if len(reports) > _SHOWN:
        parts.append(f"{len(reports) - _SHOWN} more SPIs.")
    frames = tuple(each.first_frame for each in reports[:_SHOWN])
    return Answer(question="traffic", title=_TITLE, text=" ".join(parts), frames=frames)


def _words(flow: EspFlow) -> str:
    text = f"SPI {flow.spi}, {flow.source} to {flow.destination}: {flow.packets} packets, {flow.octets} octets of ESP"
    if flow.missing:
        text += f", {flow.missing} sequence numbers missing"
    if flow.wrong:
        text += f", {flow.wrong} with a wrong ICV"
    if flow.unopened:
        text += f", {flow.unopened} that the key does not decrypt (no ICV to verify)"
    if flow.inner:
        text += f"; contents: {flow.inner}"
    return f"{text}."
