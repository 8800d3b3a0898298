"""The HTML pages in Chromium: what a click, a pointer, a key, a small screen and a printer get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Page, expect

from chromium import EXECUTABLE, Watched, browser
from ikev1.audit.capture import audit_capture
from ikev1.capture.records.report import Field, Message
from ikev1.lesson.evidence import evidence_of
from ikev1.lesson.run import Subject, run
from ikev1.lesson.teach import lesson_of
from ikev1.page.audit import audit_page
from ikev1.page.lesson import lesson_page
from ikev1.page.report import report_page
from reports import MAIN, REPORT, conversation, message, report

Open = Callable[..., Page]
HOSTILE = "</script></style>\"'><img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if EXECUTABLE is None:
        pytest.skip("Chromium is not installed: `make peers` installs it")
    with browser() as running:
        yield running


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page; afterwards it must have asked for nothing but itself, and complained of nothing."""
    windows: list[Watched] = []

    def opened(html: str | None = None, fragment: str = "", **window: Any) -> Page:
        file = tmp_path / "page.html"
        file.write_text(html or report_page(REPORT), encoding="utf-8")
        windows.append(Watched(chromium, file, fragment, **window))
        return windows[-1].page

    yield opened
    for window in windows:
        requests = [url.partition("#")[0] for url in window.requests]
        window.close()
        assert requests == [(tmp_path / "page.html").as_uri()]
        assert window.complaints == []


def _flat(fields: tuple[Field, ...]) -> list[Field]:
    return [inner for field in fields for inner in (field, *_flat(field.fields))]


def _lit(page: Page, name: str = "lit") -> list[int]:
    """The offsets of the octets that are lit."""
    offsets: list[int] = page.locator(f".eight i.{name}").evaluate_all("cells => cells.map(c => Number(c.dataset.at))")
    return offsets


def _innermost(message: Message, offset: int) -> Field:
    around = [field for field in _flat(message.fields) if field.offset <= offset < field.offset + field.length]
    return min(reversed(around), key=lambda field: field.length)


def test_a_click_on_an_arrow_opens_its_message(open_page: Open) -> None:
    page = open_page()
    panel = page.locator("#c1m5")
    expect(panel.locator(".inside")).to_be_hidden()
    page.locator('.arrow[href="#c1m5"]').click()
    expect(panel.locator(".fields")).to_be_visible()
    expect(panel.locator(".bytes")).to_be_visible()
    expect(panel.locator("summary").first).to_be_focused()
    expect(page.locator(".message[open]")).to_have_count(1)
    expect(page.locator(".arrow.is-open")).to_have_attribute("href", "#c1m5")
    assert page.url.endswith("#c1m5")


def test_a_link_to_a_message_opens_it(open_page: Open) -> None:
    expect(open_page(fragment="#c1m3").locator("#c1m3 .fields")).to_be_visible()


def test_the_arrow_of_esp_leads_to_its_table(open_page: Open) -> None:
    page = open_page()
    page.locator('.arrow[href="#c1esp"]').click()
    expect(page.locator("#c1esp")).to_be_in_viewport()


