import pytest
from amaranth.hdl import Module
from stream_drivers import give, simulate, take, until

from gateware.link.uart import UartReceiver, UartTransmitter, divisor
from hil.errors import InputError

BYTES = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, 0x5A]
SENT = list(range(0, 256, 7))


def bits(byte, stop=1):
    return [0, *((byte >> k & 1) for k in range(8)), stop]


async def drive(ctx, pin, levels, cycles):
    """Hold each level for `cycles` clock cycles; with a fraction, on the average."""
    due = 0.0
    spent = 0
    for level in levels:
        ctx.set(pin, level)
        due += cycles
        while spent < round(due):
            await ctx.tick()
            spent += 1


@pytest.mark.parametrize("cycles, drift", [(4, 0.02), (5, 0.02), (12, 0.04), (20, 0.04)])
@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_receiver(cycles, drift, sign):
    dut, out = UartReceiver(cycles), []
    levels = [level for byte in BYTES for level in bits(byte)]

    async def main(ctx):
        await drive(ctx, dut.rx, levels, cycles * (1 + sign * drift))
        ctx.set(dut.rx, 1)
        await ctx.tick().repeat(2 * cycles + 4)
        assert out == BYTES
        assert ctx.get(dut.framing_errors) == 0

    simulate(dut, main, lambda ctx: take(ctx, dut.bytes, out))


@pytest.mark.parametrize("cycles", [4, 5, 12])
def test_latency_of_the_receiver(cycles):
    dut = UartReceiver(cycles)

    async def main(ctx):
        ctx.set(dut.rx, 0)
        for count in range(1, 11 * cycles):
            await ctx.tick()
            ctx.set(dut.rx, count >= cycles)
            if ctx.get(dut.bytes.valid):
                assert count == dut.latency
                return
        raise AssertionError("no byte")

    simulate(dut, main)


def test_a_byte_without_stop_bit_is_dropped_and_counted():
    dut, out = UartReceiver(8), []
    levels = bits(0x42) + bits(0x00, stop=0) + [0] * 12 + [1] * 2 + bits(0x43) + [1] * 2

    async def main(ctx):
        await drive(ctx, dut.rx, levels, 8)
        assert out == [0x42, 0x43]
        assert ctx.get(dut.framing_errors) == 1

    simulate(dut, main, lambda ctx: take(ctx, dut.bytes, out))


def test_a_glitch_shorter_than_half_a_bit_is_no_byte():
    dut, out = UartReceiver(16), []

    async def main(ctx):
        await drive(ctx, dut.rx, [1, 0, 1, 1, 1, 1, 1], 5)
        await drive(ctx, dut.rx, [*bits(0x99), 1], 16)
        assert out == [0x99]
        assert ctx.get(dut.framing_errors) == 0

    simulate(dut, main, lambda ctx: take(ctx, dut.bytes, out))


@pytest.mark.parametrize("cycles", [4, 7])
def test_transmitter_sends_back_to_back(cycles):
    dut, levels = UartTransmitter(cycles), []

    async def main(ctx):
        await give(ctx, dut.bytes, BYTES)
        await ctx.tick().repeat(12 * cycles)

    async def watch(ctx):
        async for *_, level in ctx.tick().sample(dut.tx):
            levels.append(level)

    simulate(dut, main, watch)
    sent = levels[levels.index(0) :]
    expected = [level for byte in BYTES for bit in bits(byte) for level in [bit] * cycles]
    assert levels.index(0) == dut.latency
    assert sent[: len(expected)] == expected
    assert set(sent[len(expected) :]) == {1}


def test_transmitter_to_receiver():
    m, out = Module(), []
    m.submodules.transmitter = transmitter = UartTransmitter(6)
    m.submodules.receiver = receiver = UartReceiver(6)
    m.d.comb += receiver.rx.eq(transmitter.tx)

    async def main(ctx):
        await give(ctx, transmitter.bytes, SENT, pace=0.5)
        await until(ctx, lambda: len(out) == len(SENT), 200)

    simulate(m, main, lambda ctx: take(ctx, receiver.bytes, out))
    assert out == SENT


def test_divisor():
    assert divisor(12e6, 1e6) == 12
    assert divisor(50e6, 3e6) == 17
    with pytest.raises(InputError, match="baud rate 3e\\+06"):
        divisor(25e6, 3e6)
    with pytest.raises(InputError, match="baud rate 1e\\+07"):
        divisor(12e6, 1e7)
