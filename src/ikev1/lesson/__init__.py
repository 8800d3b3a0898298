"""Lessons: a real exchange on loopback, and what there is to learn from each of its messages."""
