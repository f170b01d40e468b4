"""Session with a 4225-PMU in a 4200A-SCS over KXCI: ASCII on TCP, every command answered, all ended by NUL.

Commands as in the maker's examples (``Model_4200A/KXCI_Examples/PMU``, Clarius 1.13 or later) and their manual,
4200A-KXCI-907-01 Rev. D, section 7. KCON must be set to Ethernet, string terminator None, reading delimiter string
terminator. A setting is answered ``ACK``; anything else is an error, as is what ``:ERROR:LAST:GET`` tells then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hil.limits import LimitError
from instruments.link.answers import shown
from instruments.link.clock import Clock
from instruments.link.errors import InstrumentError, ProtocolError
from instruments.pmu.segments import AT_ONCE, STEP, WINDOW, PulseSegments

ACKNOWLEDGED = "ACK"
ERROR_QUERY, CLEAR_ERROR = ":ERROR:LAST:GET", ":ERROR:LAST:CLEAR"
STATUS = ":PMU:TEST:STATUS?"
SPOT_MEAN = 1
BLOCK = 2048
"""Points that one ``:PMU:DATA:GET`` gives at most."""

LOAD = 1e6
"""Load that the card is told, ohm: its default, by which it leaves the voltage as it is."""

OUTPUT = 50.0
"""Output resistance of a channel, ohm."""

RANGES = {1e-7: 134e-6, 1e-6: 20.4e-6, 1e-5: 8.36e-6, 1e-4: 1.04e-6, 1e-3: 370e-9, 1e-2: 160e-9}
"""Current ranges with a 4225-RPM on the 10 V range, A, and the shortest pulses measured on them, s.

