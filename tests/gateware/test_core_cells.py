"""Memories, tables and what programs cells, each against a few lines of Python."""

import random

import numpy as np
import pytest
from stream_drivers import simulate

from gateware.core.divider import Divider
from gateware.core.flca import FlcaCell
from gateware.core.ram import Ram
from gateware.core.row_times import RowTimes, tag_bits
from gateware.core.tables import MemductanceTable, UpdateTable
from gateware.core.update import DEPRESS, POTENTIATE, Update
from gateware.geometry import Geometry


def xorshift(x):
    x ^= x << 13 & 0xFFFFFFFF
    x ^= x >> 17
    return x ^ (x << 5 & 0xFFFFFFFF)


@pytest.mark.parametrize("latency", [1, 2])
@pytest.mark.parametrize(("depth", "lanes"), [(1, 1), (5, 3), (20, 2)])
def test_ram_writes_lanes_and_holds(depth, lanes, latency):
    dut = Ram(7, depth, lanes, latency)
    dice = random.Random(depth)
    words = np.zeros((depth, lanes), int)

    async def bench(ctx):
        under_way = []
        shown = [0] * lanes
        for _ in range(300):
            address, target, mask = dice.randrange(depth), dice.randrange(depth), dice.randrange(1 << lanes)
            value, enable = [dice.randrange(128) for _ in range(lanes)], dice.random() < 0.7
            ctx.set(dut.address, address)
            ctx.set(dut.enable, enable)
            ctx.set(dut.write_address, target)
            ctx.set(dut.write_value, value)
            ctx.set(dut.write, mask)
            await ctx.tick()
            if enable:
                under_way.append(words[address].tolist())
                if len(under_way) >= latency:
                    shown = under_way[-latency]
            for n in range(lanes):
                if mask >> n & 1:
                    words[target, n] = value[n]
            assert [ctx.get(dut.value[n]) for n in range(lanes)] == shown

    simulate(dut, bench)


@pytest.mark.parametrize("divisor", [1, 2, 3, 10, 64])
def test_divider(divisor):
    dut = Divider(9, divisor)

    async def bench(ctx):
        for dividend in [0, 1, divisor - 1, divisor, divisor + 1, 511, 509, 2 * divisor, 7 * divisor - 1]:
            ctx.set(dut.dividend, dividend)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(dut.latency):
                assert ctx.get(dut.busy)
                await ctx.tick()
            assert not ctx.get(dut.busy)
            assert (ctx.get(dut.quotient), ctx.get(dut.remainder)) == divmod(dividend & 511, divisor)

    simulate(dut, bench)


@pytest.mark.parametrize("lanes", [1, 3, 4])
def test_memductance_of_all_lanes(lanes):
    dut = MemductanceTable(lanes)
    dice = random.Random(lanes)
    table = [dice.randrange(256) for _ in range(256)]

    async def bench(ctx):
        ctx.set(dut.host_select, 1)
        ctx.set(dut.host_write, 1)
        for index, value in enumerate(table):
            ctx.set(dut.host_index, index)
            ctx.set(dut.host_data, value)
            await ctx.tick()
        ctx.set(dut.host_write, 0)
        ctx.set(dut.host_index, 77)
        await ctx.tick().repeat(dut.latency)
        assert ctx.get(dut.weights[0]) == table[77]
        ctx.set(dut.host_select, 0)
        for _ in range(20):
            indices = [dice.randrange(256) for _ in range(lanes)]
            ctx.set(dut.indices, indices)
            await ctx.tick().repeat(dut.latency)
            assert [ctx.get(dut.weights[n]) for n in range(lanes)] == [table[index] for index in indices]

    simulate(dut, bench)


def test_update_table_keeps_both_directions_apart():
    dut = UpdateTable()

    async def bench(ctx):
        ctx.set(dut.host_write, 1)
        for down in (0, 1):
            for index in (0, 255):
                ctx.set(dut.host_down, down)
                ctx.set(dut.host_index, index)
                ctx.set(dut.host_data, 1000 * down + index)
                await ctx.tick()
        ctx.set(dut.host_write, 0)
        for down, index in ((0, 0), (1, 255), (1, 0), (0, 255)):
            ctx.set(dut.down, down)
            ctx.set(dut.index, index)
            await ctx.tick().repeat(dut.latency)
            assert ctx.get(dut.step) == 1000 * down + index

    simulate(dut, bench)


@pytest.mark.parametrize("window", [0, 3, 32767])
@pytest.mark.parametrize(("t_bits", "tags"), [(6, 4), (14, 2), (15, 1)])
def test_row_times(window, t_bits, tags):
    g = Geometry(5, 1, t_bits=t_bits)
    assert tag_bits(g) == tags
    dut = RowTimes(g)
    dice = random.Random(window)

    async def recent(ctx, row):
        ctx.set(dut.row, row)
        await ctx.tick().repeat(dut.latency)
        return ctx.get(dut.recent)

    async def bench(ctx):
        ctx.set(dut.window, window)
        for presentation in range(34):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for _ in range(g.rows if presentation % ((1 << tag_bits(g)) - 1) == 0 else 0):
                assert ctx.get(dut.busy)
                await ctx.tick()
            assert not ctx.get(dut.busy)
            last = {}
            for now in [0, 0, 1, 2, 5, 6, 7, 30, 62, 63]:
                ctx.set(dut.now, now)
                row = dice.randrange(g.rows - 1)
                last[row] = now
                ctx.set(dut.mark_row, row)
                ctx.set(dut.mark, 1)
                await ctx.tick()
                ctx.set(dut.mark, 0)
                for row in range(g.rows):
                    assert await recent(ctx, row) == (row in last and now - last[row] <= window)

    simulate(dut, bench)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("stochastic", [0, 1])
