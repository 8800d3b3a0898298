"""The options for keys, shared by all commands that read captures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ikev1.capture.keys.key_ring import KeyRing
from ikev1.capture.keys.load import KeyFileError, dh_secret, load_keys, pre_shared_key
from ikev1.capture.keys.wireshark import read_tables

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        *("--keys", "--keylog", "key_files"),
        type=_FILE,
        multiple=True,
        help="A file with keys: a key log of `ikev1 run` (with its .esp_sa file), a Wireshark table, a charon or pluto "
        "log with keys, or tcpdump's ESP secrets. May be given several times.",
    ),
    click.option("--psk", "psks", metavar="TEXT", multiple=True, help="A pre-shared key; hexadecimal after 0x."),
    click.option("--psk-file", "psk_files", type=_FILE, multiple=True, help="A file with a pre-shared key."),
    click.option(
        *("--dh-secret", "dh_secrets"),
        metavar="HEX",
        multiple=True,
        help="g^xy or a private exponent, to decrypt together with the pre-shared key. @FILE reads it from a file.",
    ),
    click.option(
        "--esp-sa", "esp_sas", metavar="LINE", multiple=True, help="ESP keys as a line of Wireshark's esp_sa."
    ),
)


def key_options(command: Command) -> Command:
    """Add the options to ``command``, which gets a KeyRing as argument ``keys``."""

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
    """Build the key ring from the values of the options.

    Raises:
        click.ClickException: a file cannot be read, or a value is not a key.
    """
    with _click_errors():
        shared = [pre_shared_key(text, "--psk") for text in psks]
        shared += [pre_shared_key(_first_line(path), path.name) for path in psk_files]
        exponents = [dh_secret(_of_file(text), "--dh-secret") for text in dh_secrets]
        key_ring = KeyRing(pre_shared_keys=tuple(shared), dh_secrets=tuple(exponents))
        for path in files:
            key_ring |= _with_esp_keys(path)
        for line in esp_sas:
            key_ring |= _esp_sa(line)
    return key_ring


@contextmanager
def _click_errors() -> Iterator[None]:
    try:
        yield
    except KeyFileError as error:
        raise click.ClickException(f"{error}.") from error
    except OSError as error:
        raise click.ClickException(f"Cannot read {error.filename}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.ClickException(
            f"A secret file is not UTF-8 text ({error}); write the secret as 0x and hexadecimal digits."
        ) from None


def _first_line(path: Path) -> str:
    """The secret in the first line of a file, without the line end."""
    secret = path.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
    if not secret:
        raise KeyFileError(f"{path}: the first line is empty, expected a pre-shared key")
    return secret


def _of_file(text: str) -> str:
    return Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text


def _with_esp_keys(path: Path) -> KeyRing:
    """`ikev1 run --keylog FILE` writes the keys of ESP to FILE.esp_sa (docs/commands.md)."""
    key_ring, esp_file = load_keys(path), path.with_name(f"{path.name}.esp_sa")
    if esp_file.is_file() and esp_file.stat().st_size:
        key_ring |= load_keys(esp_file)
    return key_ring


def _esp_sa(line: str) -> KeyRing:
    key_ring = read_tables([line], "--esp-sa")
    if not key_ring.esp:
        raise KeyFileError(
            '--esp-sa: expected "IPv4","SOURCE","DESTINATION","0xSPI","CIPHER","0xKEY","INTEGRITY","0xKEY", as '
            "in Wireshark's preferences"
        )
    return key_ring
