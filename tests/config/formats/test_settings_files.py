"""strongSwan's settings syntax: sections, values, includes and references, and what hostile files get."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ikev1.config import ConfigError, Finding, Rule
from ikev1.config.findings import Findings
from ikev1.config.formats import settings_file, settings_tree, text_files
from ikev1.config.formats.settings_lexer import LONGEST_LINE, MOST_LINES
from ikev1.config.formats.settings_tree import Tables, tables

Write = Callable[..., Path]


def parsed(file: Path) -> Tables:
    return tables(settings_file.SettingsFiles(file, Findings(file)).parse())


def fault(file: Path) -> Finding:
    with pytest.raises(ConfigError) as caught:
        parsed(file)
    (finding,) = caught.value.findings
    return finding


@pytest.fixture
def few_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is reached soon."""
    monkeypatch.setattr(settings_tree, "MOST_SETTINGS", 1000)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# nothing\n\n   # but comments", {}),
        ("a = b", {"a": "b"}),
        ("a=b\r\n", {"a": "b"}),
        ("a = b # comment\nc = d", {"a": "b", "c": "d"}),
        ("s { a = b }", {"s": {"a": "b"}}),
        ("s{a=b}", {"s": {"a": "b"}}),
        ("s\n\n{\n a = b\n}\n", {"s": {"a": "b"}}),
        ("s { a = b\n t { c = d } }", {"s": {"a": "b", "t": {"c": "d"}}}),
        ("a = two   words\t here  ", {"a": "two words here"}),
        ("a = C=CH, O=strongSwan, CN=*", {"a": "C=CH, O=strongSwan, CN=*"}),
        ("a = fe80::1, x:y", {"a": "fe80::1, x:y"}),
        ('a = "two   words"', {"a": "two   words"}),
        ('a = "with # and } and {"', {"a": "with # and } and {"}),
        (r'a = "a \"b\" \\ c\td\ne"', {"a": 'a "b" \\ c\td\ne'}),
        ('a = "one \\\n  line"', {"a": "one   line"}),
        ('a = "two\nlines"\nb = c', {"a": "two\nlines", "b": "c"}),
        ('a = one "two" three', {"a": "one two three"}),
        ("a = b\na = c", {"a": "c"}),
        ("s { a = b }\ns { a = c\n d = e }", {"s": {"a": "c", "d": "e"}}),
        ("s { }", {"s": {}}),
        ("a =\nb = c", {"b": "c"}),
        ("include = yes", {"include": "yes"}),
        ("ike-1 { id_x = 1 }", {"ike-1": {"id_x": "1"}}),
    ],
)
def test_the_syntax_of_the_manual(write: Write, text: str, values: dict[str, Any]) -> None:
    assert parsed(write(text)).values == values


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a = b\n}", 2, 1),
        ("s {\n a = b", 2, 7),
        ("word\n", 1, 1),
        ("a b = c", 1, 1),
        ('"a" = b', 1, 1),
        ('a = "b', 1, 5),
        ("= b", 1, 3),
        ("a.b { }", 1, 1),
        ("s : { }", 1, 5),
        ("s : t, { }", 1, 8),
        ("s\n : t", 1, 1),
        ("a = \x00", 1, 5),
        (", { }", 1, 1),
        (b"a = b\nc = \xff", 2, 5),
        ("a = b".encode("utf-16"), 1, 1),
    ],
)
def test_what_is_no_syntax_has_a_place(write: Write, text: str | bytes, line: int, column: int) -> None:
    found = fault(write(text))
    assert (found.rule, found.line, found.column) == (Rule.SYNTAX, line, column)


def test_an_unexpected_value_is_not_shown(write: Write) -> None:
    assert "tell" not in str(fault(write("secrets { ike { = do not tell } }")))


def test_places_are_those_of_the_keys(write: Write) -> None:
    file = write("one = 1\ntwo {\n    three = 3\n}\n")
    place = parsed(file).places.of("two.three")
    assert place is not None
    assert (place.file, place.line, place.column, place.key) == (file, 3, 5, "two.three")


