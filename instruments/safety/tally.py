"""Pulses that a sample has had, kept in the command log, so that a run that is resumed goes on counting."""

from __future__ import annotations

import re
from pathlib import Path

from instruments.link.command_log import CommandLog

_EVENT = re.compile(r" ! (\d+) pulses on ([^ ]+)$")


class Tally:
    """Counts of one device in one log; the last entry holds.

    Parameters
    ----------
    log : CommandLog or None
        Where they are noted; None to note nothing.
    name : str
        Of the device.
    """

    def __init__(self, log: CommandLog | None, name: str) -> None:
        self._log, self._name = log, name.replace(" ", "_")

    def so_far(self) -> int:
        """Pulses of earlier sessions that used the same log."""
        path: Path | None = None if self._log is None else self._log.path
        count = 0
        if path is not None:
            with path.open(encoding="ascii", errors="replace") as lines:
                for line in lines:
                    found = _EVENT.search(line.rstrip("\n"))
                    if found is not None and found[2] == self._name:
                        count = int(found[1])
        return count

    def note(self, count: int) -> None:
        """Write down how many there are once the train that follows is played."""
        if self._log is not None:
            self._log.add(self._name, "!", f"{count} pulses on {self._name}")
