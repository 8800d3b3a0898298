"""Security findings about a capture or a configuration, each with its reason and remedy."""
