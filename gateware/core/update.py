"""Programming of one column: for every row, read the state, look up the step, add it, saturate and write back."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.row_times import RowTimes
from gateware.core.tables import UpdateTable
from gateware.core.xorshift import xorshift32
from gateware.geometry import Geometry

POTENTIATE, DEPRESS = 1, 255
"""Actions in DRIVE; any other rests."""

_READ = 4
_DECIDED = RowTimes.latency + 1
_STEP = _DECIDED + UpdateTable.latency
_WRITE = _STEP + 3


class Update(wiring.Component):
    """Sweep that gives every cell of a column one pulse, one row a cycle.

    Attributes
    ----------
    start, base, driven : In
        A strobe, the column's first word, and whether actions come from DRIVE instead of STDP. The last two must stay
        until the sweep is done.
    busy : Out
        High for `rows` + `latency` cycles after the strobe.
    row, address : Out
        Row of the sweep and word of its cell; drive arrives 2, state and `recent` 4 cycles later.
    before, drive, recent : In
        State of the cell, action of its row, and whether the row spiked within the STDP window.
    down, index : Out
        To the update table; `step` arrives `UpdateTable.latency` cycles later.
    write, write_address, state : Out
        What is written to the column.
    moved : Out
        High for every cell that is moved.
    stochastic, chances : In
        Whether states are rounded at random; and, below 65536, the odds of a pulse that comes from STDP.
    draw, random_next : Out
        New state of the random generator, from `random`.
    latency : int
        Cycles from reading a cell to writing it: a sweep takes `rows` more.
    """

    latency = _WRITE

    def __init__(self, geometry: Geometry) -> None:
        """Size the sweep."""
        self._geometry = geometry
        word, bits = bits_for(geometry.words - 1), geometry.state_bits
        super().__init__(
            {
                "start": In(1),
                "base": In(word),
                "driven": In(1),
                "busy": Out(1),
                "row": Out(bits_for(geometry.rows - 1)),
                "address": Out(word),
                "before": In(bits),
                "drive": In(8),
                "recent": In(1),
                "down": Out(1),
                "index": Out(8),
                "step": In(16),
                "write": Out(1),
                "write_address": Out(word),
                "state": Out(bits),
                "moved": Out(1),
                "stochastic": In(1),
                "chances": In(17),
                "random": In(32),
                "draw": Out(1),
                "random_next": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline."""
        m = Module()
        bits, fraction = self._geometry.state_bits, 16 - self._geometry.state_bits
        sweeping = Signal()
        under_way = Signal(_WRITE)
        # Bit k: there is a row that was read k cycles ago.
        valid = Cat(sweeping, under_way)
        m.d.comb += self.busy.eq(valid.any())
        m.d.sync += under_way.eq(valid)
        with m.If(self.start):
            m.d.sync += [sweeping.eq(1), self.row.eq(0), self.address.eq(self.base)]
        with m.Elif(sweeping):
            m.d.sync += [
                self.row.eq(self.row + 1),
                self.address.eq(self.address + 1),
                sweeping.eq(self.row != self._geometry.rows - 1),
            ]

        state = [Signal(bits, name=f"state_{k}") for k in range(_STEP + 2)]
        m.d.sync += state[_READ + 1].eq(self.before)
        for k in range(_READ + 2, _STEP + 2):
            m.d.sync += state[k].eq(state[k - 1])
        drive = Signal(8)
        up, down = Signal(_STEP - _DECIDED), Signal(_STEP - _DECIDED)
        m.d.sync += drive.eq(self.drive)
        driven_up, driven_down, rises, falls = Signal(), Signal(), Signal(), Signal()
        m.d.sync += [
            driven_up.eq(drive == POTENTIATE),
            driven_down.eq(drive == DEPRESS),
            rises.eq(Mux(self.driven, driven_up, self.recent)),
            falls.eq(Mux(self.driven, driven_down, ~self.recent)),
        ]
        m.d.comb += [
            self.down.eq(falls),
            self.index.eq(state[_DECIDED][bits - 8 :]),
        ]
        m.d.sync += [
            up.eq(Cat(rises, up)),
            down.eq(Cat(self.down, down)),
        ]

        rounding, lots, blank = Signal(max(fraction, 1)), Signal(), Signal()
        m.d.comb += [
            self.random_next.eq(xorshift32(self.random)),
            lots.eq(~self.chances[16] & ~self.driven),
            blank.eq(lots & (self.random_next[:16] >= self.chances[:16])),
            self.draw.eq(valid[_STEP] & (self.stochastic | lots)),
        ]
        if fraction:
            m.d.comb += rounding.eq(Mux(self.stochastic, self.random_next[32 - fraction :], 1 << (fraction - 1)))
        change, moved = Signal(signed(18)), Signal(2)
        total = Signal(signed(19))
        m.d.sync += [
            change.eq(Mux(down[-1], -self.step, self.step) + rounding),
            moved.eq(Cat((up[-1] | down[-1]) & ~blank, moved[0])),
            total.eq(Cat(Const(0, fraction), state[_STEP + 1]) + change),
            self.state.eq(Mux(total < 0, 0, Mux(total[16:] != 0, (1 << bits) - 1, total[fraction:16]))),
            self.moved.eq(moved[1] & valid[_WRITE - 1]),
        ]
        write_address = Signal.like(self.write_address)
        m.d.comb += [self.write.eq(self.moved), self.write_address.eq(write_address)]
        with m.If(self.start):
            m.d.sync += write_address.eq(self.base)
        with m.Elif(valid[_WRITE]):
            m.d.sync += write_address.eq(write_address + 1)
        return m
