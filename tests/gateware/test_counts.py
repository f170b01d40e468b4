"""The count of output spikes of a presentation, at its highest."""

import struct

from amaranth.lib.memory import Memory
from core_drivers import events, play, read, set_registers

from gateware.executor import Executor
from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.protocol import Command, Space


def test_the_count_of_output_spikes_stays_at_its_highest(monkeypatch):
    """The count is put near its end, which takes 65,535 spikes to get to."""
    made, make = [], Memory.__init__

    def note(self, *arguments, **settings):
        make(self, *arguments, **settings)
        made.append(self)

    monkeypatch.setattr(Memory, "__init__", note)
    g = Geometry(1, 2, lanes=1, v_bits=12, t_bits=6, encoder=False)
    golden = GoldenCore(g)
    first = [*set_registers(threshold=0), bytes([Command.BEGIN]), events(0, 0), read(Space.COUNTS, 0, 2)]
    after = [events(*[0] * 4), read(Space.COUNTS, 0, 2), bytes([Command.BEGIN]), read(Space.COUNTS, 0, 2)]

    def near_the_end(ctx):
        rows = [one.data for one in made if one.depth == 2]
        # Nothing else of this geometry holds the number of spikes, as thresholds stay at 0.
        (counts,) = [data for data in rows if ctx.get(data[0])[0] == ctx.get(data[1])[0] == 2]
        for n in range(2):
            ctx.set(counts[n], [65533])

    expected = [golden.execute(command) for command in first]
    golden.machine.counts[:] = 65533
    expected += [golden.execute(command) for command in after]
    assert play(Executor(g), [*first, near_the_end, *after]) == expected
    counts = [struct.unpack("<2H", expected[k][1:]) for k in (3, 5, 7)]
    assert counts == [(2, 2), (65535, 65535), (0, 0)]
