"""Formats of trained networks, one a file; registered as ``hil.networks``."""
