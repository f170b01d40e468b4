"""Copies the records of a run that is being measured, without opening them: no lock is taken, no file is made there.

A connection of SQLite, even one that only reads, holds locks in the file's shared memory while it looks, and one that
is open when the run ends keeps the write-ahead log from being merged. So the file and its log are copied as bytes. The
log's frames bear checksums: one that was being written counts as not there. The file itself changes only when the log
is merged into it; a copy during which it changed is thrown away.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from hil.experiments.records import FILE

SETTLED = 0.02
"""Seconds for which the file must not have changed before it is copied: clocks of file systems tick that coarsely."""

ATTEMPTS = 20

WAL = f"{FILE}-wal"

Mark = tuple[tuple[int, int], ...]
"""Times and sizes of the file and its log."""


def mark(run: Path) -> Mark:
    """What tells whether there is anything new; empty where there are no records."""
    found = []
    for name in (FILE, WAL):
        try:
            at = (run / name).stat()
        except OSError:
            continue
        found.append((at.st_mtime_ns, at.st_size))
    return tuple(found)


def copy_records(run: Path, folder: Path) -> bool:
    """Copy the records of a run into a folder; False where there are none, or they change all the time."""
    for _ in range(ATTEMPTS):
        try:
            before = (run / FILE).stat()
        except OSError:
            return False
        if abs(time.time() - before.st_mtime) >= SETTLED:
            (folder / WAL).unlink(missing_ok=True)
            try:
                shutil.copyfile(run / FILE, folder / FILE)
                shutil.copyfile(run / WAL, folder / WAL)
            except FileNotFoundError:
                pass  # no log: all of it is in the file
            except OSError:
                return False
            after = (run / FILE).stat()
            if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
                return True
        time.sleep(SETTLED)
    return False
