"""Paired-input layers (PILL): every two inputs meet in front of a weight of their own, on the cells of any device."""
