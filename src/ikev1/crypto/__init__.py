"""Cryptography of IKEv1 as pure functions: hashes, ciphers, groups, key derivation, and the names of suites."""
