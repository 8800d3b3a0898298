"""Keys for captures: what is known of them, and the files in which people have them."""

from __future__ import annotations

from ikev1.capture.keys.key_ring import DhSecret, EspKeys, IkeKeys, KeyRing, PreSharedKey
from ikev1.capture.keys.load import KeyFileError, dh_secret, load_keys, pre_shared_key

__all__ = [
    "DhSecret",
    "EspKeys",
    "IkeKeys",
    "KeyFileError",
    "KeyRing",
    "PreSharedKey",
    "dh_secret",
    "load_keys",
    "pre_shared_key",
]
