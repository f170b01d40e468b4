"""Coded images: what the host writes is what golden model and gateware read, and nothing else is taken for an image."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_drivers import simulate

from gateware.core.image import ImageDecoder
from gateware.geometry import Geometry
from gateware.golden.image import decode
from gateware.image_code import coded, greys, levels
from gateware.protocol import MAX_ARGUMENTS


def read(code, rows):
    """The format once more, from strings of bits; the pixels, or None for what is no image."""
    bits, width = "".join(f"{byte:08b}"[::-1] for byte in code[1:]), code[0]
    if not 4 <= width <= 8:
        return None
    pixels = []
    while bits:
        if bits[0] == "1":
            pixels.append(2**width - 1)
            bits = bits[1:]
        elif len(bits) <= width:
            break
        elif value := int(bits[width:0:-1], 2):
            pixels.append(value)
            bits = bits[width + 1 :]
        else:
            ones, zero, rest = bits[width + 1 :].partition("0")
            if len(ones) > 9:
                return None
            if not zero or len(rest) < 3 + len(ones):
                break
            pixels += [0] * (8 * (2 ** len(ones) - 1) + int(rest[: 3 + len(ones)][::-1], 2) + 1)
            bits = rest[3 + len(ones) :]
        if len(pixels) > rows:
            return None
    return pixels + [0] * (rows - len(pixels))


def golden(code, rows):
    pixels = np.full(rows, 99)
    return pixels.tolist() if decode(np.frombuffer(code, np.uint8).astype(np.int64), pixels) else None


@settings(max_examples=300, deadline=None)
@given(st.integers(4, 8), st.lists(st.tuples(st.integers(0, 255), st.integers(1, 60)), max_size=30))
def test_the_golden_model_reads_what_the_host_writes(bits, runs):
    pixels = np.array([value % 2**bits for value, length in runs for _ in range(length)], np.uint8)
    code = coded(pixels, bits)
    if code is None:
        assert len(pixels) * (bits + 1) > 8 * (MAX_ARGUMENTS - 1)
    else:
        assert golden(code, len(pixels)) == read(code, len(pixels)) == pixels.tolist()


@settings(max_examples=300, deadline=None)
@given(st.integers(2, 9), st.binary(max_size=40), st.integers(0, 200))
def test_any_bytes_are_read_alike(width, tokens, rows):
    code = bytes([width]) + tokens
    assert golden(code, rows) == read(code, rows)


@pytest.mark.parametrize("pace", [1.0, 0.3])
def test_the_gateware_reads_what_the_golden_model_reads(pace):
    dice, rows = random.Random(5), 40
    codes = [bytes([4]), b"\5" + b"\xff" * 5, b"\5" + b"\xff" * 6, b"\4\xe0\xff\xff", b"\3\1"]
    for _ in range(30):
        code = coded(
            np.array([dice.choice((0, 0, 0, 1, 2, 15)) for _ in range(rows)], np.uint8), dice.choice((4, 5, 8))
        )
        codes += [code, bytes([dice.choice((4, 7))]) + dice.randbytes(dice.randrange(1, 9))]
    dut = ImageDecoder(Geometry(rows, 1))

    async def bench(ctx):
        for code in codes:
            pixels, wanted = {}, golden(code, rows)
            ctx.set(dut.length, len(code))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            fed, waiting = list(code), 0
            while ctx.get(dut.busy):
                ctx.set(dut.bytes.valid, bool(fed) and dice.random() < pace)
                ctx.set(dut.bytes.payload, fed[0] if fed else 0)
                _, _, taken, write, row, pixel = await ctx.tick().sample(
                    dut.bytes.valid & dut.bytes.ready, dut.write, dut.row, dut.pixel
                )
                fed = fed[taken:]
                if write:
                    pixels[row] = pixel
                waiting += 1
                assert waiting < 9 * len(code) / pace * 2 + rows + 50
            if ctx.get(dut.write):
                pixels[ctx.get(dut.row)] = ctx.get(dut.pixel)
            ctx.set(dut.bytes.valid, 0)
            assert ctx.get(dut.bad) == (wanted is None)
            if wanted is not None:
                assert [pixels[row] for row in range(rows)] == wanted
            await ctx.tick()

    simulate(dut, bench)


def test_grey_values_are_the_nearest_or_the_images_own():
    images = np.arange(256, dtype=np.uint8)
    for bits in range(4, 9):
        off = greys(255, bits)[levels(images, 255, bits)] - images / 255
        assert np.abs(off).max() <= 0.5 / (2**bits - 1) + 1e-12
    own = np.arange(17, dtype=np.uint8)
    assert np.array_equal(levels(own, 16, 5), own)
    assert np.array_equal(greys(16, 5)[:17], own / 16)


def test_an_image_that_would_be_too_long_is_not_coded():
    noise = np.random.default_rng(1).integers(1, 255, 784).astype(np.uint8)
    assert coded(noise, 8) is None
    assert len(coded(noise >> 4, 4) or b"") in (0, *range(100, MAX_ARGUMENTS + 1))
