"""AES-XCBC-MAC: the test cases of RFC 3566 §4."""

from __future__ import annotations

import pytest

from ikev1.crypto.xcbc import aes_xcbc

KEY = bytes(range(16))
CASES = [
    (b"", "75f0251d528ac01c4573dfd584d79f29"),
    (bytes(range(3)), "5b376580ae2f19afe7219ceef172756f"),
    (bytes(range(16)), "d2a246fa349b68a79998a4394ff7a263"),
    (bytes(range(20)), "47f51b4564966215b8985c63055ed308"),
    (bytes(range(32)), "f54f0ec8d2b9f3d36807734bd5283fd4"),
    (bytes(range(34)), "becbb3bccdb518a30677d5481fb6b4d8"),
    (bytes(1000), "f0dafee895db30253761103b5d84528f"),
]


@pytest.mark.parametrize(("message", "mac"), CASES, ids=lambda value: len(value))
def test_known_answers(message: bytes, mac: str) -> None:
    assert aes_xcbc(KEY)(message).hex() == mac


def test_messages_leave_no_trace_in_the_function() -> None:
    mac = aes_xcbc(KEY)
    for message, expected in CASES + CASES[::-1]:
        assert mac(memoryview(message)).hex() == expected
