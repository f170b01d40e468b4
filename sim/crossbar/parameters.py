"""Parameters that every simulated crossbar has, and how those of a law join them.

A user gives both in one address, ``sim:vteam?rows=4&v_on=-0.5``, so a device has one flat model of them all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from hil.fraction import Fraction
from hil.programming import Programming
from sim.cells.law import CellParameters, Law, unit
from sim.crossbar.nonideal.registry import NonIdealParameters
from sim.crossbar.selected import Pairs
from sim.crossbar.variability import CycleToCycle, DeviceToDevice, ReadNoise, StuckCells, Variability
from sim.crossbar.wire_parameters import WireParameters
from sim.network.branches import Ohmic
from sim.selectors.selector import ON, SELECTORS, Selector, selected

WIRED_OVERDRIVE = 1.5
"""Programming voltage over the cell's own where wires have resistances: in the middle between what moves no cell, as
some of it is lost on the way, and twice as much, half of which would move cells that are not meant."""


HEADROOM = 1.001
"""Programming voltage behind a selector over what just leaves a cell its own."""


class CrossbarParameters(BaseModel):
    """Size, limits, spread and stuck cells of an array."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rows: int = Field(1, ge=1, description="number of rows (word lines)")
    cols: int = Field(1, ge=1, description="number of columns (bit lines)")
    v_max: float = Field(
        5.0, gt=0, allow_inf_nan=True, description="largest magnitude of a line's voltage", json_schema_extra=unit("V")
    )
    i_max: float = Field(
        np.inf,
        gt=0,
        allow_inf_nan=True,
        description="column current reported as tripped; nothing limits it here: visa:virtual?dut=... does",
        json_schema_extra=unit("A"),
    )
    d2d: Fraction = Field(0.0, ge=0, le=1, description="device-to-device spread of sensitivity")
    d2d_r: Fraction = Field(0.0, ge=0, le=1, description="device-to-device spread of memristance")
    c2c: Fraction = Field(0.0, ge=0, le=100, description="cycle-to-cycle spread of what a pulse changes; may exceed 1")
    read_noise: Fraction = Field(0.0, ge=0, le=1, description="noise of every measured cell current")
    stuck_on: Fraction = Field(0.0, ge=0, le=1, description="cells stuck at g_on")
    stuck_off: Fraction = Field(0.0, ge=0, le=1, description="cells stuck at g_off")
    g_on: float | None = Field(
        None,
        gt=0,
        description="conductance of cells stuck on; a cell's own highest if not given",
        json_schema_extra=unit("S"),
    )
    g_off: float | None = Field(
        None,
        gt=0,
        description="conductance of cells stuck off; a cell's own lowest if not given",
        json_schema_extra=unit("S"),
    )
    selector: Any = Field(
        None, description=f"in series with every cell: {', '.join(SELECTORS.names())}; set by selector.NAME=VALUE"
    )
    pulse_steps: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="choose programming pulses from the law, of which so many take a cell through its range",
    )
    overdrive: float | None = Field(
        None,
        ge=1,
        lt=2,
        description="programming pulses over the cell's own voltage, with 2 half-selected cells move; if not given, 1, "
        "and 1.5 with r_wire, which takes a part of it",
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of all variability")
    threads: int = Field(0, ge=0, description="threads that share the columns; 0 for one a processor")


class ArrayParameters(NonIdealParameters, WireParameters, CrossbarParameters):
    """Parameters that every simulated crossbar has."""

    @abstractmethod
    def law(self) -> Law[Any]:
        """Return the law of the cells, with its parameters."""

    def nominal(self, rows: int, cols: int) -> Self:
        """The same cells in another number, without spread, noise, wires, selectors and whatever else is not ideal."""
        ideal = {
            name: field.get_default()
            for name, field in ArrayParameters.model_fields.items()
            if name not in ("v_max", "threads")
        }
        return self.model_copy(update=ideal | {"rows": rows, "cols": cols})

    def conductance_range(self) -> tuple[float, float]:
        """Lowest and highest conductance of a cell without spread, S; 0 if nothing bounds it from below."""
        return self.law().conductance_range(self.v_max)

    def bounded_range(self) -> tuple[float, float]:
        """The range of few levels, and of what wears out, S: of a conductance, from `g_off` where nothing is lowest."""
        low, high = self.conductance_range()
        return low or self.g_off or 0.0, high

    def stuck(self) -> StuckCells:
        """Cells that are stuck, at the conductances given or at the cell's own."""
        lowest, highest = self.conductance_range()
        on, off = (highest if self.g_on is None else self.g_on), (lowest if self.g_off is None else self.g_off)
        return StuckCells(self.stuck_on, self.stuck_off, on, off)

    def programming(self) -> Programming | None:
        """Pulses that program a cell of such an array through its wires; None where the law has none to name."""
        own = self.law().programming
        if own is None:
            return None
        factor = self.overdrive or (WIRED_OVERDRIVE if self.wired else 1.0)
        return self.behind_selector(replace(own, v_set=factor * own.v_set, v_reset=factor * own.v_reset))

    def behind_selector(self, cell: Programming) -> Programming:
        """Pulses of a line that put those of a `cell` on it behind its selector, and the range that is read there."""
        if self.selector is None:
            return cell
        selector: Selector = self.selector
        low, high = cell.g_min, cell.g_max
        own = np.array([cell.up, cell.down])
        taken = np.abs(selector.drop(own * high, np.ones(2, bool)))
        up, down = (HEADROOM * max(v, selector.least(1 / low)) for v in (np.abs(own) + taken).tolist())
        v = np.full((1, 2), selector.read_voltage)
        on = selector.turning_on(v)
        read = Pairs(selector, Ohmic(np.array([[low, high]])), on).current(v)[0] / selector.read_voltage
        return replace(cell, v_set=up, v_reset=down, g_min=float(read[0]), g_max=float(read[1]))

    def read_voltage(self) -> float:
        """Voltage of the least disturbing read, V: the law's, or that at which selectors conduct."""
        return float(self.law().read_voltage if self.selector is None else self.selector.read_voltage)

    def selector_states(self) -> tuple[str, ...]:
        """Names of states that selectors have."""
        return (ON,) if self.selector is not None and self.selector.hysteretic else ()

    @property
    def plain(self) -> bool:
        """Whether cells see the difference of their lines' voltages, with neither wires nor selectors between."""
        return not self.wired and self.selector is None

    @model_validator(mode="before")
    @classmethod
    def _selected(cls, values: Any) -> Any:
        return selected(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _off_state(self) -> Self:
        if self.stuck_off and self.g_off is None and not self.conductance_range()[0]:
            raise ValueError(
                f"stuck_off = {self.stuck_off:g}: nothing bounds the resistance of this cell, which has no off state "
                "of its own then: give g_off, or a bound of its flux"
            )
        return self

    @model_validator(mode="after")
    def _lowest(self) -> Self:
        if self.nonideal:
            self.require_window(self.bounded_range()[0])
        return self

    def variability(self) -> Variability:
        """The spread, noise and stuck cells that these parameters ask for."""
        return Variability(
            DeviceToDevice(self.d2d, self.d2d_r),
            CycleToCycle(self.c2c),
            ReadNoise(self.read_noise),
            self.stuck(),
            self.seed,
        )


class JoinedParameters(ArrayParameters):
    """Parameters of an array and of the law of its cells, in one flat model; made by `joined`."""

    law_type: ClassVar[type[Law[Any]]]
    cell_type: ClassVar[type[CellParameters]]

    def law(self) -> Law[Any]:
        """Return the law of the cells, with its parameters and none of the array's."""
        own = {name: getattr(self, name) for name in self.cell_type.model_fields}
        return self.law_type(self.cell_type.model_construct(**own))


def joined(law: type[Law[Any]], cell: type[CellParameters]) -> type[JoinedParameters]:
    """Model of the parameters of an array of cells of one law, as an address gives them: first the array's.

    An instance is one of `cell`, too.
    """
    twice = cell.model_fields.keys() & ArrayParameters.model_fields.keys()
    if twice:
        raise TypeError(f"{cell.__name__}: every array has a parameter {min(twice)}; give the law's another name")
    build: Callable[..., type[JoinedParameters]] = create_model
    model = build(cell.__name__, __base__=(cell, JoinedParameters), __module__=cell.__module__)
    model.__doc__, model.law_type, model.cell_type = cell.__doc__, law, cell
    return model
