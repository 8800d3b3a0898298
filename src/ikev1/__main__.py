"""The command `ikev1`, also as `python -m ikev1`; where its extra is not installed, it says so."""

from __future__ import annotations

import sys

from ikev1.cli.commands import missing_extra

_UNUSABLE = 2  # exit status, as for wrong usage


def main() -> None:
    """Run the command line."""
    try:
        from ikev1.cli.main import main as command_line

        command_line(prog_name="ikev1")
    except ModuleNotFoundError as error:
        words = (word for word in sys.argv[1:] if not word.startswith("-"))
        reason = missing_extra(error, next(words, ""))
        if reason is None:
            raise
        print(f"Error: {reason}", file=sys.stderr)
        raise SystemExit(_UNUSABLE) from None


if __name__ == "__main__":
    main()
