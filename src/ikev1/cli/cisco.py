"""The words of Cisco's routers (IOS) and firewalls (ASA), understood by `show`, `clear` and `debug`.

One table says which of our commands each phrase is. The word ``crypto`` before it may be left out, and every word may
be abbreviated, as on a router, while it can be no other word there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

# Words in capitals stand for what the user writes; the same word in the command is replaced by it.
PHRASES: Mapping[str, Mapping[str, str]] = {
    "show": {
        "isakmp sa": "isakmp sa",
        "isakmp sa detail": "isakmp sa --detail",
        "isakmp peers": "isakmp sa --detail",
        "isakmp policy": "isakmp policy",
        "ikev1 sa": "isakmp sa",
        "ikev1 sa detail": "isakmp sa --detail",
        "ikev1 policy": "isakmp policy",
        "ipsec sa": "ipsec sa",
        "ipsec sa detail": "ipsec sa",
        "ipsec sa peer ADDRESS": "ipsec sa --peer ADDRESS",
        "ipsec sa map NAME": "ipsec sa --connection NAME",
        "session": "tunnels",
        "session detail": "tunnels",
        "session remote ADDRESS": "tunnels --peer ADDRESS",
        "map": "tunnels",
    },
    "clear": {
        "sa": "sa",
        "sa peer ADDRESS": "sa --peer ADDRESS",
        "sa map NAME": "sa --connection NAME",
        "ipsec sa": "sa",
        "ipsec sa peer ADDRESS": "sa --peer ADDRESS",
        "ipsec sa map NAME": "sa --connection NAME",
        "isakmp": "isakmp",
        "isakmp CONN-ID": "isakmp --conn-id CONN-ID",
        "isakmp sa": "isakmp",
        "isakmp sa CONN-ID": "isakmp --conn-id CONN-ID",
        "ikev1 sa": "isakmp",
        "ikev1 sa ADDRESS": "isakmp --peer ADDRESS",
        "session": "isakmp",
        "session remote ADDRESS": "isakmp --peer ADDRESS",
    },
    "debug": {
        "isakmp": "isakmp",
        "isakmp LEVEL": "isakmp",
        "ikev1": "isakmp",
        "ikev1 LEVEL": "isakmp",
        "ipsec": "isakmp",
        "ipsec LEVEL": "isakmp",
    },
}


class CiscoGroup(click.Group):
    """A command whose subcommands are also understood in the words of Cisco."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The subcommand that ``args`` name."""
        return super().resolve_command(ctx, translated(self.name or "", args))


def translated(verb: str, arguments: Sequence[str]) -> list[str]:
    """Our arguments for ``verb``, a command of `PHRASES`, from those that a user of Cisco writes. What is no phrase is
    returned as it is, without ``crypto``.

    Raises:
        click.UsageError: an abbreviation stands for several words, or nothing follows ``crypto``.
    """
    written = list(arguments)
    if written and len(written[0]) > 1 and "crypto".startswith(written[0]):
        if len(written) == 1:
            follow = ", ".join(dict.fromkeys(each.split()[0] for each in PHRASES[verb]))
            raise click.UsageError(f"{written[0]!r} is incomplete: expected {follow} behind it.")
        del written[0]
    words = written[: next((place for place, word in enumerate(written) if word.startswith("-")), len(written))]
    phrase = _phrase([each.split() for each in PHRASES[verb]], words)
    if phrase is None:
        return written
    values = {word: value for word, value in zip(phrase, words, strict=True) if word.isupper()}
    return [values.get(word, word) for word in PHRASES[verb][" ".join(phrase)].split()] + written[len(words) :]


def _phrase(phrases: list[list[str]], words: Sequence[str]) -> list[str] | None:
    """The one of ``phrases`` that ``words`` are, read word by word as a router does; None if there is none."""
    for place, word in enumerate(words):
        known = {phrase[place] for phrase in phrases if len(phrase) > place}
        meant = {word} & known or {each for each in known if each.startswith(word)} or set(filter(str.isupper, known))
        if len(meant) > 1:
            raise click.UsageError(f"{word!r} is ambiguous: it may be {' or '.join(sorted(meant))}.")
        phrases = [phrase for phrase in phrases if len(phrase) > place and phrase[place] in meant]
    return next((phrase for phrase in phrases if len(phrase) == len(words)), None)
