"""`ikev1 explain`: the report on a capture, as text, JSON or HTML."""
