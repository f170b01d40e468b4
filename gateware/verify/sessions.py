"""Random sessions, drawn from a seed: commands, and the bytes of frames, whole, repeated and damaged.

Everything is drawn where something can go wrong: tables are written at few indices and states are drawn from there,
sums come near thresholds and bounds, and many a command is out of range by one.
"""

from __future__ import annotations

import random
import struct
from binascii import crc_hqx
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from cobs import cobs

from gateware.core.row_times import MOST_TAG_BITS
from gateware.core.spaces import memories
from gateware.geometry import TABLE_SIZE, Geometry
from gateware.image_code import coded
from gateware.link import wire
from gateware.logarithm import waiting_code
from gateware.protocol import ADDRESS, ANNEALING, MAX_ARGUMENTS, REGISTERS, Command, Space

INDICES = (0, 1, 2, 127, 255)
"""Where tables are written; states are drawn from there, so that short loads are enough."""

REGISTER_VALUES = {
    "flags": range(16), "threshold": (0, 200, 500, 1000), "keep": (0, 40000, 65535, 65536, 70000),
    "inhibition": (0, 0, 1, 3), "refractory": (0, 1, 3, 32767), "window": (0, 1, 2, 5), "theta_plus": (0, 100, 65535),
    "theta_keep": (65536, 60000, 100000), "duration": (0, 1, 2, 3), "random": (1, 0xDEADBEEF, 0),
    "encoder_random": (1, 77777777), "chances": (0, 1, 30000, 65535, 65536, 70000, 65536),
    "theta_share": (0, 0, 70000, (1 << 32) - 1), "lowered": (0, 0, 1 << 16, 20_000_000, (1 << 32) - 1),
    "taken": (0, 0, 1, 3, 8, 20, (1 << 32) - 1),
}  # fmt: skip

ADVANCE = 0x8000
"""Highest bit of an item of EVENTS."""

NONCE = b"memh"
START = 65500
"""First sequence number: they wrap in a session."""

_ELEMENTS: dict[Space, tuple[int, ...]] = {
    Space.MEMDUCTANCE: (0, 100, 255),
    Space.POTENTIATION: (0, 255, 300, 65535),
    Space.DEPRESSION: (0, 255, 300, 65535),
    Space.DRIVE: (0, 1, 2, 127, 255),
    Space.COLUMNS: (0, 1, 65535, 32768),
    Space.CODE: (0, 1, 2, *(waiting_code(p) for p in (1e-3, 0.02, 0.3, 0.9, 1.0)), (1 << 24) - 1),
    Space.THETA: (0, 1, 300, 65535),
}


def set_register(name: str, value: int) -> bytes:
    """WRITE_REGISTERS of one register."""
    return bytes([Command.WRITE_REGISTERS, ADDRESS[name]]) + struct.pack("<I", value)


def write(space: int, first: int, elements: bytes) -> bytes:
    """WRITE_MEMORY of packed elements."""
    return bytes([Command.WRITE_MEMORY, space]) + struct.pack("<I", first) + elements


def read(space: int, first: int, count: int) -> bytes:
    """READ_MEMORY."""
    return bytes([Command.READ_MEMORY, space]) + struct.pack("<IH", first, count)


def events(*items: int) -> bytes:
    """EVENTS."""
    return bytes([Command.EVENTS]) + struct.pack(f"<{len(items)}H", *items)


def session(geometry: Geometry, seed: int, number: int) -> list[bytes]:
    """Commands that load all memories, play `number` random ones, meet every bound, and read everything back."""
    dice = random.Random(seed)
    start = {"threshold": 150, "window": 1, "duration": 2, "flags": dice.randrange(16)}
    return [
        *_load(geometry, dice),
        *(set_register(name, value) for name, value in start.items()),
        *(_some_command(geometry, dice) for _ in range(number)),
        *_edges(geometry),
        *dump(geometry),
    ]


