"""All non-idealities: a new one is a file beside this one and a line in one of the three lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.cells.law import Law, State
from sim.crossbar.nonideal.drift import Drift, DriftParameters
from sim.crossbar.nonideal.endurance import ClosingWindow, EnduranceParameters
from sim.crossbar.nonideal.flicker import FlickerNoise, FlickerParameters
from sim.crossbar.nonideal.history import CellHistory, Changes
from sim.crossbar.nonideal.inverse import conductance
from sim.crossbar.nonideal.levels import LevelParameters, Levels
from sim.crossbar.nonideal.part import CellGroup, Fluctuation
from sim.crossbar.nonideal.relaxation import Relaxation, RelaxationParameters
from sim.crossbar.nonideal.rtn import RtnParameters, TelegraphNoise

FLUCTUATIONS = TelegraphNoise, FlickerNoise
AGEINGS = Drift, Relaxation
WRITINGS = Levels, ClosingWindow


class NonIdealParameters(
    EnduranceParameters, RelaxationParameters, DriftParameters, LevelParameters, RtnParameters, FlickerParameters
):
    """Parameters of all non-idealities."""

    @property
    def nonideal(self) -> bool:
        """Whether any of them is asked for: compiled layers do not know them."""
        return bool(
            self.noise_1f or self.rtn or self.levels or self.write_noise or self.drift or self.relax or self.endurance
        )

    def require_window(self, low: float) -> None:
        """Raise ValueError where something asks for a lowest conductance and there is none (`low`, S, is 0)."""
        for name in ("levels", "write_noise", "endurance"):
            if getattr(self, name) and not low:
                raise ValueError(
                    f"{name} = {getattr(self, name):g}: nothing bounds the resistance of this cell: "
                    "give g_off, the conductance of its off state in S"
                )


def fluctuations(parameters: NonIdealParameters, cells: CellGroup) -> Sequence[Fluctuation]:
    """The noise that cells have of themselves."""
    found = (kind.of(parameters, cells) for kind in FLUCTUATIONS)
    return [each for each in found if each is not None]


def history(
    parameters: NonIdealParameters,
    cells: CellGroup,
    law: Law[Any],
    stuck: NDArray[np.float64],
    state: State,
    gain: NDArray[np.float64],
) -> CellHistory | None:
    """What is to be kept of the past of cells at `state`; None where nothing depends on it.

    `stuck` are conductances of stuck cells, S, NaN elsewhere, and `gain` sensitivities, all (columns, rows).
    """
    ageings = [each for kind in AGEINGS if (each := kind.of(parameters, cells)) is not None]
    writings = [made for sort in WRITINGS if (made := sort.of(parameters, cells)) is not None]
    if not ageings and not writings:
        return None
    return CellHistory(law, Changes(ageings, writings, cells), ~np.isnan(stuck), conductance(law, state), gain)
