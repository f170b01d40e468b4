"""A golden core with its commands as methods, for tests."""

import struct

import numpy as np

from gateware.golden.core import GoldenCore
from gateware.protocol import ADDRESS, Command, Space, Status


class Bench:
    """A golden core and the means to talk to it."""

    def __init__(self, geometry):
        self.geometry, self.core = geometry, GoldenCore(geometry)

    def send(self, command, arguments=b""):
        reply = self.core.execute(bytes([command]) + arguments)
        return reply[0], reply[1:]

    def write_registers(self, **values):
        for name, value in values.items():
            assert self.send(Command.WRITE_REGISTERS, struct.pack("<BI", ADDRESS[name], value)) == (Status.OK, b"")

    def read_register(self, name):
        status, payload = self.send(Command.READ_REGISTERS, bytes([ADDRESS[name], 1]))
        assert status == Status.OK
        return int.from_bytes(payload, "little")

    def write(self, space, array, width):
        data = np.asarray(array).astype(width).ravel()
        for first in range(0, len(data), 60):
            part = data[first : first + 60].tobytes()
            assert self.send(Command.WRITE_MEMORY, struct.pack("<BI", space, first) + part) == (Status.OK, b"")

    def read(self, space, count, width):
        parts = []
        for first in range(0, count, 60):
            size = min(60, count - first)
            status, payload = self.send(Command.READ_MEMORY, struct.pack("<BIH", space, first, size))
            assert status == Status.OK
            parts.append(np.frombuffer(payload, width))
        return np.concatenate(parts)

    @property
    def width(self):
        return "u1" if self.geometry.state_bits == 8 else "<u2"

    def write_states(self, states):
        """(rows, cols) states into groups of lanes."""
        g = self.geometry
        words = np.zeros((g.groups, g.rows, g.lanes), int)
        for n in range(g.cols):
            words[n // g.lanes, :, n % g.lanes] = np.asarray(states)[:, n]
        self.write(Space.STATE, words, self.width)

    def read_states(self):
        g = self.geometry
        words = self.read(Space.STATE, g.words * g.lanes, self.width).reshape(g.groups, g.rows, g.lanes)
        return np.array([[words[n // g.lanes, r, n % g.lanes] for n in range(g.cols)] for r in range(g.rows)])

    def events(self, items):
        return self.send(Command.EVENTS, np.asarray(items, "<u2").tobytes())[0]
