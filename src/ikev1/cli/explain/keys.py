"""Options that name keys, for every command that opens captures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ikev1.capture.keys.load import KeyFileError, dh_secret, load_keys, pre_shared_key
from ikev1.capture.keys.ring import KeyRing
from ikev1.capture.keys.wireshark import read_tables

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        *("--keys", "--keylog", "key_files"),
        type=_FILE,
        multiple=True,
        help="A file with keys: a key log of `ikev1 run` (with its .esp_sa file), a table of Wireshark, a log of "
        "charon or pluto that contains keys, or ESP secrets of tcpdump. Can be given several times.",
    ),
    click.option(
        "--psk", "psks", metavar="TEXT", multiple=True, help="A pre-shared key as text, or 0x and hexadecimal digits."
    ),
    click.option("--psk-file", "psk_files", type=_FILE, multiple=True, help="A file with a pre-shared key."),
    click.option(
        *("--dh-secret", "dh_secrets"),
        metavar="HEX",
        multiple=True,
        help="g^xy or a private exponent, which decrypts together with the pre-shared key. @FILE reads it from a file.",
    ),
    click.option(
        "--esp-sa",
        "esp_sas",
        metavar="LINE",
        multiple=True,
        help="Keys of an ESP SA, in the format of Wireshark's esp_sa.",
    ),
)


def key_options(command: Command) -> Command:
    """Add the options to ``command``, which receives the keys as the argument ``keys``, a KeyRing."""

    @functools.wraps(command)
    def with_keys(
        *,
        key_files: tuple[Path, ...],
        psks: tuple[str, ...],
        psk_files: tuple[Path, ...],
        dh_secrets: tuple[str, ...],
        esp_sas: tuple[str, ...],
        **others: Any,
    ) -> Any:
        return command(keys=key_ring(key_files, psks, psk_files, dh_secrets, esp_sas), **others)

    decorated: Any = with_keys
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def key_ring(
    files: Iterable[Path],
    psks: Iterable[str],
    psk_files: Iterable[Path],
    dh_secrets: Iterable[str],
    esp_sas: Iterable[str],
) -> KeyRing:
    """The keys that the options name.

    Raises:
        click.ClickException: a file cannot be read, or a key is missing or malformed.
    """
    with _complaints():
        shared = [pre_shared_key(text, "--psk") for text in psks]
        shared += [pre_shared_key(_first_line(path), path.name) for path in psk_files]
        exponents = [dh_secret(_of_file(text), "--dh-secret") for text in dh_secrets]
        ring = KeyRing(pre_shared_keys=tuple(shared), dh_secrets=tuple(exponents))
        for path in files:
            ring |= _with_neighbour(path)
        for line in esp_sas:
            ring |= _esp_sa(line)
    return ring


@contextmanager
def _complaints() -> Iterator[None]:
    try:
        yield
    except KeyFileError as error:
        raise click.ClickException(f"{error}.") from error
    except OSError as error:
        raise click.ClickException(f"cannot read {error.filename}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"a secret in a file is not UTF-8 text ({error}): write it as 0x and hexadecimal digits."
        ) from None


def _first_line(path: Path) -> str:
    """A secret, without the line end that an editor adds."""
    secret = path.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    if not secret:
        raise KeyFileError(f"{path}: expected a pre-shared key in the first line, found an empty line")
    return secret


def _of_file(text: str) -> str:
    return Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text


def _with_neighbour(path: Path) -> KeyRing:
    """`ikev1 run --keylog FILE` writes the keys of ESP to FILE.esp_sa (docs/commands.md)."""
    ring, neighbour = load_keys(path), path.with_name(f"{path.name}.esp_sa")
    if neighbour.is_file() and neighbour.stat().st_size:
        ring |= load_keys(neighbour)
    return ring


def _esp_sa(line: str) -> KeyRing:
    ring = read_tables([line], "--esp-sa")
    if not ring.esp:
        raise KeyFileError(
            '--esp-sa: expected "IPv4","SOURCE","DESTINATION","0xSPI","CIPHER","0xKEY","INTEGRITY","0xKEY", as '
            "in Wireshark's preferences"
        )
    return ring