From the data sheet as remembered: UNVERIFIED.
"""

PLAIN_RANGES = {1e-2: 160e-9, 0.2: 70e-9}
"""The same without an RPM."""

_CODE = re.compile(r"\((-?\d+)\)\s*$")


class Answering(Protocol):
    """What the session needs of a link; `instruments.link.link.Link` is one."""

    resource: str

    def query(self, text: str, patience: float = 0.0) -> str:
        """Send, and take the answer."""


class Pmu:
    """Two channels of a pulse card, or one.

    Attributes
    ----------
    identity : str
        Answer to ``*IDN?``.
    channels : int
        Channels in use, from 1.
    current_range : float
        Fixed measure range, A.
    """

    def __init__(self, line: Answering, *, channels: int, rpm: bool, card: int, i_max: float) -> None:
        """Ask who is there; nothing is set.

        Raises
        ------
        ProtocolError
            If it is no 4200A.
        LimitError
            If no range holds `i_max`, A.
        """
        self._line, self.channels, self._rpm, self._card = line, channels, rpm, card
        self.identity = line.query("*IDN?").strip()
        if "4200" not in self.identity:
            raise ProtocolError(f"{line.resource}: '{shown(self.identity)}' is no 4200A-SCS")
        ranges = RANGES if rpm else PLAIN_RANGES
        held = [value for value in ranges if value >= i_max * (1 - 1e-9)]
        if not held:
            raise LimitError(f"i_max = {i_max:g} A: the largest range is {max(ranges):g} A")
        self.current_range = min(held)
        self.narrowest = ranges[self.current_range]

    @property
    def off(self) -> tuple[str, ...]:
        """Messages that end whatever is played, from any state and by anybody."""
        return (":PMU:ABORT", *(f":PMU:OUTPUT:STATE {c}, 0" for c in self._numbers))

    @property
    def _numbers(self) -> Sequence[int]:
        first = 2 * (self._card - 1) + 1
        return range(first, first + self.channels)

    def setup(self, v_max: float) -> list[str]:
        """Messages that set the card up; they bring all of it to 0 V."""
        found = [":PMU:INIT 1"]
        for place, c in enumerate(self._numbers, 1):
            found += [f":PMU:RPM:CONFIGURE PMU{self._card}-{place}, 0"] if self._rpm else []
            found += [f":PMU:SOURCE:RANGE {c}, {10 if v_max <= 10 else 40}"]
            found += [f":PMU:MEASURE:RANGE {c}, 2, {self.current_range:g}", f":PMU:LOAD {c}, {LOAD:g}"]
        return found

    def messages(self, segments: PulseSegments) -> list[str]:
        """Messages that define and start an execution; the last one starts it."""
        unit = segments.unit()
        loops = len(segments.time) // unit
        pieces = [slice(k, min(k + AT_ONCE, unit)) for k in range(0, unit, AT_ONCE)]
        found = []
        for place, c in enumerate(self._numbers):
            order = []
            for number, piece in enumerate(pieces, 1):
                found += self._sequence(c, number, segments, piece, place)
                order.append(f"{number}, {loops if len(pieces) == 1 else 1}")
            found.append(f":PMU:SARB:WFM:SEQ:LIST {c}, {', '.join(order)}")
        return [*found, *(f":PMU:OUTPUT:STATE {c}, 1" for c in self._numbers), ":PMU:EXECUTE"]

    def _sequence(self, channel: int, number: int, segments: PulseSegments, piece: slice, place: int) -> list[str]:
        time, measured = segments.time[piece], segments.measured[piece]
        first, last = (np.where(measured, np.round(time * part / STEP) * STEP, 0.0) for part in WINDOW)
        rows: tuple[tuple[str, NDArray[np.float64]], ...] = (
            ("TIME", time), ("STARTV", segments.start[piece, place]), ("STOPV", segments.stop[piece, place]),
            ("MEAS:TYPE", np.where(measured, SPOT_MEAN, 0)), ("MEAS:START", first), ("MEAS:STOP", last),
        )  # fmt: skip
        return [f":PMU:SARB:SEQ:{word} {channel}, {number}, {_numbers(values)}" for word, values in rows]

    def tell(self, text: str) -> None:
        """Send a setting.

        Raises
        ------
        InstrumentError
            If it is answered otherwise than by ``ACK``.
        """
        answer = self._line.query(text).strip()
        if answer != ACKNOWLEDGED:
            told = self._line.query(ERROR_QUERY).strip()
            self._line.query(CLEAR_ERROR)
            code = _CODE.search(told) or _CODE.search(answer)
            raise InstrumentError(int(code[1]) if code else 0, f"{answer}; {told}".strip("; "), text[:120])

    def wait(self, clock: Clock, longest: float) -> None:
        """Wait until the test is over.

        Raises
        ------
        ProtocolError
            If it is not over `longest` s after it began, or the card says anything but 0 or 1.
        """
        end, pause = clock.now() + longest, 1e-3
        while True:
            answer = self._line.query(STATUS).strip()
            if answer == "0":
                break
            if answer != "1":
                raise ProtocolError(f"{self._line.resource}: '{STATUS}' answers '{shown(answer)}', not 0 or 1")
            if clock.now() > end:
                raise ProtocolError(f"{self._line.resource}: the test still runs {longest:g} s after it was started")
            clock.wait(pause)
            pause = min(2 * pause, 0.1)
        told = self._line.query(ERROR_QUERY).strip()
        code = _CODE.search(told)
        if told and not (code is not None and code[1] == "0") and not told.casefold().startswith("no error"):
            raise InstrumentError(int(code[1]) if code else 0, told, ":PMU:EXECUTE")

    def readings(self, place: int, count: int) -> NDArray[np.float64]:
        """Points of a channel, counted from 0: (count, 4) voltage (V), current (A), time (s), status.

        Raises
        ------
        ProtocolError
            If there are more or fewer, or one is no number.
        """
        c = self._numbers[place]
        answer = self._line.query(f":PMU:DATA:COUNT? {c}").strip()
        if answer != str(count):
            raise ProtocolError(
                f"{self._line.resource}: channel {c} has '{shown(answer)}' points, {count} were measured"
            )
        rows: list[list[float]] = []
        for start in range(0, count, BLOCK):
            reply = self._line.query(f":PMU:DATA:GET {c}, {start}, {min(BLOCK, count - start)}")
            try:
                rows += [[float(word) for word in point.split(",")] for point in reply.split(";") if point.strip()]
            except ValueError:
                raise ProtocolError(f"{self._line.resource}: '{shown(reply)}' is no list of points") from None
        table = np.array(rows, dtype=np.float64) if rows else np.zeros((0, 4))
        if table.shape != (count, 4):
            raise ProtocolError(
                f"{self._line.resource}: {len(rows)} points of channel {c} came, {count} were asked for"
            )
        return table

    def switch_off(self) -> None:
        """End whatever is played."""
        for text in self.off:
            self.tell(text)


def _numbers(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.10g}" for value in values)
