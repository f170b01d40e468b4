"""ArC ONE of ArC Instruments: 32 x 32 crossbars over a serial port.

Protocol as in the maker's own programs, libarc1 0.1.0 (``libarc1/packets.py``, ``arc.py``, ``modules/readops.py``) and
arc1_pyqt (``arc1pyqt/instrument.py``): 921,600 baud, even parity, one stop bit; numbers as text, each with a line feed,
job number first; answers are 32-bit floats, little-endian, resistances in ohm. Lines are counted from 1.

    00                                             reset of the microcontroller
    0 cycles words bits mode session sneak Vread   initialise; answers the line 1
    01 mode Vread                                  how reads are done: mode 2 is TIA4P, 3 the same for Vread < 0
    1 word bit                                     read one: 4 bytes
    2 1 words bits                                 read all, words first: 4 bytes a cell
    3 word bit V width                             pulse, then read: 4 bytes
    999                                            firmware: two 16-bit numbers; older firmware does not answer

Pulses end by themselves, on the board. Nothing on the wire limits their current (the series resistors of its forming
module are not those of a pulse). The maker's programs write voltages and widths of jobs 01 and 3 with six decimals
(``%f``), so widths are whole microseconds here, although the manual names pulses down to 90 ns.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from instruments.boards.board import BoardSpec, CrossbarBoard
from instruments.boards.port import BoardPort
from instruments.link.errors import LinkTimeout, ProtocolError

SPEC = BoardSpec(
    "ArC ONE", rows=32, cols=32, v_max=12.0, v_step=1e-6, width_min=1e-6, width_max=10.0, time_step=1e-6,
    schemes=("V/2", "V/3", "floating"), source_resistance=0.0,
    source="the maker's manual (arc1_docs): 12 V, inactive lines; libarc1 0.1.0: what is sent; width_max: this driver",
)  # fmt: skip

SNEAK = {"V/3": 0, "V/2": 1, "floating": 256}
"""Numbers of the schemes (libarc1, ``SNEAKPATH_LIMIT``)."""

TIA4P, TIA4P_NEGATIVE = 2, 3
LOCAL = 0
RESET_TIME = 2.0
"""Seconds that the board takes for a reset (libarc1, ``ArC1.reset``)."""


class ArcOne(CrossbarBoard):
    """An ArC ONE that is open."""

    spec = SPEC

    def __init__(
        self, port: BoardPort, rows: int, cols: int, v_read: float, *, scheme: str = "V/3", read_cycles: int = 30,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """Reset and initialise the board; no cell is driven.

        Parameters
        ----------
        port : BoardPort
            Taken over.
        rows, cols : int
            Word and bit lines, 1 to 32.
        v_read : float
            Voltage of reads until another is asked for, V.
        scheme : str
            V/2, V/3 or floating.
        read_cycles : int
            Readings that a read is the mean of.
        wait : callable
            Lets the time of the reset pass.

        Raises
        ------
        ProtocolError, LinkError
            If it is no ArC ONE that answers.
        """
        if scheme not in SNEAK:
            raise InputError(f"scheme = {scheme}: an ArC ONE holds inactive lines by {', '.join(SNEAK)}")
        self._port, self.scheme = port, scheme
        self._shape = rows, cols
        port.send("00")
        wait(RESET_TIME)
        port.forget()
        mode = _mode(v_read)
        port.send(
            "0", str(read_cycles), str(rows), str(cols), str(mode), str(LOCAL), str(SNEAK[scheme]), _number(v_read)
        )
        answer = port.line("0")
        if answer != "1":
            raise ProtocolError(f"{port.resource}: initialisation is answered '{answer}', an ArC ONE answers 1")
        self._set_v_read(v_read)
        self.identity = f"ArC Instruments,ArC ONE,{port.resource},{self._firmware(wait)}"

    def read(self, row: int, col: int, v: float) -> float:
        """Current of a read, A."""
        self._set_v_read(v)
        self._port.send("1", str(row + 1), str(col + 1))
        return self._current(self._port.take(4, "1"), v)

    def read_all(self, rows: int, cols: int, v: float) -> NDArray[np.float64]:
        """Currents of reads of all cells, A, by one command."""
        self._set_v_read(v)
        self._port.send("2", "1", str(rows), str(cols))
        return np.array([[self._current(self._port.take(4, "2"), v) for _ in range(cols)] for _ in range(rows)])

    def pulse(self, row: int, col: int, v: float, width: float, v_read: float) -> float:
        """Pulse and read; the answer comes when both are over."""
        self._set_v_read(v_read)
        self._port.send("3", str(row + 1), str(col + 1), _number(v), _number(width))
        return self._current(self._port.take(4, "3", patience=width), v_read)

    def rest(self) -> None:
        """Reset the microcontroller: it plays nothing more, and must be opened anew."""
        self._port.send("00")

    def close(self) -> None:
        """Let go of the port."""
        self._port.close()

    def _set_v_read(self, v: float) -> None:
        if v != getattr(self, "_v_read", None):
            self._port.send("01", str(_mode(v)), _number(v))
            self._v_read = v

    def _firmware(self, wait: Callable[[float], None]) -> str:
        wait(0.2)
        self._port.send("999")
        try:
            return "{}.{}".format(*struct.unpack("<2H", self._port.take(4, "999")))
        except LinkTimeout:
            self._port.forget()
            return "unknown"

    def _current(self, data: bytes, v: float) -> float:
        resistance = struct.unpack("<f", data)[0]
        return v / resistance if np.isfinite(resistance) and resistance > 0 else float("nan")


def _mode(v: float) -> int:
    return TIA4P if v > 0 else TIA4P_NEGATIVE


def _number(value: float) -> str:
    return f"{value:f}"
