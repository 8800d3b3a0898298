"""Saving a lesson: the packets as pcapng, the key, and the commands that open them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from ikev1.capture.write import datagram_block, section_blocks
from ikev1.files.private import open_private
from ikev1.lesson.evidence import Evidence
from ikev1.lesson.run import Run


def key_file(path: Path) -> Path:
    """The file with the key, for `ikev1 explain --keys` and Wireshark's ikev1_decryption_table."""
    return path.with_name(f"{path.name}.keys")


def save(path: Path, run: Run) -> None:
    """Write the packets of a run to ``path``, and their key to a file that only its owner can read.

    Raises:
        OSError: a file cannot be written, or the key file is unsafe (`ikev1.files.private`).
    """
    blocks = [section_blocks("ikev1 learn", f"a lesson on {run.subject}: {run.suite}")]
    blocks += [datagram_block(datagram, sent=number % 2 == 0) for number, datagram in enumerate(run.datagrams)]
    path.write_bytes(b"".join(blocks))
    opened = open_private(key_file(path), os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(opened, "w", encoding="ascii") as out:
        out.write(f"{','.join(_key(run))}\n")


def ways_to_open(path: Path, evidence: Evidence) -> tuple[str, ...]:
    """Commands that show the saved packets, with the ports of the run."""
    run = evidence.run
    ports = sorted({run.datagrams[0].source_port, run.datagrams[0].destination_port})
    exponents = [each.x.hex() for each in (evidence.first, evidence.second) if each is not None]
    explain = ["ikev1", "explain", str(path), *(word for port in ports for word in ("--port", str(port)))]
    explain += [
        "--psk",
        _written(run.pre_shared_key),
        *(word for x in exponents for word in ("--dh-secret", x)),
    ]
    wireshark = ["wireshark", str(path), *(word for port in ports for word in ("-d", f"udp.port=={port},isakmp"))]
    cookie, key = _key(run)
    wireshark += ["-o", f"uat:ikev1_decryption_table:{cookie},{key}"]
    return shlex.join(explain), shlex.join(wireshark)


def _key(run: Run) -> tuple[str, str]:
    """The initiator's cookie, and the encryption key of the ISAKMP SA."""
    sa = run.initiator.sa
    assert sa.keys is not None
    return sa.CKY_I.hex(), sa.keys.encryption_key.hex()


def _written(secret: bytes) -> str:
    """A pre-shared key as accepted by `ikev1 explain --psk`: text, or hexadecimal if it is not text."""
    text = secret.decode(errors="replace")
    plain = text.encode() == secret and text.isprintable() and not text.startswith("0x")
    return text if plain else f"0x{secret.hex()}"
