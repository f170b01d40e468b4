"""The Device contract, and everything that needs nothing but the contract.

A training driver sends a `Waveform` to a `Device` and reads currents and conductances back; it never knows whether the
device is a simulation, an FPGA or a real memristor on a probe. SI units everywhere: V, A, S, ohm, s, J.

The names below are imported when they are first used, so that ``import hil`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hil.moved import forward
from hil.version import __version__

if TYPE_CHECKING:
    from hil.backends import open_device
    from hil.device import Device, Response
    from hil.experiments.play import characterize
    from hil.fitting import fit
    from hil.importing.play import import_data
    from hil.loaded import load_run
    from hil.training.play import train
    from hil.waveform import Waveform

forward()

__all__ = [
    "Device",
    "Response",
    "Waveform",
    "__version__",
    "characterize",
    "fit",
    "import_data",
    "load_run",
    "open_device",
    "train",
]

_PLACES = {
    "Device": "hil.device",
    "Response": "hil.device",
    "Waveform": "hil.waveform",
    "characterize": "hil.experiments.play",
    "fit": "hil.fitting",
    "import_data": "hil.importing.play",
    "load_run": "hil.loaded",
    "open_device": "hil.backends",
    "train": "hil.training.play",
}
"""Where each of the names is defined."""


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module 'hil' has no attribute '{name}'")
    found = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return found


def __dir__() -> list[str]:
    """All names, imported or not."""
    return sorted({*globals(), *_PLACES})
