"""An executor that shows when a command was carried out twice, not at all, damaged or out of order."""

import struct
import zlib

from gateware.protocol import ADDRESS, REGISTERS, Command, Space, Status

SIZE = 600
WIDTH = {Space.STATE: 1, Space.DRIVE: 1, Space.MEMDUCTANCE: 1, Space.LOG: 4, Space.CODE: 4, Space.PRESET: 1}


class Ledger:
    """Memories and registers of an emulator, and a digest of every command with an effect, in order."""

    def __init__(self):
        self.frames = 0
        self.applied = 0
        self.digest = 0
        self.registers = [register.reset for register in REGISTERS]
        self.registers[ADDRESS["state_bits"]] = 8
        self.memory = {space: bytearray(SIZE * WIDTH.get(space, 2)) for space in Space}

    def __call__(self, command):
        self.frames += 1
        try:
            return self._carry_out(command)
        except (struct.error, ValueError, KeyError):
            return bytes([Status.RANGE])

    def _carry_out(self, command):
        kind, arguments = command[0], command[1:]
        if kind == Command.READ_REGISTERS:
            first, count = arguments
            return bytes([Status.OK]) + struct.pack(f"<{count}I", *self.registers[first : first + count])
        if kind == Command.READ_MEMORY:
            space, first, count = struct.unpack("<BIH", arguments)
            width = WIDTH.get(space, 2)
            if first + count > SIZE:
                return bytes([Status.RANGE])
            return bytes([Status.OK]) + self.memory[space][first * width : (first + count) * width]
        if kind not in set(Command):
            return bytes([Status.UNKNOWN])
        self.applied += 1
        self.digest = zlib.crc32(command, self.digest)
        if kind == Command.WRITE_REGISTERS:
            self.registers[arguments[0]] = int.from_bytes(arguments[1:5], "little")
        if kind == Command.WRITE_MEMORY:
            space, first = struct.unpack_from("<BI", arguments)
            start = first * WIDTH.get(space, 2)
            if start + len(arguments) - 5 > len(self.memory.get(space, b"")):
                return bytes([Status.RANGE])
            self.memory[space][start : start + len(arguments) - 5] = arguments[5:]
        if kind == Command.PROGRAM and arguments[1:] == b"\xff":
            return bytes([Status.RANGE])
        return bytes([Status.OK])

    @property
    def state(self):
        return self.applied, self.digest, self.registers, self.memory
