"""Techniques of the reviews as short drivers: each a file, on the base in `technique`.

`mapped` is the base of those whose network learns on the host and is then written into arrays.
"""
