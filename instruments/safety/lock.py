"""One session at a time on one channel of one instrument: a lock that the system lets go of when its process ends.

The instruments' own locks (VXI-11, HiSLIP, `SYST:ACC`) are not used: they would shut out the watchdog as well, which
has to reach the instrument over a connection of its own.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
import sys
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from instruments.link.errors import InUse

COMMAND = 60
"""Characters of the command line that are told of the process that holds a lock."""


class ResourceLock:
    """Held by a session on a resource; a context manager.

    Raises
    ------
    InUse
        If a session of this user holds it: the message names the process.
    """

    def __init__(self, resource: str, part: str) -> None:
        """Take the lock of a `part`, such as ``channel 1``, of what is at a VISA `resource`."""
        key = f"{normalised(resource)}/{part}"
        base = _base(resource, part)
        self._holder = base.with_suffix(".json")
        self._lock = FileLock(base.with_suffix(".lock"), timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise InUse(f"{resource}, {part}, is in use by {self._held_by()}: close that session first") from None
        began = datetime.now().isoformat(" ", timespec="seconds")
        told = {"pid": os.getpid(), "command": " ".join(sys.argv)[:COMMAND], "since": began, "key": key}
        with suppress(OSError):  # who holds it is for a message only
            self._holder.write_text(json.dumps(told), encoding="utf-8")

    def _held_by(self) -> str:
        try:
            told = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"process {told['pid']} ({told['command']}) since {told['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"

    def close(self) -> None:
        """Let go of it; safe to call again."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._holder.unlink()
            self._lock.release()

    def __enter__(self) -> Self:
        """Hold it in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of it on every way out."""
        self.close()


def holder(resource: str, part: str) -> int | None:
    """Process that holds a part of a resource now; None where none does, or it does not say.

    A look takes the lock for a moment where it is free: not for looking again and again.
    """
    try:
        with ResourceLock(resource, part):
            return None
    except InUse:
        try:
            told = json.loads(_base(resource, part).with_suffix(".json").read_text(encoding="utf-8"))
            return int(told["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _base(resource: str, part: str) -> Path:
    """Path of a lock, without its ending."""
    key = f"{normalised(resource)}/{part}"
    return lock_folder() / hashlib.sha256(key.encode()).hexdigest()[:32]


def lock_folder() -> Path:
    """Folder of this user's locks, made if it is not there; the same for a terminal and a service."""
    for folder in (Path("~/.cache/memhil/locks"), Path(tempfile.gettempdir()) / f"memhil-locks-{getpass.getuser()}"):
        with suppress(OSError, RuntimeError):  # no home, or one that cannot be written
            folder = folder.expanduser()
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    raise InUse("no folder for locks can be written: neither in the home folder nor among temporary files")


def normalised(resource: str) -> str:
    """One name for the ways to write a resource: capitals, board number, host name and links to a serial port."""
    words = resource.strip().split("::")
    kind = words[0].upper()
    if kind.startswith("ASRL"):
        port = words[0][4:]
        port = os.path.realpath(port) if port.startswith("/") else port.upper()
        return f"ASRL{port}"
    board = kind if kind[-1:].isdigit() else f"{kind}0"
    rest = [word.upper() for word in words[1:]]
    if kind.startswith("TCPIP") and rest:
        with suppress(OSError, UnicodeError):  # a name that is not known fails when it is opened
            rest[0] = socket.gethostbyname(words[1])
        # A device name left out is inst0 (VPP-4.3, 4.3.1.1).
        rest = [*rest[:1], "INST0", "INSTR"] if rest[1:] in ([], ["INSTR"]) else rest
    if rest and rest[-1] not in ("INSTR", "SOCKET", "RAW"):
        rest.append("INSTR")
    return "::".join([board, *rest])
