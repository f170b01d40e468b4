"""Ready neurons after an input spike: which they are, and which is the highest."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for, ceil_log2

from gateware.core.ram import Ram
from gateware.geometry import Geometry


def lowest(mask: Value) -> Value:
    """Place of the lowest bit that is set, by halves; any place if none is."""
    half = 1 << ceil_log2(len(mask)) >> 1
    if half == 0:
        return Const(0, 1)
    found, low, high = mask[:half].any(), mask[:half], mask[half:]
    return ~found if half == 1 else Cat(Mux(found, lowest(low), lowest(high))[: ceil_log2(half)], ~found)


class Winners(wiring.Component):
    """The ready neurons of all groups, kept until they fire.

    Attributes
    ----------
    clear : In
        A strobe before an input spike: nothing is ready.
    valid, group, ready, heights : In
        One group: which neurons are ready, and their membranes, or what these are above their thresholds.
    any : Out
        Whether any neuron is ready.
    best_group, best_lane : Out
        The ready neuron of the largest height, then the lowest column (with `geometry.tie` "membrane" or "margin").
    read_group, mask : In, Out
        Ready neurons of a group, 1 cycle later.
    busy : Out
        The outputs do not yet know all groups.
    latency : int
        Cycles from `valid` to the outputs.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the comparison."""
        self._geometry = geometry
        self.latency = 1 + ceil_log2(geometry.lanes) if geometry.tie != "rank" else 1
        group, lane = bits_for(geometry.groups - 1), bits_for(geometry.lanes - 1)
        super().__init__(
            {
                "clear": In(1),
                "valid": In(1),
                "group": In(group),
                "ready": In(geometry.lanes),
                "heights": In(data.ArrayLayout(geometry.height_bits, geometry.lanes)),
                "any": Out(1),
                "best_group": Out(group),
                "best_lane": Out(lane),
                "read_group": In(group),
                "mask": Out(geometry.lanes),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory and, where neurons are compared, the tree."""
        m = Module()
        m.submodules.masks = masks = Ram(self._geometry.lanes, self._geometry.groups, latency=1)
        m.d.comb += [
            masks.address.eq(self.read_group),
            self.mask.eq(masks.value[0]),
            masks.write_address.eq(self.group),
            masks.write_value[0].eq(self.ready),
            masks.write.eq(self.valid),
        ]
        with m.If(self.clear):
            m.d.sync += self.any.eq(0)
        with m.Elif(self.valid & self.ready.any()):
            m.d.sync += self.any.eq(1)
        if self._geometry.tie != "rank":
            self._compare(m)
        return m

    def _compare(self, m: Module) -> None:
        """One level of the tree a cycle; of two neurons the left one stays unless the right one is higher."""
        g = self._geometry
        entry = data.StructLayout({"ready": 1, "lane": bits_for(g.lanes - 1), "v": g.height_bits})
        level = []
        for n in range(g.lanes):
            leaf = Signal(entry, name=f"leaf_{n}")
            m.d.comb += [leaf.ready.eq(self.ready[n]), leaf.lane.eq(n), leaf.v.eq(self.heights[n])]
            level.append(leaf)
        depth = self.latency - 1
        valid = Signal(depth)
        group = self.group
        m.d.sync += valid.eq(Cat(self.valid, valid))
        for k in range(depth):
            above, group_later = [], Signal.like(self.group, name=f"group_{k}")
            for n in range(0, len(level), 2):
                node = Signal(entry, name=f"node_{k}_{n}")
                m.d.sync += node.eq(level[n])
                if n + 1 < len(level):
                    left, right = level[n], level[n + 1]
                    with m.If(right.ready & (~left.ready | (right.v > left.v))):
                        m.d.sync += node.eq(right)
                above.append(node)
            m.d.sync += group_later.eq(group)
            level, group = above, group_later
        (top,) = level
        arrived = Signal()
        best, found = Signal(g.height_bits), Signal()
        m.d.comb += [
            arrived.eq(valid[-1] if depth else self.valid),
            self.busy.eq(self.valid | valid.any()),
        ]
        with m.If(self.clear):
            m.d.sync += found.eq(0)
        with m.Elif(arrived & top.ready & (~found | (top.v > best))):
            m.d.sync += [found.eq(1), best.eq(top.v), self.best_group.eq(group), self.best_lane.eq(top.lane)]
