"""A process of its own that switches outputs off when the program that switched them on dies or hangs.

    python -m instruments.safety.watchdog < pipe

Its standard input is a pipe from the program: first a JSON line with a resource, how to stay in step with it and the
messages that switch its outputs off, and others (`also`) that are switched off at the same time; then one word a line:
``arm`` before an output goes on, ``beat`` while it is on, ``rest`` when it is off, ``end`` when the program is done. It
acts when the pipe ends while it is armed (the program is dead, however it died) and when no word came for the length
of the lease (it hangs or is stopped). It says ``ready`` when it can act and ``fired`` when it has acted.

It cannot help when the computer loses power or the network fails; therefore every train also ends by itself, on the
instrument.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from instruments.link.errors import InstrumentError, LinkError
from instruments.link.link import Link

PATIENCE = 0.4
"""Deadline of one exchange, s."""


def switch_off(
    resource: str,
    off: Sequence[str],
    sync: str,
    query: str,
    persistence: float,
    reach: Mapping[str, Any],
    stuck: int | None = None,
) -> bool:
    """Send the messages over a new connection and wait for an answer after them; try again until it comes.

    Parameters
    ----------
    resource : str
        VISA resource name.
    off : sequence of str
        Messages without answers.
    sync : str
        How the link is brought back in step.
    query : str
        Question that is answered when the messages before it have been carried out.
    persistence : float
        Seconds for which it is tried.
    reach : mapping
        Further arguments of `Link.open`: the VISA library, a serial port's speed, the terminator.
    stuck : int, optional
        Process that may hold the only connection the instrument accepts; it is killed when nothing else helps.
    """
    end = time.monotonic() + persistence
    while time.monotonic() < end:
        try:
            with Link.open(resource, timeout=PATIENCE, sync=sync, **reach) as link:
                for message in off:
                    link.write(message)
                link.query(query)
                return True
        except (LinkError, InstrumentError, OSError):
            if stuck is not None:
                with suppress(ProcessLookupError):
                    os.kill(stuck, signal.SIGKILL)
                stuck = None
            time.sleep(0.05)
    return False


def switch_all_off(targets: Sequence[Mapping[str, Any]], persistence: float, stuck: int | None = None) -> bool:
    """Switch several instruments off at once, none waiting for another; whether all of them are."""
    with ThreadPoolExecutor(len(targets)) as pool:
        jobs = [pool.submit(switch_off, **target, persistence=persistence, stuck=stuck) for target in targets]
        return sum(job.result() for job in jobs) == len(jobs)


def main() -> None:
    """Watch until the program ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin.fileno())


def watch(pipe: int) -> None:
    """Follow the words on a pipe; see the module."""
    words, ended = _Words(pipe), False
    order = json.loads(words.first())
    own = {name: order[name] for name in ("resource", "off", "sync", "query", "reach")}
    targets = [own, *order.get("also", ())]
    lease, armed = float(order["lease"]), False
    _say("ready")
    while not ended:
        heard, ended = words.listen(lease if armed else None)
        for word in heard:
            armed = {"arm": True, "beat": armed, "rest": False, "end": False}[word]
        if armed and (ended or not heard):
            done = switch_all_off(targets, order["persistence"], None if ended else order["parent"])
            armed = False
            _say("fired" if done else "failed")


def _say(word: str) -> None:
    # Not through sys.stdout: what its buffer cannot get rid of, Python would complain about at the end.
    with suppress(OSError):
        os.write(1, word.encode() + b"\n")


class _Words:
    """Lines from a pipe, with a time limit and without a buffer that hides what has come."""

    def __init__(self, pipe: int) -> None:
        self._pipe, self._rest = pipe, b""

    def first(self) -> str:
        """Wait for one line."""
        while b"\n" not in self._rest:
            data = os.read(self._pipe, 65536)
            if not data:
                sys.exit(0)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def listen(self, seconds: float | None) -> tuple[list[str], bool]:
        """Whole lines that have come, at the latest after `seconds`, and whether the pipe has ended."""
        ended = False
        if b"\n" not in self._rest and select.select([self._pipe], [], [], seconds)[0]:
            data = os.read(self._pipe, 65536)
            ended = not data
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode() for line in lines], ended


if __name__ == "__main__":
    main()
