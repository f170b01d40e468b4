"""Commands into a simulated executor, replies out."""

import random
import struct

from stream_drivers import simulate

from gateware.protocol import ADDRESS, Command


def play(dut, commands, pace=1.0, seed=0):
    """Replies to commands, given one after another; with `pace` < 1 both streams stall at random.

    A function among them is called with the simulation's context, to change what no command can.
    """
    dice, replies = random.Random(seed), []

    async def stall(ctx):
        while dice.random() >= pace:
            await ctx.tick()

    async def bench(ctx):
        for command in commands:
            if callable(command):
                command(ctx)
                continue
            for place, byte in enumerate(command):
                await stall(ctx)
                ctx.set(dut.commands.payload, {"data": byte, "last": place == len(command) - 1})
                ctx.set(dut.commands.valid, 1)
                await ctx.tick().until(dut.commands.ready)
                ctx.set(dut.commands.valid, 0)
            reply, last = bytearray(), False
            while not last:
                await stall(ctx)
                ctx.set(dut.replies.ready, 1)
                (byte,) = await ctx.tick().sample(dut.replies.payload).until(dut.replies.valid)
                ctx.set(dut.replies.ready, 0)
                reply.append(byte["data"])
                last = byte["last"]
            replies.append(bytes(reply))

    simulate(dut, bench)
    return replies


def set_registers(**values):
    """One WRITE_REGISTERS for each of the values."""
    return [
        bytes([Command.WRITE_REGISTERS, ADDRESS[name]]) + struct.pack("<I", value) for name, value in values.items()
    ]


def write(space, first, elements):
    """WRITE_MEMORY of packed elements."""
    return bytes([Command.WRITE_MEMORY, space]) + struct.pack("<I", first) + elements


def read(space, first, count):
    """READ_MEMORY."""
    return bytes([Command.READ_MEMORY, space]) + struct.pack("<IH", first, count)


def events(*items):
    """EVENTS."""
    return bytes([Command.EVENTS]) + struct.pack(f"<{len(items)}H", *items)


def advance(ticks):
    """An item of EVENTS."""
    return 0x8000 | ticks
