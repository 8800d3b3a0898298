"""Obfuscated secrets of Cisco's client: what another program made, and what is none."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from ikev1.config.formats.cisco_client.obfuscation import decode_obfuscated


def obfuscated(secret: bytes, seed: bytes = bytes(range(20))) -> str:
    first = hashlib.sha1(seed[:-1] + bytes([(seed[-1] + 1) & 255])).digest()
    second = hashlib.sha1(seed[:-1] + bytes([(seed[-1] + 3) & 255])).digest()
    padding = 8 - len(secret) % 8
    encryptor = Cipher(TripleDES(first + second[:4]), modes.CBC(seed[:8])).encryptor()
    encrypted = encryptor.update(secret + bytes([padding]) * padding) + encryptor.finalize()
    return (seed + hashlib.sha1(encrypted).digest() + encrypted).hex()


@pytest.mark.parametrize("secret", [b"a", b"12345678", b"what both ends know", "schlüssel".encode()])
def test_a_secret(secret: bytes) -> None:
    assert decode_obfuscated(obfuscated(secret)) == secret
    assert decode_obfuscated(obfuscated(secret, bytes([255] * 20)).upper()) == secret


@pytest.mark.interop
def test_the_program_of_vpnc_decodes_the_same() -> None:
    program = shutil.which("cisco-decrypt")
    if program is None:
        pytest.skip("cisco-decrypt, of Debian's vpnc, is not installed")
    said = subprocess.run([program, obfuscated(b"what both ends know")], capture_output=True, check=True).stdout
    assert said.strip() == b"what both ends know"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "xyz",
        "00" * 40,
        "00" * 48,
        obfuscated(b"secret")[:-2],
        obfuscated(b"secret")[:-2] + f"{int(obfuscated(b'secret')[-2:], 16) ^ 1:02x}",
        "00" * 4096,
    ],
)
def test_what_is_none(written: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        decode_obfuscated(written)
    assert not written or written not in str(caught.value)
