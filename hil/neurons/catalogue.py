"""All neuron models that are installed, by the entry points of the group ``hil.neurons``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hil.errors import InputError
from hil.plugins import Registry

if TYPE_CHECKING:
    from hil.neurons.model import NeuronModel

NEURONS: Registry[type[NeuronModel]] = Registry("hil.neurons", "neuron model", base="hil.neurons.model:NeuronModel")
"""All models by name, each a class derived from `hil.neurons.model.NeuronModel`."""


def make(
    name: str, values: Mapping[str, Any] | None = None, *, preset: str | None = None, count: int = 1, seed: int = 0
) -> NeuronModel:
    """Make neurons of a model, at rest.

    Parameters
    ----------
    name : str
        Of the model, see ``hil neuron``.
    values : mapping, optional
        Parameters by name, SI units, laid over those of the preset.
    preset : str, optional
        Published values.
    count, seed : int
        Number of neurons; seed of what is random in them.

    Raises
    ------
    InputError
        For an unknown model, preset or parameter, or a value out of range.
    """
    model = NEURONS.find(name)
    if preset is not None and preset not in model.presets:
        raise InputError(f"{name}: no preset {preset!r}: {', '.join(model.presets) or 'it has none'}")
    return model.of(values or {}, preset, count, seed)
