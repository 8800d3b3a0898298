"""Which packet belongs to which conversation or ESP flow. Read `tracker` first, then `conversation` and
`esp_tracker`.
"""
