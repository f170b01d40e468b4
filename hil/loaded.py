"""A past run in the hands of a program: its numbers, settings and arrays, for numpy, pandas and xarray."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hil.config import load_toml
from hil.errors import InputError, nearest
from hil.experiments import catalogue, export, records, tables
from hil.pages import MIME
from hil.runs.listing import find_run
from hil.runs.metadata import Metadata, metadata_in
from hil.runs.outcome import Outcome
from hil.runs.results import Row, Rows
from hil.runs.run import ROOT, read_metrics, summary
from hil.training.learned import learned

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True, eq=False, repr=False)
class LoadedRun(Outcome):
    """A run as it stands in its folder: rows, settings, metrics, records, and what was learned.

    Attributes
    ----------
    meta : mapping
        Command, versions, state, times, devices: ``meta["state"]`` is ``finished``, ``stopped``, ``interrupted`` ...
    """

    meta: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Say what it is and how much there is."""
        return f"<{self.path}: hil {self.kind}, {self.meta['state']}, {len(self.rows)} rows>"

    @property
    def kind(self) -> str:
        """What it did, such as ``train wta``, ``characterize ltp`` or ``fit``."""
        return " ".join(word for word in (self.meta.get("kind", ""), self.meta.get("experiment", "")) if word)

    @property
    def metadata(self) -> Metadata:
        """What its user says about it: sample, operator, tags."""
        return metadata_in(self.meta, self.path / "meta.json")

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """All settings it was made with, as in its ``config.toml``."""
        return load_toml(self.path / "config.toml")

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """Points measured on the way, such as a learning curve's."""
        return read_metrics(self.path)

    @cached_property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Everything that is an array, units in the names: ``voltage_V`` (N,) of records, ``conductance_trained_0_S``.

        Of a characterization or an import the records, a point each; of a training what was learned, of every seed.
        """
        return {name: found for name, found in tables.arrays(self.path).items() if found.ndim}

    def to_pandas(self, which: str | None = None) -> pandas.DataFrame:
        """One of its tables as a pandas DataFrame, a line a point or a row.

        Parameters
        ----------
        which : str, optional
            ``records``, ``results`` or ``metrics``; the first of them that it has if not given.

        Raises
        ------
        InputError
            If it has no such table, or pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise InputError("no table without pandas: pip install 'memhil[lab]'") from None
        made: dict[str, Callable[[], Any]] = {
            "records": self._records,
            "results": self._results,
            "metrics": lambda: self.metrics,
        }
        if which is not None and which not in made:
            raise InputError(f"{self.path} has no table '{which}' {nearest(which, made)}")
        for name in made if which is None else (which,):
            content = made[name]()
            if len(content):
                return DataFrame(content)
        raise InputError(f"{self.path} holds no {which or 'records, results or metrics'}")

    def to_xarray(self) -> xarray.Dataset:
        """Records of a characterization or an import, or the arrays that a training learned, as an xarray Dataset.

        Records have one dimension ``record``, units and the devices' addresses, as the ``data.nc`` of their run; arrays
        of a training one Dataset variable each with its unit and a description.

        Raises
        ------
        InputError
            If it holds neither, or xarray is not installed.
        """
        if "experiment" in self.meta and (self.path / records.FILE).exists():
            experiment = str(self.meta["experiment"])
            return export.dataset(self.path, experiment, catalogue.experiment(experiment).columns, {})
        found = learned(self.path)
        if not found:
            raise InputError(f"{self.path} holds no records and nothing learned: hil {self.kind} leaves rows alone")
        Dataset = export.datasets()
        return Dataset(
            {
                name: (
                    [f"{name}_{k}" for k in range(one.values.ndim)],
                    one.values,
                    {"units": one.unit or "1", "long_name": one.words},
                )
                for name, one in found.items()
            },
            attrs={"title": f"memhil {self.kind}", "source": str(self.path)},
        )

    def _records(self) -> Mapping[str, Any]:
        if not (self.path / records.FILE).exists():
            return {}
        found = dict(self.arrays)
        names = {name: found[name] for name in tables.record_names(self.meta, self.path)}
        devices = np.asarray(found["devices"])
        return {"device": devices[found["device"].astype(int)], "block": found["block"].astype(int), **names}

    def _results(self) -> list[dict[str, Any]]:
        return [_flat(row) for row in self.rows]


def load_run(run: str | os.PathLike[str], root: str | os.PathLike[str] = ROOT) -> LoadedRun:
    """Open a past run, finished or not, to look at: nothing is driven, nothing is written.

    Parameters
    ----------
    run : str or path
        Its folder, or its name below `root`.
    root : path
        Where run folders are.

    Raises
    ------
    InputError
        If there is no such run, or its folder is damaged.

    Examples
    --------
    >>> run = hil.load_run("ltp-sim-rram-001")  # doctest: +SKIP
    >>> run.rows["on/off ratio"].value, run.to_pandas().columns, run.to_xarray()["conductance"]  # doctest: +SKIP
    """
    path = find_run(os.fspath(run), Path(root))
    meta, rows = summary(path)
    if "problem" in meta:
        raise InputError(f"{path} is damaged: {meta['problem']}")
    pictures = tuple(file for file in sorted((path / "figures").glob("*")) if file.suffix.lower() in MIME)
    return LoadedRun(path, Rows(rows, f"{path}"), pictures, meta)


def _flat(row: Row) -> dict[str, Any]:
    """A row as a line of a table: its conditions are columns."""
    told = {name: getattr(row, name) for name in Row.__dataclass_fields__ if name not in ("conditions", "label")}
    return told | {f"condition {name}": value for name, value in row.conditions.items()}
