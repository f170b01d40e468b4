import pytest
from cobs import cobs
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stream_drivers import give, simulate, take, until

from gateware.link.cobs import CobsDecoder, CobsEncoder

FRAME = st.lists(st.sampled_from([0, 0, 1, 2, 255]), min_size=1, max_size=12).map(bytes)
PACE = st.sampled_from([0.3, 1.0])
EDGES = [bytes([1]) * n + tail for n in (253, 254, 255) for tail in (b"", b"\0", b"\0\0")] + [bytes(300), b"\5" * 600]


def encoded(frames, pace_in=1.0, pace_out=1.0):
    dut, out = CobsEncoder(), []
    payloads = [{"data": byte, "last": k == len(frame) - 1} for frame in frames for k, byte in enumerate(frame)]

    async def main(ctx):
        await give(ctx, dut.plain, payloads, pace_in)
        await until(ctx, lambda: out.count(0) == len(frames), 20_000)

    simulate(dut, main, lambda ctx: take(ctx, dut.coded, out, pace_out))
    return bytes(out)


def decoded(coded, pace_in=1.0, pace_out=1.0):
    """Frames and whether each was bad."""
    dut, out = CobsDecoder(), []

    async def main(ctx):
        await give(ctx, dut.coded, coded, pace_in)
        await ctx.tick().repeat(2)

    simulate(dut, main, lambda ctx: take(ctx, dut.tokens, out, pace_out))
    frames, frame = [], bytearray()
    for token in out:
        if token.end:
            frames.append((bytes(frame), bool(token.bad)))
            frame.clear()
        else:
            frame.append(token.data)
    return frames


@settings(max_examples=25, deadline=None)
@given(frames=st.lists(FRAME, min_size=1, max_size=4), pace_in=PACE, pace_out=PACE)
def test_encoder_equals_the_library(frames, pace_in, pace_out):
    assert encoded(frames, pace_in, pace_out) == b"".join(cobs.encode(frame) + b"\0" for frame in frames)


@pytest.mark.parametrize("frame", EDGES, ids=lambda frame: f"{len(frame)} ends {frame[-2:].hex()}")
def test_encoder_and_decoder_at_block_limits(frame):
    coded = cobs.encode(frame) + b"\0"
    assert encoded([frame]) == coded
    assert decoded(coded) == [(frame, False)]


@settings(max_examples=40, deadline=None)
@given(coded=st.lists(st.sampled_from([0, 1, 2, 3, 4, 255]), max_size=40).map(bytes), pace_in=PACE, pace_out=PACE)
@example(coded=b"\1\1\1\0\0\0\2\5\0\3\5\0\2\6\0", pace_in=1.0, pace_out=1.0)
def test_decoder_judges_any_bytes_as_the_library_does(coded, pace_in, pace_out):
    expected = []
    for piece in coded.split(b"\0")[:-1]:
        if piece:
            try:
                expected.append(cobs.decode(piece))
            except cobs.DecodeError:
                expected.append(None)
    result = [None if bad else frame for frame, bad in decoded(coded, pace_in, pace_out)]
    assert result == expected


def test_encoder_latency():
    dut, out = CobsEncoder(), []

    async def main(ctx):
        ctx.set(dut.coded.ready, 1)
        ctx.set(dut.plain.payload, {"data": 7, "last": 1})
        ctx.set(dut.plain.valid, 1)
        await ctx.tick()
        ctx.set(dut.plain.valid, 0)
        for _ in range(8):
            out.append((ctx.get(dut.coded.valid), ctx.get(dut.coded.payload)))
            await ctx.tick()

    simulate(dut, main)
    valid = [byte for is_valid, byte in out if is_valid]
    assert out[0] == (1, 2)
    assert valid == [2, 7, 0]
    assert [k for k, (is_valid, _) in enumerate(out) if is_valid][1] == dut.latency
