"""What the simulation needs of a machine: a place to keep compiled kernels, maybe ngspice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hil.doctor.diagnosis import Diagnosis


def check() -> Iterator[Diagnosis]:
    """The cache of compiled kernels, and ngspice."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(given) if given else Path(__file__).parent / "cells"
    if os.environ.get("NUMBA_DISABLE_JIT") == "1":
        yield Diagnosis(
            "numba", "fault", "NUMBA_DISABLE_JIT=1: kernels run as plain Python, a hundred times slower",
            "unset NUMBA_DISABLE_JIT",
        )  # fmt: skip
    if folder.exists() and not os.access(folder, os.W_OK):
        yield Diagnosis(
            "kernel cache", "fault", f"{folder} cannot be written: every run compiles anew, for half a minute",
            "export NUMBA_CACHE_DIR=FOLDER with a folder of yours",
        )  # fmt: skip
    else:
        kept = sum(1 for _ in (Path(given) if given else Path(__file__).parent).rglob("*.nbc"))
        told = f"{kept} compiled kernels" if kept else "nothing compiled yet: the first runs take longer"
        yield Diagnosis("kernel cache", "ok", told)
    found = shutil.which("ngspice")
    if found:
        yield Diagnosis("ngspice", "ok", found)
    else:
        yield Diagnosis("ngspice", "absent", "not on PATH", "apt-get install ngspice, for hil export --check")
