"""Commands of the golden core: refusals without effect, registers of a new one, widths of its memories."""

import struct

import numpy as np
import pytest
from golden_bench import Bench

from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.protocol import ADDRESS, ANNEALING, IDENTITY, REGISTERS, Command, Space, Status

STEP = Geometry(4, 3, state_bits=12, t_bits=6)
FLCA = Geometry(4, 3, state_bits=12, cell="flca")


@pytest.mark.parametrize(
    ("geometry", "command", "status"),
    [
        (STEP, bytes([99]), Status.UNKNOWN),
        (STEP, bytes([Command.SEGMENT]) + bytes(8), Status.UNKNOWN),
        (FLCA, bytes([Command.PROGRAM, 0, 0]), Status.UNKNOWN),
        (FLCA, bytes([Command.PRESENT]), Status.UNKNOWN),
        (Geometry(4, 3, encoder=False), bytes([Command.PRESENT]), Status.UNKNOWN),
        (STEP, bytes([Command.PROGRAM, 3, 0]), Status.RANGE),
        (STEP, bytes([Command.PROGRAM, 0]), Status.RANGE),
        (STEP, bytes([Command.BEGIN, 0]), Status.RANGE),
        (STEP, bytes([Command.EVENTS, 0]), Status.RANGE),
        (STEP, bytes([Command.EVENTS]) + bytes(258), Status.RANGE),
        (STEP, bytes([Command.READ_REGISTERS, 0, 0]), Status.RANGE),
        (STEP, bytes([Command.READ_REGISTERS, 1, len(REGISTERS)]), Status.RANGE),
        (STEP, bytes([Command.WRITE_REGISTERS, ADDRESS["tick"]]) + bytes(4), Status.RANGE),
        (STEP, bytes([Command.WRITE_REGISTERS, ADDRESS["chances"]]) + bytes(20), Status.RANGE),
        (STEP, bytes([Command.WRITE_REGISTERS, ADDRESS["flags"]]) + bytes(3), Status.RANGE),
        (STEP, bytes([Command.READ_MEMORY]) + struct.pack("<BIH", Space.STATE, 0, 13), Status.RANGE),
        (STEP, bytes([Command.READ_MEMORY]) + struct.pack("<BIH", Space.POTENTIATION, 0, 129), Status.RANGE),
        (STEP, bytes([Command.READ_MEMORY]) + struct.pack("<BIH", Space.COLUMNS, 0, 1), Status.RANGE),
        (STEP, bytes([Command.READ_MEMORY]) + struct.pack("<BIH", 77, 0, 1), Status.RANGE),
        (FLCA, bytes([Command.READ_MEMORY]) + struct.pack("<BIH", Space.POTENTIATION, 0, 1), Status.RANGE),
        (STEP, bytes([Command.WRITE_MEMORY]) + struct.pack("<BI", Space.COUNTS, 0) + bytes(2), Status.RANGE),
        (STEP, bytes([Command.WRITE_MEMORY]) + struct.pack("<BI", Space.STATE, 0) + bytes(3), Status.RANGE),
        (STEP, bytes([Command.WRITE_MEMORY]) + struct.pack("<BI", Space.STATE, 11) + bytes(4), Status.RANGE),
        (STEP, bytes([Command.WRITE_MEMORY]) + bytes(3), Status.RANGE),
        (FLCA, bytes([Command.SEGMENT]) + struct.pack("<II", 1 << 24, 0), Status.RANGE),
        (FLCA, bytes([Command.SEGMENT]) + struct.pack("<II", 0, (1 << 24) + 1), Status.RANGE),
    ],
)
def test_bad_commands_are_refused_without_effect(geometry, command, status):
    core = GoldenCore(geometry)
    core.states[:] = 5
    before = [array.copy() for array in core.machine]
    assert core.execute(command) == bytes([status])
    assert all(np.array_equal(a, b) for a, b in zip(before, core.machine, strict=True))


def test_a_new_core_describes_itself():
    bench = Bench(Geometry(5, 7, lanes=2, state_bits=9, tie="membrane", encoder=False, clock=25e6))
    read = {name: bench.read_register(name) for name in ADDRESS}
    assert read["identity"] == IDENTITY
    assert (read["rows"], read["cols"], read["lanes"], read["state_bits"]) == (5, 7, 2, 9)
    assert (read["cell"], read["options"], read["clock"], read["threshold"]) == (0, 2, 25_000_000, 15300)
    for options, more in (
        (8, {"tie": "margin"}),
        (16, {"annealing": True}),
        (25, {"annealing": True, "tie": "margin"}),
    ):
        assert Bench(Geometry(2, 2, encoder=options == 25, **more)).read_register("options") == options


def test_registers_of_annealing_stay_as_they_are_where_it_is_not_built_in():
    for annealing, kept in ((False, (65536, 0, 0)), (True, (5, 6, 7))):
        bench = Bench(Geometry(2, 2, annealing=annealing))
        bench.write_registers(chances=5, theta_share=6, lowered=7)
        assert tuple(bench.read_register(name) for name in ANNEALING) == kept


def test_values_keep_only_the_bits_they_have():
    bench = Bench(STEP)
    bench.write_registers(flags=0x1FF, inhibition=0xFFFF, random=0xFFFFFFFF)
    assert [bench.read_register(n) for n in ("flags", "inhibition", "random")] == [0xFF, 0x7FFF, 0xFFFFFFFF]
    bench.write(Space.STATE, [0xF123], "<u2")
    assert bench.read(Space.STATE, 1, "<u2")[0] == 0x123
