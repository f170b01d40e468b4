"""Loadable tables: the memductance of a state, and the sizes of programming steps."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from gateware.core.ram import Ram, small_memory
from gateware.geometry import TABLE_SIZE, WEIGHT_BITS


class MemductanceTable(wiring.Component):
    """Weights of all lanes at once.

    Two lanes share a memory: a dual-port block RAM where there are any, else the tools make two of it.

    Attributes
    ----------
    indices : In
        Highest 8 bits of the state of each lane.
    weights : Out
        `latency` cycles later.
    host_select, host_index, host_write, host_data : In
        While `host_select` is high, the host's index is looked up instead, in lane 0.
    latency : int
        Cycles.
    """

    latency = 2

    def __init__(self, lanes: int, init: Sequence[int] = ()) -> None:
        """Fix the number of lanes, and what the table holds at power-up."""
        self._lanes, self._init = lanes, init
        super().__init__(
            {
                "indices": In(data.ArrayLayout(8, lanes)),
                "weights": Out(data.ArrayLayout(WEIGHT_BITS, lanes)),
                "host_select": In(1),
                "host_index": In(8),
                "host_write": In(1),
                "host_data": In(WEIGHT_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build one memory for every two lanes."""
        m = Module()
        for first in range(0, self._lanes, 2):
            table = memory.Memory(shape=WEIGHT_BITS, depth=TABLE_SIZE, init=self._init, attrs=small_memory(platform))
            m.submodules[f"table_{first}"] = table
            write, shared = table.write_port(), table.read_port()
            # One address for the write port and the first read port lets both be one port of a dual-port memory.
            address = Signal(8, name=f"address_{first}")
            m.d.comb += [
                address.eq(Mux(self.host_select, self.host_index, self.indices[first])),
                write.addr.eq(address),
                write.data.eq(self.host_data),
                write.en.eq(self.host_write),
                shared.addr.eq(address),
            ]
            m.d.sync += self.weights[first].eq(shared.data)
            if first + 1 < self._lanes:
                other = table.read_port()
                m.d.comb += other.addr.eq(self.indices[first + 1])
                m.d.sync += self.weights[first + 1].eq(other.data)
        return m


class UpdateTable(wiring.Component):
    """Sizes of potentiation and depression steps, in one memory.

    Attributes
    ----------
    down, index : In
        Which table, and the highest 8 bits of the state.
    step : Out
        `latency` cycles later.
    host_down, host_index, host_write, host_data : In
        Write port.
    latency : int
        Cycles.
    """

    latency = 2

    def __init__(self, init: Sequence[int] = ()) -> None:
        """Declare the ports; what the table holds at power-up is potentiation, then depression."""
        self._init = [[step] for step in init]
        super().__init__(
            {
                "down": In(1),
                "index": In(8),
                "step": Out(16),
                "host_down": In(1),
                "host_index": In(8),
                "host_write": In(1),
                "host_data": In(16),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the memory."""
        m = Module()
        m.submodules.table = table = Ram(16, 2 * TABLE_SIZE, init=self._init)
        m.d.comb += [
            table.address.eq(Cat(self.index, self.down)),
            self.step.eq(table.value[0]),
            table.write_address.eq(Cat(self.host_index, self.host_down)),
            table.write_value[0].eq(self.host_data),
            table.write.eq(self.host_write),
        ]
        return m
