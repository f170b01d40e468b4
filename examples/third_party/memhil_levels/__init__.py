"""Cells with discrete levels, and a driver that writes the mean image of a class into them."""
