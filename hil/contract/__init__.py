"""One pytest suite that every `Device` must pass, whoever makes it.

Subclass it in a test module of your own and say how your device is opened::

    from hil.contract import DeviceContract

    class TestMyArray(DeviceContract):
        def open(self, rows, cols):
            return MyArray(rows, cols)

pytest then runs the whole suite on it. All waveforms stay inside ``device.limits`` but for those that must be refused,
and drive one line at a time, so that a device with a single channel can play them. Nothing else in `hil` imports this
package: it needs pytest and hypothesis, which are development dependencies (``pip install memhil[dev]``).
"""

from hil.contract.answers import Answers
from hil.contract.pulses import PulseIdentity
from hil.contract.refusals import Refusals
from hil.contract.states import States

__all__ = ["DeviceContract"]


class DeviceContract(Refusals, Answers, PulseIdentity, States):
    """The contract of `Device` as a test class; override `open`, and the attributes where they do not fit.

    Attributes
    ----------
    rows, cols : int
        Size that `open` is asked for; a device of fixed size may ignore it.
    drive_voltage, drive_width : float or None
        Height (V) and duration (s) of a programming pulse; if None, half of what the limits allow (1 V if they allow
        anything) for as long as a read.
    settling : float
        Rest after programming before readings are compared, s: until the volatile part of the cells has relaxed.
    noise : float
        Relative spread of two readings of one state.
    tolerance : float
        Relative agreement of a read pulse played by `apply` with `read` and with `mvm`.
    charge_tolerance : float
        Relative agreement of charge and energy of a measured pulse with their sums over measured pieces of it. A device
        that knows its current at the end of a segment only states how far that may be off.
    examples : int
        How many random waveforms a property is tried on.
    repeatable : bool
        Whether the random part of a programming pulse is the same again after `reset`. If it is not, pulses are
        compared by how they are spread.
    joined : bool
        Whether random waveforms may hold a pulse over neighbouring segments. A device that cannot measure within a
        pulse refuses it, by a `LimitError`.
    """
