"""`ikev1 audit`: security findings about a capture or a configuration, as text, JSON or HTML."""
