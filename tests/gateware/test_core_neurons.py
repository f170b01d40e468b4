"""Neurons, their choice, the encoder and the log, each against a few lines of Python."""

import random

import pytest
from stream_drivers import simulate, take

from gateware.core.encoder import Encoder
from gateware.core.membranes import Membranes, Pass
from gateware.core.neuron import Neuron
from gateware.core.spike_log import SpikeLog
from gateware.core.winners import Winners
from gateware.geometry import Geometry
from gateware.logarithm import LOGARITHM, SLOPE, waiting_code


@pytest.mark.parametrize("v_bits", [12, 16, 24])
def test_neuron(v_bits):
    dut, full = Neuron(v_bits, 8), (1 << v_bits) - 1
    dice = random.Random(v_bits)

    def some(*edges, bits):
        return dice.choice([*edges, dice.randrange(1 << bits)])

    async def bench(ctx):
        for _ in range(300):
            case = {
                "v": some(0, full, full - 255, bits=v_bits), "until": some(0, 256, bits=8), "theta": some(0, bits=16),
                "weight": some(0, 255, bits=8), "now": some(0, 255, bits=8), "allowed": dice.randrange(2),
                "threshold": some(0, full, (1 << 24) - 1, bits=v_bits), "decay_theta": dice.randrange(2),
                "factor": some(0, 65535, 65536, 131071, bits=17),
            }  # fmt: skip
            if dice.random() < 0.5:
                case["threshold"] = case["v"] + case["weight"] - case["theta"] + dice.choice([-1, 0, 1])
            for name, value in case.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick().repeat(dut.latency)
            listens = case["allowed"] and case["now"] >= case["until"]
            v = min(case["v"] + case["weight"], full) if listens else case["v"]
            ready = bool(listens and v >= case["threshold"] + case["theta"])
            scaled = ((case["theta"] if case["decay_theta"] else case["v"]) * case["factor"] + 32768) >> 16
            kept = (1 << (16 if case["decay_theta"] else v_bits)) - 1
            assert (ctx.get(dut.potential), ctx.get(dut.ready)) == (v, ready)
            assert not ready or ctx.get(dut.margin) == v - case["threshold"] - case["theta"]
            assert ctx.get(dut.scaled) & kept == scaled & kept

    simulate(dut, bench)


async def walk(ctx, dut, g, kind, weights=None):
    """Take all groups through one pass; readiness by group."""
    ready = {}
    for step in range(g.groups + dut.latency + 1):
        ctx.set(dut.valid, step < g.groups)
        ctx.set(dut.group, min(step, g.groups - 1))
        ctx.set(dut.kind, kind)
        if weights and 1 <= step <= g.groups:
            ctx.set(dut.weights, weights[step - 1])
        if ctx.get(dut.ready_valid):
            ready[ctx.get(dut.ready_group)] = ctx.get(dut.ready)
        await ctx.tick()
    assert not ctx.get(dut.busy)
    return [ready[group] for group in sorted(ready)]


