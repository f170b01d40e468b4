"""What a crossbar is told during one presentation: every read and every programming pulse.

    python examples/spiking_trace.py

Three inputs, two neurons, RRAM cells. `HostCore` drives the device through the contract alone, so the same lines would
go to an instrument. Input spikes are read; when a neuron reaches its threshold, its column is programmed.
"""

import numpy as np

from hil.backends import open_device
from hil.spiking.host import HostCore
from hil.spiking.neurons import Lif
from hil.spiking.rules import Stdp
from hil.spiking.trains import SpikeTrain
from hil.waveform import Waveform


class Tapped:
    """A device that prints what it is asked."""

    def __init__(self, device):
        """Tap `device`."""
        self._device = device

    def __getattr__(self, name):
        """Pass everything else on."""
        return getattr(self._device, name)

    def read_rows(self, rows):
        """Print row voltages and column currents of a read."""
        conductance, v = self._device.read_rows(rows), self._device.read_voltage
        for row, g in zip(rows, conductance, strict=True):
            levels = v * (np.arange(self._device.rows) == row)
            print(f"read     rows {np.round(levels * 1e3, 3)} mV -> columns {np.round(v * g * 1e9, 2)} nA")
        return conductance

    def apply(self, waveform: Waveform):
        """Print what is driven and what it changed."""
        before = self._device.read()
        for width, rows, cols in zip(waveform.duration, waveform.rows, waveform.cols, strict=True):
            if rows.any() or cols.any():
                print(f"drive    rows {rows} V, columns {cols} V for {width * 1e6:g} us")
        response = self._device.apply(waveform)
        change = (self._device.read() - before) * 1e6
        print("         conductance changes by, uS:", np.round(change, 2).tolist())
        return response


def main() -> None:
    """Play five input spikes with learning on."""
    device = Tapped(open_device("sim:rram?alpha=0.1&w0=0.5", rows=3, cols=2))
    core = HostCore(device, Lif(threshold=0.9, leak=120e-6, inhibition=10e-6), Stdp(window=60e-6))
    print("weights at first:", core.weights().round(3).tolist())
    spikes = SpikeTrain(np.array([0.0, 1.0, 5.0, 20.0, 25.0]) * 1e-6, np.array([0, 2, 1, 0, 2]))
    fired = core.present(spikes, 350e-6, learn=True)
    for time, neuron in zip(fired.time, fired.line, strict=True):
        print(f"neuron {neuron} fired at {time * 1e6:g} us")
    print("weights at last:", core.weights().round(3).tolist())


if __name__ == "__main__":
    main()
