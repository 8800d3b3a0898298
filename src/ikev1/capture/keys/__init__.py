"""Keys for decrypting captures, and the file formats that contain them."""

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
