"""The client: every command of the emulator as a method, with names, units of elements and ranges checked here."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gateware.host.errors import LinkError
from gateware.host.session import MOST_FRAMES, Fed, Session
from gateware.host.transport import Transport
from gateware.protocol import ADDRESS, MAX_ARGUMENTS, REGISTERS, Command, Space
from hil.errors import InputError, nearest

ELEMENTS: dict[Space, np.dtype[Any]] = {
    Space.MEMDUCTANCE: np.dtype("u1"),
    Space.POTENTIATION: np.dtype("<u2"),
    Space.DEPRESSION: np.dtype("<u2"),
    Space.COLUMNS: np.dtype("<i2"),
    Space.CODE: np.dtype("<u4"),
    Space.THETA: np.dtype("<u2"),
    Space.COUNTS: np.dtype("<u2"),
    Space.LOG: np.dtype("<u4"),
    Space.PRESET: np.dtype("u1"),
    Space.HISTORY: np.dtype("<u2"),
}
"""Elements of the spaces in which they are the same for every geometry."""

MEMORY_HEADER = 5
"""Bytes before the elements in WRITE_MEMORY."""

RATE = 1 << 24
"""Range of the coefficients of SEGMENT."""


class Client:
    """Drives an emulator over a transport.

    Every command is carried out exactly once, whatever the line does, or the call raises. After an error, or Ctrl-C,
    the next call starts a new session.

    Parameters
    ----------
    transport : Transport
        The line; closed by whoever opened it.
    timeout : float
        Longest time in s that a board needs for an answer.
    retries : int
        How often in a row that may pass without one: a dead board raises after ``(1 + retries) * timeout``.

    Raises
    ------
    LinkLost
        In every method, if nothing answers.
    SessionLost
        In every method, if the emulator was restarted.
    CommandRefused
        In every method, if the emulator refuses the command.
    InputError
        In every method, for arguments out of range.
    """

    def __init__(self, transport: Transport, timeout: float = 0.25, retries: int = 2) -> None:
        self.transport = transport
        self._session = Session(transport, timeout, retries)
        self._varying: tuple[int, dict[Space, np.dtype]] | None = None

    def sync(self) -> None:
        """Start a new session; the first command does so by itself."""
        self._session.sync()

    def read_registers(self, *names: str) -> dict[str, int]:
        """Values of registers by name; of all of them without names. All are read at the same time."""
        for name in names:
            _require_register(name)
        addresses = [ADDRESS[name] for name in names or ADDRESS]
        first, count = min(addresses), max(addresses) - min(addresses) + 1
        (payload,) = self._read([bytes([Command.READ_REGISTERS, first, count])], [4 * count])
        values = np.frombuffer(payload, dtype="<u4")
        return {REGISTERS[address].name: int(values[address - first]) for address in addresses}

    def write_registers(self, values: Mapping[str, int]) -> None:
        """Set registers by name; all names and values are checked before the first is sent."""
        self._session.exchange(self.register_commands(values))

    def register_commands(self, values: Mapping[str, int]) -> list[bytes]:
        """Commands that set registers by name."""
        for name, value in values.items():
            _require_register(name)
            register = REGISTERS[ADDRESS[name]]
            if not register.writable:
                raise InputError(f"register {name} cannot be written")
            if not register.least <= value < 1 << register.bits:
                limits = f"{register.least} .. {(1 << register.bits) - 1}"
                raise InputError(f"register {name} = {value}: must be in {limits}")
        return [struct.pack("<BBI", Command.WRITE_REGISTERS, ADDRESS[name], value) for name, value in values.items()]

    def read_memory(self, space: Space, first: int, count: int) -> NDArray[Any]:
        """Elements ``first .. first + count - 1`` of a memory, (count,), in the type that they have there."""
        _require("read_memory: first", first, 1 << 32)
        _require("read_memory: count", count, 1 << 32)
        element = self.element(space)
        step = MAX_ARGUMENTS // element.itemsize
        starts = range(0, count, step)
        lengths = [min(step, count - start) for start in starts]
        payloads = self._read(
            [
                struct.pack("<BBIH", Command.READ_MEMORY, space, first + start, length)
                for start, length in zip(starts, lengths, strict=True)
            ],
            [length * element.itemsize for length in lengths],
        )
        return np.frombuffer(b"".join(payloads), dtype=element)

    def write_memory(self, space: Space, first: int, elements: ArrayLike) -> None:
        """Write integers of any shape, in C order, to a memory from element `first` on."""
        self._session.exchange(self.write_commands(space, first, elements))

    def element(self, space: Space) -> np.dtype[Any]:
        """Type of the elements of a memory; that of a state and a drive is told by the registers."""
        if space in ELEMENTS:
            return ELEMENTS[space]
        if self._varying is None or self._varying[0] != self._session.count:
            registers = self.read_registers("state_bits", "cell")
            self._varying = (
                self._session.count,
                {
                    Space.STATE: np.dtype("u1" if registers["state_bits"] == 8 else "<u2"),
                    Space.DRIVE: np.dtype("u1" if registers["cell"] == 0 else "<i2"),
                },
            )
        return self._varying[1][space]

    def begin(self) -> None:
        """Start a presentation."""
        self._session.exchange([bytes([Command.BEGIN])])

    def events(self, items: ArrayLike, patience: float = 0.0) -> None:
        """Play items: a row for a spike, 0x8000 + ticks to advance.

        Parameters
        ----------
        items : (N,) array of int
            As in `Command.EVENTS`; cut into as many frames as it takes.
        patience : float
            Time in s that the emulator works on one frame of them at the most, beyond the client's timeout.
        """
        data = _integers("events", items, np.dtype("<u2"))
        step = MAX_ARGUMENTS // 2
        self._session.exchange(
            [bytes([Command.EVENTS]) + data[k : k + step].tobytes() for k in range(0, len(data), step)], patience
        )

    def present(self, image: bytes = b"", patience: float = 0.0) -> None:
        """Encode an image on chip: a coded one (`gateware.image_code`), or, without, that in `Space.DRIVE`.

        `patience` is the time in s it takes beyond the timeout.
        """
        self._session.exchange([bytes([Command.PRESENT]) + image], patience)

    def stream(self, commands: Iterator[Fed], patience: float = 0.0) -> None:
        """Have commands carried out that may depend on the answers to those before; see `Session.stream`."""
        self._session.stream(commands, patience)

    def ask(self, command: bytes, size: int) -> bytes:
        """Payload of `size` bytes that a reading command is answered with."""
        return self._read([command], [size])[0]

    def write_commands(self, space: Space, first: int, elements: ArrayLike) -> list[bytes]:
        """Commands that write integers of any shape, in C order, to a memory from element `first` on."""
        _require("write_memory: first", first, 1 << 32)
        data = _integers(f"memory {space.name}", elements, self.element(space))
        step = (MAX_ARGUMENTS - MEMORY_HEADER) // data.itemsize
        return [
            struct.pack("<BBI", Command.WRITE_MEMORY, space, first + start) + data[start : start + step].tobytes()
            for start in range(0, len(data), step)
        ]

    def program(self, column: int, patience: float = 0.0) -> None:
        """One pulse on every cell of a column, as `Space.DRIVE` says."""
        self._session.exchange([self.program_command(column)], patience)

    def program_command(self, column: int) -> bytes:
        """Command of `program`."""
        _require("program: column", column, 0x10000)
        return struct.pack("<BH", Command.PROGRAM, column)

    def carry_out(self, commands: Iterator[tuple[bytes, int]], patience: float = 0.0) -> int:
        """Have any number of commands carried out that read nothing; sum of the numbers that they come with."""
        total = 0
        while part := list(islice(commands, MOST_FRAMES)):
            self._session.exchange([command for command, _ in part], patience)
            total += sum(number for _, number in part)
        return total

    def segment(self, gain: int, decay: int, patience: float = 0.0) -> None:
        """One segment of a waveform on every FLCA cell."""
        _require("segment: gain", gain, RATE)
        _require("segment: decay", decay, RATE + 1)
        self._session.exchange([struct.pack("<BII", Command.SEGMENT, gain, decay)], patience)

    def _read(self, commands: list[bytes], sizes: list[int]) -> list[bytes]:
        payloads = self._session.exchange(commands)
        for command, payload, size in zip(commands, payloads, sizes, strict=True):
            if len(payload) != size:
                raise LinkError(
                    f"{self.transport.name} answered {Command(command[0]).name} with {len(payload)} bytes instead of "
                    f"{size}: it speaks another version of the protocol"
                )
        return payloads


def _require_register(name: str) -> None:
    if name not in ADDRESS:
        raise InputError(f"unknown register '{name}' {nearest(name, ADDRESS)}")


def _require(what: str, value: int, bound: int) -> None:
    if not 0 <= value < bound:
        raise InputError(f"{what} {value}: must be in 0 .. {bound - 1}")


def _integers(what: str, values: ArrayLike, element: np.dtype[Any]) -> NDArray[Any]:
    """Flat array of `element`, or an error that says which value does not fit."""
    given = np.asarray(values).ravel()
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise InputError(f"{what}: {given.dtype} values given, integers needed")
    limits = np.iinfo(element)
    bad = np.flatnonzero((given < limits.min) | (given > limits.max))
    if bad.size:
        raise InputError(f"{what}: element {bad[0]} is {given[bad[0]]}, must be in {limits.min} .. {limits.max}")
    return given.astype(element)
