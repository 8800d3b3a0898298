"""Assignment of packets to conversations and ESP flows. Read `tracker` first, then `conversation` and `esp_tracker`."""
