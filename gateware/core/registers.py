"""The register file, made from the table in `gateware.protocol`."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gateware.geometry import Geometry
from gateware.protocol import ADDRESS, ANNEALING, IDENTITY, REGISTERS, VERSION

MOVED_REGISTERS = ("random", "encoder_random", "lowered")
"""Writable registers that the core moves on itself."""


def constants(geometry: Geometry, build: int) -> dict[str, int]:
    """Registers that are fixed when the emulator is built."""
    g = geometry
    return {
        "identity": IDENTITY, "version": VERSION, "build": build, "rows": g.rows, "cols": g.cols, "lanes": g.lanes,
        "state_bits": g.state_bits, "cell": int(g.cell == "flca"), "v_bits": g.v_bits, "t_bits": g.t_bits,
        "log_depth": g.log_depth, "history_depth": g.history_depth if g.encodes else 0,
        "options": g.encoder | (g.tie == "membrane") << 1 | (g.loaded is not None) << 2 | (g.tie == "margin") << 3
        | g.annealing << 4,
        "clock": round(g.clock),
    }  # fmt: skip


COUNTERS = tuple(register for register in REGISTERS if not register.writable)[len(constants(Geometry(1, 1), 0)) :]
"""Read-only registers that change."""

WRITABLE = tuple(register for register in REGISTERS if register.writable)
FIRST_WRITABLE = ADDRESS[WRITABLE[0].name]


class Registers(wiring.Component):
    """All registers.

    Attributes
    ----------
    address, value : In, Out
        A register, 1 cycle later.
    write, data : In
        A strobe: set the writable register at `address`.
    <name> : In or Out
        One for every register of `COUNTERS` (In) and `WRITABLE` (Out).
    <name>_step, <name>_next : In
        A strobe and the new value, for `MOVED_REGISTERS`.
    """

    def __init__(self, geometry: Geometry, build: int) -> None:
        """Fix the constants."""
        self._constants = constants(geometry, build)
        resets = {register.name: register.reset for register in WRITABLE}
        resets |= geometry.loaded.registers() if geometry.loaded else {}
        if not geometry.annealing:
            self._constants |= {name: resets[name] for name in ANNEALING}
        ports = {
            "address": In(bits_for(len(REGISTERS) - 1)),
            "value": Out(32),
            "write": In(1),
            "data": In(32),
        }
        ports |= {register.name: In(register.bits) for register in COUNTERS}
        ports |= {register.name: Out(register.bits, init=resets[register.name]) for register in WRITABLE}
        for name in MOVED_REGISTERS:
            ports |= {f"{name}_step": In(1), f"{name}_next": In(32)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the registers and their selection."""
        m = Module()
        ports = {register.name: getattr(self, register.name) for register in WRITABLE}
        m.d.comb += [ports[name].eq(value) for name, value in self._constants.items() if name in ports]
        for name in MOVED_REGISTERS:
            if name not in self._constants:
                with m.If(getattr(self, f"{name}_step")):
                    m.d.sync += getattr(self, name).eq(getattr(self, f"{name}_next"))
        with m.Switch(self.address):
            for address, register in enumerate(REGISTERS):
                with m.Case(address):
                    constant = self._constants.get(register.name)
                    m.d.sync += self.value.eq(getattr(self, register.name) if constant is None else constant)
                    if register.writable and constant is None:
                        with m.If(self.write):
                            m.d.sync += getattr(self, register.name).eq(self.data)
        return m
