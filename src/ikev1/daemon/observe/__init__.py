"""What the daemon writes down: the log and its rate limit, counters, dropped packets, and the key log."""
