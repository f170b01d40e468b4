"""Emergency off of a run's instruments from another process: the output first, then the run, then the output again.

1. The messages that switch the output off go out over a connection of their own, as the watchdog's do.
2. The process that holds the instrument is asked to end (SIGTERM, which ends a train at once), then interrupted
   (SIGINT, which ends what lies between trains), then killed; its watchdog switches off what it leaves on. Without
   that the run's next train would switch the output on again.
3. The messages go out once more, now that nobody contradicts, and the instrument must answer after them.

What the sample has had until then is kept, and a resume is refused as after any other end (`hil.runs.sending`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hil.runs.run import COMMAND_LOG
from instruments.link.events import Journal, SessionState, SwitchOff
from instruments.safety.lock import holder
from instruments.safety.watchdog import switch_off
from instruments.watch.looking import locked

LADDER = ((signal.SIGTERM, 0.7), (signal.SIGINT, 1.5), (signal.SIGKILL, 2.0))
"""What a process is told, and how long it may take to end then, s."""

UNCONFIRMED = "NOT CONFIRMED"
"""In a sentence on an instrument that nobody could ask whether its output is off."""

ATTEMPT = 0.3
"""Seconds for which the instrument is tried before its process has ended."""

PERSISTENCE = 4.0
"""Seconds for which it is tried afterwards."""


def emergency_off(run: Path, sessions: Sequence[SessionState]) -> list[str]:
    """Switch off every session that is open; one sentence on each says what came of it."""
    known = [state.order for state in sessions if state.open and state.order is not None]
    if not known:
        return ["no session of an instrument is open: there is nothing to switch off"]
    if locked(run / "lock") is False:
        others = {order.resource: holder(order.resource, order.part) for order in known}
        held = {resource: pid for resource, pid in others.items() if pid is not None}
        if held:
            return [
                f"{resource} is held by process {pid} of another run: watch that one" for resource, pid in held.items()
            ]
    reached = {order.resource: _sent(order, ATTEMPT) for order in known}
    ended = {order.resource: _end(order) for order in known}
    return [_told(order, run, reached[order.resource], ended[order.resource]) for order in known]


def _told(order: SwitchOff, run: Path, before: bool, process: str) -> str:
    if not order.query:
        ends = UNCONFIRMED if "cannot" in process or "does not" in process else "nothing is left on"
        return f"{order.resource}: {process}; {ends}: what is there ends every pulse by itself"
    if _sent(order, ATTEMPT if before else PERSISTENCE):
        return f"{order.resource}: the output is off, the instrument answers; {process}"
    state = Journal(run / COMMAND_LOG).follow().get(order.resource)
    gone = f"{process}; nobody answers there any more (a virtual bench ends with its run)"
    if before:
        return f"{order.resource}: the instrument took what switches its output off; {gone}"
    if state is not None and not state.output:
        return f"{order.resource}: its session reported the output off; {gone}"
    return f"{order.resource}: {UNCONFIRMED}, nobody answers there; {process}: switch the instrument off by hand"


def _sent(order: SwitchOff, persistence: float) -> bool:
    return bool(order.query) and switch_off(
        order.resource, order.off, order.sync, order.query, persistence, order.reach
    )


def _end(order: SwitchOff) -> str:
    """End the process that holds the instrument; words on how."""
    pid = holder(order.resource, order.part)
    if pid is None or pid == os.getpid():
        return "no process holds it"
    for number, seconds in LADDER:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return f"process {pid} has ended"
        except PermissionError:
            return f"process {pid} is another user's and cannot be ended"
        if _waited(lambda: holder(order.resource, order.part) != pid, seconds):
            return f"process {pid} was ended by {number.name}"
    return f"process {pid} does not end"


def _waited(over: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not over():
        if time.monotonic() >= end:
            return False
        time.sleep(0.03)
    return True
