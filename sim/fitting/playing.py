"""The learning rule that plays a measured spike-timing window, as a configuration of `hil train wta`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hil.backends import open_device
from hil.device import Device
from hil.spiking.encoding import SpikeCode
from hil.spiking.rules import MOST_PULSES
from hil.training.wta_settings import NeuronSettings, StdpSettings
from sim.fitting.window import Timing

Sections = Mapping[str, Mapping[str, float | str]]
"""Keys and values of a configuration, by section."""


class PlayedOnSpikes(NamedTuple):
    """A configuration that plays a window, and what must be known of it."""

    sections: Sections
    notes: tuple[str, ...]

    def toml(self, comment: str) -> str:
        """As text to paste; `comment` stands above it."""
        lines = [*(f"# {line}" for line in (comment, *self.notes)), ""]
        for section, values in self.sections.items():
            lines += [f"[{section}]"]
            lines += [f'{key} = "{v}"' if isinstance(v, str) else f"{key} = {v:.6g}" for key, v in values.items()]
            lines += [""]
        return "\n".join(lines)


def play_on_spikes(window: Timing, uri: str) -> PlayedOnSpikes | str:
    """Settings of `hil train wta` that play the window on a device; a sentence where they cannot.

    The pulses at no delay are those that change the conductance of one cell of the device, as it is opened, by A+ and
    A-. Neurons and spikes of `hil train wta` live on a time scale of their own, 60 us: they are slowed down with it.
    """
    plus, minus = window.plus, window.minus
    if plus is None or minus is None:
        return "one side of the window is not told: the rule 'pair' of hil train wta needs both"
    if not (plus["A"].value > 0 > minus["A"].value):
        return (
            "hil train wta potentiates where the row comes first and depresses where the neuron does; this window is "
            "not so: swap pre and post, or turn the cell round"
        )
    notes = []
    with open_device(uri, rows=1, cols=1) as device:
        counts = {}
        for name, amount in (("n_plus", plus["A"].value), ("n_minus", minus["A"].value)):
            counts[name], reached = pulses_for(device, amount)
            if abs(reached) < abs(amount):
                notes.append(
                    f"{name}: {MOST_PULSES} pulses change {device.name} by {100 * reached:.3g} %, not by "
                    f"{100 * amount:.3g} %: take a device with larger steps"
                )
    tau = {"tau_plus": plus["tau"].value, "tau_minus": minus["tau"].value}
    slower = tau["tau_plus"] / StdpSettings.model_fields["tau_plus"].default
    neuron, code = NeuronSettings(), SpikeCode()
    notes.append(
        f"neurons and spikes are {slower:.4g} times slower than those of hil train wta by itself, as the window is"
    )
    return PlayedOnSpikes(
        {
            "device": {"uri": uri},
            "stdp": {"rule": "pair", **counts, **tau},
            "neuron": {name: slower * getattr(neuron, name) for name in ("leak", "refractory", "inhibition")},
            "code": {
                **{name: slower * getattr(code, name) for name in ("duration", "shortest")},
                **{name: getattr(code, name) / slower for name in ("f_min", "f_max")},
            },
        },
        tuple(notes),
    )


def pulses_for(device: Device, amount: float) -> tuple[float, float]:
    """Programming pulses that change the conductance of a pristine cell by a fraction, between whole ones by a line.

    Returns the number and the change reached, which is less where `MOST_PULSES` are not enough.
    """
    device.reset()
    before = float(device.read()[0, 0])
    reached, step = 0.0, np.array([[1 if amount > 0 else -1]])
    for count in range(1, MOST_PULSES + 1):
        device.program(step)
        last, reached = reached, float(device.read()[0, 0]) / before - 1.0
        if abs(reached) >= abs(amount) and np.sign(reached) == np.sign(amount):
            return count - 1 + (amount - last) / (reached - last), amount
    return float(MOST_PULSES), reached


def as_waveforms(window: Timing) -> str:
    """What `hil train stdp` can do with a window, which teaches by two delays of a response after the input."""
    after = window.delay > 0
    delay, change = window.delay[after], window.change[after]
    scatter = window.plus.scatter if window.plus is not None else 0.0
    if len(change) and change.max() > 3 * scatter and change.min() < -3 * scatter:
        best, worst = float(delay[int(np.argmax(change))]), float(delay[int(np.argmin(change))])
        return (
            f"as waveforms: this cell potentiates at {best:.4g} s and depresses at {worst:.4g} s from onset to onset; "
            "hil train stdp --set protocol.target_delay and protocol.other_delay take them, less the width of a pulse"
        )
    return (
        "as waveforms, hil train stdp cannot play it: its response always follows its input, and on that side this "
        "window has one sign, so that every weight would only grow; on spikes, hil train wta plays both sides"
    )
