"""From an address to files: the cell of a simulated device, exported, with its test bench."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.backends import load_backend, open_device
from hil.device import Unsupported
from hil.errors import InputError
from hil.presets import read
from sim.cells.law import Law
from sim.crossbar.parameters import ArrayParameters, JoinedParameters
from sim.export import bench, spice, verilog_a
from sim.export.cell import ExportedCell, describe
from sim.export.sweeps import VoltageSweep, simulated_current, usual_amplitude, usual_frequency
from sim.export.words import checked_name

_NO_MATTER = ("rows", "cols", "v_max", "i_max", "g_on", "g_off", "seed", "threads")
"""Parameters of an array that are nothing of a cell's."""

FINER = 20
"""Steps of the simulation from one point of a test sweep to the next."""


@dataclass(frozen=True)
class Export:
    """The cell of a device, ready to be written.

    Attributes
    ----------
    address : str
        Of the device.
    law : Law
        Of the cell.
    cell : ExportedCell
        Its equations.
    notes : tuple of str
        What is not exported, and what the preset's file warns of.
    """

    address: str
    law: Law[Any]
    cell: ExportedCell
    notes: tuple[str, ...]

    @classmethod
    def of(cls, address: str) -> Export:
        """Open the device, and read the equations of its law.

        Raises
        ------
        Unsupported
            If it has none that could be written, with the reason.
        """
        scheme, _, rest = address.partition(":")
        if scheme != "sim":
            raise InputError(f"{address}: only simulated devices have equations to export; write sim:KIND")
        kind = load_backend(scheme).kind(rest.partition("?")[0])
        with open_device(address) as device:
            parameters = getattr(device, "parameters", None)
        if not isinstance(parameters, JoinedParameters):
            raise Unsupported(f"sim:{kind.name} cannot be exported: it is no array of cells of one law")
        law = parameters.law()
        return cls(address, law, describe(f"sim:{kind.name}", kind.summary, law), _notes(address, parameters))

    def text(self, language: str, name: str | None = None) -> str:
        """The cell in ``spice`` or ``verilog-a``."""
        writers: dict[str, Callable[..., str]] = {"spice": spice.subcircuit, "verilog-a": verilog_a.module}
        return writers[language](self.cell, self.address, name, self.notes)

    def sweep(self, shape: str, amplitude: float | None, frequency: float | None, periods: int) -> VoltageSweep:
        """A sweep that moves the cell, where it isn't said which."""
        if shape not in ("sine", "triangle"):
            raise InputError(f"--shape {shape}: choose sine or triangle")
        for option, value in (("--amplitude", amplitude), ("--frequency", frequency)):
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"{option} {value:g}: give a number above 0")
        volts = usual_amplitude(self.law) if amplitude is None else amplitude
        hertz = usual_frequency(self.law, volts) if frequency is None else frequency
        return VoltageSweep("sine" if shape == "sine" else "triangle", volts, hertz, periods)

    def bench(self, file: str, name: str | None, sweep: VoltageSweep, curve: str) -> str:
        """Test bench of the sub-circuit in `file`, with the simulation's current."""
        expected = self.expected(sweep)
        word = checked_name(self.cell, name, spice.RESERVED)
        return bench.netlist(file, word, sweep, expected, curve, bool(self.cell.unknowns))

    def expected(self, sweep: VoltageSweep) -> NDArray[np.float64]:
        """Current of the simulation at the points of a sweep, A."""
        current = simulated_current(self.law, sweep, FINER)
        if not np.isfinite(current).all():
            raise InputError(f"{self.address} has no finite current at {sweep.amplitude:g} V: lower --amplitude")
        return current


def _notes(address: str, parameters: JoinedParameters) -> tuple[str, ...]:
    notes = []
    fields = ArrayParameters.model_fields
    changed = [name for name, field in fields.items() if getattr(parameters, name) != field.get_default()]
    given = [name for name in changed if name not in _NO_MATTER]
    if given:
        notes.append(f"not exported, which is one nominal cell: {', '.join(given)}")
    if parameters.rows * parameters.cols > 1:
        notes.append(f"one cell of the {parameters.rows} x {parameters.cols} of this device")
    chosen = dict(part.partition("=")[::2] for part in address.partition("?")[2].split("&"))
    if (preset := chosen.get("preset", "")).endswith(".json"):
        notes += [f"{preset} warns: {warning}" for warning in read(Path(preset)).content.get("warnings", ())]
    return tuple(notes)
