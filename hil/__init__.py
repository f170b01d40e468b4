"""The Device contract, and everything that needs nothing but the contract.

A training driver sends a `Waveform` to a `Device` and reads currents and conductances back; it never knows whether the
device is a simulation, an FPGA or a real memristor on a probe. SI units everywhere: V, A, S, ohm, s, J.
"""

from hil.moved import forward
from hil.version import __version__

forward()

__all__ = ["__version__"]
