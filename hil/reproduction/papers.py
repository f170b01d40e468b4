"""`Paper`: the figures and claims of a publication that can be reproduced, and how each is computed.

`Finding` is a row, `Paper` a set of figures that make rows, `Scope` what a figure may use. Papers are found by entry
points of the group ``hil.papers``, each a `Paper` or a function that returns several; `hil reproduce` lists, plays and
prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hil.errors import InputError, nearest
from hil.plugins import Catalogue
from hil.reproduction.findings import Finding, Interval, Verdict, above, below, digits, near, repeated, rounds_to

if TYPE_CHECKING:
    from hil.data.datasets import Dataset
    from hil.runs.results import Row
    from hil.training.driver import Driver

    Training = TypeVar("Training", bound=Driver)

__all__ = [
    "Finding", "Interval", "Paper", "PaperFigure", "Scope", "Verdict", "above", "below", "digits", "find_paper", "near",
    "papers", "repeated", "rounds_to",
]  # fmt: skip

GROUP = "hil.papers"


@dataclass(frozen=True)
class Scope:
    """Resources of a figure that is being made: folders, data, and contact with the user.

    Attributes
    ----------
    folder : Path
        For pictures.
    work : Path
        For the runs of training drivers, kept so that an interrupted one goes on.
    quick : bool
        Whether all figures together must take less than two minutes on two cores.
    data_dir : Path or None
        Folder with the MNIST files; bundled digits stand in without it.
    pause : callable
        To be called between the parts of a figure that takes long: raises `Interrupted` if the user wants to stop.
    say : callable
        Shows the user a line, such as how far a long figure has come.
    """

    folder: Path
    work: Path
    quick: bool = False
    data_dir: Path | None = None
    pause: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda line: None

    def train(
        self,
        driver: type[Training],
        config: Mapping[str, Any],
        name: str,
        dataset: Dataset | None = None,
        draw: bool = True,
    ) -> Training:
        """Run a training driver to its end in a folder `name` of its own, or go on with the one that is there.

        A finished one is opened and not run again. `dataset` is the one that `config` names, if it is at hand; `draw`
        tells whether pictures are wanted.
        """
        from hil.config import validated
        from hil.data.datasets import load
        from hil.runs.run import Run

        path = self.work / name
        values: Any = validated(driver.config_model, config, name)
        dataset = dataset or load(values.data.dataset, values.data.dir)
        if (path / "config.toml").is_file():
            run = Run.resume(path, driver.kind)
        else:
            run = Run.create(path, driver.kind, values.model_dump(mode="json"))
        with run:
            training = driver(values, dataset, run)
            if run.meta().get("state") != "finished":
                training.complete(draw)
        return training


@dataclass(frozen=True)
class PaperFigure:
    """A figure, table or claim: `make` draws it into the scope's folder and returns its rows."""

    key: str
    title: str
    make: Callable[[Scope], list[Finding]]


@dataclass(frozen=True)
class Paper:
    """A paper that the project covers.

    Attributes
    ----------
    key : str
        Its name on the command line.
    citation : str
        Authors, year, journal.
    figures : tuple of PaperFigure
        In the order of the paper.
    from_sweep : callable or None
        For `hil plot`: draws all figures of a finished sweep into a folder.
    check : callable
        Raises `InputError` before anything is computed if the scope's data cannot be read.
    """

    key: str
    citation: str
    figures: tuple[PaperFigure, ...]
    from_sweep: Callable[[Path, Path], tuple[list[Row], list[Path]]] | None = None
    check: Callable[[Scope], None] = lambda scope: None

    def select(self, keys: Sequence[str]) -> list[PaperFigure]:
        """Figures by key, all if none is named; upper and lower case are the same."""
        known = {figure.key.lower(): figure for figure in self.figures}
        for key in keys:
            if key.lower() not in known:
                raise InputError(f"'{self.key}' has no figure '{key}' {nearest(key, [f.key for f in self.figures])}")
        wanted = {key.lower() for key in keys} or set(known)
        return [figure for key, figure in known.items() if key in wanted]


_PAPERS = Catalogue(GROUP, "paper", Paper, lambda paper: paper.key)


def papers() -> Mapping[str, Paper]:
    """All installed papers by key; one that cannot be loaded is told on stderr."""
    return _PAPERS.everything()


def find_paper(key: str) -> Paper:
    """Find an installed paper; `InputError` names the known ones, or what is wrong with this one."""
    return _PAPERS.find(key)
