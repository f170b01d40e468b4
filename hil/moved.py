"""Modules under the names that they had before they moved, so that scripts of version 0.1 still run.

Importing an old name gives the module itself, with a `DeprecationWarning` that says where it lives now.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "hil.host_core": "hil.spiking.host",
    "hil.encoding": "hil.spiking.encoding",
    "hil.pairs": "hil.pill.pairs",
    "hil.pill_protocol": "hil.pill.protocol",
    "hil.datasets": "hil.data.datasets",
    "hil.idx": "hil.data.idx",
    "hil.patterns": "hil.data.patterns",
    "hil.results": "hil.runs.results",
    "hil.progress": "hil.runs.progress",
    "hil.interrupt": "hil.runs.interrupt",
    "hil.cli.stopping": "hil.runs.stopping",
    "hil.sweep_file": "hil.sweeps.file",
    "hil.papers": "hil.reproduction.papers",
    "hil.reproduce": "hil.reproduction.play",
    "hil.findings": "hil.reproduction.findings",
    "hil.confidence": "hil.runs.confidence",
    "hil.comparison": "hil.experiments.comparison",
    "hil.experiments.grid": "hil.grid",
    "sim.flca": "sim.cells.flca",
    "sim.flca_pair": "sim.cells.flca_pair",
    "sim.flca_step": "sim.cells.flca_step",
    "sim.rram": "sim.cells.rram",
    "sim.vteam": "sim.cells.vteam",
    "sim.memristance": "sim.cells.memristance",
    "sim.dynamics": "sim.cells.dynamics",
    "sim.dose": "sim.cells.dose",
    "sim.pair_path": "sim.cells.pair_path",
    "sim.array": "sim.crossbar.array",
    "sim.variability": "sim.crossbar.variability",
    "sim.spiking_core": "sim.crossbar.spiking_core",
    "sim.pulses": "sim.crossbar.pulses",
    "sim.range": "sim.crossbar.range",
    "sim.segments": "sim.cells.segments",
    "sim.crossbar.segments": "sim.cells.segments",
    "sim.floating": "sim.crossbar.floating",
    "sim.parameters": "sim.crossbar.parameters",
    "sim.lines": "sim.network.lines",
    "sim.pill_kernel": "sim.pill.kernel",
    "sim.pill_pairs": "sim.pill.pairs",
    "sim.pill_torch": "sim.pill.torch_kernel",
    "sim.valved_front": "sim.pill.front",
    "sim.fit_cli": "sim.fitting.cli",
    "sim.fitting.preset": "hil.presets",
    "gateware.core.machine": "gateware.core.sequencer",
    "instruments.dialogue": "instruments.link.dialogue",
    "instruments.answers": "instruments.link.answers",
    "instruments.errors": "instruments.link.errors",
    "instruments.scpi": "instruments.link.scpi",
    "instruments.tsp": "instruments.link.tsp",
    "instruments.wire": "instruments.link.wire",
    "instruments.command_log": "instruments.link.command_log",
    "instruments.clock": "instruments.link.clock",
    "instruments.guard": "instruments.safety.guard",
    "instruments.watchdog": "instruments.safety.watchdog",
    "instruments.lock": "instruments.safety.lock",
    "instruments.excursions": "instruments.safety.excursions",
    "instruments.tally": "instruments.safety.tally",
    "instruments.sensing": "instruments.safety.sensing",
    "instruments.rehearsal": "instruments.safety.rehearsal",
}
"""New module by old name; a package that took the name of an old module offers that one's public names itself."""


class _Forwarder(MetaPathFinder, Loader):
    """Import hook that finds modules by their old names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Spec of an old name; None for any other."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module from where it is now."""
        new = MOVED[spec.name]
        warnings.warn(f"{spec.name} is {new} now", DeprecationWarning, stacklevel=6)
        self._module = import_module(new)
        self._spec = self._module.__spec__
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Do not run the module again: it was imported under its new name."""
        module.__spec__ = self._spec


def forward() -> None:
    """Make old names importable; called once, when `hil` is imported."""
    if not any(isinstance(finder, _Forwarder) for finder in sys.meta_path):
        sys.meta_path.append(_Forwarder())
