"""Kinds of trained networks that can be evaluated, one a file; registered as ``hil.subjects``."""
