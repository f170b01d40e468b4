"""Protocol between host and emulator in one table: frames, commands, memory spaces, registers.

Gateware, host, golden model and docs are all generated from here.

A frame is ``seq u16, length u16, command u8, arguments (length bytes), CRC-16``, a reply ``seq u16, length u16, status
u8, free u16, payload (length bytes), CRC-16``, little-endian, each COBS-coded and ended by a zero byte. The CRC is
CRC-16/IBM-3740 (often called CCITT-FALSE) over everything before it. `free` is the room in bytes that is left for
frames before they are coded: the host never has more than that on its way.

Frames are carried out in order of their sequence number and exactly once. The emulator expects one number at a time:

- the expected frame is carried out and answered;
- an earlier one (of the last 32768) was carried out before: if its command only reads it is carried out again, else it
  is answered without effect and without payload, with the refusal if it is the last frame that was refused, else with
  `Status.OK`;
- anything else, every frame before the first SYNC and every damaged frame is answered with `Status.SEQUENCE`, the
  expected number as payload, without effect. To a damaged frame the reply bears the expected number.

`Command.SYNC` starts a session: its own number is taken whatever was expected, unless its nonce is that of the last
SYNC (then it is a repetition and has no effect); the next number is expected from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

IDENTITY = 0x6D656D68
"""Register `identity`: the letters memh."""

VERSION = 4
"""Register `version`: changes whenever this table does."""

MAX_ARGUMENTS = 256
"""Longest arguments of a command and longest payload of a reply, bytes."""


class Command(IntEnum):
    """What a frame asks for; arguments little-endian."""

    SYNC = 0
    """nonce u32: start a session."""
    READ_REGISTERS = 1
    """first u8, count u8 (1..64) -> count x u32."""
    WRITE_REGISTERS = 2
    """first u8, values u32...; all must be writable."""
    READ_MEMORY = 3
    """space u8, first u32, count u16 -> elements."""
    WRITE_MEMORY = 4
    """space u8, first u32, elements... (whole ones)."""
    BEGIN = 5
    """Start a presentation: membranes, counts and log empty, no row has spiked, no neuron blocked, thresholds decay."""
    EVENTS = 6
    """items u16...: an input spike on that row, or, with the highest bit set, advance by the lower 15 bits in ticks."""
    PRESENT = 7
    """Nothing, or a coded image u8... (`gateware.image_code`), which is written to `Space.DRIVE` first: BEGIN, then
    encode the image there on chip for `duration` ticks; output spikes go into `Space.HISTORY`."""
    PROGRAM = 8
    """column u16: one pulse on every cell of the column, by `Space.DRIVE`: 1 potentiates, 255 depresses, 0 rests."""
    SEGMENT = 9
    """gain u32, decay u32, each < 2^24 (decay <= 2^24): one segment of a waveform on every FLCA cell."""


READS_ONLY = frozenset({Command.READ_REGISTERS, Command.READ_MEMORY})
"""Commands that change nothing, so that a repeated frame may be carried out again."""


class Status(IntEnum):
    """How a command went; anything but OK had no effect, except that EVENTS played the items before a bad one, and that
    PRESENT wrote the pixels before what cannot be decoded."""

    OK = 0
    UNKNOWN = 1
    """No such command in this build."""
    RANGE = 2
    """An argument is out of range or of the wrong length."""
    SEQUENCE = 3
    """Not the expected frame, or a damaged one; payload u16: the number expected."""
    FULL = 4
    """No presentation while the history has no room for a spike and an end: the host must take some of it first."""


class Space(IntEnum):
    """Memories that the host may read and write, in elements."""

    STATE = 0
    """words x lanes: element ``(group * rows + row) * lanes + lane``; 1 byte if state_bits = 8, else 2."""
    MEMDUCTANCE = 1
    """256 x u8: G of the highest 8 bits of a state."""
    POTENTIATION = 2
    """256 x u16: size of a potentiation step at the highest 8 bits of a state, in 2^-(16 - state_bits) (step only)."""
    DEPRESSION = 3
    """256 x u16: the same for depression (step only)."""
    DRIVE = 4
    """rows x u8 (step: pixel or action) or rows x i16 (flca: voltage code)."""
    COLUMNS = 5
    """cols x i16: voltage code of every column (flca only)."""
    CODE = 6
    """256 x u32, of which the lowest 24 bits are kept: what the encoder does with a pixel: its mean waiting time
    (`gateware.logarithm.waiting_code`), or, with `Flag.LATENCY`, the tick of its only spike (65535 for none)."""
    THETA = 7
    """cols x u16: adaptive part of every threshold."""
    COUNTS = 8
    """cols x u16, read only: output spikes of the presentation; stays at 65535."""
    LOG = 9
    """log_depth x u32, read only: tick in the lower, neuron in the higher half; spike n is element n mod log_depth."""
    PRESET = 10
    """128 x u8, read only, where `options` says so: digest, facts and name of the device whose tables it was built with
    (gateware/power_up.py)."""
    HISTORY = 11
    """history_depth x u16, read only: neurons of the output spikes of presentations, each of these ended by 0x8000, or
    by 0x8001 if its last spikes found no room (`COUNTS` has them all); entry n is element n mod history_depth."""


class Flag(IntEnum):
    """Bits of register `flags`."""

    LEARN = 0
    RESET_ALL = 1
    """A spike sets all membranes to 0, not only its own."""
    STOCHASTIC = 2
    """States are rounded up or down at random, by the fraction, instead of to the nearest."""
    LATENCY = 3
    """The encoder's CODE is a tick, not a waiting time."""


