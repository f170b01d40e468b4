"""Records of a characterization: an SQLite file while it runs, one transaction a block, safe against kill -9.

runs/NAME/records.sqlite   device: one row a device, with its settings as JSON
                           block: one row a finished block; the last of a device holds the exact state of the device
                           record: one row a point
                           superseded: points of an attempt that had to begin anew

The file is in WAL mode with ``synchronous=FULL``: a block's points, the note that it is finished and the state of the
device become durable together, by one fsync, or not at all. So whatever ends the process, or the power, what is there
is whole, and going on repeats nothing that is there.
"""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments.experiment import Column, Record
from hil.runs import Run

FILE = "records.sqlite"
COMMAND_LOG = "commands.log"
DEVICE, BLOCK = "device", "block"
"""Columns that every run has beside those of its experiment: index of the device, number of the block."""


class CharacterizationRun(Run):
    """A run folder with records."""

    def note(self, **values: Any) -> None:
        """Add to meta.json, fsynced."""
        self._write_meta(**{**self.meta(), **values})

    @property
    def records_file(self) -> Path:
        """Where the records are."""
        return self.path / FILE

    @property
    def command_log(self) -> Path:
        """Where instruments log every exchange."""
        return self.path / COMMAND_LOG

    def discard(self) -> None:
        """Take back a run that never began: instruments were asked who they are, nothing more."""
        self.command_log.unlink(missing_ok=True)
        super().discard()


class Recorder:
    """The open records of a run; a context manager.

    Parameters
    ----------
    path : Path
        File; made if it is not there.
    columns : mapping
        Columns of the experiment.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        """Open or make the file."""
        self.columns = tuple(columns)
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        fields = ", ".join(f'"{name}" REAL' for name in self.columns)
        with self._db:
            self._db.execute("CREATE TABLE IF NOT EXISTS device (device INTEGER PRIMARY KEY, uri TEXT, info TEXT)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS block "
                "(device INTEGER, block INTEGER, name TEXT, state BLOB, PRIMARY KEY (device, block))"
            )
            for table in ("record", "superseded"):
                self._db.execute(f'CREATE TABLE IF NOT EXISTS {table} ("device" INTEGER, "block" INTEGER, {fields})')

    def add_device(self, index: int, uri: str, info: Mapping[str, Any]) -> None:
        """Note a device and what was told to it, before anything is driven."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO device VALUES (?, ?, ?)", (index, uri, json.dumps(info)))

    def device_info(self, index: int) -> dict[str, Any] | None:
        """What was noted about a device; None if it has not begun."""
        found = self._db.execute("SELECT info FROM device WHERE device = ?", (index,)).fetchone()
        return json.loads(found[0]) if found else None

    def finished_blocks(self, device: int) -> int:
        """How many blocks of a device are there."""
        return self._db.execute("SELECT COUNT(*) FROM block WHERE device = ?", (device,)).fetchone()[0]

    def add_block(
        self, device: int, number: int, name: str, records: Sequence[Record], state: Mapping[str, NDArray] | None
    ) -> None:
        """Make a finished block durable: all its records, and the state in which it left the device."""
        marks = ", ".join("?" * (len(self.columns) + 2))
        rows = [(device, number, *(float(record[name]) for name in self.columns)) for record in records]
        blob = None
        if state is not None:
            buffer = io.BytesIO()
            np.savez(buffer, **state)
            blob = buffer.getvalue()
        with self._db:
            self._db.executemany(f"INSERT INTO record VALUES ({marks})", rows)
            self._db.execute("UPDATE block SET state = NULL WHERE device = ?", (device,))
            self._db.execute("INSERT INTO block VALUES (?, ?, ?, ?)", (device, number, name, blob))

    def state(self, device: int) -> dict[str, NDArray] | None:
        """State in which the last finished block left the device; None where it could not tell."""
        found = self._db.execute(
            "SELECT state FROM block WHERE device = ? ORDER BY block DESC LIMIT 1", (device,)
        ).fetchone()
        if found is None or found[0] is None:
            return None
        with np.load(io.BytesIO(found[0]), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def supersede(self, device: int) -> None:
        """Set the records of a device aside, to measure it anew."""
        with self._db:
            self._db.execute("INSERT INTO superseded SELECT * FROM record WHERE device = ?", (device,))
            self._db.execute("DELETE FROM record WHERE device = ?", (device,))
            self._db.execute("DELETE FROM block WHERE device = ?", (device,))

    def records(self, device: int | None = None) -> dict[str, NDArray]:
        """All records in the order in which they were measured, of one device or with a column ``device``."""
        names = (DEVICE, BLOCK, *self.columns)
        which, values = ("", ()) if device is None else (" WHERE device = ?", (device,))
        rows = self._db.execute(f"SELECT * FROM record{which} ORDER BY device, block, rowid", values).fetchall()
        table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
        found: dict[str, NDArray] = {name: table[:, k].copy() for k, name in enumerate(names)}
        for name in (DEVICE, BLOCK):
            found[name] = found[name].astype(np.int64)
        if device is not None:
            del found[DEVICE]
        return found

    def close(self) -> None:
        """Close the file; the write-ahead log is merged into it."""
        self._db.close()

    def __enter__(self) -> Self:
        """Use the recorder in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it on every way out."""
        self.close()


class History:
    """What was measured so far on one device, in memory; it grows without copying everything at each block."""

    def __init__(self, columns: Sequence[str], records: Mapping[str, NDArray]) -> None:
        """Begin with what is recorded already."""
        self._columns = tuple(columns)
        self._count = len(records[self._columns[0]])
        self._table = np.full((len(self._columns), max(2 * self._count, 1024)), np.nan)
        for k, name in enumerate(self._columns):
            self._table[k, : self._count] = records[name]

    def extend(self, records: Sequence[Record]) -> None:
        """Add the records of a block."""
        end = self._count + len(records)
        if end > self._table.shape[1]:
            room = np.full((len(self._columns), end), np.nan)
            self._table = np.concatenate([self._table, room], axis=1)
        for k, name in enumerate(self._columns):
            self._table[k, self._count : end] = [record[name] for record in records]
        self._count = end

    @property
    def records(self) -> dict[str, NDArray[np.float64]]:
        """All records, an array a column; views that a later `extend` leaves as they are."""
        return {name: self._table[k, : self._count] for k, name in enumerate(self._columns)}


def load(run: Path) -> dict[str, NDArray]:
    """Records of a run folder, finished or not.

    Parameters
    ----------
    run : Path
        The run folder.

    Returns
    -------
    dict of (N,) arrays
        ``device`` (index), ``block`` (number), and the columns of the experiment in SI units; NaN where a point has no
        value.

    Raises
    ------
    InputError
        If the folder holds no records.
    """
    with _reader(run) as recorder:
        return recorder.records()


def load_devices(run: Path) -> list[tuple[str, dict[str, Any]]]:
    """Address of every device of a run that has begun, and what was noted about it: limits, settings, parameters."""
    with _reader(run) as recorder:
        rows = recorder._db.execute("SELECT uri, info FROM device ORDER BY device").fetchall()
    return [(uri, json.loads(info)) for uri, info in rows]


def _reader(run: Path) -> Recorder:
    path = Path(run) / FILE
    if not path.is_file():
        raise InputError(f"{run} holds no records: nothing has been measured yet, or it is no characterization")
    with sqlite3.connect(path) as db:
        names = [row[1] for row in db.execute("PRAGMA table_info(record)")][2:]
    db.close()
    return Recorder(path, dict.fromkeys(names))
