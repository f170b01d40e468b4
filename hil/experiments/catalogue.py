"""All experiments by name; each is imported only when it is asked for.

An experiment is an entry point of the group ``hil.experiments``: a class derived from
`hil.experiments.experiment.Experiment`, of this package or another. `hil characterize` and `hil.characterize` find it
here; its summary is the first sentence of its docstring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.errors import InputError
from hil.plugins import Registry

if TYPE_CHECKING:
    from hil.experiments.experiment import Experiment

EXPERIMENTS: Registry[type[Experiment]] = Registry(
    "hil.experiments", "experiment", base="hil.experiments.experiment:Experiment"
)
"""All experiments that are installed."""


def experiment(name: str) -> type[Experiment]:
    """Find an experiment; `InputError` naming the nearest if there is none, or what is wrong with it."""
    found = EXPERIMENTS.find(name)
    if found.name != name:
        raise InputError(f"experiment '{name}' calls itself '{found.name}': its name must be that of its entry point")
    return found
