"""A crossbar behind a switch matrix: which column of the matrix leads to which line, and how its relays are moved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from hil.config import load_toml, validated
from hil.errors import InputError
from instruments.link.dialogue import Dialogue, Line
from instruments.link.errors import LinkLost
from instruments.matrix.driver import MatrixDriver
from instruments.matrix.models import matrix_driver_for
from instruments.wiring import Wiring


class CrossbarMap(BaseModel):
    """How the source and the lines of a crossbar are plugged into the matrix, as read from a TOML file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    high: str | int = Field("A", description="row (input) of the matrix that HI of the source is on")
    low: str | int = Field("B", description="row (input) of the matrix that LO of the source is on, of both channels")
    second: str | int = Field("C", description="row (input) of the matrix that HI of channel 2 is on, if it is used")
    rows: list[str | int] = Field(description="column (output) of the matrix of every word line")
    cols: list[str | int] = Field(description="column (output) of the matrix of every bit line")

    @property
    def lines(self) -> list[str | int]:
        """Columns of the matrix of all lines, rows first."""
        return [*self.rows, *self.cols]


def load_map(path: Path, rows: int, cols: int) -> CrossbarMap:
    """Read a map of a crossbar of that size.

    Raises
    ------
    InputError
        If the file is none, is for another size, or names a column twice.
    """
    found = validated(CrossbarMap, load_toml(path), str(path))
    if (len(found.rows), len(found.cols)) != (rows, cols):
        raise InputError(f"{path} maps {len(found.rows)} x {len(found.cols)} lines, the crossbar has {rows} x {cols}")
    twice = [name for name in found.lines if [str(n) for n in found.lines].count(str(name)) > 1]
    if twice:
        raise InputError(f"{path}: column {twice[0]} of the matrix is named twice")
    if str(found.high).upper() == str(found.low).upper():
        raise InputError(f"{path}: high and low are both on row {found.high} of the matrix")
    if "second" in found.model_fields_set and str(found.second).upper() in (
        str(found.high).upper(), str(found.low).upper(),
    ):  # fmt: skip
        raise InputError(f"{path}: second is on row {found.second} of the matrix, where high or low is")
    return found


def default_map(rows: int, cols: int) -> CrossbarMap:
    """Word lines on the first columns of the matrix, bit lines on the next; HI on row A, LO on row B."""
    return CrossbarMap(rows=list(range(1, rows + 1)), cols=list(range(rows + 1, rows + cols + 1)))


class MatrixRouter:
    """Connects a source to lines by a matrix; see `instruments.wiring.Router`.

    The caller sees to it that the output is off. All relays open before others close, and what is closed is read back.

    Attributes
    ----------
    driver : MatrixDriver
        Of the model that answered.
    """

    def __init__(self, line: Line, wires: CrossbarMap, channels: int = 1) -> None:
        """Ask who is there; nothing is moved. With two `channels` there is a third row, of the second one's HI.

        Raises
        ------
        InputError
            For a matrix without a driver, or rows and columns that it does not have.
        """
        self._line, self._wires = line, wires
        self.driver: MatrixDriver = matrix_driver_for(line.query("*IDN?"))
        line.sync = self.driver.sync
        self._dialogue = Dialogue(line, self.driver)
        for message in self.driver.identify():
            self._dialogue.exchange(message)
        used = (wires.high, wires.low, wires.second)[: channels + 1]
        if len({str(row).upper() for row in used}) < len(used):
            raise InputError(f"high, low and second are on rows {', '.join(map(str, used))} of the matrix: give three")
        for row in used:
            self.driver.crosspoints([(row, column) for column in wires.lines])
        self._prepared = False

    @property
    def relay_time(self) -> float:
        """Seconds until new contacts are settled."""
        return self.driver.spec.relay_time

    def route(self, wiring: Wiring) -> None:
        """Open what is closed, close what is wanted, read it back.

        Raises
        ------
        InstrumentError, LinkError
            If the matrix refuses or does not answer.
        ProtocolError
            If other relays are closed than were asked for.
        """
        if not self._prepared:
            self._dialogue.forget_errors()
            self._dialogue.say(*self.driver.prepare())
            self._prepared = True
        points = self._points(wiring)
        try:
            replies = self._dialogue.say(*self.driver.connect(points))
        except LinkLost:
            self._prepared = False  # its relays stay as they are: nobody is there to be told to open them
            raise
        self.driver.verify(points, replies[-1])

    def explain(self, wiring: Wiring, *, moved: bool = False) -> list[str]:
        """Messages that `route` sends; `moved` if relays were moved before."""
        before = () if self._prepared or moved else self.driver.prepare()
        return [message.text for message in (*before, *self.driver.connect(self._points(wiring)))]

    def farewell(self, *, moved: bool = False) -> list[str]:
        """Messages that `close` sends; `moved` if relays were moved before."""
        return list(self.driver.off) if self._prepared or moved else []

    def close(self) -> None:
        """Open all relays that were closed here and let go."""
        try:
            if self._prepared:
                for text in self.driver.off:
                    self._line.write(text)
                self._dialogue.forget_errors()
        finally:
            self._line.close()

    def _points(self, wiring: Wiring) -> Sequence[tuple[str | int, str | int]]:
        lines = self._wires.lines
        return [
            *((self._wires.high, lines[k]) for k in wiring.high),
            *((self._wires.low, lines[k]) for k in wiring.low),
            *((self._wires.second, lines[k]) for k in wiring.second),
        ]
