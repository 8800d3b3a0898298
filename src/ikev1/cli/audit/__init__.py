"""`ikev1 audit`: findings about a capture or a configuration, as text, JSON or HTML."""
