"""Pulse-measure units: segments of 20 ns and more on two channels, without a current limit."""
