"""The emulator core: cells, neurons, encoder and what sequences them. Every component publishes its latency."""
