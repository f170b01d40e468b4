"""A farm of samples: instruments or boards that share the tasks of a sweep, one task on each at a time.

A device of a farm is given to a task, and to no other until that task has ended. A task that was cut short goes on with
the device that it began on, whose cells it has changed. A device on which a task fails gets no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hil.config import load_toml
from hil.errors import InputError
from hil.sweeps.file import Task


class Farm:
    """Devices of a sweep and what they work on; without any, every task has its own address.

    Parameters
    ----------
    uris : sequence of str
        Addresses of the devices.
    folder : Path
        Folder with the run folders of the tasks.
    """

    def __init__(self, uris: Sequence[str], folder: Path) -> None:
        """Begin with all devices free."""
        self._uris, self._folder = tuple(uris), folder
        self._free, self._given, self.lost = list(uris), dict[str, str](), dict[str, str]()

    def config(self, task: Task) -> Mapping[str, Any] | None:
        """Configuration of a task on a device that is free, which it has from now on; None if it has to wait."""
        if not self._uris:
            return task.config
        begun = self.begun_on(task)
        usable = [uri for uri in self._free if begun in (None, uri)]
        if not usable:
            return None
        uri = usable[0]
        self._free.remove(uri)
        self._given[task.id] = uri
        return {**task.config, "device": {**task.config.get("device", {}), "uri": uri}}

    @property
    def full(self) -> bool:
        """Whether every device has a task."""
        return bool(self._uris) and not self._free

    def device(self, task: Task) -> str | None:
        """Device that a task has, or None."""
        return self._given.get(task.id)

    def release(self, task: Task) -> None:
        """Take the device of a task back for the next."""
        uri = self._given.pop(task.id, None)
        if uri is not None:
            self._free.append(uri)

    def lose(self, task: Task, reason: str) -> None:
        """Take the device of a task out of the farm, for it failed there."""
        uri = self._given.pop(task.id, None)
        if uri is not None:
            self.lost[uri] = reason

    def hopeless(self, task: Task) -> bool:
        """Whether no device is left that a task could ever get."""
        begun = self.begun_on(task)
        left = [uri for uri in self._uris if uri not in self.lost]
        return bool(self._uris) and not any(begun in (None, uri) for uri in left)

    def begun_on(self, task: Task) -> str | None:
        """Device on which a task was begun and cut short, or None."""
        file = self._folder / task.id / "config.toml"
        if not file.is_file():
            return None
        try:
            uri = load_toml(file).get("device", {}).get("uri")
        except InputError:
            return None
        return uri if uri in self._uris else None
