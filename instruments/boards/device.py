"""A crossbar on a board that selects cells itself, as a Device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

from hil.device import Device, Response, Unsupported
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.programming import whole_counts
from hil.waveform import Waveform
from instruments.boards.board import SCHEMES, CrossbarBoard
from instruments.boards.patterns import BoardStep, operations
from instruments.link.clock import Clock
from instruments.link.errors import AbortedTrain, ComplianceError
from instruments.link.events import note, output_on
from instruments.plan import Plan
from instruments.safety.limits import SafetyLimits

if TYPE_CHECKING:
    from instruments.safety.tally import Tally


class BoardDevice(Device):
    """A crossbar whose board pulses and reads one cell at a time and holds the other lines in its own way.

    A pulse of a waveform is played where it drives one cell as the board would: the row at V, the column at 0 V, all
    other lines as `CrossbarBoard.scheme` says. Measured segments up to `v_read` are reads, cell by cell. The board
    measures no current during a pulse: that of a measured one is NaN, or with `extrapolate` the pulse's voltage times
    the conductance that the read right after it gave.

    Nothing limits the current (`instruments.safety.unlimited`): a reading beyond `Limits.i_max` ends the waveform.

    Attributes
    ----------
    board : CrossbarBoard
        What is driven.
    lateness : float
        Longest time by which the board's own time for pulses and reads exceeded that of the waveform, s.
    """

    energy_note = "of reads alone: the board tells nothing of a pulse"
    parameters: BaseModel | None = None
    before_train: Callable[[], None] | None = None
    lateness, _time = 0.0, 0.0

    def __init__(
        self, name: str, board: CrossbarBoard, rows: int, cols: int, safety: SafetyLimits, *, clock: Clock, v_read:
        float, read_width: float, serial: bool = False, gaps: bool = False, extrapolate: bool = False, unfold: bool =
        False, forget: Callable[[], None] | None = None, tally: Tally | None = None, line: object = None,
    ) -> None:  # fmt: skip
        """Take over an open board.

        Parameters
        ----------
        name : str
            What the user called it.
        board : CrossbarBoard
            Closed with the device.
        rows, cols : int
            Lines of the sample.
        safety : SafetyLimits
            What the sample may be given.
        clock : Clock
            Passes the rests.
        v_read, read_width : float
            Voltage of a read, V, and the time that it counts for, s.
        serial, gaps : bool
            See `instruments.boards.patterns.operations`.
        extrapolate : bool
            Whether a measured pulse is given the current that its read implies.
        unfold : bool
            Whether what inactive rows add to the current of a column is taken off (V/2 and V/3): every cell is found
            from the readings of its whole column, for cells that are ohmic up to `v_read`.
        forget : callable, optional
            Brings the cells back to the pristine state, where there is a way.
        tally : Tally, optional
            Counts pulses over sessions.
        line : object, optional
            With ``log`` and ``resource``, for what is told to those who watch.
        """
        spec = board.spec
        if rows > spec.rows or cols > spec.cols:
            raise InputError(f"{name}: {rows} x {cols} cells, the {spec.model} has {spec.rows} x {spec.cols}")
        if safety.ceiling > spec.v_max:
            raise LimitError(f"v_max = {safety.ceiling:g} V: the {spec.model} drives at most {spec.v_max:g} V")
        if unfold and SCHEMES[board.scheme] is None:
            raise InputError(f"{name}: unfold takes off what lines at V/2 or V/3 add, here they are {board.scheme}")
        if not 0 < v_read <= safety.ceiling:
            raise LimitError(f"{name}: v_read = {v_read:g} V must be > 0 and <= v_max = {safety.ceiling:g} V")
        self.name, self.rows, self.cols, self.board, self.safety = name, rows, cols, board, safety
        self.read_voltage, self.read_width = v_read, read_width
        self._clock, self._forget, self._tally, self._line = clock, forget, tally, line
        self._serial, self._gaps, self._extrapolate, self._unfold = serial, gaps, extrapolate, unfold
        self._pulses = 0 if tally is None else tally.so_far()
        self._closers: list[Callable[[], None]] = []
        one = rows * cols == 1
        self.limits = Limits(
            v_min=-safety.ceiling, v_max=safety.ceiling, v_cell=safety.ceiling, i_max=safety.i_max,
            width_min=spec.width_min, width_max=spec.width_max, time_step=spec.time_step, v_step=0.0,
            channels=None if one else 1 if board.scheme in ("floating", "grounded") else 2,
        )  # fmt: skip

    @property
    def identity(self) -> str:
        """What the board says of itself."""
        return self.board.identity

    @property
    def time(self) -> float:
        """Device time in s, as waveforms and reads say."""
        return self._time

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), in S, as the board reads them; see `unfold`.

        Raises
        ------
        ComplianceError
            If a current is `Limits.i_max` or more, or the board gives no reading.
        """
        self._require_open()
        chosen = self._rows(rows)
        v = self.read_voltage if v is None else float(v)
        if v == 0 or not np.isfinite(v):
            raise InputError(f"read voltage {v} V: give a finite voltage other than 0")
        self._require_within(np.array([[v]]), "row")
        wanted = list(range(self.rows)) if self._unfold else sorted({int(r) for r in chosen})
        if wanted == list(range(self.rows)):
            currents = self.board.read_all(self.rows, self.cols, v)
        else:
            currents = np.array([[self.board.read(r, c, v) for c in range(self.cols)] for r in wanted])
            currents = currents.reshape(len(wanted), self.cols)
        self._time += currents.size * self.read_width
        self._require_readings(currents, wanted, v)
        found = self._unfolded(currents / v)
        return self._found(chosen, found[[wanted.index(int(r)) for r in chosen]].reshape(len(chosen), self.cols), v)

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents for voltages of all lines, from reads of the cells: the board has one voltage at a time."""
        self._require_open()
        v = np.nan_to_num(self._column_voltages(v) if reverse else self._row_voltages(v))
        self._require_within(v, "column" if reverse else "row")
        if not len(v):
            return np.zeros((0, self.rows if reverse else self.cols))
        found = self.read()
        return v @ (found.T if reverse else found)

    def program(self, counts: ArrayLike, *, scheme: str | None = None) -> None:
        """Give every cell its pulses, one cell after another, the others held by the board; see `Device.program`."""
        self._require_open()
        if scheme not in (None, self.board.scheme):
            raise LimitError(f"scheme = {scheme}: the board is set to {self.board.scheme}")
        if self.programming is None:
            raise Unsupported(f"{self.name} has no pulse that moves a cell by one step: play a waveform with apply")
        whole, own = whole_counts(counts, self.cells, self.name), self.programming
        plan: list[BoardStep] = []
        for row, col in np.argwhere(whole):
            v = own.up if whole[row, col] > 0 else own.down
            pulse = BoardStep(0, ((int(row), int(col)),), v, own.width, False, False)
            plan += [pulse, BoardStep(0, (), 0.0, own.width, False, False)] * abs(int(whole[row, col]))
        if plan:
            self._hold(plan)
            self._carry_out(plan, _Answer(Waveform.rest(own.width, self.rows, self.cols), self))
            self._time += sum(operation.duration for operation in plan)

    def reset(self) -> None:
        """Bring the cells back to the pristine state, where there is a way: on a virtual board there is."""
        self._require_open()
        if self._forget is None:
            raise Unsupported(f"{self.name}: a real sample cannot be brought back to the state it came in")
        self._forget()
        self._time = 0.0

    def also_close(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the device has been closed; the last one first."""
        self._closers.append(closer)

    def explain(self, waveform: Waveform) -> list[str]:
        """What the board would be asked for a waveform; nothing is sent. Raises `LimitError` as `apply` would."""
        self.limits.check(waveform)
        lines = []
        for operation in self._operations(waveform):
            what = "read" if operation.read else "pulse"
            lines += [f"{what} row {r}, column {c}: {operation.v:g} V, {operation.duration:g} s"
                      for r, c in operation.cells] or [f"# {operation.duration:g} s at rest"]  # fmt: skip
        return lines

    def _operations(self, waveform: Waveform) -> list[BoardStep]:
        found = operations(
            waveform, scheme=self.board.scheme, serial=self._serial, gaps=self._gaps, v_read=self.read_voltage
        )
        self._hold(found, count=False)
        return found

    def _hold(self, found: Sequence[BoardStep], count: bool = True) -> None:
        """Hold pulses against the limits of the sample, each on its own; count them."""
        level, duration = [], []
        for operation in found:
            for _ in operation.cells:
                level += [operation.v, 0.0]
                duration += [operation.duration, self.board.spec.time_step]
        if level:
            pulses = self.safety.check(Plan(level, duration, [False] * len(level)), self._pulses)
            if count:
                self._pulses = pulses
                if self._tally is not None:
                    self._tally.note(pulses)

    def _play(self, waveform: Waveform) -> Response:
        found, answer = self._operations(waveform), _Answer(waveform, self)
        self._hold(found)
        self._carry_out(found, answer)
        self._time += waveform.total
        return answer.response()

    def _carry_out(self, found: Sequence[BoardStep], answer: _Answer) -> None:
        """Play operations; on any exception the board is brought to rest."""
        if not any(operation.cells for operation in found):
            self._clock.wait(sum(operation.duration for operation in found))
            return
        if self.before_train is not None:
            self.before_train()
        note(self._line, output_on(self._pulses, self.safety.pulses_max))
        try:
            for k, operation in enumerate(found):
                began = self._clock.now()
                self._one(operation, answer)
                if operation.cells:
                    self.lateness = max(self.lateness, self._clock.now() - began - operation.duration)
                if answer.worst is not None:
                    raise answer.cut_short(operation, len(found) - k - 1)
        except AbortedTrain:
            raise
        except BaseException:
            self.board.rest()
            raise
        finally:
            note(self._line, "output off")

    def _one(self, operation: BoardStep, answer: _Answer) -> None:
        if not operation.cells:
            self._clock.wait(operation.duration)
            return
        if operation.read:
            for (row, col), current in zip(
                operation.cells, self._read_cells(operation.cells, operation.v), strict=True
            ):
                answer.add(operation, row, col, current)
            return
        for row, col in operation.cells:
            v_read = float(np.copysign(self.read_voltage, operation.v))
            after = self.board.pulse(row, col, operation.v, operation.duration, v_read)
            answer.look(after)
            if operation.measured:
                answer.add(operation, row, col, after / v_read * operation.v if self._extrapolate else np.nan)

    def _read_cells(self, cells: Sequence[tuple[int, int]], v: float) -> list[float]:
        """Currents of single cells, A; with `unfold`, from whole columns."""
        if not self._unfold:
            return [self.board.read(row, col, v) for row, col in cells]
        cols = sorted({col for _, col in cells})
        whole = np.array([[self.board.read(r, c, v) for c in cols] for r in range(self.rows)])
        found = self._unfolded(whole)
        return [float(found[row, cols.index(col)]) for row, col in cells]

    def _unfolded(self, conductance: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cells of whole columns (rows, cols), S: a reading is the cell and `part` of all others of its column."""
        parts = SCHEMES[self.board.scheme]
        if not self._unfold or parts is None or self.rows == 1:
            return conductance
        part = parts[0]
        whole = conductance.sum(axis=0) / (1 + part * (self.rows - 1))
        return (conductance - part * whole) / (1 - part)

    def _require_within(self, v: NDArray[np.float64], kind: str) -> None:
        """Refuse voltages (B, lines) beyond the sample's; they are read at, or stand for cells that are read."""
        bad = np.argwhere(~(np.abs(v) <= self.safety.ceiling))
        if len(bad):
            k, line = (int(i) for i in bad[0])
            most = self.safety.ceiling
            raise LimitError(f"{kind} {line}: {v[k, line]:g} V is outside {-most:g} V .. {most:g} V")

    def _require_readings(self, currents: NDArray[np.float64], rows: Sequence[int], v: float) -> None:
        bad = np.argwhere(~(np.abs(currents) < self.limits.i_max))
        if len(bad):
            k, c = (int(i) for i in bad[0])
            current, place = float(currents[k, c]), f"row {rows[k]}, column {c}"
            raise ComplianceError(
                f"{place}: {'no reading' if np.isnan(current) else f'{abs(current):g} A'} at {v:g} V; a read is below "
                f"i_max = {self.limits.i_max:g} A: no conductance can be read",
                current,
                place,
            )

    def _release(self) -> None:
        with ExitStack() as stack:
            for closer in self._closers:
                stack.callback(closer)
            stack.callback(self.board.close)


class _Answer:
    """Readings of one waveform, filled in operation by operation."""

    def __init__(self, waveform: Waveform, device: BoardDevice) -> None:
        self._waveform, self._limit, self._cols = waveform, device.limits.i_max, device.cols
        self._segments = np.flatnonzero(waveform.measure)
        self._place = {int(t): k for k, t in enumerate(self._segments)}
        self._time = device.time + np.cumsum(waveform.duration)[self._segments]
        self._currents = np.zeros((len(self._segments), device.cols))
        self._energy = np.zeros(len(self._segments))
        self._tripped = np.zeros(len(self._segments), dtype=bool)
        self.worst: float | None = None

    def look(self, current: float) -> None:
        """Keep a current at or beyond the limit: it ends the waveform."""
        if abs(current) >= self._limit:
            self.worst = current

    def add(self, operation: BoardStep, row: int, col: int, current: float) -> None:
        """Take the current of a cell; it flows out of the array into its column."""
        at = self._place[operation.segment]
        self.look(current)
        self._currents[at, col] += current
        self._tripped[at] |= abs(current) >= self._limit
        self._energy[at] += abs(operation.v * current) * self._waveform.duration[operation.segment]

    def cut_short(self, operation: BoardStep, left: int) -> AbortedTrain:
        """Error that ends the waveform here; what was not measured any more is NaN."""
        missing = self._segments > operation.segment
        self._currents[missing] = self._energy[missing] = np.nan
        assert self.worst is not None
        return AbortedTrain(
            f"a read after segment {operation.segment} gave {abs(self.worst):g} A, i_max is {self._limit:g} A and "
            f"nothing limits the current: {left} more steps are left out",
            self.worst,
            ", ".join(f"row {r}, column {c}" for r, c in operation.cells),
            self.response(),
        )

    def response(self) -> Response:
        """Everything so far."""
        if not len(self._segments):
            self._currents = self._currents.reshape(0, self._cols)
        charge = self._currents * self._waveform.duration[self._segments][:, None]
        return Response(self._segments, self._time, self._currents, charge, self._energy, self._tripped)