async def select(ctx, dut, g, column):
    ctx.set(dut.select_group, column // g.lanes)
    ctx.set(dut.select_lane, column % g.lanes)
    await ctx.tick().repeat(3)
    return ctx.get(dut.theta), ctx.get(dut.count)


@pytest.mark.parametrize("g", [Geometry(1, 5, lanes=3), Geometry(1, 2, lanes=4), Geometry(1, 12)], ids=str)
def test_membranes(g):
    dut = Membranes(g)
    full_groups = [(1 << g.lanes) - 1] * (g.groups - 1) + [(1 << (g.cols - (g.groups - 1) * g.lanes)) - 1]
    ones = [[100] * g.lanes] * g.groups

    async def bench(ctx):
        ctx.set(dut.free, 1)
        ctx.set(dut.keep, 32768)
        ctx.set(dut.theta_keep, 32768)
        ctx.set(dut.threshold, 200)
        assert await walk(ctx, dut, g, Pass.ADD, ones) == [0] * g.groups
        assert await walk(ctx, dut, g, Pass.ADD, ones) == full_groups
        # 200 leaks to 100: one more input makes 200 again.
        await walk(ctx, dut, g, Pass.LEAK)
        assert await walk(ctx, dut, g, Pass.ADD, ones) == full_groups
        await walk(ctx, dut, g, Pass.CLEAR)
        assert await walk(ctx, dut, g, Pass.ADD, ones) == [0] * g.groups
        # The last neuron fires: refractory, a higher threshold and its own membrane at 0.
        last = g.cols - 1
        await select(ctx, dut, g, last)
        ctx.set(dut.reset_own, 1)
        ctx.set(dut.until, 5)
        ctx.set(dut.theta_plus, 40000)
        for spikes in (1, 2):
            ctx.set(dut.fire, 1)
            await ctx.tick()
            ctx.set(dut.fire, 0)
            await ctx.tick().repeat(dut.latency)
            assert not ctx.get(dut.busy)
            assert await select(ctx, dut, g, last) == (min(40000 * spikes, 65535), spikes)
        silent = [*full_groups[:-1], full_groups[-1] & ~(1 << last % g.lanes)]
        assert await walk(ctx, dut, g, Pass.ADD, ones) == silent
        # Inhibited neurons neither add nor fire, but for the exempt one, whose threshold is at 100 again.
        ctx.set(dut.free, 0)
        ctx.set(dut.now, 5)
        ctx.set(dut.exempt_group, last // g.lanes)
        ctx.set(dut.exempt_lane, last % g.lanes)
        ctx.set(dut.threshold, 100)
        await select(ctx, dut, g, last)
        ctx.set(dut.theta_value, 0)
        ctx.set(dut.theta_write, 1)
        await ctx.tick()
        ctx.set(dut.theta_write, 0)
        exempt = [0] * (g.groups - 1) + [1 << last % g.lanes]
        assert await walk(ctx, dut, g, Pass.ADD, ones) == exempt
        ctx.set(dut.theta_value, 301)
        ctx.set(dut.theta_write, 1)
        await ctx.tick()
        ctx.set(dut.theta_write, 0)
        await walk(ctx, dut, g, Pass.BEGIN)
        assert await select(ctx, dut, g, last) == (151, 0)

    simulate(dut, bench)


@pytest.mark.parametrize("tie", ["rank", "membrane", "margin"])
@pytest.mark.parametrize(("cols", "lanes"), [(6, 3), (5, 1), (16, 8)])
def test_winners(tie, cols, lanes):
    g = Geometry(1, cols, lanes=lanes, tie=tie)
    dut = Winners(g)
    dice = random.Random(lanes)

    async def bench(ctx):
        for density in (0, 0.3, 1) * 8:
            ready = [dice.random() < density for _ in range(g.groups * lanes)]
            v = [dice.randrange(4) for _ in ready]
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for group in range(g.groups):
                part = slice(group * lanes, (group + 1) * lanes)
                ctx.set(dut.valid, 1)
                ctx.set(dut.group, group)
                ctx.set(dut.ready, sum(flag << n for n, flag in enumerate(ready[part])))
                ctx.set(dut.heights, v[part])
                await ctx.tick()
            ctx.set(dut.valid, 0)
            for _ in range(dut.latency - 1):
                await ctx.tick()
            assert not ctx.get(dut.busy)
            assert ctx.get(dut.any) == any(ready)
            if tie != "rank" and any(ready):
                best = max((n for n, flag in enumerate(ready) if flag), key=lambda n: (v[n], -n))
                assert (ctx.get(dut.best_group), ctx.get(dut.best_lane)) == divmod(best, lanes)
            for group in range(g.groups):
                ctx.set(dut.read_group, group)
                await ctx.tick()
                assert [bool(ctx.get(dut.mask) >> n & 1) for n in range(lanes)] == ready[group * lanes :][:lanes]

    simulate(dut, bench)


@pytest.mark.parametrize("latency_code", [0, 1])
@pytest.mark.parametrize("pace", [1.0, 0.2])
def test_encoder(latency_code, pace):
    """Rows in the order in which a few lines of Python give them, over more ticks than the calendar has."""
    g = Geometry(20, 1, t_bits=6)
    dut, dice, duration = Encoder(g), random.Random(7), 50
    chances = [0.0, 1e-3, 0.02, 0.3, 1.0]
    codes = [dice.randrange(60) if latency_code else waiting_code(dice.choice(chances)) for _ in range(256)]
    pixels = [dice.randrange(256) for _ in range(g.rows)]
    state, due, expected, spikes = 99, {}, [], []

    def plan(row, now):
        nonlocal state
        code = codes[pixels[row]]
        wait = code - now
        if not latency_code:
            state = python_xorshift(state)
            if code % 2**18 == 0:
                return
            wait = python_wait(state, code)
        if now + min(wait, g.slots) < duration:
            due.setdefault(now + min(wait, g.slots), []).append((row, wait > g.slots))

    for row in reversed(range(g.rows)):
        plan(row, -1)
    for tick in range(duration):
        rows, spiking = due.get(tick, []), []
        while rows:
            row, only_draws = rows.pop()
            if not only_draws:
                spiking.append(row)
            if only_draws or not latency_code:
                plan(row, tick)
        expected.append(spiking)
    assert any(len(spiking) > 1 for spiking in expected)

    async def bench(ctx):
        ctx.set(dut.host_write, 1)
        for index, code in enumerate(codes):
            ctx.set(dut.host_index, index)
            ctx.set(dut.host_data, code)
            await ctx.tick()
        ctx.set(dut.host_write, 0)
        ctx.set(dut.latency_code, latency_code)
        ctx.set(dut.duration, duration)
        ctx.set(dut.random, 99)
        ctx.set(dut.load, 1)
        await ctx.tick()
        ctx.set(dut.load, 0)
        for tick in range(duration):
            while ctx.get(dut.planning) if tick == 0 else ctx.get(dut.busy):
                await ctx.tick()
            await ctx.tick()
            assert spikes == [row for rows in expected[:tick] for row in rows]
            ctx.set(dut.tick, tick)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
        while ctx.get(dut.busy) or ctx.get(dut.planning):
            await ctx.tick()
        await ctx.tick().repeat(3)
        assert spikes == [row for rows in expected for row in rows]
        assert ctx.get(dut.random) == (99 if latency_code else state)

    async def memories(ctx):
        """The drive memory, two registers that `enable` holds, and the register of the random generator."""
        rows = [0, 0]
        async for *_, draw, after, enable, row in ctx.tick().sample(dut.draw, dut.random_next, dut.enable, dut.row):
            if draw:
                ctx.set(dut.random, after)
            if enable:
                rows = [row % g.rows, rows[0]]
            ctx.set(dut.pixel, pixels[rows[1]])

    async def collect(ctx):
        await take(ctx, dut.spikes, spikes, pace)

    simulate(dut, bench, collect, memories)


def python_wait(x, code):
    """-log2 of x / 2^32 in 24 bits, times the floating-point number of the code."""
    mantissa, shift = code % 2**18, code >> 18
    leading = 32 - x.bit_length()
    index, rest = divmod((x << leading) - 2**31, 2**23)
    surprise = 2**24 * leading + LOGARITHM[index] - (SLOPE[index] * (rest >> 7) >> 16)
    return 1 + (surprise * mantissa >> 20 + shift)


def python_xorshift(x):
    x ^= x << 13 & 0xFFFFFFFF
    x ^= x >> 17
    return x ^ (x << 5 & 0xFFFFFFFF)


@pytest.mark.parametrize(("t_bits", "depth"), [(6, 3), (12, 1), (15, 16)])
def test_spike_log_is_a_ring(t_bits, depth):
    g = Geometry(1, 300, t_bits=t_bits, log_depth=depth)
    dut = SpikeLog(g)

    async def bench(ctx):
        ring = [0] * depth
        for _ in range(2):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            for n in range(depth + 2):
                assert ctx.get(dut.logged) == n
                tick, neuron = (n * 7 + 50) % (1 << t_bits), (n * 37 + 256) % 300
                ring[n % depth] = tick | neuron << 16
                ctx.set(dut.tick, tick)
                ctx.set(dut.neuron, neuron)
                ctx.set(dut.write, 1)
                await ctx.tick()
                ctx.set(dut.write, 0)
            for index, entry in enumerate(ring):
                ctx.set(dut.index, index)
                await ctx.tick().repeat(2)
                assert ctx.get(dut.value) == entry

    simulate(dut, bench)