class TestReferences:
    def test_a_section_inherits_settings_and_sections(self, write: Write) -> None:
        file = write("s : base { a = 1 }\nbase { a = 2\n b = 3\n t { c = 4 } }")
        assert parsed(file).values["s"] == {"a": "1", "b": "3", "t": {"c": "4"}}

    def test_the_first_reference_takes_precedence(self, write: Write) -> None:
        file = write("s : one, two { }\none { a = 1 }\ntwo { a = 2\n b = 2 }")
        assert parsed(file).values["s"] == {"a": "1", "b": "2"}

    def test_sections_are_inherited_in_part(self, write: Write) -> None:
        file = write("s : base { t { a = 1 } }\nbase { t { a = 2\n b = 2 } }")
        assert parsed(file).values["s"] == {"t": {"a": "1", "b": "2"}}

    def test_an_empty_value_cancels_an_inherited_one(self, write: Write) -> None:
        file = write("s : base { a = }\nbase { a = 2\n b = 3 }")
        assert parsed(file).values["s"] == {"b": "3"}

    def test_references_of_references(self, write: Write) -> None:
        file = write("x { c : x.b { }\n b : a { e = 1 } }\na { d : z { } }\nz { f = 2 }")
        assert parsed(file).values["x"]["c"] == {"e": "1", "d": {"f": "2"}}

    def test_inherited_sections_follow_those_of_the_section(self, write: Write) -> None:
        file = write("s : base { local2 { } }\nbase { local1 { } }")
        assert list(parsed(file).values["s"]) == ["local2", "local1"]

    def test_an_inherited_value_has_the_place_of_its_line_and_the_key_of_its_section(self, write: Write) -> None:
        place = parsed(write("s : base { }\nbase {\n a = 2 }")).places.of("s.a")
        assert place is not None
        assert (place.line, place.key) == (3, "s.a")

    @pytest.mark.parametrize(
        "text",
        [
            "s : nobody { }",
            "s : s { }",
            "a : b { }\nb : a { }",
            "a { b : a { } }",
            "a { b : c { } }\nc { d : a { } }",
            "s : a { t { } }\na { t = 1 }",
        ],
    )
    def test_references_that_lead_nowhere(self, write: Write, text: str) -> None:
        assert fault(write(text)).rule is Rule.SYNTAX

    def test_a_tree_that_doubles_with_each_line_is_refused(self, write: Write, few_settings: None) -> None:
        doubled = "\n".join(f"a{n} {{ x : a{n - 1} {{ }}\n y : a{n - 1} {{ }} }}" for n in range(1, 25))
        assert fault(write(f"a0 {{ b = 1 }}\n{doubled}")).rule is Rule.SYNTAX

    def test_a_long_chain_is_refused(self, write: Write) -> None:
        chain = "\n".join(f"a{n} : a{n + 1} {{ }}" for n in range(settings_tree.DEEPEST + 10))
        assert fault(write(f"{chain}\na{settings_tree.DEEPEST + 10} {{ }}")).rule is Rule.SYNTAX

    def test_many_references_to_many_sections_are_refused(self, write: Write, few_settings: None) -> None:
        names = [f"e{n}" for n in range(100)]
        sections = "\n".join(f"{name} {{ }}" for name in names)
        references = "\n".join(f"s{n} : {', '.join(names)} {{ }}" for n in range(30))
        assert fault(write(f"{sections}\n{references}")).rule is Rule.SYNTAX


