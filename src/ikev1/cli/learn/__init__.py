"""`ikev1 learn`: a real exchange, explained message by message, as text, JSON or HTML."""
