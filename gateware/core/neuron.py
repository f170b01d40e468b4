"""The arithmetic of one lane of neurons."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gateware.geometry import WEIGHT_BITS

THRESHOLD_BITS = 26
"""Width of a threshold: register `threshold`, less what has been taken from all of them, which may go below 0."""


class Neuron(wiring.Component):
    """What an input spike, a tick and a new presentation do to the registers of one neuron.

    Attributes
    ----------
    v, until, theta, weight : In
        The neuron's registers and the weight of its cell.
    now, allowed, threshold : In
        Present tick, whether inhibition lets the neuron listen, and the part of all thresholds that is the same.
    potential, ready, margin : Out
        Membrane with the weight, if the neuron listens; whether it listens and is at its threshold; and, of a ready
        neuron, how far it is above.
    decay_theta, factor : In
        Whether theta or the membrane is scaled, and by what, / 65536.
    scaled : Out
        The one or the other, rounded.
    latency : int
        Cycles to all outputs.
    """

    latency = 3

    def __init__(self, v_bits: int, t_bits: int) -> None:
        """Fix the widths."""
        self._v_bits = v_bits
        self.margin_bits = max(v_bits, 16) + 1
        super().__init__(
            {
                "v": In(v_bits),
                "until": In(t_bits + 1),
                "theta": In(16),
                "weight": In(WEIGHT_BITS),
                "now": In(t_bits),
                "allowed": In(1),
                "threshold": In(signed(THRESHOLD_BITS)),
                "potential": Out(v_bits),
                "margin": Out(self.margin_bits),
                "ready": Out(1),
                "decay_theta": In(1),
                "factor": In(17),
                "scaled": Out(max(v_bits, 16)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the two pipelines."""
        m = Module()
        full = (1 << self._v_bits) - 1
        listens, listened = Signal(), Signal()
        total, before, after = Signal(self._v_bits + 1), Signal(self._v_bits), Signal(self._v_bits)
        limit, limit_later = Signal(signed(THRESHOLD_BITS + 1)), Signal(signed(THRESHOLD_BITS + 1))
        m.d.sync += [
            listens.eq(self.allowed & (self.now >= self.until)),
            total.eq(self.v + self.weight),
            before.eq(self.v),
            limit.eq(self.threshold + self.theta),
            after.eq(Mux(listens, Mux(total[-1], full, total), before)),
            listened.eq(listens),
            limit_later.eq(limit),
            self.potential.eq(after),
            self.ready.eq(listened & (after >= limit_later)),
            self.margin.eq(after - limit_later),
        ]
        # A factor of 65536 and more is a sum, so that the product is one of 16 bits, as DSP blocks have them.
        operand, whole = Signal(len(self.scaled)), Signal(len(self.scaled))
        factor, adds = Signal(16), Signal()
        product = Signal(len(operand) + 16)
        half = product[15]
        m.d.sync += [
            operand.eq(Mux(self.decay_theta, self.theta, self.v)),
            factor.eq(self.factor[:16]),
            adds.eq(self.factor[16]),
            product.eq(operand * factor),
            whole.eq(Mux(adds, operand, 0)),
            # One carry chain: half of the last place and half of it make the carry that rounds.
            self.scaled.eq((Cat(half, whole) + Cat(half, product[16:])) >> 1),
        ]
        return m
