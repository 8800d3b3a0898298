"""The page of a capture: what is on it, that nothing a peer says becomes a part of it, and that it stays small."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from ikev1.capture.records.report import Field, Message, Report
from ikev1.page.report import CONVERSATIONS, FLOWS, report_page, shown_messages
from reports import AGGRESSIVE, MAIN, REPORT, conversation, message, report

HOSTILE = "</script></style></title>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\x1b[31m\u202e"


class _Elements(HTMLParser):
    """Every element of a page with its attributes, and all text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._raw = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._raw = tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.text += data

    def with_class(self, name: str) -> list[dict[str, str]]:
        return [attributes for _, attributes in self.elements if name in attributes.get("class", "").split()]


def _everywhere(value: Any, text: str) -> Any:
    """The same report with every text in it replaced, but for those that are not from a peer."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [_everywhere(item, text) for item in value]
    if isinstance(value, dict):
        return {name: _everywhere(item, text) for name, item in value.items()}
    return value


def test_every_message_is_in_the_ladder_and_in_the_list() -> None:
    page = _Elements(report_page(REPORT))
    messages = [attributes["id"] for attributes in page.with_class("message")]
    arrows = [attributes["href"] for attributes in page.with_class("arrow")]
    assert messages == [f"c1m{n}" for n in range(10)] + ["c2m0", "c2m1"]
    assert [arrow.lstrip("#") for arrow in arrows if "esp" not in arrow] == messages
    assert "#c1esp" in arrows


def test_fields_name_the_octets_that_they_are() -> None:
    page = _Elements(report_page(report(MAIN)))
    spans = [(int(a["data-at"]), int(a["data-len"])) for _, a in page.elements if "data-at" in a]

    def of(fields: tuple[Field, ...]) -> list[tuple[int, int]]:
        return [span for field in fields for span in ((field.offset, field.length), *of(field.fields))]

    assert spans == [span for message in MAIN.messages for span in of(message.fields)]


def test_everything_that_a_report_says_is_on_the_page() -> None:
    text = " ".join(_Elements(report_page(REPORT)).text.split())
    said = [answer.text for answer in MAIN.answers] + [message.line for message in MAIN.messages] + list(REPORT.notes)
    said += [check.text for message in AGGRESSIVE.messages for check in message.checks] + [MAIN.suite, MAIN.summary]
    said += [*MAIN.initiator.vendor_ids, "prf(pre-shared-key, Ni_b | Nr_b)", "5e" * 20, "ICMP echoes between"]
    said += [problem for message in AGGRESSIVE.messages for problem in message.problems]
    said += ["of frame 1.", "1199 right", "1 wrong", "2 missing", "c0ffee01"]
    assert [part for part in said if part not in text] == []


def test_nothing_that_a_peer_says_becomes_a_part_of_the_page() -> None:
    usual = _Elements(report_page(REPORT))
    hostile = msgspec.convert(_everywhere(msgspec.to_builtins(REPORT), HOSTILE), Report)
    page = _Elements(report_page(hostile))
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in usual.elements}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src", "action"}]
    hrefs = {attributes["href"] for _, attributes in page.elements if "href" in attributes}
    assert all(re.fullmatch(r"#c\d+(m\d+|esp)?|data:,", href) for href in hrefs)
    assert HOSTILE[:40] in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    assert "{{ 7*7 }}" in page.text


def _long(number: int, count: int) -> Any:
    exchanges = [message("INFO", "initiator", (), frame=n + 1, exchange="Informational") for n in range(count)]
    return conversation(exchanges, number=number)


def test_a_page_has_a_size_that_it_does_not_exceed() -> None:
    whole = report(_long(1, 3000), msgspec.structs.replace(MAIN, number=2))
    full = report_page(whole)
    small = report_page(whole, room=400_000)
    assert len(full) > 3_000_000
    assert len(small) < 500_000
    messages = [a["id"] for a in _Elements(small).with_class("message")]
    assert "c2m9" in messages  # the short one is there as a whole
    said = re.search(r"(\d+) more messages of this conversation", small)
    assert said is not None
    assert int(said[1]) == 3000 - len([name for name in messages if name.startswith("c1m")])


def test_the_estimate_is_not_below_what_a_message_takes() -> None:
    few, many = (len(report_page(report(_long(1, count)))) for count in (10, 110))
    room = 100_000
    (fitting,) = shown_messages([_long(1, 1000)], room)
    assert (many - few) / 100 * fitting < room


def test_conversations_and_flows_beyond_what_a_page_holds_are_counted() -> None:
    (flow,) = MAIN.esp
    short = [conversation((), number=n) for n in range(1, CONVERSATIONS + 4)]
    page = report_page(report(*short, esp=[flow] * (FLOWS + 1)))
    assert "3 more conversations" in page
    assert f"The first {FLOWS} of {FLOWS + 1}" in page
    assert f'id="c{CONVERSATIONS}"' in page
    assert f'id="c{CONVERSATIONS + 1}"' not in page


@pytest.mark.parametrize(
    ("encrypted", "opened", "kind"), [(False, False, "clear"), (True, True, "sealed"), (True, False, "shut")]
)
def test_who_can_read_a_message_is_to_be_seen(encrypted: bool, opened: bool, kind: str) -> None:
    one: Message = message("MM5", "initiator", (), frame=1, encrypted=encrypted, opened=opened)
    page = _Elements(report_page(report(conversation((one,)))))
    assert [kind in attributes["class"] for attributes in page.with_class("arrow")] == [True]
    assert [kind in attributes["class"] for attributes in page.with_class("message")] == [True]


def test_a_capture_without_conversations_is_a_page_that_says_so() -> None:
    assert "42 frames, no IKEv1 conversations." in _Elements(report_page(report())).text
