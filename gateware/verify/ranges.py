"""Formal proof of saturation: for all operands, results are those of docs/emulator.md without overflow, then clipped.

Operands are constant here, so that nothing depends on latencies; that those of different rows do not mix is seen by the
sessions of `gateware.verify.simulation`. Solvers do not multiply: products are by powers of two here,
and leaks are left to those sessions.
"""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from gateware.core.flca import DECAY_BITS, GAIN_BITS, FlcaCell
from gateware.core.neuron import THRESHOLD_BITS, Neuron
from gateware.core.update import DEPRESS, POTENTIATE, Update
from gateware.core.xorshift import xorshift32
from gateware.geometry import WEIGHT_BITS, Geometry
from gateware.verify.formal import Property
from gateware.verify.harness import constant, module

V_BITS, T_BITS = 12, 6
"""Widths of membranes and time stamps in the proof; the arithmetic is the same at every width."""

GAIN, DECAY = 1 << 15, 1 << 22
"""Coefficients of the segment: both products have a fraction, and both bounds can be passed."""


def clipped(value: Value, bits: int) -> Value:
    """Bring a signed value into 0 .. 2^bits - 1."""
    highest = (1 << bits) - 1
    return Mux(value < 0, 0, Mux(value > highest, highest, value[:bits]))


def after(m: Module, cycles: int) -> Signal:
    """A flag that rises after `cycles` cycles, when constant inputs have passed a pipeline of that length."""
    count, arrived = Signal(range(cycles + 1)), Signal()
    m.d.comb += arrived.eq(count == cycles)
    with m.If(~arrived):
        m.d.sync += count.eq(count + 1)
    return arrived


class UpdateRange(wiring.Component):
    """Harness of `Update`: sweeps over cells that are all alike."""

    def __init__(self, state_bits: int) -> None:
        """Fix the width of a state."""
        self._geometry = Geometry(2, 2, lanes=1, state_bits=state_bits, t_bits=T_BITS, v_bits=V_BITS)
        free = {"state": state_bits, "drive": 8, "recent": 1, "step": 16, "random": 32, "stochastic": 1, "driven": 1}
        free |= {"chances": 17}
        super().__init__({"start": In(1)} | {name: In(width) for name, width in free.items()})

    def elaborate(self, platform: object) -> Module:
        """Build the component and assert its results."""
        m = module()
        bits, fraction = self._geometry.state_bits, 16 - self._geometry.state_bits
        m.submodules.dut = dut = Update(self._geometry)
        state, drive, step, random = (constant(m, v) for v in (self.state, self.drive, self.step, self.random))
        recent, stochastic, driven = (constant(m, v) for v in (self.recent, self.stochastic, self.driven))
        chances = constant(m, self.chances)
        m.d.comb += [
            dut.start.eq(self.start & ~dut.busy),
            dut.before.eq(state),
            dut.drive.eq(drive),
            dut.recent.eq(recent),
            dut.step.eq(step),
            dut.random.eq(random),
            dut.stochastic.eq(stochastic),
            dut.driven.eq(driven),
            dut.chances.eq(chances),
        ]
        up, down, rounding = Signal(), Signal(), Signal(16)
        total = Signal(signed(20))
        m.d.comb += [
            up.eq(Mux(driven, drive == POTENTIATE, recent)),
            down.eq(Mux(driven, drive == DEPRESS, ~recent)),
            total.eq(Cat(Const(0, fraction), state) + Mux(up, step, -step) + rounding),
        ]
        if fraction:
            u = Mux(stochastic, xorshift32(random)[32 - fraction :], 1 << (fraction - 1))
            m.d.comb += rounding.eq(u)
        expected = Signal(bits)
        m.d.comb += expected.eq(clipped(total >> fraction, bits))
        with m.If(dut.write & after(m, dut.latency + 1)):
            m.d.comb += [
                Assert(up | down, "a cell that rests is written"),
                Assert(driven | (xorshift32(random)[:16] < chances), "a cell that has drawn a blank is written"),
                Assert(dut.state == expected, "a new state is not the clipped sum"),
                Assert(dut.index == state[bits - 8 :], "a step is not looked up at the state"),
                Assert(dut.down == down, "a step is looked up in the wrong table"),
            ]
            m.d.comb += [Cover(total < 0), Cover((total >> 16) > 0), Cover(dut.state != state)]
            m.d.comb += Cover(~driven & (chances < 1 << 15))
        return m


class NeuronRange(wiring.Component):
    """Harness of `Neuron` with constant inputs."""

    def __init__(self) -> None:
        """Make all its inputs free."""
        widths = {
            "v": V_BITS, "until": T_BITS + 1, "theta": 16, "weight": WEIGHT_BITS, "now": T_BITS, "allowed": 1,
            "threshold": signed(THRESHOLD_BITS),
        }  # fmt: skip
        self._names = tuple(widths)
        super().__init__({name: In(width) for name, width in widths.items()})

    def elaborate(self, platform: object) -> Module:
        """Build the component and assert its results."""
        m = module()
        m.submodules.dut = dut = Neuron(V_BITS, T_BITS)
        free = {name: constant(m, getattr(self, name)) for name in self._names}
        m.d.comb += [getattr(dut, name).eq(value) for name, value in free.items()]
        v, full = free["v"], (1 << V_BITS) - 1
        listens, total, potential = Signal(), Signal(V_BITS + 1), Signal(V_BITS)
        m.d.comb += [
            listens.eq(free["allowed"] & (free["now"] >= free["until"])),
            total.eq(v + free["weight"]),
            potential.eq(Mux(listens, Mux(total > full, full, total), v)),
        ]
        # From all thresholds no more can be taken than this.
        m.d.comb += Assume(free["threshold"] >= -0xFFFF)
        with m.If(after(m, dut.latency)):
            m.d.comb += [
                Assert(dut.potential == potential, "a membrane is not the saturated sum"),
                Assert(
                    dut.ready == (listens & (potential >= free["threshold"] + free["theta"])),
                    "a neuron is ready that is not at its threshold, or the other way round",
                ),
                Assert(
                    ~dut.ready | (dut.margin == potential - (free["threshold"] + free["theta"])),
                    "a ready neuron is not as far above its threshold as it says",
                ),
                Cover(total > full),
                Cover(dut.ready & (free["threshold"] + free["theta"] < 0)),
                Cover(dut.ready & (potential == free["threshold"] + free["theta"])),
                Cover(~listens),
            ]
        return m


class FlcaRange(wiring.Component):
    """Harness of `FlcaCell` with constant inputs."""

    def __init__(self, state_bits: int) -> None:
        """Fix the width of a state."""
        self._bits = state_bits
        widths = {"state": state_bits, "row_code": signed(16), "column_code": signed(16)}
        self._names = tuple(widths)
        super().__init__({name: In(width) for name, width in widths.items()})

    def elaborate(self, platform: object) -> Module:
        """Build the component and assert its results."""
        m = module()
        m.submodules.dut = dut = FlcaCell(self._bits)
        free = {name: constant(m, getattr(self, name)) for name in self._names}
        m.d.comb += [getattr(dut, name).eq(value) for name, value in free.items()]
        m.d.comb += [dut.gain.eq(GAIN), dut.decay.eq(DECAY)]
        state = free["state"]
        code, drift = Signal(signed(17)), Signal(signed(17 + GAIN_BITS))
        loss, change = Signal(self._bits + DECAY_BITS), Signal(signed(48))
        total, expected = Signal(signed(48)), Signal(self._bits)
        m.d.comb += [
            code.eq(free["row_code"] - free["column_code"]),
            drift.eq(GAIN * code),
            loss.eq(DECAY * state),
            change.eq(drift - (loss >> 8)),
            total.eq(state + Mux((change < 0) & (code >= 0), 0, (change + 32768) >> 16)),
            expected.eq(clipped(total, self._bits)),
        ]
        with m.If(after(m, dut.latency)):
            m.d.comb += [
                Assert(dut.next == expected, "a new state is not the clipped sum"),
                Cover(total < 0),
                Cover((total >> self._bits) > 0),
                Cover((change < 0) & (code >= 0)),
            ]
        return m


PROPERTIES = (
    Property("update: 8-bit states saturate", partial(UpdateRange, 8), "prove", 14, 26, quick=True),
    Property("update: 12-bit states saturate", partial(UpdateRange, 12), "prove", 14, 26),
    Property("update: 16-bit states saturate", partial(UpdateRange, 16), "prove", 14, 26),
    Property("neuron: membranes saturate, thresholds are met", NeuronRange, "prove", 8, 8, quick=True),
    Property("flca: 8-bit states saturate and are held", partial(FlcaRange, 8), "prove", 12, 12),
    Property("flca: 16-bit states saturate and are held", partial(FlcaRange, 16), "prove", 12, 12),
)
