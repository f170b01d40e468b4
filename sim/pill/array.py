"""A paired-input learning layer as a device of its own (`sim:pill`): all C(k, 2) weights of every column in float32.

The weights are the non-volatile memristors of `sim.cells.flca`, eq 4 of Zivasatienraj & Doolittle (2023). As a `Device`
they are driven and read like any crossbar; the layer `paired` on it is compiled, and ends where
`hil.pill.pairs.PairedInputs` on `sim:flca` does, to the rounding of float32, hundreds of times sooner.

A flux in float32 has 24 bits. Over 60,000 digits of 8x8 pixels the largest error of any flux was 5e-6 of the largest
flux (D = 0.03 and 1 /s), and 6e-5 for D = 0, where nothing forgets a rounding. A pulse that moves a flux by less than
3e-8 of itself is lost: where D tau or the flux of a pulse comes near that fraction of phi, use `sim:flca`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from hil.backends import DeviceKind
from hil.device import Layer
from hil.energy.dissipation import Dissipation, ohmic
from hil.pill.pairs import PairedCore
from hil.pill.protocol import pair_count
from sim.cells import flca
from sim.cells.flca import FlcaLaw, FlcaParameters
from sim.cells.law import State, StateVariable, unit
from sim.cells.memristance import Coefficients, memristance_table
from sim.crossbar.array import SimulatedArray
from sim.crossbar.parameters import ArrayParameters
from sim.crossbar.variability import DeviceToDevice, StuckCells, Variability
from sim.pill.pairs import CompiledPairs

METERED_ROWS = 16384
"""Rows, about, from which the energy of a larger array is worked out."""


class PillParameters(ArrayParameters):
    """Parameters of `sim:pill`; the weight is that of `sim.circuits.pill_cell`, tenfold where 100 mV hold it."""

    rows: int | None = Field(None, ge=1, description="weights a column, C(inputs, 2); follows from inputs")  # type: ignore[assignment]  # None until `_consistent`
    inputs: int | None = Field(None, ge=2, description="inputs k; follows from rows, 2 if neither is given")
    A: float = Field(1.0, gt=0, description="gain: how far a voltage moves the flux")
    D: float = Field(1.0, ge=0, description="diffusive relaxation rate", json_schema_extra=unit("1/s"))
    R: Coefficients = Field((5e3, 4.5e5), description="R_0,R_1,... of eq 2", json_schema_extra=unit("ohm/(V s)^n"))
    phi0: float = Field(0.0, ge=0, description="pristine flux linkage", json_schema_extra=unit("V s"))
    phi_max: float = Field(
        np.inf, gt=0, allow_inf_nan=True, description="upper bound of the flux", json_schema_extra=unit("V s")
    )
    torch: str | None = Field(
        None, description="torch device on which pairs learn, such as cuda; compiled for the processor if not given"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        inputs, rows = self.inputs, self.rows
        if inputs is None:
            inputs = 2 if rows is None else inputs_of(rows)
        if rows is None:
            rows = pair_count(inputs)
        if rows != pair_count(inputs):
            whose = f"{inputs} inputs make {pair_count(inputs)}" if self.inputs else "no number of inputs makes so many"
            raise ValueError(f"rows = {rows} are not the pairs of a layer: {whose}")
        if self.phi0 > self.phi_max:
            raise ValueError(f"phi0 = {self.phi0:g} V s is above phi_max = {self.phi_max:g} V s")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "rows", rows)
        return self

    def law(self) -> PillLaw:
        """Return the law of a weight."""
        return PillLaw(FlcaParameters(A=self.A, D=self.D, R=self.R, phi0=self.phi0, phi_max=self.phi_max))

    def variability(self) -> Variability:
        """Spread of the weights; where all are alike, one broadcast number replaces an array of equal ones."""
        drawn = super().variability()
        spread, stuck = drawn.device_to_device, drawn.stuck
        return Variability(
            _Spread(spread.sensitivity, spread.resistance),
            drawn.cycle_to_cycle,
            drawn.read_noise,
            _Stuck(stuck.on, stuck.off, stuck.g_on, stuck.g_off),
            drawn.seed,
        )


def inputs_of(rows: int) -> int:
    """Number of inputs k with C(k, 2) = `rows` pairs; of the next smaller layer if there is no such k."""
    return (1 + isqrt(1 + 8 * rows)) // 2


class _Spread(DeviceToDevice):
    def draw(self, shape: tuple[int, int], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.sensitivity or self.resistance:
            return super().draw(shape, seed)
        return np.broadcast_to(1.0, shape), np.broadcast_to(1.0, shape)


class _Stuck(StuckCells):
    def draw(self, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
        return super().draw(shape, seed) if self.on or self.off else np.broadcast_to(np.nan, shape)


class PillLaw(FlcaLaw):
    """A non-volatile FLCA memristor whose flux is float32, 4 bytes a weight."""

    memory_a_cell = 40

    @property
    def states(self) -> tuple[StateVariable, ...]:
        """As of an FLCA memristor."""
        phi, idle = super().states
        return replace(phi, dtype=np.float32), idle

    def memristance(self, state: State) -> NDArray[np.float64]:
        """Eq 2, ohm: at rest a flux stays as it is."""
        return memristance_table(self.parameters.R, state["phi"])


class PillArray(SimulatedArray):
    """Weights of paired inputs, one row a pair (`sim:pill`)."""

    parameters: PillParameters

    def __init__(self, name: str, parameters: PillParameters) -> None:
        """Draw the weights and set them to their pristine state."""
        super().__init__(name, parameters.law(), parameters)

    @property
    def inputs(self) -> int:
        """Number of inputs k."""
        return inputs_of(self.rows)

    def offer(self, layer: type[Layer], *question: Any) -> Layer | None:
        """Compiled pairs (see `Device.offer`), for ideal weights and wires and a protocol that they know."""
        if layer is not PairedCore:
            return super().offer(layer, *question)
        p = self.parameters
        inputs, protocol = question
        if protocol.timing == "serial" or protocol.front not in ("minimum", "resistors"):
            return None
        if p.nonideal or p.d2d or p.c2c or p.read_noise or not p.plain or pair_count(inputs) != self.rows:
            return None
        own: PairedCore
        if p.torch is None:
            own = CompiledPairs(self, protocol)
        else:
            from sim.pill.torch_kernel import TorchPairs

            own = TorchPairs(self, protocol, p.torch)
        return own if isinstance(own, layer) else None

    @property
    def conductance(self) -> NDArray[np.float64]:
        """(rows, cols) true conductance of every weight now, S, free of read noise."""
        if self.parameters.nonideal:
            return super().conductance
        g = np.empty((self.rows, self.cols))
        for col in range(self.cols):
            g[:, col] = self.column_conductance(col)
        return g

    def _known_conductance(self) -> NDArray[np.float64]:
        """Worked out anew: memory is scarce, and pairs move fluxes that they have been given."""
        return self.conductance

    def column_conductance(self, col: int, step: int = 1) -> NDArray[np.float64]:
        """(rows,) true conductance of a column's weights, S; of every `step`-th of them."""
        cells, chosen = self.array, slice(None, None, step)
        g = 1.0 / (cells.scale[col, chosen] * memristance_table(self.parameters.R, cells.state["phi"][col, chosen]))
        return np.where(np.isnan(cells.stuck[col, chosen]), g, cells.stuck[col, chosen]) if cells.any_stuck else g

    def dissipation(
        self, duration: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
    ) -> Dissipation:
        """As of any array; of more than some `METERED_ROWS` rows, from that many of them, evenly apart."""
        step = 2 * (self.rows // (2 * METERED_ROWS)) + 1  # odd: pictures have even sides
        if step == 1 or self.parameters.nonideal or not self.draws_plainly or np.isnan(rows).any():
            return super().dissipation(duration, rows, cols)
        g = np.stack([self.column_conductance(col, step) for col in range(self.cols)], axis=1)
        return ohmic(g, duration, rows[:, ::step], cols).times(self.rows / len(g))

    def fluxes(self) -> NDArray[np.float32]:
        """(cols, rows) flux linkage of every weight, V s: the state, no copy, until it is restored or reset."""
        self._require_open()
        return self.array.state["phi"]

    def note_reads(self, rows: NDArray[np.float64], cols: NDArray[np.float64], count: int) -> None:
        """Tell the meter of `count` reads, some of which are at line voltages (B, rows) and (B, cols), V."""
        if self.meter is not None:
            self.meter.looked(self, rows, cols, self.cols, looks=count, factor=count / len(rows))

    def over_columns(self, job: Callable[[int], None]) -> None:
        """Call `job` with the number of every column, on all threads."""
        self.array.over_columns(job)

    def pass_time(self, seconds: float) -> None:
        """Advance device time by what compiled pairs have played, s."""
        self.array.time += seconds

    def read(self, v: float | None = None) -> NDArray[np.float64]:
        """Conductance of every weight, (rows, cols), S; see `SimulatedArray.read`."""
        p = self.parameters
        if v is not None or p.read_noise or not p.plain or p.nonideal:
            return super().read(v)
        self._require_open()
        self._note_rows(np.arange(self.rows), self.read_voltage)
        self._measurements += 1
        return self.conductance


kind = DeviceKind(
    "pill",
    "weights of paired inputs (PILL) in float32, with compiled pairs",
    PillParameters,
    PillArray,
    {name: values for name, values in flca.PRESETS.items() if name.startswith("pill")},
)
