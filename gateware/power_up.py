"""What an emulator of pulse-step cells holds when it is switched on, where it was built with the tables of a device.

An emulator that was built without holds zeros, and its host loads everything. One that was built with them answers like
the device at once: step tables, weights, pristine cells and the registers of rounding are in the bitstream. What its
host must know besides, to turn states into conductances and voltages into pulses, lies in `Space.PRESET`.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from gateware.protocol import Flag

FACTS = ("g_min", "g_max", "v_set", "v_reset", "v_max", "w0", "stochastic")
"""What the host must know, in the order of the record: S, S, V, V, V, a weight, and 1 for states rounded at random."""

DIGEST_BYTES, NAME_BYTES = 8, 64
"""Sizes in the record: digest, one float64 for each of `FACTS`, name in UTF-8 filled up with zeros."""

RECORD_BYTES = DIGEST_BYTES + 8 * len(FACTS) + NAME_BYTES
"""Size of `Space.PRESET`."""


@dataclass(frozen=True)
class PowerUp:
    """A device that an emulator is built with.

    Attributes
    ----------
    name : str
        What it is called, cut to `NAME_BYTES` bytes.
    potentiation, depression : tuple of int
        Step tables, 256 entries each (`gateware.model.StepTables`).
    pristine : int
        State of untouched cells.
    random, encoder_random : int
        Registers at power-up.
    g_min, g_max : float
        Conductances of weights 0 and 1, S.
    v_set, v_reset, v_max : float
        Thresholds of a pulse and largest voltage, V.
    w0 : float
        Weight of untouched cells.
    stochastic : bool
        Whether states are rounded at random.
    """

    name: str
    potentiation: tuple[int, ...]
    depression: tuple[int, ...]
    pristine: int
    random: int
    encoder_random: int
    g_min: float
    g_max: float
    v_set: float
    v_reset: float
    v_max: float
    w0: float
    stochastic: bool

    @property
    def memductance(self) -> tuple[int, ...]:
        """Table of weights: a state's own highest 8 bits."""
        return tuple(range(len(self.potentiation)))

    @property
    def digest(self) -> str:
        """Digest of tables and facts, not of the name: 16 hexadecimal digits."""
        return digest(self.potentiation, self.depression, {fact: getattr(self, fact) for fact in FACTS})

    def registers(self) -> dict[str, int]:
        """Registers that begin otherwise than in `gateware.protocol`."""
        flags = self.stochastic << Flag.STOCHASTIC
        return {"flags": flags, "random": self.random, "encoder_random": self.encoder_random}

    def __str__(self) -> str:
        """Name and digest, as the emulator's host will say them."""
        return str(PresetRecord.parse(self.record()))

    def record(self) -> bytes:
        """`RECORD_BYTES` bytes of `Space.PRESET`, little-endian."""
        facts = struct.pack(f"<{len(FACTS)}d", *(getattr(self, fact) for fact in FACTS))
        name = self.name.encode()[:NAME_BYTES].decode(errors="ignore").encode()
        return bytes.fromhex(self.digest) + facts + name.ljust(NAME_BYTES, b"\0")


@dataclass(frozen=True)
class PresetRecord:
    """`Space.PRESET` as a host reads it: the device that an emulator was built with."""

    digest: str
    name: str
    facts: dict[str, float]

    @classmethod
    def parse(cls, record: bytes) -> PresetRecord:
        """Undo `PowerUp.record`."""
        numbers = struct.unpack_from(f"<{len(FACTS)}d", record, DIGEST_BYTES)
        name = record[-NAME_BYTES:].rstrip(b"\0").decode(errors="replace")
        return cls(record[:DIGEST_BYTES].hex(), name, dict(zip(FACTS, numbers, strict=True)))

    def __str__(self) -> str:
        """Name and digest."""
        return f"{self.name} ({self.digest})"


def digest(potentiation: tuple[int, ...], depression: tuple[int, ...], facts: dict[str, float]) -> str:
    """Digest of step tables and what their host must know: equal for equal devices, whatever they are called."""
    hasher = hashlib.blake2s(digest_size=DIGEST_BYTES)
    for table in (potentiation, depression):
        hasher.update(struct.pack(f"<{len(table)}H", *table))
    hasher.update(struct.pack(f"<{len(FACTS)}d", *(facts[fact] for fact in FACTS)))
    return hasher.hexdigest()
