"""Compiled kernels: numba's `njit` and its types, and a sentence to the user when compiling takes long.

Every kernel is compiled when it is first called, for the types it is called with, and kept beside its source; the first
run on a machine compiles many of them and would seem to hang.
"""

from __future__ import annotations

import sys
import threading
import time

from numba import config, njit, types
from numba.core import cgutils, event
from numba.extending import intrinsic

__all__ = ["cgutils", "config", "intrinsic", "njit", "types"]

PATIENCE = 2.0
"""Seconds of compilation in one process after which the user is told."""


class Announcer(event.Listener):  # type: ignore[misc]  # numba has no types
    """Tells the user, once and on stderr, that kernels are being compiled, when that has taken `PATIENCE`.

    Attributes
    ----------
    told : bool
        Whether it has been said.
    """

    def __init__(self) -> None:
        """Begin without any compilation seen."""
        self.told = False
        self._depth, self._begun, self._spent = 0, 0.0, 0.0
        self._timer: threading.Timer | None = None

    def on_start(self, event: event.Event) -> None:
        """Start the clock when the outermost kernel begins to compile."""
        self._depth += 1
        if self._depth == 1 and not self.told and PATIENCE < threading.TIMEOUT_MAX:
            self._begun = time.monotonic()
            self._timer = threading.Timer(max(0.0, PATIENCE - self._spent), self._tell)
            self._timer.daemon = True
            self._timer.start()

    def on_end(self, event: event.Event) -> None:
        """Add the time that the outermost kernel took."""
        self._depth -= 1
        if self._depth == 0 and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._spent += time.monotonic() - self._begun

    def _tell(self) -> None:
        self.told = True
        print("compiling the simulation for this machine, once; later runs begin at once ...", file=sys.stderr)


_ANNOUNCER = Announcer()
event.register("numba:compile", _ANNOUNCER)
