"""`hil train pill`: a paired-input learning layer, whose weights learn which two pixels are lit together.

Section 5 of Zivasatienraj & Doolittle (2023). The data set decides the task: vertical lines in 3x3 images, one column
(Figure 9, `hil.training.pill_lines`), or classes of images, one column each (`hil.training.pill_classes`).
"""

from __future__ import annotations

from pathlib import Path

from hil.data.datasets import Dataset
from hil.runs.interrupt import how_to_continue
from hil.runs.results import Row
from hil.runs.run import Run
from hil.training.driver import Driver
from hil.training.pill_classes import ClassesTask
from hil.training.pill_lines import LinesTask
from hil.training.pill_settings import LINES, PillConfig
from hil.training.sanity import Doubts


class PillTraining(Driver):
    """Train paired inputs: a weight learns that two pixels are lit together when a response comes.

    Every two pixels meet in a VALVeD pair in front of a weight of their own; a response is one pulse on a column as a
    whole. With lines3x3, one column responds to vertical lines, and the resistances are compared with those of the
    controls; with other data sets, every column responds to its class.

    \b
    hil train pill                                     # bundled digits
    hil train pill --dataset lines3x3 --epochs 8
    hil train pill --dataset mnist --data-dir DIR --device sim:pill
    hil train pill --dataset lines3x3 --device "fpga:golden?cell=flca&R=5e3,4.5e5&phi_max=0.2&v_step=1e-3"
    """

    kind = "train pill"
    config_model = PillConfig

    def __init__(self, config: PillConfig, dataset: Dataset, run: Run) -> None:
        """Choose the task and check that the configuration makes sense for it."""
        self.config, self.dataset, self.run = config, dataset, run
        self.task = (LinesTask if dataset.name == LINES else ClassesTask)(config, dataset, run)

    def play(self) -> None:
        """Train every stage that is still to be trained."""
        self.task.play(how_to_continue(self.kind, self.run.path))

    def rows(self) -> list[Row]:
        """Report every number beside its control."""
        return self.task.rows()

    def judge(self, doubts: Doubts) -> None:
        """Report what the results of the task stand on."""
        self.task.judge(doubts)

    def draw(self) -> list[Path]:
        """Draw the pictures of the task."""
        return self.task.draw()
