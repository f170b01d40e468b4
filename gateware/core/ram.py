"""A block RAM with one read and one write port, as the iCE40 has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2
from amaranth.vendor import LatticeICE40Platform

LOGIC_DEPTH = 16
"""Memories up to this deep are registers on an iCE40, which would spend whole block RAMs on them."""

SINGLE_PORT_DEVICE, SINGLE_PORT_BITS, SINGLE_PORT_ADDRESS = "iCE40UP5K", 16, 14
"""FPGA with single-port RAMs, their width and the width of their addresses."""

SMALL_DEPTH = 256
"""Memories up to this deep are made of lookup tables where a build spares block RAMs (`spare_block_rams`)."""

BANK_BITS = 16
"""Width of a bank: that of a block RAM, halves of which can be written alone. Wider words slow simulations down."""


LANES_A_STEP = 8
"""Lanes of which one is chosen in a cycle."""

_SPARING = "memhil_spares_block_rams"


def spare_block_rams(platform: object) -> None:
    """Have small memories made of lookup tables on this platform, for arrays that need all block RAMs (ECP5)."""
    setattr(platform, _SPARING, True)


def small_memory(platform: object, written: bool = True) -> dict[str, str]:
    """Attributes for yosys of a memory of at most `SMALL_DEPTH` words; LUT RAM holds none that is never written."""
    return {"ram_style": "distributed" if written else "logic"} if getattr(platform, _SPARING, False) else {}


class Ram(wiring.Component):
    """Words of `lanes` elements, each of which is written on its own.

    Parameters
    ----------
    width : int
        Bits of an element.
    depth : int
        Words.
    lanes : int
        Elements of a word.
    latency : {1, 2}
        Clock cycles from address to value. With 2 the output has a register of its own, without which a block RAM
        limits the clock.
    registers : bool
        Whether a shallow one is made of registers on an iCE40.
    single_port : bool
        Whether it is never read and written in the same cycle. It becomes a single-port RAM then, where the FPGA has
        some to spare (UP5K); what it holds before the first write is not 0 there, but unknown.
    init : sequence of sequences of int
        What the first words hold at power-up, all their lanes; all others hold 0.
    written : bool
        Whether it is ever written.

    Attributes
    ----------
    address, enable, value
        Read port; `enable` low holds what is under way. A word that is written while it is read reads as before.
    write_address, write_value, write
        Write port; one bit of `write` a lane.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        lanes: int = 1,
        latency: Literal[1, 2] = 2,
        registers: bool = True,
        single_port: bool = False,
        init: Sequence[Sequence[int]] = (),
        written: bool = True,
    ) -> None:
        """Fix the size."""
        self._init, self._written = init, written
        self._width, self._depth, self._lanes, self._single_port = width, depth, lanes, single_port
        self.latency, self._registers = latency, registers and depth <= LOGIC_DEPTH
        word, address = data.ArrayLayout(width, lanes), ceil_log2(max(2, depth))
        super().__init__(
            {
                "address": In(address),
                "enable": In(1, init=1),
                "value": Out(word),
                "write_address": In(address),
                "write_value": In(word),
                "write": In(lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the banks."""
        m = Module()
        per_bank = max(1, BANK_BITS // self._width)
        for first in range(0, self._lanes, per_bank):
            lanes = range(first, min(first + per_bank, self._lanes))
            if self._depth == 1:
                read = self._register(m, lanes)
            elif self._single_port and getattr(platform, "device", None) == SINGLE_PORT_DEVICE:
                read = self._single_port_ram(m, lanes)
            else:
                read = self._bank(m, lanes, platform)
            for k, n in enumerate(lanes):
                if self.latency == 1:
                    m.d.comb += self.value[n].eq(read[k])
                else:
                    with m.If(self.enable):
                        m.d.sync += self.value[n].eq(read[k])
        return m

    def _register(self, m: Module, lanes: range) -> Value:
        """Lanes of the only word."""
        layout = data.ArrayLayout(self._width, len(lanes))
        held = [self._init[0][n] for n in lanes] if self._init else None
        word, read = Signal(layout, name=f"word_{lanes[0]}", init=held), Signal(layout, name=f"read_{lanes[0]}")
        for k, n in enumerate(lanes):
            with m.If(self.write[n]):
                m.d.sync += word[k].eq(self.write_value[n])
        with m.If(self.enable):
            m.d.sync += read.eq(word)
        return read

    def _single_port_ram(self, m: Module, lanes: range) -> Value:
        """Some lanes of all words in a RAM of 16 k x 16 bits (Lattice TN1279); all lanes are written together."""
        written, read = Signal(SINGLE_PORT_BITS), Signal(SINGLE_PORT_BITS)
        address, write = Signal(SINGLE_PORT_ADDRESS), Signal()
        m.d.comb += [
            write.eq(self.write[lanes[0] : lanes[-1] + 1].any()),
            address.eq(Mux(write, self.write_address, self.address)),
            written.eq(Cat(self.write_value[n] for n in lanes)),
        ]
        m.submodules[f"spram_{lanes[0]}"] = Instance(
            "SB_SPRAM256KA",
            i_CLOCK=ClockSignal(), i_ADDRESS=address, i_DATAIN=written, i_MASKWREN=Const(0b1111, 4), i_WREN=write,
            i_CHIPSELECT=self.enable | write, i_STANDBY=Const(0, 1), i_SLEEP=Const(0, 1), i_POWEROFF=Const(1, 1),
            o_DATAOUT=read,
        )  # fmt: skip
        layout = data.ArrayLayout(self._width, len(lanes))
        return data.View(layout, read[: layout.size])

    def _bank(self, m: Module, lanes: range, platform: object) -> Value:
        """Some lanes of all words in a memory."""
        logic = self._registers and isinstance(platform, LatticeICE40Platform)
        small = small_memory(platform, self._written) if self._depth <= SMALL_DEPTH else {}
        bank = memory.Memory(
            shape=data.ArrayLayout(self._width, len(lanes)), depth=self._depth,
            init=[[word[n] for n in lanes] for word in self._init],
            attrs={"ram_style": "logic"} if logic else small,
        )  # fmt: skip
        m.submodules[f"bank_{lanes[0]}"] = bank
        read = bank.read_port()
        m.d.comb += [read.addr.eq(self.address), read.en.eq(self.enable)]
        if self._written:
            write = bank.write_port(granularity=1)
            m.d.comb += [write.addr.eq(self.write_address), write.en.eq(self.write[lanes[0] : lanes[-1] + 1])]
            m.d.comb += [write.data[k].eq(self.write_value[n]) for k, n in enumerate(lanes)]
        return read.data


def chosen_lane(m: Module, word: data.View, lane: Signal, name: str) -> Value:
    """Element of one lane a cycle later: one of `LANES_A_STEP` first, then one of what is left. The lane must stay."""
    count, bits = len(word), len(word[0])
    kept = []
    for first in range(0, count, LANES_A_STEP):
        few = [word[n] for n in range(first, min(first + LANES_A_STEP, count))]
        kept.append(some := Signal(bits, name=f"{name}_lane_{first}"))
        m.d.sync += some.eq(Array(few)[lane[:3]] if len(few) > 1 else few[0])
    return Array(kept)[lane[3:]] if len(kept) > 1 else kept[0]
