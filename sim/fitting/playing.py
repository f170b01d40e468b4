"""The learning rule that plays a measured spike-timing window, as a configuration of `hil train wta`.

Where neurons can program a cell by any number of pulses, that is the rule `pair`: as many pulses at no delay as change
a cell by A+ and A-. A device whose own neurons know the rectangular rule alone, such as the FPGA emulator, gets that:
one pulse up within a window, one down elsewhere, of the width and the heights that are nearest to the exponentials in
least squares, and a cell whose single pulses are that high.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hil.backends import address_parameters, check_address, open_device
from hil.device import Device, Unsupported
from hil.errors import InputError
from hil.spiking.core import SpikingCore
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import MOST_PULSES, PairStdp, Stdp
from hil.training.wta_settings import NeuronSettings, StdpSettings
from sim.fitting.window import Timing

Sections = Mapping[str, Mapping[str, float | str]]
"""Keys and values of a configuration, by section."""

WIDTH = 1.2564312086261697
"""Width over tau of the rectangle nearest to an exponential in least squares: 2 x = exp(x) - 1."""

HEIGHT = float(-np.expm1(-WIDTH)) / WIDTH
"""Its height over that of the exponential at 0."""

ADAPTATION = 0.03
"""Rise of a neuron's threshold with each of its spikes, full weights; without it one neuron answers everything."""

PRESENTATION = 1.5
"""Length of a presentation over tau+ where each pixel spikes once: the window orders the spikes of one image."""

FORGETTING = 10.0
"""Time constant of a membrane over such a presentation: spikes of one image add up."""


class PlayedOnSpikes(NamedTuple):
    """A configuration that plays a window, what must be known of it, and the cell that it needs.

    `cell` are parameters of `sim:rram` where single pulses must be of a certain height; empty where any cell will do.
    """

    sections: Sections
    notes: tuple[str, ...]
    cell: Mapping[str, float | str] = {}

    def toml(self, comment: str) -> str:
        """As text to paste; `comment` stands above it."""
        lines = [*(f"# {line}" for line in (comment, *self.notes)), ""]
        for section, values in self.sections.items():
            lines += [f"[{section}]"]
            lines += [f'{key} = "{v}"' if isinstance(v, str) else f"{key} = {v:.6g}" for key, v in values.items()]
            lines += [""]
        return "\n".join(lines)


def play_on_spikes(window: Timing, uri: str, pairs: int = 1) -> PlayedOnSpikes | str:
    """Settings of `hil train wta` that play the window on a device; a sentence where they cannot.

    `pairs` of pulses made the changes of the window; one makes that part of them.

    Raises
    ------
    InputError
        If there is no such device, or `pairs` is below 1.
    """
    if pairs < 1:
        raise InputError(f"--pairs {pairs} must be at least 1: a window is made by pairs of pulses")
    plus, minus = window.plus, window.minus
    if plus is None or minus is None:
        return "one side of the window is not told: hil train wta needs both"
    if not (plus["A"].value > 0 > minus["A"].value):
        return (
            "hil train wta potentiates where the row comes first and depresses where the neuron does; this window is "
            "not so: swap pre and post, or turn the cell round"
        )
    changes = plus["A"].value / pairs, minus["A"].value / pairs
    constants = plus["tau"].value, minus["tau"].value
    with open_device(uri, rows=1, cols=1) as device:
        if _knows_rectangles_alone(device):
            return _as_rectangle(device, uri, changes, constants)
        return _as_pairs(device, uri, changes, constants)


def _knows_rectangles_alone(device: Device) -> bool:
    """Whether the device has neurons of its own for the rectangular rule, and none for the rule `pair`."""
    own = []
    for rule in (Stdp(), PairStdp()):
        try:
            core = device.offer(SpikingCore, Lif(threshold=1.0), rule)  # type: ignore[type-abstract]  # names the layer
            own.append(core is not None)
        except Unsupported:  # it has neurons for that rule, with other time constants
            own.append(True)
    return own == [True, False]


