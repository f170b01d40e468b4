"""Kirchhoff: the voltages of lines and nodes between cells."""
