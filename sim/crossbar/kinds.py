"""From a law to a device of the catalogue: ``kind = simulated(...)`` at the end of every law's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hil.backends import DeviceKind
from hil.presets import Preset
from sim.cells.law import CellParameters, Law
from sim.crossbar.array import SimulatedArray
from sim.crossbar.parameters import JoinedParameters, joined
from sim.crossbar.pulse_step import PulseStepArray


def simulated(
    name: str,
    summary: str,
    law: type[Law[Any]],
    parameters: type[CellParameters],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    models: Mapping[str, Callable[[Preset], Mapping[str, Any]]] | None = None,
) -> DeviceKind:
    """Make a kind of device (``sim:NAME``) of crossbars whose cells follow a law.

    Parameters
    ----------
    name : str
        What follows ``sim:``; the same as the name of the entry point of the group ``sim.devices``.
    summary : str
        One line on what it is.
    law, parameters : type
        The law, and the model of the parameters that it is made from.
    presets : mapping, optional
        Named sets of parameter values, of the law and of arrays; the first one holds where none is chosen. Say in its
        docstring where the values come from.
    models : mapping, optional
        Models of preset files that it takes, see `hil.backends.DeviceKind`; those of its own name if not given.
    """
    if models is None:
        models = {name: Preset.parameters}
    return DeviceKind(name, summary, joined(law, parameters), crossbar, presets or {}, models)


def crossbar(name: str, parameters: JoinedParameters) -> SimulatedArray:
    """Build an array of cells of the law that the parameters are of."""
    law = parameters.law()
    return (SimulatedArray if law.pulse_step is None else PulseStepArray)(name, law, parameters)
