"""`ikev1 audit`: findings about a capture or a configuration, on the terminal, as JSON, or as a page."""
