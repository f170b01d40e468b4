"""Runs side by side: every quantity a line, every run a column; below, what differs in how they were made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from hil.config import load_toml
from hil.runs.listing import Listed
from hil.runs.results import PLAIN_WIDTH, WARNING, Row, in_words

Key = tuple[str, str, str]
"""Quantity, unit, conditions as JSON: rows that mean the same in several runs."""

ALIKE = "made alike: same configuration, metadata and versions"

MOST_LETTERS = 28
"""Letters of a setting's value in the table of what differs."""


@dataclass(frozen=True)
class Sides:
    """Several runs, laid beside each other.

    Attributes
    ----------
    runs : sequence of Listed
        Whole ones.
    """

    runs: Sequence[Listed]

    def rows(self) -> list[Row]:
        """Rows of all runs, each under the condition ``run``."""
        return [row.under(f"{run.path.name}  ", run=run.path.name) for run in self.runs for row in run.rows]

    def show(self, file: TextIO) -> None:
        """Print both tables."""
        from rich.console import Console

        console = Console(file=file, width=None if file.isatty() else PLAIN_WIDTH, highlight=False)
        self._print(console, "quantity", self.numbers())
        differs = self.differences()
        if differs:
            self._print(console, "what differs", differs)
        else:
            console.print(ALIKE)

    def numbers(self) -> list[tuple[str, list[str]]]:
        """Every quantity, and its value in every run as text."""
        return [(row.text.strip(), cells) for row, cells in self._numbers()]

    def differences(self) -> list[tuple[str, list[str]]]:
        """Every setting, metadata and version that is not the same in all runs, and what it is in each."""
        return [(name, cells) for name, cells in self._facts() if len(set(cells)) > 1]

    def _print(self, console: Any, head: str, lines: Sequence[tuple[str, Sequence[str]]]) -> None:
        from rich.table import Table
        from rich.text import Text

        shown = Table()
        shown.add_column(head, overflow="fold")
        for run in self.runs:
            shown.add_column(run.path.name, justify="right", overflow="fold")
        for name, cells in lines:
            shown.add_row(Text(name), *(Text(cell) for cell in cells))
        console.print(shown)

    def _numbers(self) -> list[tuple[Row, list[str]]]:
        """Every quantity, with its value in every run; empty where a run has none such."""
        found: dict[Key, list[Row | None]] = {}
        for k, run in enumerate(self.runs):
            alone = len({row.conditions.get("device") for row in run.rows} - {None}) < 2
            for row in run.rows:
                if row.name != WARNING:
                    places = found.setdefault(_key(row, alone), [None] * len(self.runs))
                    places[k] = places[k] or row
        told = []
        for rows in found.values():
            first = next(row for row in rows if row is not None)
            told.append((first, ["" if row is None else in_words(row).removeprefix(row.name).strip() for row in rows]))
        return told

    def _facts(self) -> list[tuple[str, list[str]]]:
        """Settings, metadata and versions by their names, with the value of every run."""
        each = [_flat(_facts_of(run)) for run in self.runs]
        names = dict.fromkeys(name for facts in each for name in facts)
        return [(name, [_short(facts.get(name, "")) for facts in each]) for name in names]


def _key(row: Row, alone: bool) -> Key:
    """What makes a row the same quantity in another run; a device only where a run has several."""
    conditions = {name: value for name, value in row.conditions.items() if name != "device" or not alone}
    return row.name, row.unit, json.dumps(conditions, sort_keys=True)


def _facts_of(run: Listed) -> dict[str, Any]:
    about = {"kind": run.kind, "state": run.meta["state"], "started": run.meta.get("started", "")[:19]}
    versions = {"versions": run.meta.get("versions", {})}
    return {**about, **run.metadata.given(), **load_toml(run.path / "config.toml"), **versions}


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Nested settings by their full names, as text."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}{name}.")
        else:
            found[f"{path}{name}"] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS // 2]}...{text[-MOST_LETTERS // 2 :]}"
