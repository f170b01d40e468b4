"""The lowest bit of a mask, for every mask of few bits and for single bits of many."""

import pytest
from amaranth.hdl import Module, Signal
from stream_drivers import simulate

from gateware.core.winners import lowest


@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 50])
def test_lowest(width):
    m, mask = Module(), Signal(width)
    place = Signal(8)
    m.d.comb += place.eq(lowest(mask))
    m.d.sync += Signal().eq(0)
    masks = range(1, 1 << width) if width <= 8 else [1 << k | 1 << width - 1 for k in range(width)]

    async def bench(ctx):
        for value in masks:
            ctx.set(mask, value)
            await ctx.tick()
            assert ctx.get(place) == (value & -value).bit_length() - 1

    simulate(m, bench)
