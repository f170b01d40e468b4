"""`Board`: all that differs from one FPGA board to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from gateware.geometry import Geometry
from hil.errors import InputError

if TYPE_CHECKING:
    from amaranth.build import Platform


@dataclass(frozen=True)
class Board:
    """An FPGA board with a serial port.

    Attributes
    ----------
    name : str
        Name on the command line.
    summary : str
        FPGA, memory, how it is connected.
    family : {"ecp5", "ice40", "vendor"}
        Which tools build for it; for its vendor's, a project is written (`gateware.build.project`).
    platform : callable
        Makes the Amaranth platform; imports it only then.
    oscillator : float
        Hz of the platform's default clock.
    geometry : Geometry
        A crossbar that fits; its `clock` is the default clock, made by a PLL if it is not the oscillator's.
    pll_pad : bool
        Whether the oscillator's pin drives the PLL directly, without passing the fabric (iCE40 only).
    serial : tuple of (str, int)
        Resource with pins rx and tx.
    high : tuple of (str, int)
        Resources of one output pin each that a design must hold high to keep the board running.
    baud : int
        Symbols per second.
    most_baud : int
        The most that its USB chip makes: 3 M of an FT231X, 12 M of an FT2232H.
    synthesis : str
        Options for yosys's synth_ecp5 or synth_ice40.
    loader : tuple of str
        Options with which openFPGALoader finds the board.
    parts : mapping of int
        What the FPGA has, by the names of `gateware.placement`; if empty, nothing is refused before a build.
    like : tuple of str
        Boards with FPGAs of the same speed, whose builds tell what clock to expect.
    """

    name: str
    summary: str
    family: Literal["ecp5", "ice40", "vendor"]
    platform: Callable[[], Platform]
    oscillator: float
    geometry: Geometry
    pll_pad: bool = False
    serial: tuple[str, int] = ("uart", 0)
    high: tuple[tuple[str, int], ...] = ()
    baud: int = 1_000_000
    most_baud: int = 3_000_000
    synthesis: str = ""
    loader: tuple[str, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    like: tuple[str, ...] = ()

    def with_baud(self, baud: float | None) -> Board:
        """The board with another bit rate on its serial line, if one is given.

        Raises
        ------
        InputError
            If its USB chip has no such rate.
        """
        if baud is None:
            return self
        if baud > self.most_baud:
            raise InputError(f"baud = {baud:g}: the USB chip of {self.name} goes up to {self.most_baud:g}")
        return replace(self, baud=round(baud))

    @property
    def tools(self) -> tuple[str, ...]:
        """Tools that make its bitstream, in order."""
        if self.family == "vendor":
            return ("yosys",)
        if self.family == "ecp5":
            return ("yosys", "nextpnr-ecp5", "ecppack")
        return ("yosys", "nextpnr-ice40", "icepack")

    @property
    def bitstream(self) -> str:
        """File name of the bitstream."""
        return "top.bit" if self.family == "ecp5" else "top.bin"
