"""Lessons: a real exchange on loopback, explained message by message."""
