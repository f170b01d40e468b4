"""Waiting times of the encoder's pixels: a geometric number of ticks for every row that is asked for."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.core.xorshift import xorshift32
from gateware.geometry import CODE_BITS, TABLE_SIZE, Geometry
from gateware.logarithm import (
    FRACTION_BITS,
    INDEX_BITS,
    LEAST_SHIFT,
    LOGARITHM,
    MANTISSA_BITS,
    REST_BITS,
    SHIFT_BITS,
    SLOPE,
    SLOPE_BITS,
    STEPS,
    VALUE_BITS,
)

WAIT_BITS = 16
"""Width of a waiting time; longer ones are the longest."""

_LEADING_BITS = 5
_SURPRISE_BITS = _LEADING_BITS + FRACTION_BITS + 1
_PRODUCT_BITS = _SURPRISE_BITS + MANTISSA_BITS
_LOW_BITS = 18

_DRAWN = 1
_CODE = 4
_LOOKED_UP = _DRAWN + 2 + 2
_SURPRISE = _LOOKED_UP + 2
_PRODUCT = _SURPRISE + 2
_WAIT = _PRODUCT + 2


class Waiting(wiring.Component):
    """A pipeline from a row to the code of its pixel and a waiting time by it (`gateware.logarithm`).

    Attributes
    ----------
    flow : In
        High to move on; else everything stays as it is.
    valid, row : In
        A row that is asked for.
    pixel : In
        Of the row that was given 2 steps ago; the drive memory must follow `flow`, too.
    draw, random, random_next : Out, In
        The random generator moves on with every row.
    done, done_row, code, wait : Out
        The row `latency` steps later, its code, and the ticks that it waits less 1.
    empty : Out
        No row is under way.
    host_select, host_index, host_write, host_data, host_value
        The CODE table; a value is there 2 cycles after its index while `host_select` is high.
    latency : int
        Steps.
    """

    latency = _WAIT

    def __init__(self, geometry: Geometry) -> None:
        """Size the row."""
        row = bits_for(geometry.rows - 1)
        super().__init__(
            {
                "flow": In(1), "valid": In(1), "row": In(row), "pixel": In(8),
                "draw": Out(1), "random": In(32), "random_next": Out(32),
                "done": Out(1), "done_row": Out(row), "code": Out(CODE_BITS), "wait": Out(WAIT_BITS), "empty": Out(1),
                "host_select": In(1), "host_index": In(8), "host_write": In(1), "host_data": In(CODE_BITS),
                "host_value": Out(CODE_BITS),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline."""
        m = Module()
        rows = [Signal.like(self.row, name=f"row_{k}") for k in range(_WAIT)]
        valid = Signal(_WAIT)
        codes = self._codes(m)
        surprise = self._surprise(m)
        low, high, product = Signal(_LOW_BITS + MANTISSA_BITS), Signal(_SURPRISE_BITS), Signal(_PRODUCT_BITS)
        coarse, fine, code = Signal(_PRODUCT_BITS), Signal(SHIFT_BITS - 2), codes[_SURPRISE]
        wait = Signal(_PRODUCT_BITS)
        m.d.comb += [
            self.done.eq(valid[-1]), self.done_row.eq(rows[-1]), self.code.eq(codes[_WAIT]), self.empty.eq(valid == 0),
        ]  # fmt: skip
        with m.If(self.flow):
            m.d.sync += [valid.eq(Cat(self.valid, valid)), rows[0].eq(self.row)]
            m.d.sync += [rows[k].eq(rows[k - 1]) for k in range(1, _WAIT)]
            mantissa, shift = code[:MANTISSA_BITS], codes[_PRODUCT][MANTISSA_BITS:][:SHIFT_BITS]
            m.d.sync += [
                low.eq(surprise[:_LOW_BITS] * mantissa),
                high.eq(surprise[_LOW_BITS:] * mantissa),
                product.eq(low + (high << _LOW_BITS)),
                coarse.eq((product >> LEAST_SHIFT) >> (shift[-2:] << (SHIFT_BITS - 2))),
                fine.eq(shift[:-2]),
                self.wait.eq(Mux(wait >> WAIT_BITS, (1 << WAIT_BITS) - 1, wait)),
            ]
        m.d.comb += wait.eq(coarse >> fine)
        return m

    def _codes(self, m: Module) -> list[Signal]:
        """Codes of the pixels, by the step at which they are there."""
        m.submodules.codes = codes = Ram(CODE_BITS, TABLE_SIZE)
        m.d.comb += [
            codes.enable.eq(self.flow | self.host_select),
            codes.address.eq(Mux(self.host_select, self.host_index, self.pixel)),
            codes.write_address.eq(self.host_index),
            codes.write_value[0].eq(self.host_data),
            codes.write.eq(self.host_write),
            self.host_value.eq(codes.value[0]),
        ]
        later = [codes.value[0]] * (_CODE + 1)
        later += [Signal(CODE_BITS, name=f"code_{k}") for k in range(_CODE + 1, _WAIT + 1)]
        with m.If(self.flow):
            m.d.sync += [later[k].eq(later[k - 1]) for k in range(_CODE + 1, _WAIT + 1)]
        return later

    def _surprise(self, m: Module) -> Signal:
        """-log2 of a random number in 0..1, in 2^-24, at step `_SURPRISE`."""
        m.submodules.logarithm = table = Ram(
            VALUE_BITS + SLOPE_BITS, STEPS,
            init=[[value | slope << VALUE_BITS] for value, slope in zip(LOGARITHM, SLOPE, strict=True)],
            written=False,
        )  # fmt: skip
        drawn, shifted, normal = Signal(32), Signal(32), Signal(32)
        leading, leads = Signal(2), [Signal(_LEADING_BITS, name=f"leads_{k}") for k in range(4)]
        rests = [Signal(REST_BITS, name=f"rest_{k}") for k in range(2)]
        index = normal[31 - INDEX_BITS : 31]
        value, slope = table.value[0][:VALUE_BITS], table.value[0][VALUE_BITS:]
        lost, held, surprise = Signal(SLOPE_BITS + REST_BITS), Signal(VALUE_BITS), Signal(_SURPRISE_BITS)
        m.d.comb += [
            self.random_next.eq(xorshift32(self.random)),
            self.draw.eq(self.flow & self.valid),
            table.enable.eq(self.flow),
            table.address.eq(index),
        ]
        first, first_bits = _normalised(drawn, (16, 8))
        second, second_bits = _normalised(shifted, (4, 2, 1))
        with m.If(self.flow):
            m.d.sync += [
                drawn.eq(self.random_next),
                shifted.eq(first), leading.eq(first_bits),
                normal.eq(second), leads[0].eq(Cat(second_bits, leading)),
                rests[0].eq(normal[31 - INDEX_BITS - REST_BITS : 31 - INDEX_BITS]), rests[1].eq(rests[0]),
                lost.eq(slope * rests[1]), held.eq(value),
                surprise.eq((held - (lost >> REST_BITS))[:VALUE_BITS] + (leads[3] << FRACTION_BITS)),
            ]  # fmt: skip
            m.d.sync += [leads[k].eq(leads[k - 1]) for k in range(1, 4)]
        return surprise


def _normalised(value: Value, steps: tuple[int, ...]) -> tuple[Value, Value]:
    """Shift a value up by those steps that find only zeros in its way; the shifted value, and which steps they were."""
    found = []
    for step in steps:
        free = value[32 - step : 32] == 0
        value = Mux(free, (value << step)[:32], value)
        found.append(free)
    return value, Cat(*reversed(found))
