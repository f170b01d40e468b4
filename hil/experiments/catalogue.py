"""All experiments by name; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hil.errors import InputError, nearest

if TYPE_CHECKING:
    from hil.experiments.experiment import Experiment

SUMMARIES = {
    "iv": "pinched hysteresis loop: current against voltage, lobe areas",
    "ltp": "potentiation and depression by trains of pulses: on/off ratio, nonlinearity, asymmetry",
    "stdp": "timing window: change of conductance against the delay between pre and post pulse",
    "ppf": "paired pulses: second response over the first against their interval",
    "desensitisation": "response to repeated pulses, and its recovery",
    "retention": "conductance against time after programming",
    "endurance": "high and low state over set/reset cycles, until the window closes",
    "ispp": "closed-loop write-verify to target conductances",
    "forming": "ramp of pulses until the current jumps; only with --allow-forming",
}
"""One line on every experiment."""

_PLACES = {
    "iv": "iv:CurrentVoltage",
    "ltp": "ltp:Potentiation",
    "stdp": "stdp_window:StdpWindow",
    "ppf": "ppf:PairedPulses",
    "desensitisation": "desensitisation:Desensitisation",
    "retention": "retention:Retention",
    "endurance": "endurance:Endurance",
    "ispp": "ispp:WriteVerify",
    "forming": "forming:Forming",
}


def experiment(name: str) -> type[Experiment]:
    """Find an experiment by name; `InputError` naming the nearest if there is none."""
    if name not in _PLACES:
        raise InputError(f"no experiment '{name}' {nearest(name, _PLACES)}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(import_module(f"hil.experiments.{module}"), attribute)
