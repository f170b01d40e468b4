"""Address generator of a pass over all groups of neurons."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.core.crossbar import Crossbar
from gateware.core.membranes import MEMORY_LATENCY, Pass
from gateware.geometry import Geometry

DELAY = Crossbar.latency - MEMORY_LATENCY
"""Cycles by which neurons are read later than their cells, so that weights meet them."""


class Walk(wiring.Component):
    """Steps through the groups: addresses of cells first and, where weights are added, those of neurons later.

    Attributes
    ----------
    start, kind, row : In
        A strobe and its arguments.
    alone, only_group, only_base : In
        Whether a pass that adds goes through one group alone: its number, and its word of row 0.
    busy : Out
        From the cycle after the strobe until the last group was given.
    address : Out
        Word of `row` in the present group.
    valid, group, pass_kind : Out
        For `Membranes`.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the addresses."""
        self._geometry = geometry
        group = bits_for(geometry.groups - 1)
        super().__init__(
            {
                "start": In(1),
                "kind": In(Pass),
                "row": In(bits_for(geometry.rows - 1)),
                "alone": In(1),
                "only_group": In(group),
                "only_base": In(bits_for(geometry.words - 1)),
                "busy": Out(1),
                "address": Out(bits_for(geometry.words - 1)),
                "valid": Out(1),
                "group": Out(group),
                "pass_kind": Out(Pass),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the counters and the delay."""
        m = Module()
        walking, valid = Signal(), Signal(DELAY)
        groups = [Signal.like(self.group, name=f"group_{k}") for k in range(DELAY + 1)]
        adds, one, only = Signal(), Signal(), Signal()
        m.d.comb += only.eq(self.alone & (self.kind == Pass.ADD))
        with m.If(self.start):
            m.d.sync += [
                walking.eq(1),
                one.eq(only),
                groups[0].eq(Mux(only, self.only_group, 0)),
                self.address.eq(self.row + Mux(only, self.only_base, 0)),
                self.pass_kind.eq(self.kind),
            ]
        with m.Elif(walking):
            m.d.sync += [
                walking.eq(~one & (groups[0] != self._geometry.groups - 1)),
                groups[0].eq(groups[0] + 1),
                self.address.eq(self.address + self._geometry.rows),
            ]
        m.d.sync += valid.eq(Cat(walking & adds, valid))
        for k in range(DELAY):
            m.d.sync += groups[k + 1].eq(groups[k])
        m.d.comb += [
            adds.eq(self.pass_kind == Pass.ADD),
            self.busy.eq(walking | valid.any()),
            self.valid.eq(Mux(adds, valid[-1], walking)),
            self.group.eq(Mux(adds, groups[-1], groups[0])),
        ]
        return m
