"""The threads that columns of an array are shared out to; the result does not depend on how."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from sim.cells.segments import Segments

WORTH_A_THREAD = 200_000
"""Cell-segments below which handing columns to threads costs more than it gains."""


class ColumnThreads:
    """Threads for the columns of an array.

    Parameters
    ----------
    threads : int
        How many; 0 for one a processor.
    rows, cols : int
        Size of the array.
    """

    def __init__(self, threads: int, rows: int, cols: int) -> None:
        """Start them if there is more than one."""
        self._threads, self._rows, self._cols = threads or os.cpu_count() or 1, rows, cols
        self._pool = ThreadPoolExecutor(self._threads) if self._threads > 1 else None

    def release(self) -> None:
        """Stop them."""
        if self._pool is not None:
            self._pool.shutdown()

    def over_columns(self, job: Callable[[int], None]) -> None:
        """Call `job` with the number of every column, on all threads."""
        if self._pool is None or self._cols == 1:
            for col in range(self._cols):
                job(col)
            return
        for done in [self._pool.submit(job, col) for col in range(self._cols)]:
            done.result()

    def share_out(self, play: Segments, job: Callable[[slice, Segments], None]) -> None:
        """Call `job` for blocks of columns with their segments, on all threads where that is worth it."""
        parts = min(self._threads, self._cols)
        if self._pool is None or parts == 1 or len(play.duration) * self._rows * self._cols < WORTH_A_THREAD:
            job(slice(0, self._cols), play)
            return
        edges = [self._cols * k // parts for k in range(parts + 1)]
        blocks = [slice(a, b) for a, b in pairwise(edges)]
        jobs = [self._pool.submit(job, b, play.of_columns(b)) for b in blocks]
        for done in jobs:
            done.result()