def short_session(geometry: Geometry, seed: int, number: int) -> list[bytes]:
    """Commands that use every part of an emulator, few enough for any simulator whatever the size is."""
    dice = random.Random(seed)
    held = memories(geometry)
    tables = [space for space, memory in held.items() if memory.writable]
    few = {space: min(memory.size, 64 // memory.bytes) for space, memory in held.items()}
    start = {"threshold": 150, "window": 1, "duration": 2, "flags": 1}
    return [
        *(write(space, 0, _some_elements(geometry, space, few[space], dice)) for space in tables),
        *(set_register(name, value) for name, value in start.items()),
        *(_some_command(geometry, dice) for _ in range(number)),
        *(read(space, 0, count) for space, count in few.items()),
    ]


def dump(geometry: Geometry) -> Iterator[bytes]:
    """Commands that read everything but `cycles`, which no model knows, and what tables were not written."""
    for space, memory in memories(geometry).items():
        step = MAX_ARGUMENTS // memory.bytes
        size = 8 if memory.size == TABLE_SIZE and space in _ELEMENTS else memory.size
        for first in range(0, size, step):
            yield read(space, first, min(step, size - first))
    yield bytes([Command.READ_REGISTERS, 0, ADDRESS["cycles"]])
    yield bytes([Command.READ_REGISTERS, ADDRESS["events"], len(REGISTERS) - ADDRESS["events"]])


def shows_cycles(command: bytes) -> bool:
    """Whether a reply depends on timing."""
    asked = len(command) == 3 and command[0] == Command.READ_REGISTERS
    return asked and ADDRESS["cycles"] in range(command[1], command[1] + command[2])


def lines(commands: list[bytes], seed: int) -> Iterator[bytes]:
    """Bytes of a session, in pieces that each end a frame: some frames come again, come damaged, or come early."""
    dice = random.Random(seed)
    sync = wire.frame(START, bytes([Command.SYNC]) + NONCE)
    yield wire.frame(START + 1, bytes([Command.BEGIN]))  # before any session
    yield sync
    number, last = START + 1, sync
    for place, command in enumerate(c for c in commands if not shows_cycles(c)):
        whole = wire.frame(number, command)
        if place == 20:
            yield from _damages(number, command)
        fault = dice.randrange(12)
        if fault == 0:
            yield last
        elif fault == 1:
            yield sync
        elif fault == 2:
            yield wire.frame((number + dice.choice((1, 2, 0x7FFF, 0x8000, 0x8001))) & 0xFFFF, command)
        elif fault == 3:
            yield _flipped(whole, dice.randrange(len(whole) - 1), 1 << dice.randrange(8))
        yield whole
        number, last = (number + 1) & 0xFFFF, whole


def _damages(number: int, command: bytes) -> Iterator[bytes]:
    """A frame with each of its bytes damaged once, and with each wrong length that its CRC agrees with."""
    whole = wire.frame(number, command)
    for where in range(len(whole) - 1):
        yield _flipped(whole, where, 0x10)
    right = len(command) - 1
    for length in (right + 1, right - 1 if right else 5, right + 512, right + 0x8000):
        body = struct.pack("<HH", number, length) + command
        yield cobs.encode(body + struct.pack("<H", crc_hqx(body, 0xFFFF))) + b"\0"


def _flipped(coded: bytes, where: int, flips: int) -> bytes:
    """Damage one byte, but not to a zero: of two frames at once `free` depends on time, which no model knows."""
    byte = coded[where] ^ flips or coded[where] ^ 0xFF
    return coded[:where] + bytes([byte]) + coded[where + 1 :]


def _load(geometry: Geometry, dice: random.Random) -> Iterator[bytes]:
    for space, memory in memories(geometry).items():
        if memory.writable and memory.size == TABLE_SIZE and space in _ELEMENTS:
            for index in INDICES:
                yield write(space, index, _some_elements(geometry, space, 1, dice))
        elif memory.writable:
            step = (MAX_ARGUMENTS - 5) // memory.bytes
            for first in range(0, memory.size, step):
                count = min(step, memory.size - first)
                yield write(space, first, _some_elements(geometry, space, count, dice))


def _some_elements(geometry: Geometry, space: Space, count: int, dice: random.Random) -> bytes:
    """Plausible contents of a memory, packed."""
    low = geometry.state_bits - 8
    width = memories(geometry)[space].bytes

    def one() -> int:
        if space == Space.STATE:
            return dice.choice(INDICES) << low | dice.randrange(1 << low)
        return dice.choice(_ELEMENTS[space])

    return b"".join(one().to_bytes(width, "little") for _ in range(count))


def _some_image(g: Geometry, dice: random.Random) -> bytes:
    """Nothing, a coded image, or bytes that may be one."""
    pixels = np.array([dice.choice((0, 0, 1, 2, 15)) for _ in range(g.rows)], np.uint8)
    return dice.choice((b"", coded(pixels, 4) or b"", bytes([dice.choice((4, 5, 8))]) + dice.randbytes(4)))


def _some_command(g: Geometry, dice: random.Random) -> bytes:
    """A command that may well be refused."""
    rows = [dice.randrange(g.rows) for _ in range(8)]
    items = [dice.choice((ADVANCE | 1, ADVANCE | 2, *rows)) for _ in range(dice.randrange(12))]
    name = dice.choice(tuple(name for name in REGISTER_VALUES if g.annealing or name not in ANNEALING))
    space = dice.choice(tuple(memories(g)))
    rate = dice.choice((0, 1 << 12, 1 << 20, (1 << 24) - 1, 1 << 24))
    makers: list[tuple[int, Callable[[], bytes]]] = [
        (5, lambda: set_register(name, dice.choice(REGISTER_VALUES[name]))),
        (6, lambda: events(*items)),
        (1, lambda: events(ADVANCE | dice.choice((0, 1 << g.t_bits, 32767)))),
        (1, lambda: bytes([Command.BEGIN])),
        (3, lambda: bytes([Command.PRESENT]) + _some_image(g, dice)),
        (2, lambda: bytes([Command.PROGRAM]) + struct.pack("<H", dice.randrange(g.cols + 1))),
        (2, lambda: bytes([Command.SEGMENT]) + struct.pack("<II", rate, dice.choice((0, 1 << 10, 1 << 24)))),
        (1, lambda: bytes([dice.randrange(12)]) + dice.randbytes(dice.randrange(9))),
        (1, lambda: read(space, dice.randrange(8), dice.randrange(12))),
    ]
    return dice.choices([make for _, make in makers], [weight for weight, _ in makers])[0]()


def _edges(g: Geometry) -> Iterator[bytes]:
    """Commands just inside and just outside their ranges: arguments, memories, probabilities, thresholds and times."""
    for space, memory in memories(g).items():
        yield from (read(space, memory.size - 1, 1), read(space, memory.size - 1, 2), read(space, memory.size, 1))
    yield from (events(g.rows), bytes([Command.PROGRAM]) + struct.pack("<H", g.cols))
    if g.cell == "flca":
        return
    # Where there is no annealing, these registers stay as they are.
    yield from (set_register(name, 1) for name in ANNEALING)
    yield bytes([Command.READ_REGISTERS, ADDRESS[ANNEALING[0]], len(ANNEALING)])
    yield from (write(Space.DRIVE, 0, b"\x01"), bytes([Command.PROGRAM, 0, 0]))
    yield from (set_register(name, value) for name, value in zip(ANNEALING, (65536, 0, 0), strict=True))
    quiet = {"flags": 0, "keep": 65536, "theta_plus": 0, "refractory": 0, "inhibition": 0, "duration": 1}
    yield from (set_register(name, value) for name, value in quiet.items())
    yield from (write(Space.STATE, n, bytes(g.state_bytes)) for n in range(min(g.words * g.lanes, 4 * g.lanes)))
    yield from (write(Space.THETA, n, b"\0\0") for n in range(g.cols))
    yield write(Space.MEMDUCTANCE, 0, b"\x64")
    # All membranes meet the threshold exactly, at one tick after another.
    for held in ({"threshold": 200}, {"inhibition": 2}, {"inhibition": 0, "refractory": 2}):
        yield from (set_register(name, value) for name, value in held.items())
        yield bytes([Command.BEGIN])
        yield events(0, 0, *([ADVANCE | 1, 0, 0] * 4))
        yield read(Space.LOG, 0, min(g.log_depth, 64))
    # A membrane of 100 leaks to 91.55: rounded, and only then, it meets the threshold with the next spike.
    leaking = {"refractory": 0, "keep": 60000, "threshold": 192}
    yield from (set_register(name, value) for name, value in leaking.items())
    yield from (bytes([Command.BEGIN]), events(0, ADVANCE | 1, 0), read(Space.COUNTS, 0, 1))
    yield from _inhibited_edges(g)
    if g.tie != "rank" or g.annealing:
        yield from _height_edges(g)
    if g.encodes:
        yield from _encoder_edges(g)


def _inhibited_edges(g: Geometry) -> Iterator[bytes]:
    """One neuron that is not inhibited, inhibition switched off meanwhile, and rows that spiked presentations ago."""
    state = partial(_state, g)
    calm = {"flags": 0, "keep": 65536, "refractory": 0, "theta_plus": 0, "threshold": 200, "inhibition": 20}
    yield from (set_register(name, value) for name, value in calm.items())
    yield write(Space.MEMDUCTANCE, 0, b"\x64\x00")  # states of 0 weigh 100, of 1 nothing
    # The last neuron alone has weights: it fires, and again, while all others are inhibited.
    yield from (state(0, n, int(n != g.cols - 1)) for n in range(g.cols))
    yield from (bytes([Command.BEGIN]), events(0, 0, 0, 0, 0), read(Space.LOG, 0, min(g.log_depth, 8)))
    # All are ready when the first one fires; then it alone may, also when inhibition has been switched off.
    yield from (state(0, n, 0) for n in range(g.cols))
    yield from (bytes([Command.BEGIN]), events(0, 0), set_register("inhibition", 0), events(0, 0, 0))
    yield from (read(Space.LOG, 0, min(g.log_depth, 8)), read(Space.COUNTS, 0, g.cols))
    if g.rows == 1:
        return
    # A row that spiked in a presentation before, or as many presentations ago as there may be tags, is none that has.
    learning = {"flags": 1, "inhibition": 20, "window": 5}
    yield from (set_register(name, value) for name, value in learning.items())
    yield write(Space.POTENTIATION, 0, struct.pack("<H", 4 << (16 - g.state_bits)))
    for presentations in (1, (1 << MOST_TAG_BITS) - 1):
        yield from (state(row, n, 0) for row in (0, 1) for n in range(g.cols))
        yield from (bytes([Command.BEGIN]), events(1))
        yield from [bytes([Command.BEGIN])] * presentations
        yield from (events(0, 0), read(Space.STATE, 0, min(2 * g.lanes, 32)))


def _state(g: Geometry, row: int, column: int, index: int) -> bytes:
    """Write the state of one cell, by its index in the tables."""
    word = column // g.lanes * g.rows + row
    value = index << (g.state_bits - 8)
    return write(Space.STATE, word * g.lanes + column % g.lanes, value.to_bytes(g.state_bytes, "little"))


def _height_edges(g: Geometry) -> Iterator[bytes]:
    """All membranes rise alike, by 100: the last neuron is the furthest above its threshold, though none is higher.

    With annealing its limit is below 0 at last, what is taken from all is not more than can be, and cells draw lots.
    """
    learning = {"flags": 1, "keep": 65536, "threshold": 90, "inhibition": 1, "refractory": 1, "theta_plus": 200}
    yield from (set_register(name, value) for name, value in learning.items())
    for n in range(g.cols):
        yield write(Space.THETA, n, struct.pack("<H", 7 * (g.cols - 1 - n)))
    for chances, share, lowered in ((65536, 0, 0), (30000, 20 << 16, 5 << 16), (1, 1 << 31, 1 << 31), (0, 1, 95 << 16)):
        values = {"chances": chances, "theta_share": share, "lowered": lowered, "random": 99}
        yield from (set_register(name, value) for name, value in values.items())
        yield bytes([Command.BEGIN])
        yield events(0, *([ADVANCE | 1, 0] * 6))
        yield read(Space.LOG, 0, min(g.log_depth, 64))
        yield read(Space.STATE, 0, min(g.words * g.lanes, 16))
        yield bytes([Command.READ_REGISTERS, ADDRESS["updates"], 1])
        yield bytes([Command.READ_REGISTERS, ADDRESS[ANNEALING[0]], len(ANNEALING)])
    yield from (bytes([Command.PROGRAM, 0, 0]), bytes([Command.READ_REGISTERS, ADDRESS["random"], 1]))
    yield from (set_register(name, value) for name, value in zip(ANNEALING, (65536, 0, 0), strict=True))


def _encoder_edges(g: Geometry) -> Iterator[bytes]:
    """Waiting times at the edges of the calendar and of a presentation, codes that are ticks, a history that is full,
    and images that are none.
    """
    longest = 1 << g.t_bits if g.t_bits == 6 else 3
    told = bytes([Command.READ_REGISTERS, ADDRESS["events"], len(REGISTERS) - ADDRESS["events"]])
    yield from (write(Space.DRIVE, 0, bytes(g.rows)[: MAX_ARGUMENTS - 5]), set_register("threshold", (1 << 24) - 1))
    cases = [(0, waiting_code(1.0), 1, 3), (0, (1 << 23) - 1, 0xFFFFFFFF, 3), (0, 1 << 18, 7, 3)]
    cases += [(0, waiting_code(0.6 / longest), random, longest) for random in (3, 0x80000000)]
    # With these, a logarithm that is not interpolated is one tick or two off.
    cases += [(0, waiting_code(1e-3), random, longest) for random in (12, 25, 124)]
    cases += [(8, tick, 1, longest) for tick in (2, g.slots - 1, g.slots, longest - 1, longest, 65536)]
    for flags, code, start, duration in cases:
        values = {"flags": flags, "encoder_random": start, "duration": duration}
        yield from (set_register(name, value) for name, value in values.items())
        yield write(Space.CODE, 0, struct.pack("<I", code))
        yield bytes([Command.PRESENT])
        yield told
    yield set_register("duration", 2)
    values = {"flags": 8, "threshold": 0, "inhibition": 0, "refractory": 0}
    yield from (set_register(name, value) for name, value in values.items())
    yield write(Space.CODE, 0, bytes(4))
    for entries in range(3):
        yield set_register("taken", entries)
        yield from (bytes([Command.PRESENT]), bytes([Command.PRESENT]), told)
        yield read(Space.HISTORY, 0, min(g.history_depth, 64))
    for width in (3, 4, 8, 9, 0x14):
        for tokens in (b"", b"\xff" * 2, b"\0\0", b"\x20\x1f", b"\xe0\xff\xff", bytes(range(1, 9))):
            yield bytes([Command.PRESENT, width]) + tokens
            yield read(Space.DRIVE, 0, min(g.rows, 64))
