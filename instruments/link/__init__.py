"""Talking to instruments: sessions, deadlines, logs, and the languages (SCPI, TSP) of their messages."""

from instruments.link.link import Link

__all__ = ["Link"]
