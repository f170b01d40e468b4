"""What is fixed when the emulator is built: sizes, widths and the kind of cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateware.power_up import PowerUp
from hil.errors import InputError

WEIGHT_BITS = 8
"""Width of a memductance G(state): a full weight is 255."""

CODE_BITS = 24
"""Width of an entry of table CODE: a waiting time as a floating-point number, or a tick."""

SLOTS = 512
"""Ticks for which the encoder plans ahead, at most; half of those that it can count if that is less."""

ENTRY_END = 0x8000
"""Entry of the history behind the spikes of a presentation."""

TABLE_SIZE = 256
"""Entries of every loadable table; a wider state is looked up by its highest 8 bits."""


SLOWEST = 4
"""Clock cycles that a command takes for a word of states, at the very most."""

CellKind = Literal["step", "flca"]
Tie = Literal["rank", "membrane", "margin"]


@dataclass(frozen=True)
class Geometry:
    """An emulated crossbar with one LIF neuron a column.

    Attributes
    ----------
    rows, cols : int
        Lines of the crossbar; neurons are on the columns.
    lanes : int
        Cells that are read at once. Columns are worked on in groups of this many.
    state_bits : int
        Width of a cell's state, 8..16.
    cell : {"step", "flca"}
        A pulse-step cell with update tables, which learns on chip, or the non-volatile FLCA memristor under waveforms.
    v_bits : int
        Width of a membrane; a full weight counts 255.
    t_bits : int
        Width of time stamps and timers, ticks.
    encoder : bool
        Whether images are turned into spikes on chip.
    log_depth : int
        Output spikes of a presentation that are kept with their times.
    tie : {"rank", "membrane", "margin"}
        Which of several ready neurons fires first: the lowest column; the highest membrane and then that; or the
        membrane furthest above its own threshold and then that.
    annealing : bool
        Whether there are registers for what falls during a run (step only): pulses by lot, and a part of all
        thresholds that spikes take away together.
    frame_buffer : int
        Bytes of frames that may wait, a power of two: 512 hold the longest frame, 1024 three of them.
    clock : float
        Hz; what the registers report, and what UART timing is derived from.
    history_depth : int
        Entries of the history of presentations, a power of two: one a spike, one an image (with an encoder only).
    loaded : PowerUp or None
        The device whose tables it holds from power-up on (step only); None for zeros, which the host replaces.
    """

    rows: int
    cols: int
    lanes: int = 1
    state_bits: int = 8
    cell: CellKind = "step"
    v_bits: int = 16
    t_bits: int = 12
    encoder: bool = True
    log_depth: int = 256
    tie: Tie = "rank"
    annealing: bool = False
    frame_buffer: int = 1024
    clock: float = 50e6
    history_depth: int = 1024
    loaded: PowerUp | None = None

    def __post_init__(self) -> None:
        """Check ranges."""
        for field, low, high in (
            ("rows", 1, 4096), ("cols", 1, 4096), ("lanes", 1, 64), ("state_bits", 8, 16), ("v_bits", 12, 24),
            ("t_bits", 6, 15), ("log_depth", 1, 4096),
        ):  # fmt: skip
            if not low <= getattr(self, field) <= high:
                raise InputError(f"geometry: {field} = {getattr(self, field)} must be in {low} .. {high}")
        if self.annealing and self.cell != "step":
            raise InputError(f"geometry: cell = {self.cell} learns by waveforms, which have no annealing to build in")
        if self.frame_buffer not in (512, 1024, 2048, 4096):
            raise InputError(f"geometry: frame_buffer = {self.frame_buffer} must be 512, 1024, 2048 or 4096")
        if self.history_depth not in tuple(1 << bits for bits in range(1, 16)):
            raise InputError(f"geometry: history_depth = {self.history_depth} must be a power of two, 2 to 32768")
        if self.loaded is not None and self.cell != "step":
            raise InputError(
                f"geometry: cell = {self.cell} has no tables to build in: its coefficients come with every segment"
            )

    @property
    def groups(self) -> int:
        """Passes over the lanes that cover all columns; the last may be partly empty."""
        return -(-self.cols // self.lanes)

    @property
    def words(self) -> int:
        """Words of the state memory: word ``group * rows + row`` holds one row of a group of columns."""
        return self.groups * self.rows

    @property
    def encodes(self) -> bool:
        """Whether it presents images: an encoder is there, and cells that learn from spikes."""
        return self.encoder and self.cell == "step"

    @property
    def slots(self) -> int:
        """Ticks for which the encoder plans ahead."""
        return min(SLOTS, 1 << self.t_bits >> 1)

    @property
    def height_bits(self) -> int:
        """Width of what ready neurons are compared by; above a threshold of 16 bits below 0 a membrane is that high."""
        return max(self.v_bits, 16) + 1 if self.tie == "margin" else self.v_bits

    @property
    def drive_bits(self) -> int:
        """Width of a row's drive: an image's pixel or an action (step), a signed voltage code (flca)."""
        return 8 if self.cell == "step" else 16

    @property
    def state_bytes(self) -> int:
        """Bytes that a state takes on the link."""
        return 1 if self.state_bits == 8 else 2
