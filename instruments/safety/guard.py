"""The program's side of the watchdog: no output goes on unless it is watched."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from hil.errors import HilError

LEASE = 1.0
"""Seconds without a sign of life after which the watchdog switches an output off."""

PERSISTENCE = 10.0
"""Seconds for which the watchdog tries to reach an instrument."""

START = 20.0
"""Seconds that the watchdog may take to start."""


class GuardError(HilError):
    """The watchdog is gone or had to act: the output stays off."""


@dataclass(frozen=True)
class Target:
    """One more instrument whose outputs the watchdog switches off.

    Attributes
    ----------
    resource : str
        VISA resource name.
    off : tuple of str
        Messages that do it, without answers.
    sync : str
        How its link is kept in step.
    query : str
        Question that is answered when they have been carried out.
    reach : mapping
        How it is reached: library, baud_rate and terminator as `Link.open` takes them.
    """

    resource: str
    off: tuple[str, ...]
    sync: str
    query: str
    reach: Mapping[str, str | int] = field(default_factory=dict)


class OutputGuard:
    """Starts the watchdog of a session and tells it what goes on; see `instruments.safety.watchdog`."""

    def __init__(
        self,
        resource: str,
        off: Sequence[str],
        sync: str,
        query: str,
        lease: float = LEASE,
        reach: Mapping[str, str | int] | None = None,
        also: Sequence[Target] = (),
    ) -> None:
        """Start the process; it is waited for when the output is about to go on.

        Parameters
        ----------
        resource, off, sync, query, reach
            Of the instrument, as in `Target`.
        lease : float
            Seconds without a sign of life after which it acts.
        also : sequence of Target
            Further instruments of the session: what ends it switches all of them off, at the same time.
        """
        self.resource, self.lease = resource, lease
        self._ready, self._armed, self._heard, self._last = False, False, b"", 0.0
        # A session of its own: Ctrl-C at the terminal must not reach it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "instruments.safety.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        order = asdict(Target(resource, tuple(off), sync, query, dict(reach or {})))
        order |= {"also": [asdict(target) for target in also], "lease": lease}
        self._tell(json.dumps(order | {"parent": os.getpid(), "persistence": PERSISTENCE}))

    @property
    def pid(self) -> int:
        """Process number of the watchdog."""
        return self._process.pid

    def arm(self) -> None:
        """Announce that the output goes on; waits until the watchdog can act.

        Raises
        ------
        GuardError
            If the watchdog is gone or has acted before.
        """
        end = time.monotonic() + START
        while not self._ready:
            if not self._listen(max(0.0, end - time.monotonic())):
                raise GuardError(f"the watchdog of {self.resource} does not start: the output stays off")
        self._refuse_after_firing()
        self._tell("arm")
        self._armed = True
        self._last = time.monotonic()

    def beat(self) -> None:
        """Give a sign of life; cheap enough for every exchange.

        Raises
        ------
        GuardError
            If the watchdog has switched the output off, because this program was stopped for longer than the lease.
        """
        now = time.monotonic()
        if now - self._last >= self.lease / 10:
            self._last = now
            self._refuse_after_firing()
            self._tell("beat")

    def rest(self) -> None:
        """Announce that the output is off."""
        self._armed = False
        with suppress(GuardError):  # the output is off: a watchdog that is gone is missed when it is to go on
            self._tell("rest")

    def close(self) -> None:
        """Dismiss the watchdog; where the output was never reported off, it switches it off before it goes."""
        if not self._armed:
            with suppress(GuardError):
                self._tell("end")
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        try:
            self._process.wait(timeout=PERSISTENCE + 5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _refuse_after_firing(self) -> None:
        while self._listen(0.0):
            pass
        if b"fired" in self._heard or b"failed" in self._heard:
            did = "switched the output off" if b"fired" in self._heard else "could not reach the instrument"
            raise GuardError(f"this program gave no sign of life for {self.lease:g} s and the watchdog {did}")

    def _listen(self, seconds: float) -> bool:
        """Take what the watchdog says; False if it says nothing in time or is gone."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if not select.select([pipe], [], [], seconds)[0]:
            return False
        data = os.read(pipe, 4096)
        self._heard += data
        self._ready = self._ready or b"ready" in self._heard
        return bool(data)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), line.encode() + b"\n")
        except (BrokenPipeError, ValueError):
            raise GuardError(f"the watchdog of {self.resource} is gone: the output stays off") from None
