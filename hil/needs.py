"""Memory that a job needs, checked before it begins."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hil.errors import InputError


class NeedError(InputError):
    """A job needs more than this machine has; the message says how much."""


def memory() -> float:
    """Memory that is free on this machine, or in the container that this process is in, in bytes.

    The cache of files counts as free. Where the system does not tell what is free, all of its memory is taken; where it
    tells nothing at all, infinity.
    """
    found = []
    with suppress(OSError, ValueError, AttributeError):
        found.append(float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(1024.0 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            found.append(float(Path(limit).read_text(encoding="ascii")))
    return min((size for size in found if size > 0), default=float("inf"))


def require_memory(what: str, size: float) -> None:
    """Raise `NeedError` if `size` bytes for `what` are more than `memory`, or no number."""
    available = memory()
    if not size <= available:
        needed = amount(size) if size < float("inf") else "more than any amount"
        raise NeedError(f"{what} would need {needed} of memory; this machine has {amount(available)}")


def amount(size: float) -> str:
    """Bytes for the reader, such as ``1.2 TB``."""
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
