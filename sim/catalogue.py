"""The simulated devices that `open_device` finds under ``sim:``."""

from __future__ import annotations

from collections.abc import Sequence

from hil.backends import Backend, DeviceKind
from hil.plugins import Catalogue

GROUP = "sim.devices"
"""Entry points that bring a simulated device, each a `DeviceKind`: a law's file, and one line in its package."""

KINDS = Catalogue(GROUP, "simulated device", DeviceKind, lambda kind: kind.name)


class SimulatedBackend(Backend):
    """Devices that exist in memory only."""

    name = "sim"
    summary = "simulated memristors on numpy and numba"

    def kinds(self) -> Sequence[DeviceKind]:
        """All simulated kinds that are installed; one that cannot be loaded is told on stderr and left out."""
        return list(KINDS.everything().values())


backend = SimulatedBackend()
