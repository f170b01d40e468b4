"""Looks at a run folder from outside: state, numbers, sessions of instruments, and the figure as far as it is measured.

Everything comes from the files of the folder. Nothing is locked and nothing written there, so the run does not notice.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hil.errors import HilError, InputError
from hil.experiments.records import load
from hil.files import read_json
from hil.runs.document import load_json
from hil.runs.listing import Listed
from hil.runs.results import Row, in_words
from hil.runs.run import COMMAND_LOG, read_metrics
from hil.runs.sending import left
from instruments.link.events import Journal, SessionState
from instruments.watch.copying import copy_records, mark
from instruments.watch.curves import draw_metrics

SHARE = 10.0
"""A look may take one part in so many of the time: large records are copied less often."""

NUMBERS = 8
"""Results that are listed."""


@dataclass(frozen=True)
class Sight:
    """What a run folder says at one moment.

    Attributes
    ----------
    name, kind, state : str
        Folder, verb, and running, stopped, interrupted or finished.
    note : str
        What is wrong with it, or how it is known to run.
    numbers : sequence of (str, str)
        What there is to tell, as a name and a text with units.
    sessions : sequence of SessionState
        Of its instruments, from its command log.
    figure : int
        Changes with the figure; 0 where there is none.
    """

    name: str
    kind: str
    state: str
    note: str
    numbers: Sequence[tuple[str, str]]
    sessions: Sequence[SessionState]
    figure: int

    @property
    def running(self) -> bool:
        """Whether a process works on it, as far as that can be told."""
        return self.state == "running"


class Watched:
    """A run folder that is looked at again and again."""

    def __init__(self, path: Path) -> None:
        """Watch the run in a folder."""
        self.path, self._journal = path, Journal(path / COMMAND_LOG)
        self._mark: Any = None
        self._due, self._version = 0.0, 0
        self._points: list[tuple[str, str]] = []
        self._picture: tuple[int, bytes] = (0, b"")
        self._folder = tempfile.TemporaryDirectory(prefix="memhil-watch-")

    def look(self) -> Sight:
        """Read what is there now."""
        sessions = [s for s in self._journal.follow().values() if s.trains or s.order]
        try:
            meta = read_json(self.path / "meta.json")
            kind = " ".join(str(meta[word]) for word in ("kind", "experiment") if word in meta)
            state, note = _state(self.path, str(meta.get("state", "interrupted")))
            numbers = [*self._progress(meta), *self._measured(), *_results(self.path)]
        except (InputError, AttributeError) as error:
            return Sight(self.path.name, "", "damaged", str(error), [], sessions, self._version)
        return Sight(self.path.name, kind, state, note, numbers, sessions, self._version)

    def figure(self) -> bytes:
        """The figure as PNG; empty where nothing can be drawn yet."""
        if self._picture[0] != self._version:
            self._picture = (self._version, self._drawn())
        return self._picture[1]

    def close(self) -> None:
        """Remove the copy of the records."""
        self._folder.cleanup()

    def _progress(self, meta: dict[str, Any]) -> list[tuple[str, str]]:
        """Where the run is: devices, blocks, what is being driven."""
        found = [("started", str(meta.get("started", "")).replace("T", " ")[:19])]
        for device in meta.get("devices", []):
            limits = device.get("limits", {})
            told = [f"{name} {limits[name]:g} {unit}" for name, unit in (("v_max", "V"), ("i_max", "A"))
                    if limits.get(name) is not None]  # fmt: skip
            found.append((str(device.get("uri")), ", ".join([str(device.get("identity") or "simulated"), *told])))
        sent = left(self.path)
        if sent is not None:
            found.append(("driving", f"{sent.what}: {sent.dose}"))
        return found

    def _measured(self) -> list[tuple[str, str]]:
        """Points so far and the last of them; looked up again where there are new ones."""
        records, metrics = mark(self.path), _mark_of(self.path / "metrics.jsonl")
        if (records, metrics) != self._mark and time.monotonic() >= self._due:
            began = time.monotonic()
            if records and copy_records(self.path, Path(self._folder.name)):
                self._points = _last_point(Path(self._folder.name), self.path)
            elif not records:
                points = read_metrics(self.path)
                self._points = [("points of the learning curve", f"{len(points):,}")] if points else []
                self._points += [(f"last {name}", _text(value)) for name, value in (points or [{}])[-1].items()]
            self._mark, self._version = (records, metrics), self._version + bool(records or self._points)
            self._due = time.monotonic() + SHARE * (time.monotonic() - began)
        return self._points

    def _drawn(self) -> bytes:
        folder = Path(self._folder.name)
        try:
            if mark(folder):
                from hil.experiments.redrawing import draw_again

                meta = read_json(self.path / "meta.json")
                (picture,) = draw_again([Listed(folder, meta, [])], folder)
            else:
                picture = draw_metrics(read_metrics(self.path), folder / "metrics.png")
            return picture.read_bytes()
        except (HilError, OSError, ValueError):  # too little to draw yet
            return b""


def _last_point(copy: Path, run: Path) -> list[tuple[str, str]]:
    """How many points there are, and what the last one says, with units."""
    records, units = load(copy), read_json(run / "meta.json").get("units", {})
    count = len(next(iter(records.values())))
    found = [("points", f"{count:,}")]
    if not count:
        return found
    at_limit = records.get("tripped")
    if at_limit is not None and at_limit.any():
        found.append(("points at the compliance", f"{int(np.nansum(at_limit)):,}"))
    last = {name: column[-1] for name, column in records.items() if name in units and np.isfinite(column[-1])}
    return found + [(f"last {name.replace('_', ' ')}", _with_unit(float(v), units[name])) for name, v in last.items()]


def _with_unit(value: float, unit: str) -> str:
    return f"{value:.5g}" if unit in ("", "1") else f"{value:.5g} {unit}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _results(path: Path) -> list[tuple[str, str]]:
    """The numbers of a run that has any."""
    file = path / "results.json"
    rows: Sequence[Row] = load_json(file) if file.exists() else []
    named = [row for row in rows if row.value is not None]
    chosen = [row for row in named if row.headline] or named
    return [(row.text.strip(), in_words(row).removeprefix(row.name).strip()) for row in chosen[:NUMBERS]]


def _mark_of(file: Path) -> tuple[int, int]:
    try:
        at = file.stat()
    except OSError:
        return (0, 0)
    return at.st_mtime_ns, at.st_size


def _state(path: Path, noted: str) -> tuple[str, str]:
    """State of a run by its own word and by its lock, which is looked at and not taken."""
    if noted != "running":
        return noted, ""
    held = locked(path / "lock")
    if held is None:
        return "running", "by its own word: whether a process still works on it cannot be told on this system"
    return ("running", "") if held else ("interrupted", "no process works on it any more")


def locked(file: Path) -> bool | None:
    """Whether a process holds a lock on a file, from the system's own table; None where it has none (macOS)."""
    try:
        number = file.stat().st_ino
        table = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return None if file.exists() else False
    return any(f":{number} " in f"{line} " for line in table.splitlines())
