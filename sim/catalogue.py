"""The simulated devices that `open_device` finds under ``sim:``."""

from __future__ import annotations

from collections.abc import Sequence

from hil.backends import Backend, DeviceKind
from hil.plugins import Catalogue

GROUP = "sim.devices"
"""Group of entry points that add simulated devices: each names a `DeviceKind` in the file of a cell's law."""

KINDS = Catalogue(GROUP, "simulated device", DeviceKind, lambda kind: kind.name)


class SimulatedBackend(Backend):
    """The back end ``sim``: devices that are computed on this machine."""

    name = "sim"
    summary = "simulated memristors on numpy and numba"

    def kinds(self) -> Sequence[DeviceKind]:
        """All simulated kinds that are installed; one that cannot be loaded is told on stderr and left out."""
        return list(KINDS.everything().values())

    def kind(self, target: str) -> DeviceKind:
        """The kind that an entry point of its name brings, nothing else imported; if there is none, any other."""
        return KINDS.found([target])[0].get(target) or super().kind(target)


backend = SimulatedBackend()
