"""Findings: what an expert would point at in a capture or in a configuration, why it matters, and what to do."""
