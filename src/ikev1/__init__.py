"""IKEv1 (RFC 2407, 2408, 2409): a sans-IO engine, a wire codec, key derivation, and a gateway built on them."""

__version__ = "0.1.0"
