"""Both ends of a stream for test benches, with stalls, and a watch over the stream rule."""

import random

from amaranth.sim import Simulator


async def give(ctx, stream, payloads, pace=1.0, seed=0):
    """Offer payloads in turn, with gaps if `pace` < 1."""
    dice = random.Random(seed)
    for payload in payloads:
        while dice.random() >= pace:
            await ctx.tick()
        ctx.set(stream.payload, payload)
        ctx.set(stream.valid, 1)
        await ctx.tick().until(stream.ready)
        ctx.set(stream.valid, 0)


async def take(ctx, stream, sink, pace=1.0, seed=1):
    """Put all that comes into `sink`; what is offered must stay until it is taken."""
    dice = random.Random(seed)
    held = None
    while True:
        ready = dice.random() < pace
        ctx.set(stream.ready, ready)
        _, _, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
        assert held is None or (valid and payload == held), "an offer was changed or withdrawn before it was taken"
        held = payload if valid and not ready else None
        if valid and ready:
            sink.append(payload)


def simulate(dut, main, *background):
    """Run the test bench `main(ctx)` to its end, with others beside it."""
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(main)
    for bench in background:

        async def run(ctx, bench=bench):
            await bench(ctx)

        simulator.add_testbench(run, background=True)
    simulator.run()


async def until(ctx, done, cycles):
    """Wait until `done()`, at most `cycles` cycles."""
    for _ in range(cycles):
        if done():
            return
        await ctx.tick()
    raise AssertionError(f"not done after {cycles} cycles")
