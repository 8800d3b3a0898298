"""Ciphers that only the kernel's crypto API has (AF_ALG, since Linux 2.6.38), in CBC mode.

Each message takes a socket of its own, because these ciphers are rare and a socket that is kept would be a secret key
that nobody wipes.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Final

from ikev1.errors import LocalError


class Unavailable(LocalError):
    """The kernel has no such cipher, or this process may not use it."""

    code = "no-kernel-cipher"


class Cbc:
    """One direction of a cipher under one key; each update continues from the last ciphertext block before it."""

    __slots__ = ("_key", "_last", "_name", "_operation")

    def __init__(self, name: str, key: bytes, block_size: int, *, encrypts: bool) -> None:
        self._name: Final = name
        self._key: Final = key
        self._last = bytes(block_size)
        self._operation = socket.ALG_OP_ENCRYPT if encrypts else socket.ALG_OP_DECRYPT

    def update(self, data: bytes) -> bytes:
        """Encrypt or decrypt whole blocks.

        Raises:
            Unavailable: the kernel refuses; that it has the cipher was to be tried before.
        """
        try:
            with _algorithm(self._name) as algorithm:
                algorithm.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, self._key)
                with algorithm.accept()[0] as operation:
                    operation.sendmsg_afalg([data], op=self._operation, iv=self._last)
                    result = operation.recv(len(data))
        except OSError as error:
            raise Unavailable(f"the kernel did not apply {self._name}: {error.strerror}") from None
        if len(result) != len(data):
            raise Unavailable(f"the kernel applied {self._name} to {len(result)} of {len(data)} octets")
        ciphertext = result if self._operation == socket.ALG_OP_ENCRYPT else data
        self._last = ciphertext[-len(self._last) :]
        return result


@lru_cache(maxsize=8)
def missing(name: str) -> str:
    """Why the kernel's cipher of this name, such as ``cbc(serpent)``, cannot be used; empty if it can."""
    try:
        _algorithm(name).close()
    except (OSError, AttributeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it has no AF_ALG"
        return f"the kernel does not provide {name} to programs (CONFIG_CRYPTO_USER_API_SKCIPHER): {why}"
    return ""


def _algorithm(name: str) -> socket.socket:
    made = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)
    try:
        made.bind(("skcipher", name))
    except OSError:
        made.close()
        raise
    return made