class TestIncludes:
    def test_a_file_is_included_where_it_is_named(self, write: Write) -> None:
        write("b = 2\nt { c = 3 }", "more/one.conf")
        assert parsed(write("s { a = 1\n include more/one.conf\n}")).values == {
            "s": {"a": "1", "b": "2", "t": {"c": "3"}}
        }

    def test_names_are_relative_to_the_file_that_includes(self, write: Write) -> None:
        write("include two.conf", "more/one.conf")
        write("a = 1", "more/two.conf")
        assert parsed(write("include more/one.conf")).values == {"a": "1"}

    def test_a_pattern_includes_in_the_order_of_names(self, write: Write) -> None:
        for name, value in (("b", 2), ("a", 1), ("c", 3)):
            write(f"x = {value}\n{name} = 1", f"conf.d/{name}.conf")
        write("x = 4", "conf.d/not.txt")
        assert parsed(write("x = 0\ninclude conf.d/*.conf")).values == {"x": "3", "a": "1", "b": "1", "c": "1"}

    @pytest.mark.parametrize("name", ['"a file.conf"', "a\\ file.conf", '"a\\ file.conf"'])
    def test_names_with_blanks(self, write: Write, name: str) -> None:
        write("a = 1", "a file.conf")
        assert parsed(write(f"include {name}")).values == {"a": "1"}

    def test_what_follows_overrides_what_was_included(self, write: Write) -> None:
        write("s { a = 1\n b = 1 }", "one.conf")
        assert parsed(write("include one.conf\ns { a = 2 }")).values == {"s": {"a": "2", "b": "1"}}

    def test_places_name_the_file(self, write: Write) -> None:
        included = write("\n  a = 1", "one.conf")
        place = parsed(write("s {\n include one.conf\n}")).places.of("s.a")
        assert place is not None
        assert (place.file, place.line, place.column, place.key) == (included, 2, 3, "s.a")

    def test_a_missing_file_is_reported_a_pattern_without_files_is_not(self, write: Write) -> None:
        file = write("include missing.conf\ninclude nothing/*.conf\n")
        findings = Findings(file)
        settings_file.SettingsFiles(file, findings).parse()
        assert [(each.rule, each.line) for each in findings.warnings] == [(Rule.INCLUDE, 1)]

    def test_an_error_in_an_included_file_names_it(self, write: Write) -> None:
        included = write("a = 1\n}", "one.conf")
        found = fault(write("include one.conf"))
        assert (found.file, found.line) == (included, 2)

    def test_a_file_that_includes_itself(self, write: Write) -> None:
        write("include two.conf", "one.conf")
        write("a = 1\ninclude swanctl.conf", "two.conf")
        found = fault(write("include one.conf"))
        assert (found.rule, found.file.name, found.line) == (Rule.INCLUDE, "two.conf", 2)

    def test_a_link_to_the_file_itself(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "link.conf").symlink_to(tmp_path / "swanctl.conf")
        assert fault(write("include link.conf")).rule is Rule.INCLUDE

    def test_links_that_form_a_loop(self, write: Write, tmp_path: Path) -> None:
        (tmp_path / "loop.conf").symlink_to("loop.conf")
        (tmp_path / "here").symlink_to(".")
        found = fault(write("\n include loop.conf"))
        assert (found.rule, found.line, found.column) == (Rule.UNREADABLE_FILE, 2, 10)
        assert fault(write("include here/here/here/*.conf")).rule in (Rule.INCLUDE, Rule.UNREADABLE_FILE)

    def test_a_fifo(self, write: Write, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo")
        assert fault(write("include fifo")).rule is Rule.UNREADABLE_FILE

    def test_includes_of_nothing_are_limited_as_well(self, write: Write) -> None:
        found = fault(write("include missing.conf\n" * (text_files.MOST_FILES + 1)))
        assert (found.rule, found.line) == (Rule.INCLUDE, text_files.MOST_FILES)  # with the file itself

    def test_deep_includes(self, write: Write) -> None:
        for number in range(text_files.DEEPEST_INCLUDE + 2):
            write(f"include {number + 1}.conf", f"{number}.conf")
        assert fault(write("include 0.conf")).rule is Rule.INCLUDE

    def test_a_file_may_be_included_twice_but_not_without_end(self, write: Write) -> None:
        write("a = 1", "one.conf")
        assert parsed(write("include one.conf\ns { include one.conf\n }")).values == {"a": "1", "s": {"a": "1"}}
        for number in range(9):
            write(f"include {number + 1}.conf\n" * 3, f"{number}.conf")
        assert fault(write("include 0.conf")).rule is Rule.INCLUDE

    @pytest.mark.parametrize("name", ["/dev/zero", "."])
    def test_what_is_no_file(self, write: Write, name: str) -> None:
        assert fault(write(f"include {name}")).rule is Rule.UNREADABLE_FILE


class TestHostile:
    def test_too_many_lines(self, write: Write) -> None:
        found = fault(write("a = 1\n" * 1_000_000))
        assert (found.rule, found.line) == (Rule.SYNTAX, MOST_LINES + 1)

    def test_a_long_line(self, write: Write) -> None:
        found = fault(write("a = 1\nb = " + "x" * (1 << 20)))
        assert (found.rule, found.line) == (Rule.SYNTAX, 2)
        assert len(parsed(write("b = " + "x" * (LONGEST_LINE - 4))).values["b"]) == LONGEST_LINE - 4

    def test_a_large_file(self, write: Write) -> None:
        assert fault(write(f"# {'x' * 1000}\n" * (text_files.LARGEST // 1000))).rule is Rule.INCLUDE

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
    def test_other_encodings(self, write: Write, encoding: str) -> None:
        found = fault(write("# b\u00fcro\na = 1".encode(encoding)))
        assert (found.rule, found.line, found.column) == (Rule.SYNTAX, 1, 4 if encoding == "latin-1" else 1)

    def test_deep_sections(self, write: Write) -> None:
        assert fault(write("a {\n" * 10_000)).rule is Rule.SYNTAX

    def test_a_string_that_does_not_end(self, write: Write) -> None:
        assert fault(write('a = "' + '\\"' * 10_000)).rule is Rule.SYNTAX
