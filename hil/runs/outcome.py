"""What a finished run leaves in the hands of whoever started it from Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hil.runs.results import Rows

if TYPE_CHECKING:
    from hil.loaded import LoadedRun


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """Results of a run.

    Attributes
    ----------
    path : Path
        The run folder, which holds all of it and more.
    rows : Rows
        Every number beside its control, as the table on the screen; ``rows["test accuracy"].value``.
    figures : tuple of Path
        Pictures.
    """

    path: Path
    rows: Rows
    figures: tuple[Path, ...]

    def __repr__(self) -> str:
        """Say where it is and how much there is."""
        return f"<{self.path}: {len(self.rows)} rows, {len(self.figures)} figures>"

    def __str__(self) -> str:
        """Lay the rows out as `hil` prints them."""
        return str(self.rows)

    def load(self) -> LoadedRun:
        """Open its folder: settings, metrics, records, what was learned, for pandas and xarray; see `hil.load_run`."""
        from hil.loaded import load_run

        return load_run(self.path)

    def _repr_html_(self) -> str:
        """Show the rows and name the pictures, for a notebook."""
        from hil import notebook

        pictures = notebook.table(["pictures"], [[str(figure)] for figure in self.figures]) if self.figures else ""
        return f"<div>{self.rows._repr_html_()}{pictures}</div>"
