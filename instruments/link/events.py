"""What a session writes into its command log beside the exchanges, for those who watch: ``!`` lines in fixed words.

    ! off {"resource": ..., "off": [...], ...}     how the output is switched off, once, when the session begins
    ! output on, 12 of 500 pulses                  a train begins; pulses that the sample has had once it is over
    ! output off
    ! compliance in 3 of 100 readings

`Journal` reads them, and nothing else of the log, as it grows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from instruments.link.command_log import CommandLog

_EVENT = re.compile(
    r"^(?P<utc>\S+) (?P<time>[\d.]+) (?P<resource>.+?) ! (?:"
    r"off (?P<order>\{.*\})|output on, (?P<pulses>\d+)(?: of (?P<most>\d+))? pulses|(?P<dark>output off)|"
    r"compliance in (?P<tripped>\d+) of (?P<count>\d+) readings|(?P<open>open)|(?P<close>close))$"
)
PIECE = 1 << 20
"""Bytes of a log that are read at once."""


@dataclass(frozen=True)
class SwitchOff:
    """How the output of a session is switched off by somebody else.

    Attributes
    ----------
    resource : str
        VISA resource name.
    off : sequence of str
        Messages without answers.
    sync, query : str
        How a link gets in step, and a question that is answered once all before it is carried out; empty where nothing
        stays on by itself, so that to end the process is all.
    reach : mapping
        Further arguments of `Link.open`.
    part : str
        Part of the resource that the session holds (`instruments.safety.lock.ResourceLock`).
    """

    resource: str
    off: Sequence[str]
    sync: str
    query: str
    reach: Mapping[str, Any]
    part: str

    def line(self) -> str:
        """Words of its event."""
        return f"off {json.dumps(vars(self) | {'off': list(self.off), 'reach': dict(self.reach)})}"

    @classmethod
    def read(cls, text: str) -> SwitchOff | None:
        """Take it from the JSON of its event; None where that is damaged."""
        try:
            found = json.loads(text)
            order = cls(**found)
            words = [order.resource, order.sync, order.query, order.part, *order.off]
            good = all(isinstance(word, str) for word in words) and isinstance(order.reach, dict)
        except (ValueError, TypeError):
            return None
        return order if good else None


@dataclass(frozen=True)
class SessionState:
    """What a log says of one resource.

    Attributes
    ----------
    resource : str
        VISA resource name.
    open, output : bool
        Whether a session is open, and whether its output is on, by its own word.
    pulses, pulses_max : int or None
        Pulses that the sample has had in the session, and may have.
    trains : int
        Trains that were played, reads among them.
    tripped, readings : int
        Readings at the compliance so far, and readings of the trains that had any.
    utc : str
        Time of the last event.
    order : SwitchOff or None
        How its output is switched off.
    """

    resource: str
    open: bool = False
    output: bool = False
    pulses: int | None = None
    pulses_max: int | None = None
    trains: int = 0
    tripped: int = 0
    readings: int = 0
    utc: str = ""
    order: SwitchOff | None = None

    def after(self, event: re.Match[str]) -> SessionState:
        """State after an event."""
        now = replace(self, utc=event["utc"])
        if event["open"]:
            return SessionState(self.resource, open=True, utc=event["utc"])
        if event["close"]:
            return replace(now, open=False)
        if event["order"]:
            # The log writes backslashes of its texts twice (`CommandLog`).
            return replace(now, order=SwitchOff.read(event["order"].encode("ascii").decode("unicode_escape")))
        if event["pulses"]:
            most = int(event["most"]) if event["most"] else None
            return replace(now, output=True, pulses=int(event["pulses"]), pulses_max=most, trains=self.trains + 1)
        if event["dark"]:
            return replace(now, output=False)
        return replace(now, tripped=self.tripped + int(event["tripped"]), readings=self.readings + int(event["count"]))


def output_on(pulses: int, pulses_max: int | None) -> str:
    """Words for a train that begins."""
    return f"output on, {pulses}{'' if pulses_max is None else f' of {pulses_max}'} pulses"


def note(line: object, event: str) -> None:
    """Write an event into the log of a link that keeps one."""
    log = getattr(line, "log", None)
    if isinstance(log, CommandLog):
        log.add(getattr(line, "resource", ""), "!", event)


class Journal:
    """Follows a command log that another process writes, by reading what has been added; takes no lock.

    Attributes
    ----------
    states : dict
        `SessionState` by resource.
    last : str
        The last whole line of the log.
    """

    def __init__(self, path: Path) -> None:
        """Follow the log at `path`, which need not be there yet."""
        self._path, self._at, self._rest = path, 0, b""
        self.states: dict[str, SessionState] = {}
        self.last = ""

    def follow(self) -> dict[str, SessionState]:
        """Read what is new; states by resource."""
        try:
            with self._path.open("rb") as file:
                if file.seek(0, 2) < self._at:  # another file in its place
                    self._at, self._rest, self.states = 0, b"", {}
                file.seek(self._at)
                while piece := file.read(PIECE):
                    self._at += len(piece)
                    *lines, self._rest = (self._rest + piece).split(b"\n")
                    for line in lines:
                        self._take(line)
        except OSError:
            return self.states
        return self.states

    def _take(self, line: bytes) -> None:
        text = line.decode("ascii", "replace")
        self.last = text or self.last
        event = _EVENT.match(text) if " ! " in text else None
        if event is not None:
            before = self.states.get(event["resource"], SessionState(event["resource"]))
            self.states[event["resource"]] = before.after(event)
