"""The simulated devices that `open_device` finds under ``sim:``."""

from __future__ import annotations

from collections.abc import Sequence

from hil import plugins
from hil.backends import Backend, DeviceKind

GROUP = "sim.devices"
"""Entry points that bring a simulated device, each a `DeviceKind`: a law's file, and one line in its package."""


class SimulatedBackend(Backend):
    """Devices that exist in memory only."""

    name = "sim"
    summary = "simulated memristors on numpy and numba"

    def kinds(self) -> Sequence[DeviceKind]:
        """All simulated kinds that are installed; one that cannot be loaded is told on stderr and left out."""
        found, problems = plugins.gathered(GROUP, "simulated device", DeviceKind)
        plugins.told_on_stderr({}, problems)
        return found


backend = SimulatedBackend()
