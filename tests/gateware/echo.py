"""A stand-in for the emulator: returns every byte after a while."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Echo(wiring.Component):
    """Bytes in, the same bytes out `DELAY` cycles later, one at a time; `build` is taken and not looked at."""

    DELAY = 1000
    rx: In(stream.Signature(8))
    tx: Out(stream.Signature(8))

    def __init__(self, geometry, build=0):
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.DELAY + 1))
        full = Signal()
        m.d.comb += [self.rx.ready.eq(~full), self.tx.valid.eq(full & (timer == 0))]
        with m.If(self.rx.valid & self.rx.ready):
            m.d.sync += [full.eq(1), timer.eq(self.DELAY), self.tx.payload.eq(self.rx.payload)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(self.tx.valid & self.tx.ready):
            m.d.sync += full.eq(0)
        return m
