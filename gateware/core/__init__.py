"""The emulator core: cells, neurons, encoder and their sequencer. Every component publishes its latency."""
