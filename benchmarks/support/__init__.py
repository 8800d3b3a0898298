"""What the benchmarks share: responders to measure, initiators to load them with, and the measuring."""
