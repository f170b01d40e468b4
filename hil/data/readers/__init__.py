"""Kinds of files that data sets are read from, one a file; registered as ``hil.data_readers``."""
