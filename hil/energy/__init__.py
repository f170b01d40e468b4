"""Energy, latency and area of a run: what every array was given, and what stated figures make of it."""
