"""The neurons' membranes, refractory times, adaptive thresholds and spike counts, updated group by group."""

from __future__ import annotations

from typing import Literal

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.neuron import THRESHOLD_BITS, Neuron
from gateware.core.ram import Ram, chosen_lane
from gateware.geometry import WEIGHT_BITS, Geometry

MEMORY_LATENCY: Literal[1] = 1


class Pass(enum.Enum, shape=2):  # type: ignore[call-arg]  # Amaranth's, which has no types
    """Kinds of pass over the neurons of all groups."""

    ADD = 0
    """Listening neurons add their weights."""
    LEAK = 1
    """Membranes leak for one tick."""
    BEGIN = 2
    """Membranes, refractory times and counts are cleared, thresholds decay."""
    CLEAR = 3
    """Membranes are cleared."""


class Membranes(wiring.Component):
    """Registers of all neurons, one neuron a column, with `lanes` of them in word `group`.

    Attributes
    ----------
    valid, group, kind : In
        One step of a pass: a group a cycle, each at most once in a pass.
    weights : In
        Of the group that was given one cycle ago.
    ready_valid, ready_group, ready, heights : Out
        Which neurons are at their thresholds, and what they are compared by, `latency` cycles after the step.
    now, free, exempt_group, exempt_lane, threshold, keep, theta_keep : In
        Present tick; whether no neuron is inhibited, and the one that never is.
    select_group, select_lane, theta, count : In, Out
        One neuron's registers, 3 cycles later while no pass is going on.
    fire, reset_own, until, theta_plus : In
        A strobe: the selected neuron fires. Takes `latency` cycles.
    theta_write, theta_value : In
        The host sets the selected neuron's theta.
    busy : Out
        A pass or a spike is under way.
    latency : int
        Cycles.
    """

    latency = MEMORY_LATENCY + Neuron.latency

    def __init__(self, geometry: Geometry) -> None:
        """Size the memories."""
        self._geometry = g = geometry
        group, lane = bits_for(g.groups - 1), bits_for(g.lanes - 1)
        super().__init__(
            {
                "valid": In(1), "group": In(group), "kind": In(Pass),
                "weights": In(data.ArrayLayout(WEIGHT_BITS, g.lanes)),
                "ready_valid": Out(1), "ready_group": Out(group), "ready": Out(g.lanes),
                "heights": Out(data.ArrayLayout(g.height_bits, g.lanes)),
                "now": In(g.t_bits), "free": In(1), "exempt_group": In(group), "exempt_lane": In(lane),
                "threshold": In(signed(THRESHOLD_BITS)), "keep": In(17), "theta_keep": In(17),
                "select_group": In(group), "select_lane": In(lane), "theta": Out(16), "count": Out(16),
                "fire": In(1), "reset_own": In(1), "until": In(g.t_bits + 1), "theta_plus": In(16),
                "theta_write": In(1), "theta_value": In(16),
                "busy": Out(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        """Build the memories, the lanes and the spike."""
        m = Module()
        g = self._geometry
        m.submodules.v = v = Ram(g.v_bits, g.groups, g.lanes, latency=MEMORY_LATENCY)
        m.submodules.until = until = Ram(g.t_bits + 1, g.groups, g.lanes, latency=MEMORY_LATENCY)
        # Logic cells are scarcer than block RAMs on an iCE40, but not by all four memories.
        m.submodules.theta = theta = Ram(16, g.groups, g.lanes, latency=MEMORY_LATENCY, registers=False)
        m.submodules.count = count = Ram(16, g.groups, g.lanes, latency=MEMORY_LATENCY, registers=False)
        for ram in (v, until, theta, count):
            m.d.comb += ram.address.eq(Mux(self.valid, self.group, self.select_group))

        valid, firing = Signal(self.latency), Signal(self.latency)
        group = [Signal.like(self.group, name=f"group_{k}") for k in range(self.latency)]
        kind = [Signal(Pass, name=f"kind_{k}") for k in range(self.latency)]
        m.d.sync += [valid.eq(Cat(self.valid, valid)), firing.eq(Cat(self.fire, firing))]
        for k in range(self.latency):
            m.d.sync += [group[k].eq(group[k - 1] if k else self.group), kind[k].eq(kind[k - 1] if k else self.kind)]

        # The lanes that pad the last group hold no neurons.
        present, occupied = Signal(g.lanes), (1 << (g.cols - (g.groups - 1) * g.lanes)) - 1
        m.d.sync += present.eq(Mux(group[-2] == g.groups - 1, occupied, (1 << g.lanes) - 1))
        m.d.comb += [
            self.ready_valid.eq(valid[-1] & (kind[-1] == Pass.ADD)),
            self.ready_group.eq(group[-1]),
            self.busy.eq(self.valid | self.fire | valid.any() | firing.any()),
        ]

        next_theta, next_count = self._select(m, theta, count)
        chosen = 1 << self.select_lane
        everywhere = valid[-1].replicate(g.lanes)
        begin = kind[-1] == Pass.BEGIN
        m.d.comb += [
            v.write.eq(everywhere),
            until.write.eq(everywhere & begin.replicate(g.lanes)),
            count.write.eq(until.write),
            theta.write.eq(until.write),
        ]
        for ram in (v, until, theta, count):
            m.d.comb += ram.write_address.eq(Mux(valid[-1], group[-1], self.select_group))
        for n in range(g.lanes):
            m.submodules[f"neuron_{n}"] = neuron = Neuron(g.v_bits, g.t_bits)
            exempt = (group[0] == self.exempt_group) & (self.exempt_lane == n)
            m.d.comb += [
                neuron.v.eq(v.value[n]),
                neuron.until.eq(until.value[n]),
                neuron.theta.eq(theta.value[n]),
                neuron.weight.eq(self.weights[n]),
                neuron.now.eq(self.now),
                neuron.allowed.eq(self.free | exempt),
                neuron.threshold.eq(self.threshold),
                neuron.decay_theta.eq(kind[0] == Pass.BEGIN),
                neuron.factor.eq(Mux(neuron.decay_theta, self.theta_keep, self.keep)),
                self.ready[n].eq(neuron.ready & present[n]),
                self.heights[n].eq(neuron.margin if g.tie == "margin" else neuron.potential),
                theta.write_value[n].eq(neuron.scaled),
            ]
            with m.Switch(kind[-1]):
                with m.Case(Pass.ADD):
                    m.d.comb += v.write_value[n].eq(neuron.potential)
                with m.Case(Pass.LEAK):
                    m.d.comb += v.write_value[n].eq(neuron.scaled)
            with m.If(firing[-1] | self.theta_write):
                m.d.comb += theta.write_value[n].eq(Mux(self.theta_write, self.theta_value, next_theta))
            with m.If(firing[-1]):
                m.d.comb += [
                    v.write_value[n].eq(0),
                    until.write_value[n].eq(self.until),
                    count.write_value[n].eq(next_count),
                ]
        with m.If(firing[-1]):
            m.d.comb += [
                v.write.eq(Mux(self.reset_own, chosen, 0)),
                until.write.eq(chosen),
                count.write.eq(chosen),
                theta.write.eq(chosen),
            ]
        with m.Elif(self.theta_write):
            m.d.comb += theta.write.eq(chosen)
        return m

    def _select(self, m: Module, theta: Ram, count: Ram) -> tuple[Signal, Signal]:
        """Read the selected neuron; its theta and count after a spike."""
        next_theta, next_count, more = Signal(16), Signal(16), Signal(17)
        m.d.comb += more.eq(self.theta + self.theta_plus)
        m.d.sync += [
            self.theta.eq(chosen_lane(m, theta.value, self.select_lane, "theta")),
            self.count.eq(chosen_lane(m, count.value, self.select_lane, "count")),
            next_theta.eq(Mux(more[-1], 0xFFFF, more)),
            next_count.eq(Mux(self.count.all(), self.count, self.count + 1)),
        ]
        return next_theta, next_count
