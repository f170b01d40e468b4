"""Run folders: what a long job was told to do, what it measured, and where it can go on after any end.

runs/NAME/config.toml      the resolved configuration
runs/NAME/meta.json        command, versions, state (running, stopped, finished), times, metadata (hil.runs.metadata)
runs/NAME/metrics.jsonl    one JSON object a line, in order
runs/NAME/checkpoint.npz   arrays and a JSON text, replaced atomically; no pickle
runs/NAME/sending.json     what a sample was being given when the run ended (hil.runs.sending)
runs/NAME/results.json     rows (hil.runs.document)
runs/NAME/commands.log     every exchange with instruments
runs/NAME/figures/         pictures
runs/NAME/lock             held while a process works on the folder; the system lets go of it even after kill -9
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import numpy as np
import tomli_w
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from hil import style
from hil.config import load_toml
from hil.energy.account import Account
from hil.errors import InputError
from hil.files import read_json, read_text, reason, replacing, write_json, write_text
from hil.runs.document import document, load_json
from hil.runs.metadata import KEY as METADATA
from hil.runs.metadata import Metadata, metadata_in
from hil.runs.results import Row

ROOT = Path("runs")
"""Where runs are kept unless the user names another place."""

COMMAND_LOG = "commands.log"

_PACKAGES = ("memhil", "numpy", "numba", "matplotlib", "pydantic", "pyvisa", "xarray", "h5netcdf")


class Run:
    """One run folder, locked for this process; a context manager.

    Use `Run.create` or `Run.resume`.

    Attributes
    ----------
    account : hil.energy.account.Account
        What its arrays were given (`hil.energy`), as of the last checkpoint where it was resumed; kept in the next one.
    figures : Path
        Folder of its pictures.
    """

    def __init__(self, path: Path) -> None:
        """Lock the folder; `InputError` if another process works on it."""
        self.path = path
        self._lock = FileLock(path / "lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"{path} is in use by another process: wait for it or choose another --run") from None
        except OSError as error:
            raise InputError(f"{path}/lock cannot be made: {reason(error)}") from None
        self._metrics_written = 0
        self.account = Account()
        self.figures = path / "figures"

    @classmethod
    def create(cls, path: Path, kind: str, config: Mapping[str, Any], metadata: Metadata | None = None) -> Self:
        """Start a new run of `kind` (the verb that resumes it, such as "train stdp") with its resolved configuration.

        `metadata` is what the user says about it. `InputError` if the folder already holds a run or cannot be made.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"run folder {path} cannot be made: {reason(error)}") from None
        run = cls(path)
        if (path / "config.toml").exists():
            run.close()
            raise InputError(
                f"{path} already holds a run ({summary(path)[0]['state']}): "
                f"continue it with --resume {path} or choose another --run"
            )
        (path / "figures").mkdir(exist_ok=True)
        run._write_meta(
            kind=kind,
            state="running",
            command=[Path(sys.argv[0]).name, *sys.argv[1:]],
            started=_now(),
            python=platform.python_version(),
            platform=platform.platform(),
            versions=_versions(),
            **({METADATA: metadata.given()} if metadata and metadata.given() else {}),
        )
        write_text(path / "config.toml", tomli_w.dumps(_without_none(config)))
        return run

    @classmethod
    def resume(cls, path: Path, kind: str) -> Self:
        """Open an existing run of `kind`; metrics written after its last checkpoint are dropped."""
        if not (path / "config.toml").is_file():
            raise InputError(f"{path} holds no run to resume")
        run = cls(path)
        try:
            meta = run.meta()
            if meta.get("kind", kind) != kind:
                raise InputError(f"{path} is a run of 'hil {meta['kind']}', not of 'hil {kind}'")
            run.figure("").mkdir(exist_ok=True)
            checkpoint = run.checkpoint()
            run._truncate_metrics(checkpoint[1]["_metrics"] if checkpoint else 0)
            if checkpoint and "_energy" in checkpoint[1]:
                run.account = Account.from_json(checkpoint[1]["_energy"])
        except OSError as error:
            run.close()
            raise InputError(f"{path} cannot be resumed: {error.filename}: {reason(error)}") from None
        except BaseException:
            run.close()
            raise
        return run

    @property
    def command_log(self) -> Path:
        """Where instruments log every exchange."""
        return self.path / COMMAND_LOG

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return load_toml(self.path / "config.toml")

    def meta(self) -> dict[str, Any]:
        """Command, versions, state and times; empty where a crash came first."""
        return _meta(self.path)

    @property
    def metadata(self) -> Metadata:
        """What the user says about it: sample, operator, tags; empty where nothing was said."""
        return metadata_in(self.meta(), self.path / "meta.json")

    def set_metadata(self, metadata: Metadata) -> None:
        """Replace what the user says about it."""
        self.note(**{METADATA: metadata.given()})

    def metric(self, **values: Any) -> None:
        """Append one line to the metrics."""
        file = self.path / "metrics.jsonl"
        try:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(values) + "\n")
        except OSError as error:
            raise InputError(f"{file} cannot be written: {reason(error)}") from error
        self._metrics_written += 1

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of the metrics."""
        return read_metrics(self.path)

    def save_checkpoint(self, arrays: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> None:
        """Replace the checkpoint by these arrays and this JSON-serialisable information, atomically and fsynced."""
        own = {"_metrics": self._metrics_written, "_config": self._fingerprint(), "_energy": self.account.as_json()}
        text = json.dumps({**info, **own})
        with replacing(self.path / "checkpoint.npz") as file:
            members: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
            np.savez(file, __info__=np.array(text), **members)

    def checkpoint(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Load the arrays and the information of the last checkpoint; None if there is none yet.

        Raises
        ------
        InputError
            If the file is damaged, or belongs to a run of another configuration.
        """
        path = self.path / "checkpoint.npz"
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            info = json.loads(str(arrays.pop("__info__")))
            if not isinstance(info["_metrics"], int):
                raise ValueError("its number of metrics is no whole number")
        except Exception as error:  # a damaged archive raises a dozen kinds, from zipfile's to struct's
            detail = reason(error) if isinstance(error, OSError) else str(error) or type(error).__name__
            raise InputError(
                f"{path} is not a checkpoint of this program: {detail.splitlines()[0]}; "
                "without it the run would begin anew: remove it to do that"
            ) from None
        if info.pop("_config", self._fingerprint()) != self._fingerprint():
            raise InputError(
                f"{path} belongs to a run of another configuration: {self.path}/config.toml was changed, "
                "or the checkpoint is another run's; begin a new run"
            )
        return arrays, info

    def _fingerprint(self) -> str:
        """Digest of the configuration, by which a checkpoint knows its run."""
        return hashlib.sha256(json.dumps(self.config, sort_keys=True, default=str).encode()).hexdigest()

    def note(self, **values: Any) -> None:
        """Add to meta.json, fsynced."""
        self._write_meta(**{**self.meta(), **values})

    def set_state(self, state: str) -> None:
        """Note that the run is running, stopped or finished."""
        self.note(state=state, updated=_now())

    def save_results(self, rows: Sequence[Row]) -> None:
        """Write the result rows."""
        write_json(self.path / "results.json", document(rows))

    def figure(self, name: str) -> Path:
        """Path for a picture in the folder `figures`, which may be another; its ending is that of the style in use."""
        return style.current().ended(self.figures / name)

    def discard(self) -> None:
        """Take back a run that never began, so that its name is free; nothing that anyone else put there is touched."""
        self.close()
        for name in ("config.toml", "meta.json", "metrics.jsonl", COMMAND_LOG, "lock"):
            (self.path / name).unlink(missing_ok=True)
        with suppress(OSError):
            (self.path / "figures").rmdir()
            self.path.rmdir()

    def close(self) -> None:
        """Let go of the folder."""
        self._lock.release()

    def __enter__(self) -> Self:
        """Use the run in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder on every way out."""
        self.close()

    def _write_meta(self, **values: Any) -> None:
        write_json(self.path / "meta.json", values)

    def _truncate_metrics(self, count: int) -> None:
        kept = self.metrics()[:count]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        write_text(self.path / "metrics.jsonl", text)
        self._metrics_written = len(kept)


