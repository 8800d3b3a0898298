"""Keys and decryption of one conversation: what phase 1 and Quick Mode negotiated, and the keys that follow from it."""