@pytest.mark.parametrize("driven", [0, 1])
@pytest.mark.parametrize("chances", [65536, 65535, 20000, 0])
def test_update_sweeps_a_column(bits, stochastic, driven, chances):
    g = Geometry(24, 5, lanes=3, state_bits=bits)
    dut = Update(g)
    dice = random.Random(bits + stochastic)
    highest, fraction = (1 << bits) - 1, 16 - bits
    states = [dice.choice([0, 1, highest, highest - 1, dice.randrange(highest)]) for _ in range(g.rows)]
    actions = [dice.choice([POTENTIATE, DEPRESS, 0, 2]) for _ in range(g.rows)]
    recent = [dice.randrange(2) for _ in range(g.rows)]
    steps = {(down, k): dice.choice([0, 1, 65535, dice.randrange(4096)]) for down in (0, 1) for k in range(256)}

    expected, random_state, moved = list(states), 12345, 0
    for row in range(g.rows):
        u, lots = 1 << fraction >> 1, chances < 65536 and not driven
        if stochastic or lots:
            random_state = xorshift(random_state)
        if stochastic:
            u = random_state >> (32 - fraction)
        up = actions[row] == POTENTIATE if driven else recent[row]
        down = actions[row] == DEPRESS if driven else not recent[row]
        if (up or down) and not (lots and random_state & 0xFFFF >= chances):
            s = states[row]
            step = steps[bool(down), s >> (bits - 8)]
            expected[row] = min(max(((s << fraction) + (-step if down else step) + u) >> fraction, 0), highest)
            moved += 1

    async def bench(ctx):
        drawn, written, count = 12345, list(states), 0
        ctx.set(dut.base, g.rows)
        ctx.set(dut.driven, driven)
        ctx.set(dut.stochastic, stochastic)
        ctx.set(dut.chances, chances)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        rows, lookups = [0] * 5, [(0, 0)] * 3
        cycles = 0
        while ctx.get(dut.busy):
            rows = [ctx.get(dut.row) % g.rows, *rows[:4]]
            assert not cycles < g.rows or ctx.get(dut.address) == g.rows + rows[0]
            ctx.set(dut.before, states[rows[4]])
            ctx.set(dut.drive, actions[rows[2]])
            ctx.set(dut.recent, recent[rows[4]])
            lookups = [(ctx.get(dut.down), ctx.get(dut.index)), *lookups[:2]]
            ctx.set(dut.step, steps[lookups[2]])
            ctx.set(dut.random, drawn)
            if ctx.get(dut.draw):
                drawn = ctx.get(dut.random_next)
            if ctx.get(dut.write):
                written[ctx.get(dut.write_address) - g.rows] = ctx.get(dut.state)
            count += ctx.get(dut.moved)
            cycles += 1
            await ctx.tick()
        assert written == expected
        assert count == moved
        assert drawn == random_state
        assert cycles == g.rows + dut.latency

    simulate(dut, bench)


@pytest.mark.parametrize("bits", [8, 16])
def test_flca_cell(bits):
    dut = FlcaCell(bits)
    dice = random.Random(bits)
    highest, codes = (1 << bits) - 1, [-32768, 32767, 0, 1, -1]
    cases = [
        (
            dice.choice([0, highest, dice.randrange(highest)]),
            dice.choice([*codes, dice.randrange(-100, 100)]),
            dice.choice([*codes, dice.randrange(-100, 100)]),
            dice.choice([0, (1 << 24) - 1, dice.randrange(1 << 24), dice.randrange(1 << 12)]),
            dice.choice([0, 1 << 24, dice.randrange(1 << 24), dice.randrange(1 << 12)]),
        )
        for _ in range(300)
    ]

    def after(state, row, column, gain, decay):
        code = row - column
        change = gain * code - ((decay * state) >> 8)
        if code >= 0:
            change = max(change, 0)
        return min(max(state + ((change + 32768) >> 16), 0), highest)

    async def bench(ctx):
        # Gain and decay stand through a sweep: the pipeline is emptied before they change.
        for state, row, column, gain, decay in cases:
            for port, value in (
                (dut.state, state), (dut.row_code, row), (dut.column_code, column), (dut.gain, gain),
                (dut.decay, decay),
            ):  # fmt: skip
                ctx.set(port, value)
            await ctx.tick().repeat(dut.latency)
            assert ctx.get(dut.next) == after(state, row, column, gain, decay)
        stream = [(dice.randrange(highest), dice.randrange(-9, 9)) for _ in range(50)]
        ctx.set(dut.column_code, 2)
        ctx.set(dut.gain, 70000)
        ctx.set(dut.decay, 1 << 20)
        for k in range(len(stream) + dut.latency):
            if k >= dut.latency:
                state, row = stream[k - dut.latency]
                assert ctx.get(dut.next) == after(state, row, 2, 70000, 1 << 20)
            ctx.set(dut.state, stream[k % 50][0])
            ctx.set(dut.row_code, stream[k % 50][1])
            await ctx.tick()

    simulate(dut, bench)