def new_path(stem: str, root: Path = ROOT) -> Path:
    """First free folder ``root/STEM-001``, ``-002``, ..."""
    number = 1
    while (root / f"{stem}-{number:03d}").exists():
        number += 1
    return root / f"{stem}-{number:03d}"


def find_runs(root: Path = ROOT) -> list[Path]:
    """All run folders below `root`, whole or damaged, oldest first."""
    found = {file.parent for name in ("config.toml", "meta.json") for file in root.glob(f"*/{name}")}
    return sorted(found, key=lambda path: (_age(path), path))


def summary(path: Path) -> tuple[dict[str, Any], list[Row]]:
    """State and result rows of a run folder; a `running` one that no process works on any more is `interrupted`.

    A damaged folder has the state `damaged` and says in ``problem`` what is wrong with it.
    """
    try:
        meta = {"state": "interrupted", **_meta(path)}
        if meta["state"] == "running" and not _in_use(path):
            meta["state"] = "interrupted"
        results = path / "results.json"
        if meta["state"] == "finished" and not results.exists():
            raise InputError(f"no {results}, though the run is finished")
        rows = load_json(results) if results.exists() else []
        if meta.keys() != {"state"} or (path / "config.toml").exists():
            load_toml(path / "config.toml")
    except InputError as error:
        return {"state": "damaged", "problem": str(error)}, []
    return meta, rows


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Metrics of a run folder; a last line cut off by a crash is left out.

    Raises
    ------
    InputError
        If the file cannot be read, or a whole line of it is damaged.
    """
    file = path / "metrics.jsonl"
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(read_text(file).split("\n")[:-1], 1):
        try:
            found.append(json.loads(line))
        except (ValueError, RecursionError):
            raise InputError(f"{file}, line {number} is damaged: it is no JSON object") from None
        if not isinstance(found[-1], dict):
            raise InputError(f"{file}, line {number} is damaged: it is no JSON object")
    return found


_META_KINDS = {
    "state": str, "kind": str, "started": str, "command": list, "versions": dict, "devices": list, METADATA: dict,
    "experiment": str, "again": list,
}  # fmt: skip


def _meta(path: Path) -> dict[str, Any]:
    """Content of meta.json; empty where a crash came before it."""
    file = path / "meta.json"
    if not file.exists():
        return {}
    meta = read_json(file)
    if not isinstance(meta, dict):
        raise InputError(f"{file} is damaged: it holds no JSON object")
    for name, kind in _META_KINDS.items():
        if not isinstance(meta.get(name, kind()), kind):
            raise InputError(f"{file} is damaged: '{name}' is {meta[name]!r}")
    metadata_in(meta, file)
    return meta


def _age(path: Path) -> float:
    """When a run was started; damaged folders come first."""
    try:
        return (path / "config.toml").stat().st_mtime
    except OSError:
        return 0.0


def _in_use(path: Path) -> bool:
    lock = FileLock(path / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written to: nobody else can, either
        return False
    lock.release()
    return False


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _without_none(config: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, Mapping) else v for k, v in config.items() if v is not None}
