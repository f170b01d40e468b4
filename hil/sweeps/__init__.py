"""Sweeps: one training driver over a grid of settings, in parallel and resumable."""