def _as_pairs(device: Device, uri: str, changes: tuple[float, float], constants: tuple[float, float]) -> PlayedOnSpikes:
    """The rule `pair`; every pixel spikes once, the brighter the earlier, and one neuron answers an image."""
    counts, notes = {}, []
    for name, amount in zip(("n_plus", "n_minus"), changes, strict=True):
        counts[name], reached = pulses_for(device, amount)
        if abs(reached) < abs(amount):
            notes.append(
                f"{name}: {MOST_PULSES} pulses change {device.name} by {100 * reached:.3g} %, not by "
                f"{100 * amount:.3g} %: take a device with larger steps"
            )
        if counts[name] < 0.5:
            notes.append(
                f"{name}: less than half a pulse of {device.name} changes it by {100 * amount:.3g} %, so that none is "
                "given: take a device with smaller steps"
            )
    duration = PRESENTATION * constants[0]
    notes.append("a pixel spikes once, the brighter the earlier, within the time that the window tells apart")
    return PlayedOnSpikes(
        {
            "device": {"uri": uri},
            "stdp": {"rule": "pair", **counts, "tau_plus": constants[0], "tau_minus": constants[1]},
            "neuron": {
                "leak": FORGETTING * duration, "refractory": 0.0, "inhibition": duration, "theta_plus": ADAPTATION,
            },
            "code": {"kind": "latency", "duration": duration},
        },
        tuple(notes),
    )  # fmt: skip


def _as_rectangle(
    device: Device, uri: str, changes: tuple[float, float], constants: tuple[float, float]
) -> PlayedOnSpikes | str:
    """The rectangular rule, on a cell whose single pulses are as high as the rectangle.

    Neurons and spikes of `hil train wta` live on a time scale of their own, with a window of 60 us: they are slowed
    down with it, and so is the device's tick where it has one.
    """
    programming, before = device.programming, float(device.read()[0, 0])
    if programming is None:
        return f"{device.name} does not say between which conductances a pulse moves a cell"
    full = programming.g_max - programming.g_min
    up, down = (HEIGHT * abs(change) * before / full for change in changes)
    if max(up, down) > 1.0:
        return (
            f"a pulse that changes {device.name} by {100 * HEIGHT * max(map(abs, changes)):.3g} % would be "
            f"{max(up, down):.3g} times its window: give --pairs, if the table tells the change by several pairs"
        )
    cell: dict[str, float | str] = {
        "model": "lhb", "alpha": up, "alpha_dep": down, "g_min": programming.g_min, "g_max": programming.g_max,
    }  # fmt: skip
    width = WIDTH * constants[0]
    slower = width / StdpSettings.model_fields["window"].default
    words = {"model": "lhb", "alpha": f"{up:.6g}", "alpha_dep": f"{down:.6g}"}
    tick = getattr(address_parameters(uri), "tick", None)
    if tick is not None:
        words["tick"] = f"{slower * float(tick):.6g}"
    own = _with_words(uri, words)
    check_address(own)
    neuron, code = NeuronSettings(), SpikeCode()
    return PlayedOnSpikes(
        {
            "device": {"uri": own},
            "stdp": {"rule": "rectangular", "window": width},
            "neuron": {
                **{name: slower * getattr(neuron, name) for name in ("leak", "refractory", "inhibition")},
                "theta_plus": ADAPTATION,
            },
            "code": {
                **{name: slower * getattr(code, name) for name in ("duration", "shortest")},
                **{name: getattr(code, name) / slower for name in ("f_min", "f_max")},
            },
        },
        (
            f"neurons of {device.name} know the rectangular rule alone: the rectangle nearest to the window is "
            f"{WIDTH:.4g} tau+ wide and {HEIGHT:.4g} A high, and rows that did not spike in it are depressed",
            f"neurons and spikes are {slower:.4g} times slower than those of hil train wta by itself, as the window is",
        ),
        cell,
    )


def _with_words(uri: str, words: Mapping[str, str]) -> str:
    """An address with some of its parameters replaced."""
    address, _, query = uri.partition("?")
    kept = [word for word in query.split("&") if word and word.partition("=")[0] not in words]
    return f"{address}?{'&'.join([*kept, *(f'{name}={value}' for name, value in words.items())])}"


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
