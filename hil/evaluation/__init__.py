"""Trained networks and runs of ours on other devices, or later: accuracy at every step, beside shuffled weights."""
