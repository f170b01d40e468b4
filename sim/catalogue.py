"""The simulated devices that `open_device` finds under ``sim:``, with their presets."""

from __future__ import annotations

from collections.abc import Sequence

from hil.backends import Backend, DeviceKind
from hil.presets import Preset
from sim.cells.flca import FlcaArray, FlcaParameters
from sim.cells.flca_pair import FlcaPairArray, FlcaPairParameters
from sim.cells.flca_step import FlcaStepArray, FlcaStepParameters
from sim.cells.rram import RramArray, RramParameters
from sim.cells.vteam import VteamArray, VteamParameters
from sim.pill.array import PillArray, PillParameters

_PERCEPTRON = {
    "A": 1.0,
    "Dv": 70.0,
    "Dn": 0.03,
    "Rv": (5e3, 0.0, 0.0, 5e17),
    "Rn": (5e3, 4.5e3),
    "phi0": 5 / 3,
}
_FIGURE3 = {"A": 1.0, "Dv": 1.0, "Dn": 1.0, "Rv": (100.0, 1e6), "Rn": (100.0, 1e6), "phi0": 1e-3}

PAIR_PRESETS = {
    "perceptron": _PERCEPTRON,
    "lifelong": _PERCEPTRON | {"Dn": 3.0, "Rn": (5e3, 4.5e5), "phi0": 1 / 60},
    "figure3": _FIGURE3,
    "paper-perceptron": _FIGURE3 | {"phi0": 0.05},
}
"""Named parameters of `sim:flca-pair`.

perceptron : selected on held-out MNIST training digits for 100 mV, 1 ms pulses (docs/results.md).
lifelong : the same with a hundred times the Dn, so that a few hundred images overwrite what was learned before.
figure3 : as printed for Figures 3 and 4 of Zivasatienraj & Doolittle (2023), at 1.1 kohm.
paper-perceptron : the same elements, pristine at half the saturation flux of 100 mV.
"""

_PILL = {"A": 1.0, "D": 1.0, "R": (5e3, 4.5e5)}

FLCA_PRESETS = {
    "default": {},
    "pill": _PILL,
    "pill-biased": _PILL | {"phi0": 0.1},
    "pill-slow": _PILL | {"D": 0.1, "R": (5e3, 4.5e4), "phi0": 1.0},
}
"""Named parameters of `sim:flca`.

pill : weights of the paired-input layer; 5 kohm, ten times as much where 100 mV hold them, which a 1 ms pulse
    approaches by 0.1 %. Ours: Zivasatienraj & Doolittle (2023) print none (docs/pill.md).
pill-biased : the same, pristine where 100 mV hold them: only an input with a response moves a cell.
pill-slow : pill-biased with a tenth of the step, for thousands of images a class; selected on held-out MNIST digits.
"""

PILL_PRESETS = {name: values for name, values in FLCA_PRESETS.items() if name.startswith("pill")}
"""Named parameters of `sim:pill`: those of `sim:flca` for this layer."""

RRAM_PRESETS = {
    "default": {},
    "wang2016": {"model": "nlhb", "alpha": 0.004, "gamma": 1.02, "nstop": 300.0},
}
"""Named parameters of `sim:rram`; wang2016 is the fit that Brivio et al. (2021) give for Wang et al. (2016)."""


class SimulatedBackend(Backend):
    """Devices that exist in memory only."""

    name = "sim"
    summary = "simulated memristors on numpy and numba"

    def kinds(self) -> Sequence[DeviceKind]:
        """All simulated kinds."""
        return (
            DeviceKind(
                "flca",
                "single FLCA memristor, non-volatile or volatile, exact",
                FlcaParameters,
                FlcaArray,
                FLCA_PRESETS,
                {"flca": Preset.parameters},
            ),
            DeviceKind(
                "flca-pair",
                "volatile + non-volatile FLCA in series (bidirectional memristor), full physics",
                FlcaPairParameters,
                FlcaPairArray,
                PAIR_PRESETS,
            ),
            DeviceKind("flca-step", "reduced flux-per-timestep model of the pair", FlcaStepParameters, FlcaStepArray),
            DeviceKind(
                "pill",
                "weights of paired inputs (PILL) in float32, with compiled pairs",
                PillParameters,
                PillArray,
                PILL_PRESETS,
            ),
            DeviceKind(
                "rram",
                "RRAM that moves one step a pulse (L-HB, NL-SB, NL-HB)",
                RramParameters,
                RramArray,
                RRAM_PRESETS,
                {"rram": Preset.parameters},
            ),
            DeviceKind(
                "vteam",
                "memristor with voltage thresholds (VTEAM), with or without a window",
                VteamParameters,
                VteamArray,
                models={"vteam": Preset.parameters},
            ),
        )


backend = SimulatedBackend()
