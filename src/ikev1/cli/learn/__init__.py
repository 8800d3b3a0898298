"""`ikev1 learn`: a real exchange, explained message by message, on the terminal, as JSON, or as a page."""
