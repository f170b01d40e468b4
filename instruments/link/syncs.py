"""How a link gets back in step in an instrument's language: questions whose answers are known beforehand."""

from __future__ import annotations

from collections.abc import Callable


def _scpi_check(number: int) -> tuple[str, Callable[[str], bool]]:
    def matches(answer: str) -> bool:
        try:
            return float(answer) == number
        except ValueError:
            return False

    return f"*ESE {number};*ESE?", matches


def _tsp_check(number: int) -> tuple[str, Callable[[str], bool]]:
    return f'print("sync-{number}")', lambda answer: answer == f"sync-{number}"


def _kxci_check(number: int) -> tuple[str, Callable[[str], bool]]:
    """KXCI echoes nothing: its answer to this is 0 or 1, to almost everything else another."""
    return ":PMU:TEST:STATUS?", lambda answer: answer in ("0", "1")


SYNCS = {"scpi": _scpi_check, "tsp": _tsp_check, "kxci": _kxci_check}
"""Questions with an answer that is known beforehand, by the instrument's language."""
