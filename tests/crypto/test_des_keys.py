from __future__ import annotations

import pytest
from Crypto.Cipher import DES

from ikev1.crypto.des_keys import check_single, check_triple, first_sound_key
from ikev1.crypto.errors import WeakKey

# FIPS 74; RFC 2409 Appendix A lists the same but for two octet orders, which it misprints
WEAK = ["0101010101010101", "1f1f1f1f0e0e0e0e", "e0e0e0e0f1f1f1f1", "fefefefefefefefe"]
SEMI_WEAK_PAIRS = [
    ("01fe01fe01fe01fe", "fe01fe01fe01fe01"),
    ("1fe01fe00ef10ef1", "e01fe01ff10ef10e"),
    ("01e001e001f101f1", "e001e001f101f101"),
    ("1ffe1ffe0efe0efe", "fe1ffe1ffe0efe0e"),
    ("011f011f010e010e", "1f011f010e010e01"),
    ("e0fee0fef1fef1fe", "fee0fee0fef1fef1"),
]
PAIRS = [(key, key) for key in WEAK] + SEMI_WEAK_PAIRS + [(second, first) for first, second in SEMI_WEAK_PAIRS]
SOUND = bytes.fromhex("0123456789abcdef")


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_sixteen_keys_are_refused_for_what_they_do(first: str, second: str) -> None:
    """Two encryptions, by the key and its partner, cancel out: that is what makes such a key weak or semi-weak."""
    once = DES.new(bytes.fromhex(first), DES.MODE_ECB).encrypt(b"any text")
    assert DES.new(bytes.fromhex(second), DES.MODE_ECB).encrypt(once) == b"any text"
    with pytest.raises(WeakKey):
        check_single(bytes.fromhex(first))


def test_parity_makes_no_difference() -> None:
    for key in WEAK:
        with pytest.raises(WeakKey):
            check_single(bytes(octet ^ 1 for octet in bytes.fromhex(key)))


@pytest.mark.parametrize("misprint", ["1f1f1f1fe0e0e0e0", "e0e0e0e01f1f1f1f"])
def test_the_misprints_of_the_rfc_are_ordinary_keys(misprint: str) -> None:
    key = bytes.fromhex(misprint)
    check_single(key)
    once = DES.new(key, DES.MODE_ECB).encrypt(b"any text")
    assert DES.new(key, DES.MODE_ECB).encrypt(once) != b"any text"


def test_weak_octets_are_skipped_in_key_derivation() -> None:
    weak, semi_weak = bytes.fromhex(WEAK[0]), bytes.fromhex(SEMI_WEAK_PAIRS[0][0])
    assert first_sound_key(SOUND + weak) == SOUND
    assert first_sound_key(weak + SOUND) == SOUND
    assert first_sound_key(weak + semi_weak + SOUND + b"rest") == SOUND
    for material in (weak + semi_weak, weak + SOUND[:7], b"", SOUND[:7]):
        with pytest.raises(WeakKey):
            first_sound_key(material)


def test_3des_needs_its_middle_key_to_differ() -> None:
    other, third = SOUND[::-1], bytes(range(16, 24))
    check_triple(SOUND + other + third)
    check_triple(SOUND + other + SOUND)
    for degenerate in (SOUND + SOUND + third, third + SOUND + SOUND, SOUND * 3):
        with pytest.raises(WeakKey):
            check_triple(degenerate)
    with pytest.raises(WeakKey):
        check_triple(SOUND + bytes(octet ^ 1 for octet in SOUND) + third)
