"""Records of a characterization in an SQLite file, one transaction per block, safe against kill -9.

runs/NAME/records.sqlite   device: one row a device, with its settings as JSON
                           block: one row a finished block: how many points it has, all that was driven (`Driven`),
                           and, in the last of a device, the exact state of the device
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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.experiments.bench import Driven
from hil.experiments.experiment import Column, Record
from hil.runs.run import Run

FILE = "records.sqlite"
FORM = 2
"""Version of the file; 0 had no history of what was driven."""

KIND = "characterize"
"""Kind of a run, and the verb that resumes it."""

DEVICE, BLOCK = "device", "block"
"""Columns that every run has beside those of its experiment: index of the device, number of the block."""


class CharacterizationRun(Run):
    """A run folder with records."""

    @property
    def records_file(self) -> Path:
        """Where the records are."""
        return self.path / FILE


class Recorder:
    """The open records of a run; a context manager.

    Parameters
    ----------
    path : Path
        File; made if it is not there.
    columns : mapping
        Columns of the experiment.

    Raises
    ------
    InputError
        If the file is damaged, or its records have other columns; from any method, if it cannot be written.
    """

    def __init__(self, path: Path, columns: Mapping[str, Column]) -> None:
        """Open or make the file."""
        self.path, self.columns = path, tuple(columns)
        fresh = not path.exists()
        with self._told():
            self._db = sqlite3.connect(path)
        try:
            with self._told():
                self._open(fresh)
        except BaseException:
            self._db.close()
            raise

    def _open(self, fresh: bool) -> None:
        if not fresh:
            self._require_form()
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        fields = ", ".join(f'"{name}" REAL' for name in self.columns)
        with self._db:
            self._db.execute(f"PRAGMA user_version = {FORM}")
            self._db.execute("CREATE TABLE IF NOT EXISTS device (device INTEGER PRIMARY KEY, uri TEXT, info TEXT)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS block (device INTEGER, block INTEGER, name TEXT, points INTEGER, "
                "driven BLOB, state BLOB, PRIMARY KEY (device, block))"
            )
            for table in ("record", "superseded"):
                self._db.execute(f'CREATE TABLE IF NOT EXISTS {table} ("device" INTEGER, "block" INTEGER, {fields})')

    def _require_form(self) -> None:
        form = self._db.execute("PRAGMA user_version").fetchone()[0]
        found = tuple(row[1] for row in self._db.execute("PRAGMA table_info(record)"))[2:]
        if found and form != FORM:
            raise InputError(
                f"{self.path} was recorded by another version of this program, which did not keep what was driven: "
                "its records can be read, but the run cannot go on, and no fit be made of it"
            )
        if found and found != self.columns:
            other = sorted(set(found) ^ set(self.columns))
            raise InputError(f"{self.path} holds the records of another experiment or version ({', '.join(other[:4])})")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite raises into one sentence."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            if any(word in str(error) for word in ("full", "disk I/O", "readonly", "unable to open", "locked")):
                raise InputError(f"{self.path} cannot be written: {error}") from OSError(str(error))
            raise InputError(f"{self.path} is damaged: {error}") from None
        except sqlite3.Error as error:
            raise InputError(f"{self.path} is damaged: {error}") from None

    def add_device(self, index: int, uri: str, info: Mapping[str, Any]) -> None:
        """Note a device with its settings, before anything is driven."""
        with self._told(), self._db:
            self._db.execute("INSERT OR REPLACE INTO device VALUES (?, ?, ?)", (index, uri, json.dumps(info)))

    def device_info(self, index: int) -> dict[str, Any] | None:
        """What was noted about a device; None if it has not begun."""
        return dict(self.devices()).get(index, (None, None))[1]

    def devices(self) -> list[tuple[int, tuple[str, dict[str, Any]]]]:
        """Index, address and what was noted of every device that has begun."""
        with self._told():
            rows = self._db.execute("SELECT device, uri, info FROM device ORDER BY device").fetchall()
        try:
            found = [(int(index), (str(uri), json.loads(info))) for index, uri, info in rows]
            if all(isinstance(info["settings"], dict) for _, (_, info) in found):
                return found
        except (ValueError, TypeError, KeyError, RecursionError):
            pass
        raise InputError(f"{self.path} is damaged: what it notes about a device is no JSON object with settings")

    def finished_blocks(self, device: int) -> list[str]:
        """Names of the blocks of a device that are there.

        Raises
        ------
        InputError
            If a block or some of its points are missing.
        """
        with self._told():
            rows = self._db.execute(
                "SELECT block, name, points, (SELECT COUNT(*) FROM record WHERE record.device = block.device "
                "AND record.block = block.block) FROM block WHERE device = ? ORDER BY block",
                (device,),
            ).fetchall()
            last = self._db.execute("SELECT MAX(block) FROM record WHERE device = ?", (device,)).fetchone()[0]
        for number, (block, name, points, there) in enumerate(rows):
            if block != number or points != there:
                missing = f"block {number + 1}" if block != number else f"{points - there} points of '{name}'"
                raise InputError(f"{self.path} is damaged: {missing} of device {device} missing")
        if last is not None and last >= len(rows):
            raise InputError(f"{self.path} is damaged: block {last + 1} of device {device} has points but no end")
        return [row[1] for row in rows]

    def add_block(
        self,
        device: int,
        number: int,
        name: str,
        records: Sequence[Record],
        driven: Driven,
        state: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        """Make a finished block durable: its records, all that was driven, and how it left the device."""
        marks = ", ".join("?" * (len(self.columns) + 2))
        rows = [(device, number, *(float(record[name]) for name in self.columns)) for record in records]
        blob = None if state is None else _packed(np.savez, state)
        history = _packed(np.savez_compressed, vars(driven))
        with self._told(), self._db:
            self._db.executemany(f"INSERT INTO record VALUES ({marks})", rows)
            self._db.execute("UPDATE block SET state = NULL WHERE device = ?", (device,))
            self._db.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?)", (device, number, name, len(rows), history, blob)
            )

    def state(self, device: int) -> dict[str, NDArray[Any]] | None:
        """State in which the last finished block left the device; None where it could not tell."""
        with self._told():
            found = self._db.execute(
                "SELECT state FROM block WHERE device = ? ORDER BY block DESC LIMIT 1", (device,)
            ).fetchone()
        return None if found is None or found[0] is None else self._unpacked(found[0])

    def driven(self, device: int) -> list[Driven]:
        """All that was driven on a device, block by block."""
        with self._told():
            rows = self._db.execute("SELECT driven FROM block WHERE device = ? ORDER BY block", (device,)).fetchall()
        try:
            return [Driven(**self._unpacked(blob)) for (blob,) in rows]
        except TypeError:
            raise InputError(f"{self.path} is damaged: what it says was driven has other parts") from None

    def _unpacked(self, blob: bytes) -> dict[str, NDArray[Any]]:
        try:
            with np.load(io.BytesIO(blob), allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except Exception as error:  # a damaged archive raises a dozen kinds
            raise InputError(f"{self.path} is damaged: {str(error).splitlines()[0]}") from None

    def supersede(self, device: int) -> None:
        """Set the records of a device aside, to measure it anew."""
        with self._told(), self._db:
            self._db.execute("INSERT INTO superseded SELECT * FROM record WHERE device = ?", (device,))
            self._db.execute("DELETE FROM record WHERE device = ?", (device,))
            self._db.execute("DELETE FROM block WHERE device = ?", (device,))

    def records(self, device: int | None = None) -> dict[str, NDArray[Any]]:
        """All records in the order in which they were measured, of one device or with a column ``device``."""
        names = (DEVICE, BLOCK, *self.columns)
        which, values = ("", ()) if device is None else (" WHERE device = ?", (device,))
        with self._told():
            rows = self._db.execute(f"SELECT * FROM record{which} ORDER BY device, block, rowid", values).fetchall()
        try:
            table = np.array(rows, dtype=np.float64).reshape(len(rows), len(names))
        except (ValueError, TypeError):
            raise InputError(f"{self.path} is damaged: a record is no number") from None
        found: dict[str, NDArray[Any]] = {name: table[:, k].copy() for k, name in enumerate(names)}
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

    def __init__(self, columns: Sequence[str], records: Mapping[str, NDArray[Any]]) -> None:
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


def load(run: Path) -> dict[str, NDArray[Any]]:
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
        return [noted for _, noted in recorder.devices()]


def load_driven(run: Path, device: int) -> list[Driven]:
    """All that was driven on a device of a run, block by block.

    Raises
    ------
    InputError
        If the folder holds no records, or they are of a version that did not keep it.
    """
    with _reader(run) as recorder:
        recorder._require_form()
        return recorder.driven(device)


class _Reader(Recorder):
    """Records of any version, to be read."""

    def _open(self, fresh: bool) -> None:
        names = [row[1] for row in self._db.execute("PRAGMA table_info(record)")]
        if names[:2] != [DEVICE, BLOCK]:
            raise InputError(f"{self.path} is damaged: it has no table of records")
        self.columns = tuple(names[2:])


def _reader(run: Path) -> Recorder:
    path = Path(run) / FILE
    if not path.exists():
        raise InputError(f"{run} holds no records: nothing has been measured yet, or it is no characterization")
    if not path.is_file():
        raise InputError(f"{path} is damaged: it is no file")
    return _Reader(path, {})


def _packed(save: Any, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()
