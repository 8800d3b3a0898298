"""`ikev1 explain`: a capture in plain words, on the terminal, as JSON, or as a page."""
