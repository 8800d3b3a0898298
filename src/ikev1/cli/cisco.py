"""The words of Cisco's routers (IOS) and firewalls (ASA), understood by `show`, `clear` and `debug`.

One table says which of our commands each phrase is. The word ``crypto`` before it may be left out, and every word may
be abbreviated, as on a router, while no other phrase fits.
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
        "isakmp": "isakmp",
        "isakmp CONN-ID": "isakmp --conn-id CONN-ID",
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
    """
    written = list(arguments)
    if len(written) > 1 and len(written[0]) > 1 and "crypto".startswith(written[0]):
        del written[0]
    words = written[: next((place for place, word in enumerate(written) if word.startswith("-")), len(written))]
    found = [phrase for phrase in PHRASES[verb] if _fits(phrase.split(), words)]
    exact = [phrase for phrase in found if _says(phrase.split(), words)]
    commands = {PHRASES[verb][phrase] for phrase in exact or found}
    if len(commands) != 1:
        return written
    phrase = (exact or found)[0].split()
    values = {word: value for word, value in zip(phrase, words, strict=True) if word.isupper()}
    return [values.get(word, word) for word in commands.pop().split()] + written[len(words) :]


def _fits(phrase: list[str], words: list[str]) -> bool:
    """Whether ``words`` are ``phrase``, perhaps abbreviated."""
    pairs = zip(phrase, words, strict=False)
    return len(phrase) == len(words) and all(word.isupper() or word.startswith(each) for word, each in pairs)


def _says(phrase: list[str], words: list[str]) -> bool:
    """Whether ``words`` are the words of ``phrase`` in full; a value is not a word."""
    return phrase == words