@dataclass(frozen=True)
class Register:
    """One 32-bit register; unsigned, and only its lowest `bits` are kept. The host writes `least` or more."""

    name: str
    bits: int
    writable: bool
    summary: str
    reset: int = 0
    least: int = 0


REGISTERS = (
    Register("identity", 32, False, "the letters memh"),
    Register("version", 16, False, "version of the register map and the commands"),
    Register("build", 32, False, "first 32 bits of the digest of what was built"),
    Register("rows", 16, False, "rows of the crossbar"),
    Register("cols", 16, False, "columns of the crossbar, one neuron each"),
    Register("lanes", 8, False, "cells read at once"),
    Register("state_bits", 8, False, "width of a state"),
    Register("cell", 8, False, "0 pulse-step cell, 1 FLCA memristor"),
    Register("v_bits", 8, False, "width of a membrane"),
    Register("t_bits", 8, False, "width of a time in ticks"),
    Register("log_depth", 16, False, "output spikes that are kept with their times"),
    Register("history_depth", 16, False, "entries of the history of presentations; 0 without an encoder"),
    Register(
        "options",
        8,
        False,
        "bit 0: encoder on chip; bit 1: ties by membrane; bit 2: a device's tables built in; bit "
        "3: ties by margin; bit 4: annealing",
    ),
    Register("clock", 32, False, "clock, Hz"),
    Register("cycles", 32, False, "clock cycles in which a command was being carried out, modulo 2^32"),
    Register("events", 32, False, "input spikes played, modulo 2^32"),
    Register("spikes", 32, False, "output spikes, modulo 2^32"),
    Register("updates", 32, False, "cells programmed, modulo 2^32"),
    Register("link_errors", 32, False, "damaged frames, modulo 2^32"),
    Register("logged", 32, False, "output spikes since BEGIN"),
    Register("history", 32, False, "entries of the history so far, modulo 2^32"),
    Register("tick", 16, False, "present tick of the presentation"),
    Register("flags", 8, True, "see Flag"),
    Register("threshold", 24, True, "membrane at which a neuron fires; a full weight counts 255", 15300),
    Register("keep", 17, True, "part of a membrane that a tick leaves, / 65536", 65536),
    Register("inhibition", 15, True, "ticks for which a spike inhibits all others; 0 for none"),
    Register("refractory", 15, True, "ticks for which a neuron ignores inputs after its spike"),
    Register("window", 15, True, "inputs at most this many ticks ago are potentiated"),
    Register("theta_plus", 16, True, "what a spike adds to its neuron's threshold"),
    Register("theta_keep", 17, True, "part of it that BEGIN leaves, / 65536", 65536),
    Register("duration", 15, True, "ticks of a presentation that is encoded on chip"),
    Register("random", 32, True, "state of the random generator of state rounding, never 0", 1, 1),
    Register("encoder_random", 32, True, "state of the random generator of the encoder, never 0", 1, 1),
    Register("chances", 17, True, "annealing: probability of a cell's pulse at an output spike, / 65536", 65536),
    Register("theta_share", 32, True, "annealing: what a spike takes from all thresholds, / 65536"),
    Register("lowered", 32, True, "annealing: what spikes have taken so far, / 65536; at most 2^32 - 1"),
    Register("taken", 32, True, "entries of the history that the host has read, modulo 2^32: they are written over"),
)
"""Address = place in this table."""

ANNEALING = ("chances", "theta_share", "lowered")
"""Registers that stay at their reset values, whatever is written, where annealing is not built in."""

ADDRESS = {register.name: place for place, register in enumerate(REGISTERS)}
"""Address of every register by name."""
