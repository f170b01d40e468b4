"""Trained networks from elsewhere: their layers, and the files that they are read from."""
