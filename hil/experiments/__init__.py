"""Characterizations of a single cell: each an experiment that needs nothing but the Device contract."""
