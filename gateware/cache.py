"""Cache of what takes minutes to make, bitstreams and compiled simulations, named by a digest of all that goes in.

Bitstreams and compiled simulations live in ``$MEMHIL_CACHE``, or else ``memhil`` in the user's cache folder. Deleting
it loses nothing but time. A folder appears under its name only when it is complete.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_BEFORE_WORD = 2.0
"""Seconds to wait for another process before the user is told."""

NO_HARDWARE = (
    "host",
    "golden",
    "verify",
    "cli.py",
    "cli_plan.py",
    "export",
    "estimate.py",
    "options.py",
    "progress.py",
    "report.py",
)
"""Parts of this package that no design can depend on."""


def root() -> Path:
    """Folder of the cache."""
    given = os.environ.get("MEMHIL_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memhil"


def digest(*parts: str | bytes) -> str:
    """Hexadecimal digest of texts; their borders count, so that ("ab", "c") is not ("a", "bc")."""
    hasher = hashlib.blake2s()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()


def made(kind: str, name: str, make: Callable[[Path], None]) -> Path:
    """Folder ``kind/name`` of the cache, filled by ``make(empty folder)`` if it is not there yet.

    Of several processes that ask at once, one makes it and the others wait; one that is killed leaves nothing that
    could be taken for a result.
    """
    target = root() / kind / name
    if target.is_dir():
        return target
    with alone(target):
        if not target.is_dir():
            for left in target.parent.glob(f"{name}.part-*"):
                shutil.rmtree(left)
            part = Path(tempfile.mkdtemp(prefix=f"{name}.part-", dir=target.parent))
            try:
                make(part)
                part.chmod(0o755)
                part.rename(target)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    return target


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Lock that lets one process at a time make `target`, a path below `root`."""
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    try:
        lock.acquire(timeout=WAIT_BEFORE_WORD)
    except Timeout:
        print(f"another process is making the same; waiting for it ({lock.lock_file}) ...", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def recall(kind: str, key: str, find: Callable[[], str]) -> str:
    """A short text from the cache, under ``kind/key``; what `find` returns is kept if there is none yet."""
    target = root() / kind / key
    if target.is_file():
        return target.read_text(encoding="ascii")
    text = find()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f"{key}.part-", dir=target.parent)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    Path(part).replace(target)
    return text


def sources(*parts: Callable[..., object]) -> str:
    """Digest of the sources that a design can depend on: this package without its host side, and files of `parts`."""
    package = Path(__file__).parent
    files = [path for path in sorted(package.rglob("*.py")) if path.relative_to(package).parts[0] not in NO_HARDWARE]
    names = [f"{part.__module__}.{part.__qualname__}" for part in parts]
    files += [Path(source) for source in map(inspect.getsourcefile, parts) if source]
    return digest(*names, *(path.read_bytes() for path in files))
