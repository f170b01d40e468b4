"""Watching a run from beside it: what it has found, what its instruments are at, and an emergency off."""
