"""Boards made for memristor crossbars, one a file: they select a cell themselves and pulse or read it."""
