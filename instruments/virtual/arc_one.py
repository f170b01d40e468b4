"""A virtual ArC ONE behind a pseudo terminal, with simulated cells on its lines.

It takes the jobs of `instruments.boards.arc_one` byte by byte and does nothing for others: a real board has no error
messages. Before it is initialised it hears jobs 00, 0 and 999 alone; lines that are not there, voltages beyond 12 V and
widths below zero it ignores and answers no reading. All lines are driven as the manual's table says, in reads as in
pulses, so what inactive word lines at V/2 or V/3 send into the active bit line is in a reading.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np

from hil.waveform import Waveform
from instruments.boards.arc_one import SNEAK
from instruments.boards.board import SCHEMES
from instruments.virtual.bench import sample
from sim.crossbar.array import SimulatedArray

ARGUMENTS = {"00": 0, "0": 7, "01": 2, "1": 2, "2": 3, "3": 4, "02": 2, "04": 2, "999": 0}
"""Numbers that follow each job."""

NAMES = {number: name for name, number in SNEAK.items()}
NO_READING = struct.pack("<f", float("nan"))
LARGEST = 12.0
FIRMWARE = struct.pack("<2H", 2, 1)


class VirtualArcOne:
    """The board's side of the protocol.

    Attributes
    ----------
    device : SimulatedArray
        Cells on its lines.
    heard : list of tuple of str
        Jobs that it has carried out or ignored, with their numbers.
    """

    def __init__(self, device: SimulatedArray) -> None:
        """Wire an array to it."""
        self.device, self.heard = device, list[tuple[str, ...]]()
        self._rest = b""
        self._ready = False
        self._words: list[str] = []
        self._selected: tuple[int, int] | None = None
        self._v_read, self._scheme = 0.5, "V/3"

    def feed(self, data: bytes) -> bytes:
        """Take bytes; what it answers."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        answer = b""
        for line in lines:
            self._words.append(line.decode("ascii", "replace").strip())
            job, *given = self._words
            if job == "00":
                self._words = self._words[-1:]
            if job not in ARGUMENTS:
                self._words = []
            elif len(given) == ARGUMENTS[job]:
                self._words = []
                self.heard.append((job, *given))
                with contextlib.suppress(ValueError, OverflowError):
                    answer += self._carry_out(job, given)
        return answer

    def _carry_out(self, job: str, given: Sequence[str]) -> bytes:
        if job == "00":
            self._ready, self._selected = False, None
            return b""
        if job == "999":
            return FIRMWARE
        if job == "0":
            words, bits, sneak, v = int(given[1]), int(given[2]), int(given[5]), float(given[6])
            good = (words, bits) == self.device.cells and sneak in NAMES and abs(v) <= LARGEST and int(given[0]) > 0
            self._ready, self._v_read = good, v
            self._scheme = NAMES.get(sneak, self._scheme)
            return b"1\n" if good else b"0\n"
        if not self._ready:
            return b""
        return self._measured(job, given)

    def _measured(self, job: str, given: Sequence[str]) -> bytes:
        if job == "01":
            v = float(given[1])
            if abs(v) <= LARGEST and (v > 0) == (int(given[0]) == 2):
                self._v_read = v
            return b""
        if job == "2":
            words, bits = int(given[1]), int(given[2])
            return b"".join(self._read(w, b) for w in range(1, words + 1) for b in range(1, bits + 1))
        if job == "04":
            if self._selected is not None:
                self._pulse(*self._selected, float(given[0]), float(given[1]))
            return b""
        cell = int(given[0]), int(given[1])
        if job == "02":
            self._selected = cell
            return b""
        if job == "3":
            self._pulse(*cell, float(given[2]), float(given[3]))
        return self._read(*cell)

    def _pulse(self, word: int, bit: int, v: float, width: float) -> None:
        if self._there(word, bit) and abs(v) <= LARGEST and width > 0 and v:
            self.device.apply(self._driven(word, bit, v, width))
            self.device.apply(Waveform.rest(width, *self.device.cells))

    def _read(self, word: int, bit: int) -> bytes:
        if not self._there(word, bit):
            return NO_READING
        currents = self.device.apply(self._driven(word, bit, self._v_read, self.device.read_width)).currents
        current = float(currents[0, bit - 1])
        return struct.pack("<f", self._v_read / current) if current else NO_READING

    def _there(self, word: int, bit: int) -> bool:
        rows, cols = self.device.cells
        return 1 <= word <= rows and 1 <= bit <= cols

    def _driven(self, word: int, bit: int, v: float, width: float) -> Waveform:
        parts = SCHEMES[self._scheme]
        low, high = (np.nan, np.nan) if parts is None else (parts[0] * v, parts[1] * v)
        rows, cols = np.full(self.device.rows, low), np.full(self.device.cols, high)
        rows[word - 1], cols[bit - 1] = v, 0.0
        return Waveform.pulse(rows, cols, width=width, measure=True)


class ArcBench:
    """A virtual ArC ONE on a pseudo terminal, served from a thread; a context manager.

    Attributes
    ----------
    board : VirtualArcOne
        What answers.
    truth : SimulatedArray
        The cells.
    port : str
        Path of the terminal.
    clock : ArcBench
        Itself: what the host waits for passes at once, as rest of the cells.
    """

    latency = 5e-3

    def __init__(self, dut: str, rows: int, cols: int, *, seed: int = 0) -> None:
        """Open the cells and the terminal."""
        self.truth = sample(dut, rows, cols, seed)
        self.board = VirtualArcOne(self.truth)
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._stop, self._stopped = os.pipe()
        self._lock = threading.Lock()
        self.clock = self
        self._thread = threading.Thread(target=self._serve, name="virtual ArC ONE", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Time of the cells, s."""
        return self.truth.time

    def wait(self, seconds: float) -> None:
        """Let the cells rest."""
        if seconds > 0:
            with self._lock:
                self.truth.apply(Waveform.rest(seconds, *self.truth.cells))

    def forget(self) -> None:
        """Put pristine cells on the board."""
        with self._lock:
            self.truth.reset()

    def close(self) -> None:
        """Unplug it; safe to call again."""
        if self._thread.is_alive():
            os.write(self._stopped, b"x")
            self._thread.join()
            for file in (self._ours, self._theirs, self._stop, self._stopped):
                os.close(file)
            self.truth.close()

    def __enter__(self) -> Self:
        """Serve in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unplug it on every way out."""
        self.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._ours, self._stop], [], [])
            if self._stop in ready:
                return
            data = os.read(self._ours, 4096)
            with self._lock:
                answer = self.board.feed(data)
            view = memoryview(answer)
            while view:
                view = view[os.write(self._ours, view) :]
