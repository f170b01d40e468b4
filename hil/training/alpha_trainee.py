"""Networks with alpha-shaped synaptic currents (`hil.spiking.alpha`), their plastic weights on the device of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.backends import open_device
from hil.config import CliFlag, Section
from hil.device import Device
from hil.errors import InputError
from hil.runs.devices import SOLE, Devices, States
from hil.spiking.alpha.cells import PlasticCells, Update
from hil.spiking.alpha.network import AlphaNetwork, Evoked
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.loop import Stage, Trainee

UPDATE = CliFlag("pulses (stochastically rounded) or exact, where the device can be set.")

KEPT = "network"
"""What a checkpoint calls the state of the neurons."""

_WRITING, _TESTING = 6, 7


class PatternData(Section):
    """Section [data]: patterns are the first training image of each class, lit where it is at half scale or above."""

    dataset: Annotated[str, CliFlag("four32, shapes32, ...; the first image of each class is a pattern.")] = Field(
        "four32", description="name of the data set, or path of a file or folder, see docs/datasets.md"
    )
    dir: Annotated[str | None, CliFlag("Folder with IDX files (mnist, emnist).", "--data-dir", "DIR")] = Field(
        None, description="folder with IDX files, for the sets that are not bundled"
    )


class AlphaTrainee(Trainee):
    """A device whose cells are the plastic weights of such a network, shown patterns.

    Attributes
    ----------
    patterns : (P, M) array
        Intensities, 0 .. 1; a stage's order are numbers of these.
    variants : mapping
        Settings of the network by the role of a stage.
    """

    def __init__(
        self,
        device: Device,
        patterns: NDArray[np.float64],
        variants: Mapping[str, AlphaNetworkSettings],
        recurrent: bool,
        update: Update,
        seed: int,
    ) -> None:
        """Take over the device of a seed."""
        super().__init__(Devices({SOLE: device}))
        self.patterns, self.variants, self._recurrent, self._update = patterns, variants, recurrent, update
        self._seed = seed
        self._role = ""
        self._network: AlphaNetwork | None = None
        self._cells: PlasticCells | None = None
        self._kept: NDArray[np.float64] | None = None

    def check(self, stage: Stage) -> None:
        """Compare rows and columns with the patterns."""
        pixels = self.patterns.shape[1]
        wanted = (pixels, pixels) if self._recurrent else (pixels, self.device.cols)
        if self.device.cells != wanted:
            raise InputError(
                f"{self.device.name} has {self.device.rows} x {self.device.cols} cells, {wanted[0]} x {wanted[1]} are "
                f"needed: rows={wanted[0]}&cols={wanted[1]}"
            )

    def begin(self, stage: Stage) -> tuple[AlphaNetwork, PlasticCells]:
        """Network and cells of a stage, as they were left, or anew with initial weights."""
        variant = self.variants[stage.role]
        if self._network is None or self._cells is None or self._role != stage.role:
            self._role = stage.role
            self._network = AlphaNetwork(
                variant, self.patterns.shape[1], self.device.cols, self._recurrent, self._seed
            )  # fmt: skip
            self._cells = PlasticCells(self.device, variant.bound, self._update)
            if self._kept is None:
                self._cells.begin(self._network.weights, np.random.default_rng([self._seed, _WRITING]))
            else:
                self._cells.step = float(self._kept[0]), float(self._kept[1])
                self._network.restore(self._kept[2:])
                self._kept = None
        return self._network, self._cells

    def show(self, stage: Stage, here: slice) -> None:
        """Show patterns, one after the other, and let the device learn after each."""
        for number in range(here.start, here.stop):
            self.teach(stage, number)

    def teach(self, stage: Stage, number: int) -> Evoked:
        """One presentation with learning."""
        network, cells = self.begin(stage)
        rng = np.random.default_rng([self._seed, _WRITING, number])
        before = cells.weights()
        network.weights[...] = before
        answer = network.present(self.patterns[stage.order[number]], rng, True)
        cells.change(before, network.weights, rng)
        return answer

    def tested(self, stage: Stage) -> AlphaNetwork:
        """The network at rest with the weights as they are read now; nothing that is shown to it moves the device."""
        network, cells = self.begin(stage)
        network.rest()
        network.weights[...] = cells.weights()
        return network

    def answer(self, network: AlphaNetwork, intensities: NDArray[np.float64], number: int) -> Evoked:
        """One presentation without learning; `number` chooses its trains."""
        return network.present(intensities, np.random.default_rng([self._seed, _TESTING, number]), False)

    def snapshot(self) -> States:
        """State of the device, and of the network on it."""
        states = super().snapshot()
        if self._network is not None and self._cells is not None:
            states[SOLE][KEPT] = np.concatenate([np.array(self._cells.step), self._network.snapshot()])
        return states

    def restore(self, states: States) -> None:
        """Return to a snapshot."""
        super().restore({name: {k: v for k, v in state.items() if k != KEPT} for name, state in states.items()})
        self._network, self._cells, self._kept = None, None, states[SOLE].get(KEPT)

    def reset(self) -> None:
        """Pristine cells, network at rest."""
        super().reset()
        self._network = self._cells = self._kept = None


def open_alpha(uri: str, rows: int, cols: int, seed: int) -> Device:
    """Open the device of a seed, of that size unless its address says otherwise."""
    return open_device(uri, defaults={"rows": rows, "cols": cols, "seed": seed})


def lit_patterns(images: NDArray[np.uint8], labels: NDArray[np.int64], full_scale: int) -> NDArray[np.bool_]:
    """(P, M) first image of each class, lit at half scale or above."""
    first = [int(np.flatnonzero(labels == label)[0]) for label in np.unique(labels)]
    return images[first].astype(float) >= 0.5 * full_scale
