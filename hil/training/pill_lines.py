"""Vertical lines in 3x3 images: one column of 36 paired weights, all 512 images an epoch, a response to lines (Fig 9).

A weight is associated if its two pixels are in the same column of the image, as the paper has it: 9 of 36. Whether the
associated weights can be told from the others is decided by P(line | both pixels lit), which follows from counting: for
lines of 3 pixels it is larger for every associated pair than for any other, for lines of 2 pixels it is not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hil.backends import open_device
from hil.data.datasets import Dataset
from hil.device import Unsupported
from hil.errors import InputError
from hil.needs import require_memory
from hil.pill.pairs import PairedCore
from hil.pill.protocol import PillProtocol, pair_count, pair_indices
from hil.runs.results import Row, beside, repeated
from hil.runs.run import Run
from hil.spiking.encoding import intensities
from hil.synapses.synapse import Synapse
from hil.training.driver import Seeded
from hil.training.loop import Stage, TrainingLoop, presentation_order, presentations, stage_key
from hil.training.pill_settings import LINES, PairedTrainee, PillConfig, flipped, still_cells
from hil.training.sanity import UNKNOWN, ControlledResult, DeviceFacts, Doubts, compare_cells

MAIN = "trained"

OUTCOMES = {1: "above all others", -1: "below all others", 0: "mixed with the others"}


@dataclass(frozen=True)
class Variant:
    """The training itself, or one of its controls.

    Attributes
    ----------
    label : str
        For tables and pictures.
    line : int
        Length of the lines that are responded to.
    protocol : PillProtocol
        How images are shown.
    shuffled : bool
        Whether responses go to as many images chosen at random.
    """

    label: str
    line: int
    protocol: PillProtocol
    shuffled: bool = False


def _resistances(role: str, seed: int, epoch: int) -> str:
    """Name of the array with all weights, ohm, of the stage with this role and seed after an epoch."""
    return f"r/{stage_key(role, seed)}/{epoch}"


def line_labels(images: NDArray[np.uint8], length: int) -> NDArray[np.bool_]:
    """Tell which 3x3 images (B, 9) contain a vertical line of at least `length` lit pixels, 2 or 3."""
    grid = images.reshape(-1, 3, 3) > 0
    starts = np.array([grid[:, top : top + length].all(axis=1) for top in range(4 - length)])
    return np.any(starts, axis=(0, 2))


def associated() -> NDArray[np.bool_]:
    """(36,) pairs whose pixels are in the same column of a 3x3 image."""
    first, second = pair_indices(9)
    return first % 3 == second % 3


def line_given_pair(images: NDArray[np.uint8], length: int) -> NDArray[np.float64]:
    """P(line of `length` | both pixels of a pair lit) over `images`, (36,)."""
    first, second = pair_indices(9)
    both = (images[:, first] > 0) & (images[:, second] > 0)
    return (both & line_labels(images, length)[:, None]).sum(axis=0) / both.sum(axis=0)


def separation(resistance: NDArray[np.float64]) -> tuple[int, float]:
    """Whether associated weights are all above (1) or below (-1) the others, or neither (0), and the margin in ohm.

    The margin is the lowest associated minus the highest other; -margin of the other order where they are below.
    """
    mine, others = resistance[associated()], resistance[~associated()]
    above, below = mine.min() - others.max(), others.min() - mine.max()
    return (1, float(above)) if above > 0 else (-1, -float(below)) if below > 0 else (0, float(above))


class LinesTask(Seeded):
    """One run on lines3x3."""

    def __init__(self, config: PillConfig, dataset: Dataset, run: Run) -> None:
        """Refuse what has no meaning for this task."""
        train = config.train
        self.config, self.dataset, self.run = config, dataset, run
        if train.epochs != round(train.epochs):
            raise InputError(f"train.epochs = {train.epochs:g}: lines3x3 is shown in whole epochs")
        if self._images % train.batch:
            raise InputError(f"train.batch = {train.batch} must divide the {self._images} images of an epoch")
        if train.columns is not None:
            raise InputError("train.columns is for classes: lines3x3 has one column, of images with a line")
        stages = train.seeds * len(self.variants())
        shown = presentations("train.epochs", train.epochs, self._images, 1, stages)
        kept = 8.0 * pair_count(9) * (shown // self._images) * stages
        require_memory(f"train.epochs = {train.epochs:g}: the resistances of all epochs", kept)
        self._loop = TrainingLoop(run, self._open, train.batch)

    @property
    def _images(self) -> int:
        return len(self.dataset.train_images)

    @property
    def epochs(self) -> int:
        """Number of passes through the images."""
        return round(self.config.train.epochs)

    def variants(self) -> dict[str, Variant]:
        """The training and its controls by name."""
        line, protocol = self.config.train.line, self.config.protocol
        found = {MAIN: Variant(f"{line}-pixel lines", line, protocol)}
        if self.config.train.controls:
            other, turned = 5 - line, "opposing" if protocol.polarity == "aiding" else "aiding"
            changed = {
                "resistors": Variant("resistors, no VALVeD", line, protocol.model_copy(update={"front": "resistors"})),
                "silent": Variant("no response", line, protocol.model_copy(update={"response": 0.0})),
                "opposite": Variant(f"{turned} response", line, protocol.model_copy(update={"polarity": turned})),
                "shuffled": Variant("responses at random", line, protocol, shuffled=True),
                "other": Variant(f"{other}-pixel lines", other, protocol),
            }
            found |= changed
        return found

    def stages(self) -> list[Stage]:
        """For every seed: untrained, trained, and the controls, all on the same sequence of images."""
        stages = []
        for seed in self.seeds:
            order = presentation_order(self._images, self._images * self.epochs, seed)
            stages.append(Stage("untrained", seed, True, order[:0], np.zeros((0, 1), bool)))
            for name, variant in self.variants().items():
                labels = line_labels(self.dataset.train_images, variant.line)
                if variant.shuffled:
                    labels = np.random.default_rng([seed, 3]).permutation(labels)
                stages.append(Stage(name, seed, True, order, labels[order][:, None]))
        return stages

    def play(self, how_to_resume: str) -> None:
        """Train every stage that is still to be trained."""
        self._loop.play(self.stages(), self._after_epoch, self._evaluate, how_to_resume)

    def resistances(self, name: str, seed: int) -> NDArray[np.float64]:
        """(epochs + 1, 36) of all weights in ohm, the pristine ones first."""
        epochs = [self._loop.arrays[_resistances("untrained", seed, 0)]]
        epochs += [self._loop.arrays[_resistances(name, seed, k + 1)] for k in range(self.epochs)]
        return np.array(epochs)

    def recognised(self, kind: str, role: str = MAIN) -> list[float]:
        """Images told apart, in %, of every seed: `kind` ``clean`` or, with train.flipped_test, ``corrupted``."""
        return [self._loop.outcomes[stage_key(role, seed)][kind] for seed in self.seeds]

    def rows(self) -> list[Row]:
        """Report resistances and margins, the probabilities that explain them, and the recognition of lines."""
        rows = [self._margin_row(name, variant) for name, variant in self.variants().items()]
        return rows + [self._probability_row(length) for length in (3, 2)] + self._recognition_rows()

    def judge(self, doubts: Doubts) -> None:
        """Cells that do not move, and the recognition of lines beside its controls."""
        histories = [1.0 / self.resistances(MAIN, seed) for seed in self.seeds]
        device = DeviceFacts(**self._loop.outcomes.get("device", UNKNOWN))
        cells = [compare_cells(g[0][:, None], g[-1][:, None]) for g in histories]
        doubts.cells(cells, still_cells(self.config.protocol, device))
        mine, control = (
            [self._loop.outcomes[stage_key(role, seed)]["clean"] for seed in self.seeds] for role in (MAIN, "untrained")
        )
        labels = line_labels(self.dataset.train_images, self.config.train.line)
        name, judged = f"{self.config.train.line}-pixel lines recognised", len(labels) // 2
        hint = "show more epochs, or raise protocol.response"
        doubts.accuracy(ControlledResult(name, mine, control, "untrained", images=judged), labels, hint)

    def draw(self) -> list[Path]:
        """Draw Figure 9 with its controls."""
        from hil import plots

        drawn, seed = [self.run.figure("resistances.png")], self.seeds[0]
        series = {v.label: self.resistances(name, seed) for name, v in self.variants().items()}
        title = f"{self.config.device.uri}, all {self._images} images an epoch, seed {seed}"
        plots.save_separation(series, associated(), drawn[0], title)
        return drawn

    def _open(self, seed: int) -> PairedTrainee:
        data, train = self.dataset, self.config.train
        defaults = {"rows": pair_count(9), "cols": 1, "seed": seed, "log": str(self.run.command_log)}
        device = open_device(self.config.device.uri, defaults=defaults)
        if isinstance(device, Synapse) and device.signed:
            device.close()
            raise Unsupported(
                f"{device.name}: the weights of {LINES} are compared as resistances, and one with a sign has none: "
                "take synapse=single, several or ratio, or another data set"
            )
        protocols = {name: variant.protocol for name, variant in self.variants().items()}
        protocols["untrained"] = self.config.protocol
        return PairedTrainee(device, protocols, data.train_images, data.full_scale, 1, train.flipped)

    def _after_epoch(self, stage: Stage, trainee: PairedTrainee, done: int) -> None:
        if done % self._images == 0:
            self._keep(stage, trainee.core(stage), done // self._images)

    def _keep(self, stage: Stage, core: PairedCore, epoch: int) -> None:
        self._loop.arrays[_resistances(stage.role, stage.seed, epoch)] = 1.0 / core.conductances()[:, 0]

    def _evaluate(self, stage: Stage, trainee: PairedTrainee) -> None:
        core = trainee.core(stage)
        self._loop.outcomes["device"] = asdict(DeviceFacts.of(trainee.device))
        if stage.role == "untrained":
            self._keep(stage, core, 0)
        if stage.role not in ("untrained", MAIN, "shuffled"):
            return
        fraction = self.config.train.flipped_test
        clean = intensities(self.dataset.train_images, self.dataset.full_scale)
        outcome = {"clean": self._recognised(core, clean, stage.seed)}
        if fraction:
            noisy = flipped(clean, fraction, stage.seed, self._images * self.epochs + np.arange(self._images))
            outcome["corrupted"] = self._recognised(core, noisy, stage.seed)
        self._loop.outcomes[stage.key] = outcome

    def _recognised(self, core: PairedCore, pixels: NDArray[np.float64], seed: int) -> float:
        """Accuracy in % on one half of the images; readout, sign and threshold are the best on the other half."""
        currents, g = core.currents(pixels)[:, 0] / core.read_voltage, core.conductances()[:, 0]
        lit = core.protocol.total(pixels)
        # alone, or against a reference that carries the same pairs at the mean, the least or the largest conductance
        scores = np.array([currents, *(currents - lit * level for level in (g.mean(), g.min(), g.max()))])
        # differences far below what separates two images are rounding, not knowledge
        return self._accuracy(np.round(scores, 12), seed)

    def _accuracy(self, scores: NDArray[np.float64], seed: int) -> float:
        labels = line_labels(self.dataset.train_images, self.config.train.line)
        order = np.random.default_rng([seed, 2]).permutation(len(labels))
        choose, judge = order[: len(labels) // 2], order[len(labels) // 2 :]
        best, chosen = -1.0, (scores[0], 0.0)
        for score in [*scores, *-scores]:
            levels = np.unique(score[choose])
            cuts = np.concatenate([[-np.inf], (levels[1:] + levels[:-1]) / 2])
            hits = ((score[choose] > cuts[:, None]) == labels[choose]).mean(axis=1)
            if hits.max() > best:
                best, chosen = hits.max(), (score, cuts[hits.argmax()])
        return float(((chosen[0][judge] > chosen[1]) == labels[judge]).mean() * 100)

    def _margin_row(self, name: str, variant: Variant) -> Row:
        histories = [self.resistances(name, seed) for seed in self.seeds]
        found = [[separation(r) for r in history[1:]] for history in histories]
        mine, others = histories[0][-1][associated()], histories[0][-1][~associated()]
        note = (
            f"associated {mine.min():.0f}..{mine.max():.0f}, others {others.min():.0f}..{others.max():.0f} ohm "
            f"(seed {self.seeds[0]}); associated {self._when([[order for order, _ in seed] for seed in found])}"
        )
        label = variant.label if name == MAIN else f"  control: {variant.label}"
        if name == "other":
            label = f"  {variant.label}"
        row = repeated("margin", [seed[-1][1] for seed in found], "ohm", note=note, headline=name == MAIN)
        return replace(row, conditions={"variant": variant.label}, label=f"{label}: margin")

    def _when(self, orders: list[list[int]]) -> str:
        """Outcomes of all seeds, stretches of epochs with the same ones in one phrase."""
        phrases: list[tuple[int, int, str]] = []
        for epoch, outcome in enumerate(zip(*orders, strict=True), start=1):
            counts = [f"{OUTCOMES[k]}" + (f" in {outcome.count(k)} of {len(outcome)} seeds" * (outcome.count(k) < len(
                outcome))) for k in OUTCOMES if k in outcome]  # fmt: skip
            words = ", ".join(counts)
            if phrases and phrases[-1][2] == words:
                phrases[-1] = (phrases[-1][0], epoch, words)
            else:
                phrases.append((epoch, epoch, words))
        return "; ".join(f"{words} at epoch {a}" + f" to {b}" * (b > a) for a, b, words in phrases)

    def _probability_row(self, length: int) -> Row:
        p, mine = line_given_pair(self.dataset.train_images, length), associated()
        values = [", ".join(f"{v:.3f}" for v in np.unique(np.round(p[k], 3))[::-1]) for k in (mine, ~mine)]
        separable = p[mine].min() > p[~mine].max()
        verdict = "separable" if separable else "not separable: some others go with a line more often"
        note = f"associated pairs; control: all others; by counting 512 images; {verdict}"
        label = f"P({length}-pixel line | both lit)"
        return Row("P(line | both lit)", values[0], control=values[1], note=note, label=label).under(line=length)

    def _recognition_rows(self) -> list[Row]:
        line, images = self.config.train.line, self.dataset.train_images
        rows, kinds = [], ["clean"] + ["corrupted"] * (self.config.train.flipped_test > 0)
        for kind in kinds:
            control = float(np.mean(self.recognised(kind, "untrained")))
            note = (
                "current alone or against a reference, and its threshold, chosen on one half of the images; counted on "
                "the other; control: untrained layer"
            )
            if kind == "corrupted":
                note = f"{self.config.train.flipped_test:.0%} of the pixels inverted; {note}"
            row = repeated("images recognised", self.recognised(kind), "%", control=control, note=note, headline=True)
            label = f"images with {line}-pixel lines recognised, {kind}"
            rows.append(replace(row, conditions={"line": line, "images": kind}, label=label))
        if self.config.train.controls:
            row = repeated("images recognised by the control", self.recognised("clean", "shuffled"), "%")
            rows.append(beside(row, "control", "responses at random"))
        labels = line_labels(images, line)
        always = Row("images recognised by the baseline", float(max(labels.mean(), 1 - labels.mean()) * 100), "%")
        rows.append(beside(always, "baseline", "always the same answer"))
        first, second = pair_indices(9)
        both = (images[:, first] > 0) & (images[:, second] > 0)
        template = both @ np.where(associated(), 1.0, 0.0), both @ np.where(associated(), 1.0, -1 / 3)
        ideal = [self._accuracy(np.array(template), seed) for seed in self.seeds]
        row = repeated("images recognised by the baseline", ideal, "%", note="no device: the ideal template")
        return [*rows, beside(row, "baseline", "associated pairs counted")]
