"""The machine: Python, processors, memory, room for runs."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hil.doctor.diagnosis import Diagnosis
from hil.needs import amount, memory

OLDEST = (3, 11)
"""First version of Python that is supported."""

LITTLE_MEMORY, LITTLE_DISK = 2e9, 1e9


def check() -> Iterator[Diagnosis]:
    """Python, processors, memory, the folder that runs go to, the terminal."""
    new = sys.version_info[:2] >= OLDEST
    told, oldest = f"{platform.python_version()}, {sys.executable}", ".".join(map(str, OLDEST))
    yield Diagnosis("Python", "ok" if new else "fault", told, "" if new else f"an environment with {oldest} or newer")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Diagnosis("processors", "ok", f"{usable}, {platform.machine()}, {platform.system()} {platform.release()}")
    free = memory()
    yield Diagnosis(
        "memory", "ok" if free >= LITTLE_MEMORY else "fault", f"{amount(free)} free",
        "" if free >= LITTLE_MEMORY else "close other programs: fits and large arrays need 2 GB",
    )  # fmt: skip
    yield from _folder("runs", Path.cwd(), "runs go to ./runs: change to a folder of yours, or give --run PATH")
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    yield Diagnosis(
        "terminal", "ok" if encoding == "utf8" else "fault", f"output in {sys.stdout.encoding}",
        "" if encoding == "utf8" else "export PYTHONUTF8=1: tables have lines and units that need it",
    )  # fmt: skip


def _folder(name: str, path: Path, cure: str) -> Iterator[Diagnosis]:
    room = shutil.disk_usage(path).free
    try:
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        yield Diagnosis(name, "fault", f"{path} cannot be written: {error.strerror}", cure)
        return
    enough = room >= LITTLE_DISK
    yield Diagnosis(
        name, "ok" if enough else "fault", f"{path}, {amount(room)} free", "" if enough else "free some disk"
    )