def test_the_octets_are_those_of_the_message(open_page: Open) -> None:
    page = open_page(fragment="#c1m5")
    cells = page.locator("#c1m5 .eight i")
    expect(cells).to_have_count(len(MAIN.messages[5].plaintext) // 2)
    assert "".join(cells.all_text_contents()) == MAIN.messages[5].plaintext
    assert page.locator("#c1m5 .eight b").all_text_contents()[:3] == ["0000", "0008", "0010"]


@pytest.mark.parametrize("index", [0, 5])
def test_a_field_lights_its_octets_and_no_others(open_page: Open, index: int) -> None:
    page = open_page(fragment=f"#c1m{index}")
    page.locator(f"#c1m{index} .cells").wait_for()
    rows = page.locator(f"#c1m{index} .field")
    fields = _flat(MAIN.messages[index].fields)
    assert rows.count() == len(fields)
    for row, field in zip(rows.all(), fields, strict=True):
        row.hover(position={"x": 20, "y": 8})
        assert _lit(page) == list(range(field.offset, field.offset + field.length)), field.name
    page.locator("h1").hover()


def test_octets_light_the_innermost_field_around_them(open_page: Open) -> None:
    page = open_page(fragment="#c1m0")
    first = MAIN.messages[0]
    for offset in (0, 7, 8, 17, 20, 28, 40, 57, 71):
        page.locator(f"#c1m0 .eight i[data-at='{offset}']").hover()
        field = _innermost(first, offset)
        expect(page.locator("#c1m0 li.lit")).to_have_count(1)
        expect(page.locator("#c1m0 li.lit > .field .name")).to_have_text(field.name)
        assert _lit(page) == list(range(field.offset, field.offset + field.length))


def test_what_was_clicked_stays_lit_when_the_pointer_goes(open_page: Open) -> None:
    page = open_page(fragment="#c1m0")
    page.locator("#c1m0 .field", has_text="Group Description").click()
    page.locator("#c1m0 .field", has_text="Responder Cookie").hover()
    assert _lit(page) == list(range(8, 16))
    page.locator("#c1m0 .security").hover()
    assert _lit(page) == list(range(64, 68))
    expect(page.locator("#c1m0 .readout")).to_have_text("Group Description octets 64 to 67. ")


def test_on_a_phone_fields_and_octets_fit_on_the_screen_together(open_page: Open) -> None:
    page = open_page(fragment="#c1m5", viewport={"width": 375, "height": 700}, has_touch=True)
    page.locator("#c1m5 .field", has_text="ID Type").tap()
    page.locator("#c1m5 .panes").scroll_into_view_if_needed()
    expect(page.locator("#c1m5 li.lit > .field")).to_be_in_viewport()
    expect(page.locator("#c1m5 .eight i.lit").first).to_be_in_viewport()
    assert _lit(page) == [32]


def test_the_keyboard_suffices(open_page: Open) -> None:
    page = open_page(report_page(report(MAIN)))
    page.locator(".arrow").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#c1m2 summary").first).to_be_focused()
    page.keyboard.press("Tab")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    expect(page.locator(":focus .name").first).to_have_text("Responder Cookie")
    assert _lit(page) == list(range(8, 16))
    page.keyboard.press("End")
    expect(page.locator(":focus .name").first).to_have_text("Life Duration")


def _brightness(page: Page) -> float:
    """Of the paper, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    parts = [float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / 3


def test_light_and_dark_follow_the_system_until_told_otherwise(open_page: Open) -> None:
    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert _brightness(light) > 230
    assert _brightness(dark) < 40
    dark.get_by_role("button", name="Light or dark").click()
    assert _brightness(dark) > 230
    dark.get_by_role("button", name="Light or dark").click()
    assert _brightness(dark) < 40


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
  };
  const poor = new Set();
  for (const element of document.querySelectorAll("main *:not(svg *), header *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
    if (!element.checkVisibility() || element.closest(".repeated")) continue;
    const [a, b] = [parse(getComputedStyle(element).color), paper(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.add(`${element.className || element.tagName} ${ratio.toFixed(2)}`);
  }
  return [...poor];
}"""


LOOK_AT_ALL_OCTETS = """async () => {
  for (const octets of document.querySelectorAll(".octets")) {
    octets.scrollIntoView();
    await new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)));
  }
}"""


@pytest.mark.parametrize("kind", ["capture", "lesson", "audit"])
def test_all_text_stands_out_from_its_paper(open_page: Open, kind: str) -> None:
    """WCAG 2.2 §1.4.3: a contrast of 4.5 to 1, in light and in dark."""
    page = open_page(_page_of(kind), color_scheme="light")
    _open_all(page)
    for field in page.locator(".message .field", has_text="Key Length").all()[:1]:
        field.click()
    assert page.evaluate(CONTRAST) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize(
    ("kind", "width"),
    [("capture", 320), ("capture", 768), ("capture", 1280), ("lesson", 320), ("audit", 320)],
)
def test_nothing_is_wider_than_the_screen(open_page: Open, kind: str, width: int) -> None:
    page = open_page(_page_of(kind), viewport={"width": width, "height": 800})
    _open_all(page)
    page.evaluate(LOOK_AT_ALL_OCTETS)
    expect(page.locator(".octets:not(.cells)")).to_have_count(0)
    wider = "elements => elements.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.className || e.tagName)"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("main, section, .pane, .message, .card, .octets, dd, td").evaluate_all(wider) == []


def _page_of(kind: str) -> str:
    if kind == "lesson":
        return lesson_page(lesson_of(evidence_of(run(Subject.MAIN, "aes128-sha256-ecp256", b"only a test"))))
    return audit_page(audit_capture(REPORT)) if kind == "audit" else report_page(REPORT)


def _open_all(page: Page) -> None:
    for button in page.get_by_role("button", name="Open all").all():
        button.click()


def test_fields_and_octets_are_side_by_side_where_there_is_room(open_page: Open) -> None:
    def places(width: int) -> tuple[FloatRect, FloatRect]:
        page = open_page(fragment="#c1m0", viewport={"width": width, "height": 800})
        fields, octets = (page.locator(f"#c1m0 .{name}").bounding_box() for name in ("fields", "bytes"))
        assert fields is not None
        assert octets is not None
        return fields, octets

    fields, octets = places(1280)
    assert fields["x"] + fields["width"] <= octets["x"]
    assert fields["y"] == octets["y"]
    fields, octets = places(375)
    assert fields["y"] + fields["height"] <= octets["y"]


def test_on_paper_every_message_is_open(open_page: Open) -> None:
    page = open_page()
    page.evaluate(
        "addEventListener('beforeprint', () => { window.onPaper = document.querySelectorAll('[open]').length })"
    )
    assert page.pdf(format="A4").startswith(b"%PDF-")
    assert page.evaluate("onPaper") == page.locator("details").count()
    expect(page.locator("details[open]")).to_have_count(0)  # as it was


def test_without_a_script_everything_can_be_read_and_printed(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    expect(page.get_by_role("button")).to_have_count(0)
    panel = page.locator("#c1m5")
    panel.locator("summary").first.click()
    expect(panel.locator(".field", has_text="ID Type")).to_be_visible()
    expect(panel.locator(".octets")).to_contain_text("f1 a5 c0 de")
    page.emulate_media(media="print")
    expect(page.locator("#c1m0 .field", has_text="Key Length")).to_be_visible()


def test_a_hostile_peer_runs_nothing(open_page: Open) -> None:
    """The page's own watch (`open_page`) sees each dialog, request and complaint."""
    said = message(HOSTILE, "initiator", (), frame=1, line=HOSTILE, security=HOSTILE, problems=(HOSTILE,))
    page = open_page(report_page(report(conversation((said,), identity=HOSTILE, maker=HOSTILE), notes=(HOSTILE,))))
    _open_all(page)
    expect(page.locator("main img, main script, main style")).to_have_count(0)
    expect(page.locator(".summary + dl + .parties").get_by_text("<img src=x onerror").first).to_be_visible()
