"""Reproducing papers: what they print beside what we find, with verdicts that follow from the numbers."""
