"""Past runs found by what they are: kind, state, and the metadata that their users gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hil.errors import InputError, nearest
from hil.runs.metadata import Metadata, metadata_in
from hil.runs.results import Row
from hil.runs.run import ROOT, find_runs, summary

MARKS = ("config.toml", "meta.json")
"""Files of which a run folder holds one at least."""


@dataclass(frozen=True)
class Listed:
    """A run as a list of runs shows it.

    Attributes
    ----------
    path : Path
        Its folder.
    meta : mapping
        Command, versions, state, times, devices.
    rows : sequence of Row
        Its results; empty where there are none yet.
    """

    path: Path
    meta: Mapping[str, Any]
    rows: Sequence[Row]

    @property
    def problem(self) -> str | None:
        """What is wrong with the folder, or None."""
        return self.meta.get("problem")

    @property
    def kind(self) -> str:
        """What it did: ``characterize ltp``, ``train stdp``, ``fit``."""
        return " ".join(word for word in (self.meta.get("kind", ""), self.meta.get("experiment", "")) if word)

    @property
    def metadata(self) -> Metadata:
        """What its user says about it."""
        return metadata_in(self.meta, self.path / "meta.json")

    @property
    def headlines(self) -> list[Row]:
        """The few numbers that its users look for, of one device and pulse where there are several."""
        marked = [row for row in self.rows if row.headline] or list(self.rows[:1])
        shared = ("device", "amplitude", "width", "frequency", "model")
        first = {name: marked[0].conditions.get(name) for name in shared} if marked else {}
        return [row for row in marked if {name: row.conditions.get(name) for name in shared} == first]

    @classmethod
    def read(cls, path: Path) -> Listed:
        """Read a folder; one that is damaged has a `problem`."""
        return cls(path, *summary(path))


@dataclass(frozen=True)
class Wanted:
    """Which runs to list.

    Attributes
    ----------
    kind : str or None
        Whole, or one of its words: ``ltp``, ``train``, ``train stdp``.
    state : str or None
        running, stopped, interrupted, finished, damaged.
    metadata : mapping
        Patterns with ``*`` and ``?``, small and capital letters alike, by name, sample, wafer, die, operator, comment.
    tags : sequence of str
        Patterns, each of which a tag must match.
    """

    kind: str | None
    state: str | None
    metadata: Mapping[str, str]
    tags: Sequence[str] = ()

    def __bool__(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.kind or self.state or self.metadata or self.tags)

    def __str__(self) -> str:
        """What is asked for, as options."""
        asked = {"kind": self.kind, "state": self.state, **self.metadata}
        told = [f"--{name} {value}" for name, value in asked.items() if value]
        return " ".join([*told, *(f"--tag {tag}" for tag in self.tags)])

    def fits(self, run: Listed) -> bool:
        """Whether a run is asked for; a damaged one is, unless something is asked that it cannot tell."""
        if run.problem is not None:
            return self.state == run.meta["state"] or not self
        kinds = {run.kind, *run.kind.split(), str(run.meta.get("kind"))}
        about = run.metadata
        return (
            (self.kind is None or self.kind in kinds)
            and (self.state is None or self.state == run.meta["state"])
            and all(_matches(getattr(about, name), pattern) for name, pattern in self.metadata.items())
            and all(any(_matches(tag, pattern) for tag in about.tags) for pattern in self.tags)
        )


def list_runs(root: Path = ROOT) -> list[Listed]:
    """All runs in a folder, whole or damaged, oldest first."""
    return [Listed.read(path) for path in find_runs(root)]


def is_run(name: str, root: Path = ROOT) -> bool:
    """Whether there is a run of that name below `root`, or in that folder."""
    return _folder(name, root) is not None


def find_run(name: str, root: Path = ROOT) -> Path:
    """Folder of a run by its name below `root`, or by its path; `InputError` naming the nearest if there is none."""
    path = _folder(name, root)
    if path is not None:
        return path
    raise InputError(f"no run '{name}' {nearest(name, [path.name for path in find_runs(root)])}")


def _folder(name: str, root: Path) -> Path | None:
    folders = (path for path in (root / name, Path(name)) if any((path / mark).exists() for mark in MARKS))
    return next(folders, None)


def tags_of(runs: Iterable[Listed]) -> list[str]:
    """All tags that runs have, sorted."""
    return sorted({tag for run in runs if run.problem is None for tag in run.metadata.tags})


def _matches(text: str, pattern: str) -> bool:
    text, pattern = text.casefold(), pattern.casefold()
    return text == pattern or fnmatchcase(text, pattern)
