"""The golden core: carries out commands in plain Python, bit for bit as docs/emulator.md says.

It knows nothing of frames; `gateware.golden.link` is in front of it. The hot parts are in `gateware.golden.machine`.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateware.geometry import CODE_BITS, TABLE_SIZE, Geometry
from gateware.golden.image import decode
from gateware.golden.machine import NAMES, NEVER, Machine, begin, play, present, program, reweigh, segment
from gateware.logarithm import LOGARITHM, SLOPE
from gateware.protocol import ANNEALING, IDENTITY, MAX_ARGUMENTS, REGISTERS, VERSION, Command, Space, Status

MAX_REGISTERS = 64
"""Most registers that one command reads."""

MAX_RATE = 1 << 24
"""Bound of the coefficients of SEGMENT."""


class _Refused(Exception):
    """A command that has no effect, by its status."""


class GoldenCore:
    """An emulator without its link: commands in, replies out.

    Attributes
    ----------
    geometry : Geometry
        What is emulated.
    machine : Machine
        Its state; the arrays may be looked at and written to.
    """

    def __init__(self, geometry: Geometry, build: int = 0) -> None:
        """Switch the emulator on: registers at their reset values, memories at 0 or as they were built."""
        g = self.geometry = geometry
        self._place = np.array([NAMES.index(register.name) for register in REGISTERS])
        registers = np.zeros(len(NAMES), np.int64)
        loaded = g.loaded
        registers[self._place] = [register.reset for register in REGISTERS]
        for name, value in {
            "identity": IDENTITY, "version": VERSION, "build": build, "rows": g.rows, "cols": g.cols, "lanes": g.lanes,
            "state_bits": g.state_bits, "cell": int(g.cell == "flca"), "v_bits": g.v_bits, "t_bits": g.t_bits,
            "log_depth": g.log_depth, "history_depth": g.history_depth * g.encodes, "clock": round(g.clock),
            "options": g.encoder + 2 * (g.tie == "membrane") + 4 * (loaded is not None)
            + 8 * (g.tie == "margin") + 16 * g.annealing,
            **(loaded.registers() if loaded else {}),
        }.items():  # fmt: skip
            registers[NAMES.index(name)] = value
        tables = {
            name: np.zeros(TABLE_SIZE, np.int64) for name in ("memductance", "potentiation", "depression", "code")
        }
        self.machine = Machine(
            registers=registers, states=np.zeros((g.words, g.lanes), np.uint16), **tables,
            theta=np.zeros(g.cols, np.int32), membrane=np.zeros(g.cols, np.int32), until=np.zeros(g.cols, np.int32),
            counts=np.zeros(g.cols, np.int64), drive=np.zeros(g.rows, np.int64), columns=np.zeros(g.cols, np.int64),
            log=np.zeros((g.log_depth, 2), np.int64), last=np.full(g.rows, NEVER), blocked=np.array([0, -1, 0, 0]),
            ready=np.zeros(g.cols, np.bool_), weights=np.zeros((g.rows, g.cols), np.uint8),
            head=np.zeros(g.slots, np.int64), following=np.zeros(g.rows, np.int64), blank=np.zeros(g.rows, np.bool_),
            logarithm=np.array([LOGARITHM, SLOPE]), history=np.zeros(g.history_depth, np.int64),
        )  # fmt: skip
        if loaded:
            columns = (np.arange(g.groups * g.lanes) < g.cols).reshape(g.groups, 1, g.lanes)
            self.states.reshape(g.groups, g.rows, g.lanes)[...] = columns * loaded.pristine
            for name in ("memductance", "potentiation", "depression"):
                getattr(self.machine, name)[...] = getattr(loaded, name)
        self._spaces, self._weighed = self._memories(), False
        self._compile()

    def _compile(self) -> None:
        """Have the kernels compiled before the first command, whose answer has a deadline, and leave no trace."""
        m = self.machine
        arrays: list[NDArray[Any]] = [*m]
        kept = [array.copy() for array in arrays]
        begin(m)
        for command, arguments in (
            (Command.EVENTS, bytes(2)), (Command.PROGRAM, bytes(2)), (Command.SEGMENT, bytes(8)),
            (Command.PRESENT, b"\4"),
        ):  # fmt: skip
            self.execute(bytes([command]) + arguments)
        for array, values in zip(arrays, kept, strict=True):
            array[...] = values

    @property
    def states(self) -> NDArray[np.uint16]:
        """(words, lanes) states; word ``group * rows + row``."""
        self._weighed = False
        return self.machine.states

    def register(self, name: str) -> int:
        """Value of a register."""
        return int(self.machine.registers[NAMES.index(name)])

    def set_register(self, name: str, value: int) -> None:
        """Set a register, read-only or not: how the link keeps its own counters here."""
        self.machine.registers[NAMES.index(name)] = value

    def execute(self, command: bytes) -> bytes:
        """Carry out a command (its number and arguments); status and payload."""
        try:
            if len(command) > 1 + MAX_ARGUMENTS:
                raise _Refused(Status.RANGE)
            return bytes([Status.OK]) + self._carry_out(command[0], command[1:])
        except _Refused as refusal:
            return bytes([refusal.args[0]])

    def _memories(self) -> dict[int, tuple[NDArray[Any], str, int]]:
        """Every memory of this build: its elements, their type on the link, and which bits are kept (0: read only)."""
        m, g = self.machine, self.geometry
        width = "u1" if g.state_bytes == 1 else "<u2"
        spaces: dict[int, tuple[NDArray[Any], str, int]] = {
            Space.STATE: (m.states.reshape(-1), width, (1 << g.state_bits) - 1),
            Space.MEMDUCTANCE: (m.memductance, "u1", 0xFF),
            Space.THETA: (m.theta, "<u2", 0xFFFF),
            Space.COUNTS: (m.counts, "<u2", 0),
            Space.LOG: (m.log, "<u4", 0),
        }
        if g.cell == "flca":
            return spaces | {Space.DRIVE: (m.drive, "<i2", -1), Space.COLUMNS: (m.columns, "<i2", -1)}
        spaces |= {
            Space.POTENTIATION: (m.potentiation, "<u2", 0xFFFF),
            Space.DEPRESSION: (m.depression, "<u2", 0xFFFF),
            Space.DRIVE: (m.drive, "u1", 0xFF),
        }
        if g.loaded:
            spaces[Space.PRESET] = np.frombuffer(g.loaded.record(), np.uint8), "u1", 0
        if g.encoder:
            spaces |= {Space.CODE: (m.code, "<u4", (1 << CODE_BITS) - 1), Space.HISTORY: (m.history, "<u2", 0)}
        return spaces

    def _carry_out(self, number: int, arguments: bytes) -> bytes:
        m, step = self.machine, self.geometry.cell == "step"
        if number == Command.READ_REGISTERS:
            return self._read_registers(*_unpack("<BB", arguments))
        if number == Command.READ_MEMORY:
            return self._read_memory(*_unpack("<BIH", arguments))
        if number == Command.WRITE_REGISTERS:
            self._write_registers(arguments)
        elif number == Command.WRITE_MEMORY:
            self._write_memory(arguments)
        elif number == Command.BEGIN:
            _unpack("<", arguments)
            begin(m)
        elif number == Command.EVENTS:
            _require(len(arguments) % 2 == 0)
            self._weigh()
            _require(play(m, np.frombuffer(arguments, "<u2").astype(np.int64)))
        elif number == Command.PRESENT and step and self.geometry.encoder:
            self._present(arguments)
        elif number == Command.PROGRAM and step:
            (column,) = _unpack("<H", arguments)
            _require(column < self.geometry.cols)
            program(m, column, True)
        elif number == Command.SEGMENT and not step:
            gain, decay = _unpack("<II", arguments)
            _require(gain < MAX_RATE and decay <= MAX_RATE)
            segment(m, gain, decay)
            self._weighed = False
        else:
            raise _Refused(Status.UNKNOWN)
        return b""

    def _weigh(self) -> None:
        """Bring the weights up to date with what the host has written."""
        if not self._weighed:
            reweigh(self.machine)
            self._weighed = True

    def _present(self, image: bytes) -> None:
        m, waiting = self.machine, self.register("history") - self.register("taken")
        _require(self.register("duration") <= 1 << self.geometry.t_bits)
        if waiting & 0xFFFFFFFF >= self.geometry.history_depth - 1:
            raise _Refused(Status.FULL)
        _require(not image or decode(np.frombuffer(image, np.uint8).astype(np.int64), m.drive))
        self._weigh()
        present(m)

    def _read_registers(self, first: int, count: int) -> bytes:
        _require(1 <= count <= MAX_REGISTERS and first + count <= len(REGISTERS))
        return self.machine.registers[self._place[first : first + count]].astype("<u4").tobytes()

    def _write_registers(self, arguments: bytes) -> None:
        _require(len(arguments) % 4 == 1)
        first, values = arguments[0], np.frombuffer(arguments, "<u4", offset=1)
        _require(first + len(values) <= len(REGISTERS))
        targets = REGISTERS[first : first + len(values)]
        _require(all(register.writable for register in targets))
        for address, (register, value) in enumerate(zip(targets, values, strict=True), first):
            if register.name not in ANNEALING or self.geometry.annealing:
                self.machine.registers[self._place[address]] = int(value) & ((1 << register.bits) - 1)

    def _memory(self, space: int) -> tuple[NDArray[Any], str, int]:
        _require(space in self._spaces)
        return self._spaces[space]

    def _read_memory(self, space: int, first: int, count: int) -> bytes:
        array, width, _ = self._memory(space)
        _require(first + count <= len(array) and count * np.dtype(width).itemsize <= MAX_ARGUMENTS)
        elements = array[first : first + count]
        if space == Space.LOG:
            elements = elements[:, 0] | elements[:, 1] << 16
        return elements.astype(width).tobytes()

    def _write_memory(self, arguments: bytes) -> None:
        _require(len(arguments) >= 5)
        space, first = struct.unpack("<BI", arguments[:5])
        array, width, kept = self._memory(space)
        _require(kept != 0 and (len(arguments) - 5) % np.dtype(width).itemsize == 0)
        elements = np.frombuffer(arguments, width, offset=5)
        _require(first + len(elements) <= len(array))
        array[first : first + len(elements)] = elements.astype(np.int64) & kept
        if space in (Space.STATE, Space.MEMDUCTANCE):
            self._weighed = False


def _require(allowed: bool) -> None:
    if not allowed:
        raise _Refused(Status.RANGE)


def _unpack(layout: str, arguments: bytes) -> tuple[int, ...]:
    _require(len(arguments) == struct.calcsize(layout))
    return struct.unpack(layout, arguments)
