"""Command executor: checks every command from the link, has the core carry it out, and gives the reply."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gateware.core.arguments import Arguments
from gateware.core.divider import Divider
from gateware.core.ports import HOST_LATENCY
from gateware.core.registers import COUNTERS, FIRST_WRITABLE, MOVED_REGISTERS, WRITABLE, Registers
from gateware.core.sequencer import Operation, Sequencer
from gateware.core.spaces import memories, place_bits
from gateware.geometry import Geometry
from gateware.protocol import MAX_ARGUMENTS, REGISTERS, Command, Status

MAX_REGISTERS = 64
"""Most registers that one command reads."""

MAX_RATE = 1 << 24
"""Bound of the coefficients of SEGMENT."""

_BYTE = data.StructLayout({"data": 8, "last": 1})


class Executor(wiring.Component):
    """Carries out commands, one after another.

    A command is checked when all of it has come, before anything happens. Register `cycles` counts from then on, but
    not while a reply waits to be taken.

    Parameters
    ----------
    geometry : Geometry
        What is emulated.
    build : int
        Value of register `build`.

    Attributes
    ----------
    commands : In
        Command byte and arguments; `last` with the last of them.
    replies : Out
        Status byte and payload, one reply a command.
    link_errors : In
        Damaged frames so far, for the register of this name.
    """

    def __init__(self, geometry: Geometry, build: int = 0) -> None:
        """Fix geometry and build."""
        self._geometry, self._build = geometry, build
        self._memories = memories(geometry)
        super().__init__(
            {
                "commands": In(stream.Signature(_BYTE)),
                "replies": Out(stream.Signature(_BYTE)),
                "link_errors": In(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build decoder and parts."""
        m = Module()
        g = self._geometry
        m.submodules.sequencer = self._sequencer = Sequencer(g)
        m.submodules.registers = self._registers = Registers(g, self._build)
        m.submodules.arguments = self._arguments = Arguments()
        m.submodules.divider = self._divider = Divider(place_bits(g), g.lanes)
        self._command, self._status = Signal(8), Signal(Status, name="status")
        # What a loop over elements or registers has still to do, and where.
        self._left, self._index = Signal(range(MAX_ARGUMENTS + 1)), Signal(range(len(REGISTERS) + 1))
        self._word, self._lane = Signal.like(self._sequencer.host.word), Signal.like(self._sequencer.host.lane)
        self._size, self._select = Signal(2), Signal()
        self._connect(m)
        with m.FSM() as fsm:
            self._receive(m)
            self._decode(m)
            self._find(m)
            self._read(m)
            self._write(m)
            self._play(m)
            self._reply(m)
        stalled = self.replies.valid & ~self.replies.ready
        with m.If(~fsm.ongoing("RECEIVE") & ~stalled):
            m.d.sync += self._registers.cycles.eq(self._registers.cycles + 1)
        return m

    def _connect(self, m: Module) -> None:
        sequencer, registers = self._sequencer, self._registers
        m.d.comb += [registers.link_errors.eq(self.link_errors), registers.address.eq(self._index)]
        m.d.comb += [
            getattr(registers, counter.name).eq(getattr(sequencer, counter.name))
            for counter in COUNTERS
            if counter.name not in ("cycles", "link_errors")
        ]
        m.d.comb += [getattr(sequencer, register.name).eq(getattr(registers, register.name)) for register in WRITABLE]
        for name in MOVED_REGISTERS:
            for part in (f"{name}_step", f"{name}_next"):
                m.d.comb += getattr(registers, part).eq(getattr(sequencer, part))
        header = self._arguments.header
        # One cycle late, as are writes: a state of this machine and the choice of a memory would be one long path.
        m.d.sync += sequencer.host.select.eq(self._select)
        m.d.comb += [
            sequencer.host.space.eq(header[0]),
            sequencer.host.word.eq(self._word),
            sequencer.host.lane.eq(self._lane),
            sequencer.host.data.eq(self._arguments.elements.payload),
            sequencer.group.eq(self._divider.quotient),
            sequencer.lane.eq(self._divider.remainder),
            sequencer.length.eq(self._arguments.length),
            sequencer.image.payload.eq(self._arguments.elements.payload[:8]),
            sequencer.gain.eq(Cat(*header[0:3])),
            sequencer.decay.eq(Cat(*header[4:8])),
            self._arguments.byte.eq(self.commands.payload.data),
            self._arguments.size.eq(self._size),
            registers.data.eq(self._arguments.elements.payload),
        ]

    def _is(self, *commands: Command) -> Value:
        return Cat(self._command == command for command in commands).any()

    def _receive(self, m: Module) -> None:
        begun, offered = Signal(), self.commands
        with m.State("RECEIVE"):
            m.d.comb += offered.ready.eq(1)
            with m.If(offered.valid):
                m.d.sync += begun.eq(~offered.payload.last)
                with m.If(begun):
                    m.d.comb += self._arguments.put.eq(1)
                with m.Else():
                    m.d.comb += self._arguments.clear.eq(1)
                    m.d.sync += self._command.eq(offered.payload.data)
                with m.If(offered.payload.last):
                    m.next = "DECODE"

    def _decode(self, m: Module) -> None:
        """Check the arguments of every command but memory accesses, whose bounds take some cycles more."""
        g, header, length = self._geometry, self._arguments.header, self._arguments.length
        with m.State("DECODE"):
            m.d.sync += self._status.eq(Status.RANGE)
            m.next = "REPLY"
            with m.If(~self._arguments.overflow), m.Switch(self._command):
                with m.Case(Command.READ_REGISTERS):
                    first, count = header[0], header[1]
                    m.d.sync += [self._index.eq(first), self._left.eq(count), self._size.eq(3)]
                    fits = (count != 0) & (count <= MAX_REGISTERS) & (first + count <= len(REGISTERS))
                    with m.If((length == 2) & fits):
                        m.d.sync += self._status.eq(Status.OK)
                with m.Case(Command.WRITE_REGISTERS):
                    first, count = header[0], length[2:]
                    m.d.sync += [self._index.eq(first), self._left.eq(count), self._size.eq(3)]
                    fits = (first + count <= len(REGISTERS)) & ((first >= FIRST_WRITABLE) | (count == 0))
                    with m.If((length[:2] == 1) & fits):
                        m.d.comb += [self._arguments.read.eq(1), self._arguments.first.eq(1)]
                        m.next = "STORE"
                with m.Case(Command.READ_MEMORY, Command.WRITE_MEMORY):
                    m.next = "FIND"
                with m.Case(Command.BEGIN):
                    self._start(m, Operation.BEGIN, length == 0)
                with m.Case(Command.EVENTS):
                    m.d.sync += [self._left.eq(length >> 1), self._size.eq(1)]
                    with m.If(~length[0]):
                        m.d.comb += self._arguments.read.eq(1)
                        m.next = "PLAY"
                if g.encodes:
                    with m.Case(Command.PRESENT):
                        possible = self._registers.duration <= (1 << g.t_bits)
                        m.d.sync += self._size.eq(0)
                        m.d.comb += self._arguments.read.eq(1)
                        with m.If(possible & self._sequencer.full):
                            m.d.sync += self._status.eq(Status.FULL)
                        self._start(m, Operation.PRESENT, possible & ~self._sequencer.full)
                if g.cell == "step":
                    with m.Case(Command.PROGRAM):
                        column = Cat(*header[0:2])
                        m.d.comb += self._divider.dividend.eq(column)
                        with m.If((length == 2) & (column < g.cols)):
                            m.d.comb += self._divider.start.eq(1)
                            m.next = "AIM"
                else:
                    with m.Case(Command.SEGMENT):
                        gain, decay = Cat(*header[0:4]), Cat(*header[4:8])
                        possible = (gain < MAX_RATE) & (decay <= MAX_RATE)
                        self._start(m, Operation.SEGMENT, (length == 8) & possible)
                with m.Default():
                    m.d.sync += self._status.eq(Status.UNKNOWN)

    def _start(self, m: Module, operation: Value, allowed: Value) -> None:
        m.d.comb += self._sequencer.operation.eq(operation)
        with m.If(allowed):
            m.d.comb += self._sequencer.start.eq(1)
            m.next = "RUN"

    def _find(self, m: Module) -> None:
        """Whether a memory has the elements that are wanted, and in which word the first of them is."""
        header, length = self._arguments.header, self._arguments.length
        writes = self._is(Command.WRITE_MEMORY)
        limit = Signal(range(max(memory.size for memory in self._memories.values()) + 1))
        laned, writable, whole = Signal(), Signal(), Signal()
        first, count, end = Cat(*header[1:5]), Signal(16), Signal(33)
        elements = Signal.like(length)
        with m.State("FIND"):
            m.next = "REPLY"
            with m.Switch(header[0]):
                for space, memory in self._memories.items():
                    with m.Case(space):
                        m.d.sync += [
                            limit.eq(memory.size),
                            laned.eq(memory.laned),
                            writable.eq(memory.writable),
                            self._size.eq(memory.bytes - 1),
                        ]
                        m.next = "MEASURE"
        m.d.comb += elements.eq(length - 5)
        with m.State("MEASURE"):
            wanted, most = Cat(*header[5:7]), MAX_ARGUMENTS
            with m.If(writes):
                m.d.sync += whole.eq(writable & (length >= 5) & ((elements & self._size) == 0))
                with m.Switch(self._size):
                    for size in (1, 2, 4):
                        with m.Case(size - 1):
                            m.d.sync += count.eq(elements >> (size.bit_length() - 1))
            with m.Else():
                m.d.sync += count.eq(wanted)
                with m.Switch(self._size):
                    for size in (1, 2, 4):
                        with m.Case(size - 1):
                            m.d.sync += whole.eq((length == 7) & (wanted <= most // size))
            m.next = "ADD"
        with m.State("ADD"):
            m.d.sync += [end.eq(first + count), self._left.eq(count)]
            m.next = "COMPARE"
        with m.State("COMPARE"):
            m.d.sync += [self._word.eq(first), self._lane.eq(0)]
            m.next = "REPLY"
            with m.If(whole & (end <= limit)):
                m.d.sync += self._status.eq(Status.OK)
                m.d.comb += [
                    self._divider.start.eq(laned),
                    self._divider.dividend.eq(first),
                    self._arguments.read.eq(writes),
                    self._arguments.first.eq(5),
                ]
                with m.If(laned):
                    m.next = "DIVIDE"
                with m.Elif(writes):
                    m.next = "STORE"
        with m.State("DIVIDE"):
            m.d.sync += [self._word.eq(self._divider.quotient), self._lane.eq(self._divider.remainder)]
            with m.If(~self._divider.busy):
                m.next = "REPLY"
                with m.If(writes):
                    m.next = "STORE"

    def _count(self, m: Module) -> None:
        """One register or element less to do; the next register."""
        m.d.sync += [self._left.eq(self._left - 1), self._index.eq(self._index + 1)]

    def _next_place(self, m: Module) -> None:
        """Go on to the next element."""
        laned = Cat(self._arguments.header[0] == space for space, memory in self._memories.items() if memory.laned)
        with m.If(laned.any() & (self._lane != self._geometry.lanes - 1)):
            m.d.sync += self._lane.eq(self._lane + 1)
        with m.Else():
            m.d.sync += [self._lane.eq(0), self._word.eq(self._word + 1)]

    def _read(self, m: Module) -> None:
        host, replies = self._sequencer.host, self.replies
        wait, value, place = Signal(range(HOST_LATENCY + 1)), Signal(32), Signal(2)
        with m.State("FETCH"):
            m.d.comb += self._select.eq(1)
            m.d.sync += [wait.eq(wait + 1), place.eq(0)]
            m.d.sync += value.eq(Mux(self._is(Command.READ_MEMORY), host.value, self._registers.value))
            with m.If(wait == HOST_LATENCY):
                m.d.sync += wait.eq(0)
                m.next = "SEND"
        with m.State("SEND"):
            done = place == self._size
            m.d.comb += [
                replies.valid.eq(1),
                replies.payload.data.eq(value[:8]),
                replies.payload.last.eq(done & (self._left == 1)),
            ]
            with m.If(replies.ready):
                m.d.sync += [value.eq(value >> 8), place.eq(place + 1)]
                with m.If(done):
                    self._count(m)
                    self._next_place(m)
                    m.next = "FETCH"
                with m.If(replies.payload.last):
                    m.next = "RECEIVE"

    def _write(self, m: Module) -> None:
        host, elements = self._sequencer.host, self._arguments.elements
        memory = self._is(Command.WRITE_MEMORY)
        # An element is written one cycle after it was taken, and stands still until then.
        taken = Signal()
        m.d.sync += host.write.eq(taken)
        with m.State("STORE"):
            m.d.comb += self._select.eq(1)
            with m.If(host.write):
                self._next_place(m)
            m.d.sync += self._status.eq(Status.OK)
            with m.If(self._left == 0):
                m.next = "REPLY"
            with m.Elif(elements.valid):
                m.d.comb += [elements.ready.eq(1), taken.eq(memory), self._registers.write.eq(~memory)]
                self._count(m)

    def _play(self, m: Module) -> None:
        """Let the sequencer work: one operation, or one for each item of EVENTS."""
        g, sequencer, elements = self._geometry, self._sequencer, self._arguments.elements
        with m.State("AIM"), m.If(~self._divider.busy):
            self._start(m, Operation.PROGRAM, True)
        with m.State("RUN"):
            m.d.sync += self._status.eq(Status.OK)
            if g.encodes:
                image = sequencer.image
                m.d.comb += [image.valid.eq(elements.valid), elements.ready.eq(image.ready)]
                with m.If(self._is(Command.PRESENT) & (self._arguments.length != 0) & sequencer.bad):
                    m.d.sync += self._status.eq(Status.RANGE)
            with m.If(~sequencer.busy):
                m.next = "REPLY"
        item, later = elements.payload, Signal(17)
        advance = item[15]
        m.d.comb += [later.eq(sequencer.tick + item[:15]), sequencer.argument.eq(item[:15])]
        with m.State("PLAY"):
            m.d.comb += sequencer.operation.eq(Mux(advance, Operation.TICKS, Operation.EVENT))
            with m.If(self._left == 0):
                m.d.sync += self._status.eq(Status.OK)
                m.next = "REPLY"
            with m.Elif(elements.valid & ~sequencer.busy):
                with m.If(Mux(advance, (later >> g.t_bits) == 0, item[:15] < g.rows)):
                    m.d.comb += [elements.ready.eq(1), sequencer.start.eq(1)]
                    m.d.sync += self._left.eq(self._left - 1)
                with m.Else():
                    m.next = "REPLY"

    def _reply(self, m: Module) -> None:
        replies = self.replies
        reads = self._is(Command.READ_REGISTERS, Command.READ_MEMORY)
        with m.State("REPLY"):
            m.d.comb += [
                replies.valid.eq(~self._sequencer.busy),
                replies.payload.data.eq(self._status),
                replies.payload.last.eq(~reads | (self._status != Status.OK) | (self._left == 0)),
            ]
            with m.If(replies.valid & replies.ready):
                m.next = "FETCH"
                with m.If(replies.payload.last):
                    m.next = "RECEIVE"
