"""The emulator's clock from a board's oscillator: PLL settings of ECP5 and iCE40, and the clock domain they drive."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose
from typing import TypeVar

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from gateware.boards.board import Board
from hil.errors import InputError

TOLERANCE = 1e-3
"""Largest relative deviation from the clock that was asked for; a UART bears several per cent."""

BRAM_WAKE = 15e-6
"""Seconds after configuration until an iCE40's block RAMs can be read, five times what was observed."""


@dataclass(frozen=True)
class Ecp5Pll:
    """Dividers of an EHXPLLL with feedback from its own output, and the frequency that comes out, Hz."""

    reference: int
    feedback: int
    output: int
    frequency: float


@dataclass(frozen=True)
class Ice40Pll:
    """Dividers of an SB_PLL40 with simple feedback, its filter, and the frequency that comes out, Hz."""

    divr: int
    divf: int
    divq: int
    filter_range: int
    frequency: float


Pll = TypeVar("Pll", Ecp5Pll, Ice40Pll)


def ecp5_pll(source: float, wanted: float) -> Ecp5Pll:
    """Choose dividers: output nearest to `wanted`, then the oscillator of the PLL nearest to 600 MHz.

    Limits as in Project Trellis's ecppll: phase detector 3.125 .. 400 MHz, oscillator 400 .. 800 MHz.
    """
    best = None
    for reference in range(1, 129):
        if not 3.125e6 <= source / reference <= 400e6:
            continue
        feedback = round(wanted * reference / source)
        frequency = source / reference * feedback
        if not 1 <= feedback <= 80:
            continue
        for output in range(1, 129):
            if 400e6 <= frequency * output <= 800e6:
                rank = (abs(frequency - wanted), abs(frequency * output - 600e6), reference)
                if best is None or rank < best[0]:
                    best = rank, Ecp5Pll(reference, feedback, output, frequency)
    return _checked(best and best[1], source, wanted)


def ice40_pll(source: float, wanted: float) -> Ice40Pll:
    """Choose dividers: output nearest to `wanted`, then the smallest reference divider.

    Limits as in Project IceStorm's icepll: phase detector 10 .. 133 MHz, oscillator 533 .. 1066, output 16 .. 275.
    """
    best = None
    for divr in range(16):
        detector = source / (divr + 1)
        if not 10e6 <= detector <= 133e6:
            continue
        for divq in range(1, 7):
            divf = min(max(round(wanted * 2**divq / detector) - 1, 0), 127)
            frequency = detector * (divf + 1) / 2**divq
            if 533e6 <= frequency * 2**divq <= 1066e6 and 16e6 <= frequency <= 275e6:
                rank = (abs(frequency - wanted), divr)
                if best is None or rank < best[0]:
                    filter_range = 1 + sum(detector >= edge for edge in (17e6, 26e6, 44e6, 66e6, 101e6))
                    best = rank, Ice40Pll(divr, divf, divq, filter_range, frequency)
    return _checked(best and best[1], source, wanted)


def _checked(pll: Pll | None, source: float, wanted: float) -> Pll:
    if pll is None or not isclose(pll.frequency, wanted, rel_tol=TOLERANCE):
        near = f"; the nearest is {pll.frequency / 1e6:g} MHz" if pll else ""
        raise InputError(f"clock: no PLL makes {wanted / 1e6:g} MHz from {source / 1e6:g} MHz{near}")
    return pll


def real_clock(board: Board, wanted: float) -> float:
    """Frequency in Hz that the board gives when `wanted` is asked for."""
    if wanted == board.oscillator:
        return wanted
    if board.family == "vendor":
        raise InputError(
            f"clock: {board.name} runs at its oscillator's {board.oscillator / 1e6:g} MHz here, not at "
            f"{wanted / 1e6:g} MHz: PLLs of its vendor are not set up"
        )
    return (ecp5_pll if board.family == "ecp5" else ice40_pll)(board.oscillator, wanted).frequency


class PllClock(wiring.Component):
    """Drives domain ``sync`` of its parent at another clock than the oscillator's, in reset until it is stable."""

    def __init__(self, board: Board, wanted: float) -> None:
        super().__init__({})
        self._board, self._wanted = board, wanted

    def elaborate(self, platform: Platform) -> Module:
        """Put the PLL between the oscillator's pin and the domain."""
        m = Module()
        clock, locked = Signal(), Signal()
        pin = platform.request(platform.default_clk, dir="-")
        if self._board.pll_pad:
            source = pin.io
        else:
            m.submodules.pin = buffer = io.Buffer("i", pin)
            source = buffer.i
        if self._board.family == "ecp5":
            m.submodules.pll = self._ecp5(source, clock, locked)
            m.submodules.reset = ResetSynchronizer(~locked, domain="sync")
        else:
            m.submodules.pll = self._ice40(source, clock, locked)
            m.domains.power = ClockDomain("power", reset_less=True, local=True)
            m.d.comb += ClockSignal("power").eq(clock)
            last = int(BRAM_WAKE * self._wanted)
            age = Signal(range(last + 1))
            with m.If(locked & (age != last)):
                m.d.power += age.eq(age + 1)
            m.submodules.reset = ResetSynchronizer(age != last, domain="sync")
        m.d.comb += ClockSignal("sync").eq(clock)
        return m

    def _ecp5(self, source: Signal, clock: Signal, locked: Signal) -> Instance:
        pll = ecp5_pll(self._board.oscillator, self._wanted)
        return Instance(
            "EHXPLLL",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_CLKI_DIV=pll.reference,
            p_CLKFB_DIV=pll.feedback,
            p_CLKOP_DIV=pll.output,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_CPHASE=max(pll.output // 2 - 1, 0),
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_CLKI=source,
            i_CLKFB=clock,
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            o_CLKOP=clock,
            o_LOCK=locked,
        )

    def _ice40(self, source: Signal, clock: Signal, locked: Signal) -> Instance:
        pll = ice40_pll(self._board.oscillator, self._wanted)
        kind, port = ("SB_PLL40_PAD", "PACKAGEPIN") if self._board.pll_pad else ("SB_PLL40_CORE", "REFERENCECLK")
        return Instance(
            kind,
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(pll.divr, 4),
            p_DIVF=Const(pll.divf, 7),
            p_DIVQ=Const(pll.divq, 3),
            p_FILTER_RANGE=Const(pll.filter_range, 3),
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            **{f"i_{port}": source},
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )
