"""Kinds of measurement, one a file: how columns of a table become cells."""
