"""ArC TWO of ArC Instruments: 64 channels through the maker's library pyarc2, which brings the board's FPGA library.

Calls as in pyarc2's ``pyarc2.pyi`` and documentation (``docs/overview.rst``): ``find_ids``, ``Instrument(id,
firmware)``, ``read_one(low, high, v)`` and ``pulseread_one(low, high, v, nanoseconds, v_read)`` give currents in A
between two channels, ``finalise_operation(IdleMode.SoftGnd)`` holds all channels at 0 V, ``IdleMode.Float`` lets go of
them, ``connect_to_gnd([])`` releases them from ground. Channels 0 to 15 and 32 to 47 are rows there, 16 to 31 and 48 to
63 columns.

Calls take no time limit, and the library's currents have no documented sign: they are given that of the voltage.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from hil.errors import InputError
from instruments.boards.board import BoardSpec, CrossbarBoard
from instruments.link.errors import LinkLost

SPEC = BoardSpec(
    "ArC TWO", rows=32, cols=32, v_max=10.0, v_step=0.0, width_min=1e-6, width_max=10.0, time_step=1e-9,
    schemes=("floating", "grounded"), source_resistance=0.0,
    source="pyarc2: nanoseconds, channels; voltage range and shortest pulse are this driver's and UNVERIFIED",
)  # fmt: skip

ROWS = (*range(16), *range(32, 48))
COLUMNS = (*range(16, 32), *range(48, 64))


class ArcTwo(CrossbarBoard):
    """An ArC TWO that is open; its row drives, its column is at 0 V."""

    spec = SPEC

    def __init__(self, number: int | None, firmware: str, *, scheme: str = "floating", library: str = "pyarc2") -> None:
        """Open a board, the first one found unless its number is given, and let go of all channels.

        Raises
        ------
        InputError
            If the library is not installed, or there is no such board.
        """
        if scheme not in SPEC.schemes:
            raise InputError(f"scheme = {scheme}: an ArC TWO holds inactive lines by {', '.join(SPEC.schemes)} here")
        try:
            self._arc: Any = import_module(library)
        except ImportError as error:
            raise InputError(f"arc:two needs the maker's library, pip install pyarc2: {error}") from None
        found = [int(k) for k in self._arc.find_ids()]
        if not found or (number is not None and number not in found):
            raise InputError(f"no ArC TWO {'' if number is None else number}; found: {found or 'none'}")
        self.scheme, number = scheme, found[0] if number is None else number
        self._instrument = self._asked(lambda: self._arc.Instrument(number, firmware))
        self.identity = f"ArC Instruments,ArC TWO,{number},{firmware}"
        self._closed = False
        self.rest()

    def read(self, row: int, col: int, v: float) -> float:
        """Current of a read, A."""
        self._release()
        current = self._asked(lambda: self._instrument.read_one(COLUMNS[col], ROWS[row], v))
        self.rest()
        return _signed(current, v)

    def pulse(self, row: int, col: int, v: float, width: float, v_read: float) -> float:
        """Pulse and read."""
        self._release()
        nanos = round(width * 1e9)
        current = self._asked(lambda: self._instrument.pulseread_one(COLUMNS[col], ROWS[row], v, nanos, v_read))
        self.rest()
        return _signed(current, v_read)

    def rest(self) -> None:
        """All channels at 0 V, or open, as the scheme says."""
        idle = self._arc.IdleMode.SoftGnd if self.scheme == "grounded" else self._arc.IdleMode.Float
        self._asked(lambda: self._instrument.finalise_operation(idle))

    def close(self) -> None:
        """Open all channels; the library frees the board with the object."""
        if not self._closed:
            self._closed = True
            self._asked(lambda: self._instrument.finalise_operation(self._arc.IdleMode.Float))

    def _release(self) -> None:
        self._asked(lambda: self._instrument.connect_to_gnd([]))

    def _asked(self, call: Any) -> Any:
        """Call the library; what it raises, a panic of its Rust part included, is a lost link."""
        try:
            return call()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pyo3's PanicException is no Exception
            raise LinkLost(f"ArC TWO: {' '.join(str(error).split()) or type(error).__name__}") from None


def _signed(current: float, v: float) -> float:
    return math.copysign(abs(float(current)), v)
