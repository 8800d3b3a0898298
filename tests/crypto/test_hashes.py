from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikev1.crypto import hashes
from ikev1.crypto.errors import UnsupportedAlgorithm
from ikev1.wire.registry import HashAlgorithm, NotifyType

KNOWN = {
    HashAlgorithm.MD5: (hashlib.md5, 16, 64),
    HashAlgorithm.SHA1: (hashlib.sha1, 20, 64),
    HashAlgorithm.SHA2_256: (hashlib.sha256, 32, 64),
    HashAlgorithm.SHA2_384: (hashlib.sha384, 48, 128),
    HashAlgorithm.SHA2_512: (hashlib.sha512, 64, 128),
}


@pytest.mark.parametrize("number", KNOWN)
@given(key=st.binary(max_size=200), data=st.binary(max_size=300))
def test_the_prf_is_the_hmac_of_the_hash(number: HashAlgorithm, key: bytes, data: bytes) -> None:
    new, size, block = KNOWN[number]

    # RFC 2104 §2: H(K XOR opad, H(K XOR ipad, text)), a key longer than a block being hashed first
    block_key = (new(key).digest() if len(key) > block else key).ljust(block, b"\x00")
    inner = new(bytes(octet ^ 0x36 for octet in block_key) + data).digest()
    expected = new(bytes(octet ^ 0x5C for octet in block_key) + inner).digest()

    assert expected == hmac.digest(key, data, new)
    assert hashes.prf(number, key, data) == expected
    assert hashes.prf(int(number), key, data) == expected
    assert hashes.digest(number, data) == new(data).digest()
    assert hashes.digest_size(number) == size == len(expected)


@pytest.mark.parametrize("number", [0, HashAlgorithm.TIGER, 7, 65535, 1 << 40, -1])
def test_what_is_no_hash_here_is_refused_in_a_way_that_a_peer_can_be_told(number: int) -> None:
    for call in (
        lambda: hashes.prf(number, b"key", b"data"),
        lambda: hashes.digest(number, b"data"),
        lambda: hashes.digest_size(number),
    ):
        with pytest.raises(UnsupportedAlgorithm, match="MD5, SHA1, SHA2_256") as refused:
            call()
        assert refused.value.notify is NotifyType.NO_PROPOSAL_CHOSEN
