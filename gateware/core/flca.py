"""FLCA memristors under one segment of a waveform: every cell's state is multiplied, added to and clipped."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.geometry import Geometry

GAIN_BITS = 24
DECAY_BITS = 25

_READ = 3


class FlcaCell(wiring.Component):
    """One cell: eq 4 of Zivasatienraj & Doolittle (2023) in closed form over a segment, as in docs/emulator.md.

    Attributes
    ----------
    state, row_code, column_code, gain, decay : In
        Its state, the voltage codes of its lines and the coefficients of the segment.
    next : Out
        The state after the segment.
    latency : int
        Cycles.
    """

    latency = 7

    def __init__(self, state_bits: int) -> None:
        """Fix the width."""
        self._bits = state_bits
        super().__init__(
            {
                "state": In(state_bits),
                "row_code": In(signed(16)),
                "column_code": In(signed(16)),
                "gain": In(GAIN_BITS),
                "decay": In(DECAY_BITS),
                "next": Out(state_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline; the products have two registers, which DSP blocks take in."""
        m = Module()
        state = [Signal(self._bits, name=f"state_{k}") for k in range(5)]
        negative = Signal(3)
        code = Signal(signed(17))
        drift, drift_later = Signal(signed(17 + GAIN_BITS)), Signal(signed(17 + GAIN_BITS))
        loss, loss_later = Signal(self._bits + DECAY_BITS), Signal(self._bits + DECAY_BITS)
        change, steps = Signal(signed(44)), Signal(signed(28))
        total = Signal(signed(30))
        m.d.sync += [
            code.eq(self.row_code - self.column_code),
            state[0].eq(self.state),
            drift.eq(self.gain * code),
            loss.eq(self.decay * state[0]),
            negative.eq(Cat(code < 0, negative)),
            drift_later.eq(drift),
            loss_later.eq(loss),
            change.eq(drift_later - (loss_later >> 8)),
            # What holds a state where it is: at zero and positive voltage nothing is lost.
            steps.eq(Mux((change < 0) & ~negative[2], 0, (change + (1 << 15)) >> 16)),
            total.eq(state[4] + steps),
            self.next.eq(Mux(total < 0, 0, Mux(total >> self._bits != 0, (1 << self._bits) - 1, total))),
        ]
        for k in range(1, len(state)):
            m.d.sync += state[k].eq(state[k - 1])
        return m


class FlcaSweep(wiring.Component):
    """Sweep that applies one segment to every cell, one word a cycle.

    Attributes
    ----------
    start, gain, decay : In
        A strobe; the coefficients must stay until the sweep is done.
    busy : Out
        High for `words` + `latency` cycles after the strobe.
    address, row, group : Out
        Word, and its row and group; codes arrive 2, states 3 cycles later.
    states, row_code, column_codes : In
        The word's states and the voltage codes of its lines.
    write, write_address, written : Out
        One word; lanes without a column are left alone.
    latency : int
        Cycles from reading a word to writing it: a segment takes `words` more.
    """

    latency = _READ + FlcaCell.latency

    def __init__(self, geometry: Geometry) -> None:
        """Size the sweep."""
        self._geometry = g = geometry
        word = bits_for(g.words - 1)
        super().__init__(
            {
                "start": In(1),
                "gain": In(GAIN_BITS),
                "decay": In(DECAY_BITS),
                "busy": Out(1),
                "address": Out(word),
                "row": Out(bits_for(g.rows - 1)),
                "group": Out(bits_for(g.groups - 1)),
                "states": In(data.ArrayLayout(g.state_bits, g.lanes)),
                "row_code": In(signed(16)),
                "column_codes": In(data.ArrayLayout(signed(16), g.lanes)),
                "write": Out(g.lanes),
                "write_address": Out(word),
                "written": Out(data.ArrayLayout(g.state_bits, g.lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the sweep and its lanes."""
        m = Module()
        g = self._geometry
        sweeping, later = Signal(), Signal(self.latency)
        valid = Cat(sweeping, later)
        m.d.comb += self.busy.eq(valid.any())
        m.d.sync += later.eq(valid)
        with m.If(self.start):
            m.d.sync += [sweeping.eq(1), self.address.eq(0), self.row.eq(0), self.group.eq(0)]
            m.d.sync += self.write_address.eq(0)
        with m.Elif(sweeping):
            m.d.sync += [self.address.eq(self.address + 1), self.row.eq(self.row + 1)]
            with m.If(self.row == g.rows - 1):
                m.d.sync += [self.row.eq(0), self.group.eq(self.group + 1), sweeping.eq(self.group != g.groups - 1)]
        occupied = (1 << (g.cols - (g.groups - 1) * g.lanes)) - 1
        with m.If(valid[-1]):
            m.d.comb += self.write.eq(Mux(self.write_address >= (g.groups - 1) * g.rows, occupied, (1 << g.lanes) - 1))
            m.d.sync += self.write_address.eq(self.write_address + 1)
        row_code, column_codes = Signal.like(self.row_code), Signal.like(self.column_codes)
        m.d.sync += [row_code.eq(self.row_code), column_codes.eq(self.column_codes)]
        for n in range(g.lanes):
            m.submodules[f"cell_{n}"] = cell = FlcaCell(g.state_bits)
            m.d.comb += [
                cell.state.eq(self.states[n]),
                cell.row_code.eq(row_code),
                cell.column_code.eq(column_codes[n]),
                cell.gain.eq(self.gain),
                cell.decay.eq(self.decay),
                self.written[n].eq(cell.next),
            ]
        return m
