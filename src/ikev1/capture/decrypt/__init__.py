"""Keys and decryption of one conversation: the negotiated values of phase 1 and Quick Mode, and the derived keys."""
