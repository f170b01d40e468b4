"""Encoder of images: turns the pixels of all rows into spikes by one scan in every tick."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.ram import Ram
from gateware.core.xorshift import xorshift32
from gateware.geometry import CODE_BITS, TABLE_SIZE, Geometry

_PIXEL = 2
_CODE = _PIXEL + 2
_HIT = _CODE + 2


class Encoder(wiring.Component):
    """Looks up the code of every row's pixel, one row a cycle, and stops at every spike until it has been played.

    Attributes
    ----------
    start, tick : In
        A strobe begins the scan of a tick.
    busy : Out
        High for `rows` + `latency` cycles after it, and as long as spikes wait.
    spikes : Out
        Rows that spike.
    row, enable, pixel : Out, In
        To the drive memory, whose pixel arrives 2 cycles later; `enable` low holds it.
    latency_code, random, draw, random_next
        `Flag.LATENCY`, and the random generator.
    host_index, host_write, host_data, host_value
        The CODE table, while not busy; a value is there 2 cycles after its index.
    latency : int
        Cycles from reading a row to its spike.
    """

    latency = _HIT

    def __init__(self, geometry: Geometry) -> None:
        """Size the scan."""
        self._rows = geometry.rows
        row = bits_for(geometry.rows - 1)
        super().__init__(
            {
                "start": In(1),
                "tick": In(geometry.t_bits),
                "busy": Out(1),
                "spikes": Out(stream.Signature(row)),
                "row": Out(row),
                "enable": Out(1),
                "pixel": In(8),
                "latency_code": In(1),
                "random": In(32),
                "draw": Out(1),
                "random_next": Out(32),
                "host_index": In(8),
                "host_write": In(1),
                "host_data": In(CODE_BITS),
                "host_value": Out(CODE_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the pipeline; all of it waits with the spike at its end."""
        m = Module()
        m.submodules.codes = codes = Ram(CODE_BITS, TABLE_SIZE)
        scanning, later = Signal(), Signal(_HIT)
        # Bit k: there is a row that was read k steps ago.
        valid = Cat(scanning, later)
        hit, flowing = Signal(), Signal()
        m.d.comb += [
            self.busy.eq(valid.any()),
            self.spikes.valid.eq(hit),
            flowing.eq(~hit | self.spikes.ready),
            self.enable.eq(flowing),
            codes.enable.eq(flowing),
            codes.address.eq(Mux(self.busy, self.pixel, self.host_index)),
            codes.write_address.eq(self.host_index),
            codes.write_value[0].eq(self.host_data),
            codes.write.eq(self.host_write),
            self.host_value.eq(codes.value[0]),
            self.random_next.eq(xorshift32(self.random)),
            self.draw.eq(flowing & valid[_CODE] & ~self.latency_code),
        ]
        code, threshold = Signal(CODE_BITS), Signal(CODE_BITS)
        row_played = Signal.like(self.row)
        with m.If(self.start):
            m.d.sync += [scanning.eq(1), self.row.eq(0), row_played.eq(0)]
        with m.Elif(flowing):
            m.d.sync += [
                later.eq(valid),
                code.eq(codes.value[0]),
                threshold.eq(Mux(self.latency_code, self.tick, self.random_next[32 - CODE_BITS :])),
                hit.eq(valid[_HIT - 1] & Mux(self.latency_code, code == threshold, code > threshold)),
            ]
            with m.If(scanning):
                m.d.sync += [self.row.eq(self.row + 1), scanning.eq(self.row != self._rows - 1)]
            with m.If(valid[_HIT]):
                m.d.sync += row_played.eq(row_played + 1)
        m.d.comb += self.spikes.payload.eq(row_played)
        return m
