"""A memristor on a probe, or a small crossbar behind a switch matrix, as a Device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel

from hil.device import Device, Response, Unsupported
from hil.errors import InputError
from hil.limits import LimitError, Limits
from hil.waveform import Waveform
from instruments.answer import Answer
from instruments.link.clock import Clock
from instruments.link.errors import ComplianceError
from instruments.plan import PairPlan, Plan
from instruments.safety.contact import check_contacts
from instruments.safety.excursions import excursions
from instruments.safety.rehearsal import Rehearsal
from instruments.safety.sensing import check_sense_leads
from instruments.smu.capability import no_readings
from instruments.smu.driver import Readings
from instruments.smu.session import Guard, Script, Smu
from instruments.wiring import Passage, Router, Wiring, passages

if TYPE_CHECKING:
    from instruments.virtual.bench import Bench

HOST_REST = 1.0
"""Rests at least this long are waited for with the output off, s: the instrument's list is too short for them."""


class SmuDevice(Device):
    """A memristor, or a small crossbar behind a switch matrix, driven and measured by one source-measure unit.

    One source drives one voltage at a time. A single cell sees it directly. In a crossbar, all lines at that voltage
    are on HI, all lines at 0 V on LO and floating lines open; relays move only while the output is off.

    Nothing is changed on the instrument before the first waveform or read.

    Attributes
    ----------
    bench : Bench or None
        The virtual bench that it is on, if any.
    lateness : float
        Longest time by which a rest that the host waited for was exceeded, s.
    parameters : BaseModel or None
        What it was opened with, for the records.
    before_train : callable or None
        Called right before the output goes on for a train of a waveform, not for a read.
    channels : int
        Voltages besides 0 V that reach a crossbar at once.
    """

    bench: Bench | None = None
    lateness, energy_note = 0.0, "at the terminals of the instrument, with cables and contacts"
    parameters: BaseModel | None = None
    before_train: Callable[[], None] | None = None
    _time, _trail, _prepared = 0.0, 0.0, False
    _wiring: Wiring | None = None
    channels: int = 1

    def __init__(
        self,
        name: str,
        smu: Smu,
        rows: int,
        cols: int,
        *,
        clock: Clock,
        guard: Callable[[], Guard] | None,
        router: Router | None = None,
        serial: bool = False,
        gaps: bool = False,
        read_voltage: float = 0.1,
        read_width: float | None = None,
        contact_floor: float | None = None,
        sense_check: bool = False,
        abort_on_compliance: bool = False,
        forget: Callable[[], None] | None = None,
    ) -> None:
        """Take over a session that has asked who is there.

        Parameters
        ----------
        name : str
            What the user called it.
        smu : Smu
            The channel.
        rows, cols : int
            Lines; more than one cell needs a `router`.
        clock : Clock
            Passes the rests between trains.
        guard : callable or None
            Starts the watchdog; None to go without one.
        router : Router, optional
            The switch matrix.
        serial, gaps : bool
            See `instruments.wiring.passages`.
        read_voltage, read_width : float
            Of a read, V and s; the shortest measured step of the model unless a width is given.
        contact_floor : float, optional
            Current below which a contact counts as open, A: `check_contact` is done before the first waveform.
        sense_check : bool
            Whether `instruments.safety.sensing.check_sense_leads` is done before the first waveform.
        abort_on_compliance : bool
            Whether a train is played excursion by excursion and ends with the first that reaches the compliance.
        forget : callable, optional
            Brings the cells back to the pristine state, where there is a way.
        """
        self.name, self.rows, self.cols, self.smu = name, rows, cols, smu
        self._clock, self._start_guard, self._router = clock, guard, router
        self._serial, self._gaps, self._forget = serial, gaps, forget
        self._contact_floor, self._sense_check, self._abort = contact_floor, sense_check, abort_on_compliance
        self._closers: list[Callable[[], None]] = []
        if rows * cols > 1 and router is None:
            raise InputError(f"{name}: {rows} x {cols} cells need a switch matrix: matrix=RESOURCE and map=FILE.toml")
        self.limits = _limits(smu, rows * cols, self.channels)
        if not 0 < read_voltage <= self.limits.v_max:
            raise LimitError(f"{name}: v_read = {read_voltage:g} V must be > 0 and <= v_max = {self.limits.v_max:g} V")
        self.read_voltage = read_voltage
        self.read_width = smu.driver.spec.width_measured if read_width is None else read_width

    @property
    def identity(self) -> str:
        """What the instrument answered to ``*IDN?``."""
        return self.smu.identity

    @property
    def time(self) -> float:
        """Device time in s, as waveforms and reads say; what an instrument adds between trains is not in it."""
        return self._time

    def read_rows(self, rows: ArrayLike, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of the cells of some rows, (len(rows), cols), in S.

        With one column, one row after the other is raised to `v` volts and all other lines are at 0 V.

        With more, the one current of a source is the sum over all cells between HI and LO. With the lines of a set on
        HI and all others on LO it is ``v cut(set)``, and no line is open. Of three such currents,
        ``cut(row) + cut(column) - cut(row and column) = 2 G(row, column)``: every cell is read without sneak paths, at
        the price of R + C + R C reads for R rows instead of R. Each is one read at v and one at -v: a cell sees as much
        of the one as of the other, and offsets of the instrument cancel.

        Raises
        ------
        ComplianceError
            If a current reached `Limits.i_max`: it is a bound, not the cell's.
        """
        self._require_open()
        chosen = [int(r) for r in self._rows(rows)]
        v = self.read_voltage if v is None else float(v)
        if v == 0 or not np.isfinite(v):
            raise InputError(f"read voltage {v} V: give a finite voltage other than 0")
        drive = np.zeros((1, self.rows))
        drive[0, chosen[:1]] = v
        self.limits.check(Waveform.samples(drive, np.zeros((1, self.cols)), dwell=self.read_width, measure=True))
        return self._found(np.array(chosen, np.int64), self._read_cells(chosen, list(range(self.cols)), v), v)

    def _read_cells(self, rows: list[int], cols: list[int], v: float) -> NDArray[np.float64]:
        """Conductances (len(rows), len(cols)), S, of the cells where some rows and columns cross; see `read_rows`."""
        if not rows or not cols:
            return np.zeros((len(rows), len(cols)))
        cells = [(r, c) for r in rows for c in cols]
        shape = len(rows), len(cols)
        if min(self.cells) == 1:
            # A single row is read from its columns, at -v: its cells see the same polarity.
            sign, first = (1, 0) if self.cols == 1 else (-1, self.rows)
            self._time += len(cells) * self.read_width
            read = [self._cut({first + max(cell)}, sign * v, cell) / (sign * v) for cell in cells]
            return np.array(read).reshape(shape)
        self._time += 2 * (len(cells) + len(rows) + len(cols)) * self.read_width
        alone = np.array([self._cut({r}, v) for r in rows])
        columns = np.array([self._cut({self.rows + c}, v) for c in cols])
        both = np.array([self._cut({r, self.rows + c}, v, (r, c)) for r, c in cells]).reshape(shape)
        return np.abs(alone[:, None] + columns[None, :] - both) / (2 * abs(v))

    def mvm(self, v: ArrayLike, *, reverse: bool = False) -> NDArray[np.float64]:
        """Currents out of the array for voltages of all lines across it, see `Device.mvm`.

        One source has one voltage: a crossbar is read cell by cell and the currents are added up, as virtual grounds
        at all sensed lines would do; only rows that are driven, or wanted, are read. A floating line (NaN) lies between
        grounds and adds nothing.

        Raises
        ------
        ComplianceError
            If a current reached `Limits.i_max`.
        """
        self._require_open()
        if reverse:
            return self._backwards(self._column_voltages(v))
        if self.cells == (1, 1):
            v = self._row_voltages(v)
            response = self.apply(Waveform.samples(v, np.zeros((len(v), 1)), dwell=self.read_width, measure=True))
            for k in np.flatnonzero(response.tripped):
                self._refuse_clipped(float(response.currents[k, 0]), float(v[k, 0]), "row 0, column 0")
            return response.currents
        v = np.nan_to_num(self._row_voltages(v))
        if not len(v):
            return np.zeros((0, self.cols))
        self.limits.check(
            Waveform.samples(np.diag(np.abs(v).max(axis=0)), np.zeros((self.rows, self.cols)), dwell=self.read_width)
        )
        used = np.flatnonzero(v.any(axis=0))
        return v[:, used] @ self.read_rows(used)

    def _backwards(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Row currents (B, rows) for column voltages `v` (B, cols); a single cell has its own current, turned round."""
        if self.cells == (1, 1):
            return -self.mvm(-v)
        v = np.nan_to_num(v)
        most = np.diag(np.abs(v).max(axis=0, initial=0.0))
        self.limits.check(Waveform.samples(np.zeros((self.cols, self.rows)), most, dwell=self.read_width))
        used = np.flatnonzero(v.any(axis=0))
        return v[:, used] @ self._read_cells(list(range(self.rows)), used.tolist(), self.read_voltage).T

    def reset(self) -> None:
        """Bring the cells back to the pristine state, where there is a way: on a virtual bench there is."""
        self._require_open()
        if self._forget is None:
            raise Unsupported(f"{self.name}: a real sample cannot be brought back to the state it came in")
        self._forget()
        self._time = 0.0

    def check_contact(self, floor: float) -> None:
        """Look at the contacts by reads alone, see `instruments.safety.contact.check_contacts`."""
        check_contacts(self, floor)

    def read_plan(self, channel: int = 0) -> Plan | PairPlan:
        """One read of a single cell at `read_voltage`, whatever is on its terminals; here `channel` is the only one."""
        return Plan([self.read_voltage], [self.read_width], [True])

    def also_close(self, closer: Callable[[], None]) -> None:
        """Call `closer` when the device has been closed; the last one first."""
        self._closers.append(closer)

    def explain(self, waveform: Waveform) -> list[str]:
        """Every message that would be sent for a waveform, in order; nothing is sent.

        Raises
        ------
        LimitError
            Just as `apply` would.
        """
        return self.rehearse().explain(waveform)

    def rehearse(self) -> Rehearsal:
        """Say for one waveform after another, and for the end, what would be sent."""
        return Rehearsal(self)

    def _play(self, waveform: Waveform) -> Response:
        found, answer = self._compile(waveform), Answer(waveform, self.cols, self._time, self.limits.i_max)
        starts = np.concatenate([[0.0], np.cumsum(waveform.duration)])
        for k, (passage, script) in enumerate(found):
            readings = self._pass(passage, script, self.before_train)
            answer.add(passage, readings, float(starts[passage.first]), self._conductances(passage))
            if self._abort and readings.tripped.any():
                raise answer.cut_short(passage, readings, len(found) - k - 1)
        self._time += waveform.total
        return answer.response()

    def _compile(self, waveform: Waveform) -> list[tuple[Passage, Script | None]]:
        """Cut, hold everything against every limit, translate; nothing is sent before all of it is legal."""
        if not len(waveform):
            return []
        found = self._passages(waveform)
        for before, after in pairwise(found):
            if self._router is not None and after.wiring not in (None, before.wiring) and not self._gaps:
                needed = self._router.relay_time
                if after.rest < needed:
                    raise LimitError(
                        f"segment {after.first}: the relays need {needed:g} s at 0 V before it, the waveform gives "
                        f"{after.rest:g} s; gaps=true takes the time"
                    )
        if self._abort:
            found = [piece for passage in found for piece in excursions(passage)]
        scripts = iter(self.smu.compile([p.plan for p in found if p.plan is not None]))
        return [(p, next(scripts) if p.plan is not None else None) for p in found]

    def _passages(self, waveform: Waveform) -> list[Passage]:
        """Trains that the source can play, and the rests between them."""
        spec = self.smu.driver.spec
        return passages(
            waveform, serial=self._serial, gaps=self._gaps, points=spec.points, time_step=spec.time_step,
            host_rest=HOST_REST,
        )  # fmt: skip

    def _conductances(self, passage: Passage) -> Callable[[Wiring], NDArray[np.float64]]:
        """What tells the columns' currents apart after a passage."""
        return self._column_conductances

    def _pass(self, passage: Passage, script: Script | None, announce: Callable[[], None] | None = None) -> Readings:
        """Wait, move relays, play what the passage was compiled to; None for a rest alone."""
        began = self._clock.now()
        self._prepare()
        if self._router is not None and passage.wiring is not None and passage.wiring != self._wiring:
            self._wiring = None
            self._router.route(passage.wiring)
            self._wiring = passage.wiring
        lead, trail = (0.0, 0.0) if script is None else script.margins
        if passage.rest:
            left = passage.rest - (self._clock.now() - began) - self._trail - lead
            self.lateness = max(self.lateness, -left)
            self._clock.wait(max(0.0, left))
        self._trail, self.smu.announce = trail, announce
        return no_readings() if script is None else self.smu.play(script, self._clock)

    def _prepare(self) -> None:
        """Set up, and look at the contacts, once; a sample that is refused is refused again."""
        if self._prepared:
            return
        self._prepared = True
        try:
            self.smu.prepare(self._start_guard)
            if self._sense_check:
                check_sense_leads(self)
            if self._contact_floor is not None:
                self.check_contact(self._contact_floor)
        except BaseException:
            self._prepared = False
            raise

    def _column_conductances(self, wiring: Wiring) -> NDArray[np.float64]:
        """Current out of the array into every column per volt on HI, (cols,), S, from reads; see `read`."""
        v, found = self.read_voltage, np.zeros(self.cols)
        on_high = {k for k in wiring.high if k < self.rows}
        on_low = {k for k in wiring.low if k < self.rows}
        known: dict[frozenset[int], float] = {}
        for c in range(self.cols):
            line = self.rows + c
            rows, sign = (on_low, -1) if line in wiring.high else (on_high, 1)
            if rows:
                whole = frozenset(rows)
                if whole not in known:
                    known[whole] = self._cut(set(rows), v)
                found[c] = sign * (known[whole] + self._cut({line}, v) - self._cut({*rows, line}, v)) / (2 * v)
        return found

    def _cut(self, high: set[int], v: float, cell: tuple[int, int] | None = None) -> float:
        """Current out of HI with some lines at `v` volts and all others at 0 V, A; in a crossbar, the mean of +-v."""
        lines = range(self.rows + self.cols)
        wiring = Wiring(tuple(sorted(high)), tuple(k for k in lines if k not in high))
        levels = [v, -v] if min(self.cells) > 1 else [v]
        plan = Plan(levels, [self.read_width] * len(levels), [True] * len(levels))
        (script,) = self.smu.compile([plan])
        readings = self._pass(Passage(None if self._router is None else wiring, 0.0, plan, (), 0), script)
        clipped = readings.tripped | ~(np.abs(readings.current) < self.limits.i_max)
        if clipped.any():
            place = _lines(wiring.high, self.rows) if cell is None else f"row {cell[0]}, column {cell[1]}"
            self._refuse_clipped(float(readings.current[clipped][0]), v, place)
        return float((readings.current * np.sign(levels)).mean() * np.sign(v))

    def _refuse_clipped(self, current: float, v: float, place: str) -> None:
        """Raise: a current at the compliance is a bound on the cells' current, not its value."""
        raise ComplianceError(
            f"{place}: {abs(current):g} A at {v:g} V is at the compliance, i_max = {self.limits.i_max:g} A, or beyond "
            "the measure range: no conductance can be read; raise i_max, or lower v_read",
            current,
            place,
        )

    def _release(self) -> None:
        with ExitStack() as stack:
            for closer in self._closers:
                stack.callback(closer)
            if self._router is not None:
                stack.callback(self._router.close)
            stack.callback(self.smu.close)


def _limits(smu: Smu, cells: int, channels: int) -> Limits:
    """What the sample allows and the model of the instrument resolves; so many voltages at a time reach a crossbar."""
    spec, most = smu.driver.spec, smu.safety.ceiling
    shortest = spec.edges_min if channels > 1 and spec.edges_min is not None else spec.width_min
    return Limits(
        v_min=-most, v_max=most, v_cell=most, i_max=smu.safety.i_max, width_min=shortest, width_max=spec.width_max,
        time_step=spec.time_step, v_step=0.0, channels=channels if cells > 1 else None,
    )  # fmt: skip


def _lines(high: tuple[int, ...], rows: int) -> str:
    """Name the lines on HI."""
    return ", ".join(f"row {k}" if k < rows else f"column {k - rows}" for k in high)
