"""Observability: the log and its rate limit, counters, dropped packets, and the key log."""
