"""Write-verify of all cells of an array: read, choose pulses, play them, until every cell is there or given up.

A round is a verification and the pulses after it. Between rounds everything that is known is in arrays, so that a
write goes on after any end: on a device that can be restored from the state that it had, on a sample from what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.biasing import SCHEMES
from hil.device import Device
from hil.energy.dissipation import programmed
from hil.errors import InputError
from hil.programming import scheme_for
from hil.writing.bursts import Bursts, play
from hil.writing.controller import CONTROLLERS, Cells
from hil.writing.plan import WritePlan

PROGRAMMING = "programming"
"""Part of a run in which cells are written, in its energy (`hil.energy`)."""

PATIENCE = 2
"""Times that a single pulse may take a cell further away before it stays on the better side."""


class Fate(IntEnum):
    """What has become of a cell."""

    UNTOLD = -2
    """It has no target."""
    GIVEN_UP = -1
    """It has had all its pulses, or all rounds are over."""
    OPEN = 0
    """Not there yet."""
    REACHED = 1
    """Within the tolerance at the last verification."""
    AS_NEAR = 2
    """Not within the tolerance, but another pulse, or none that is smaller, would take it further away."""


@dataclass(frozen=True)
class Verification:
    """Where the array stands after one more read of it.

    Attributes
    ----------
    number : int
        From 0.
    within : int
        Cells within the tolerance.
    unsettled : int
        Cells that will get more pulses.
    error : float
        Root mean square distance from the targets, S.
    disturb, most_disturb : float
        Root mean square and largest change since the last verification of cells that had no pulse, S; NaN where there
        was none.
    pulses : int
        Pulses that were played before it, of all cells.
    """

    number: int
    within: int
    unsettled: int
    error: float
    disturb: float
    most_disturb: float
    pulses: int


class Write:
    """A write of targets into a device.

    Parameters
    ----------
    device : Device
        What is written; its `rows` x `cols` are the shape of the target.
    target : (R, C) array
        Conductance, S; NaN for a cell that does not matter.
    plan : WritePlan
        How.

    Attributes
    ----------
    conductance : (R, C) array
        As last read, S.
    pulses : (R, C) array of int
        Given so far.
    fate : (R, C) array of int
        See `Fate`.
    overshot : (R, C) array of int
        Times that a single full pulse took a cell further away, counted where there is no smaller pulse.
    worse : (R, C) array of bool
        Whether the last single pulse did.
    energy : (2,) array
        Energy of the pulses, J: of the cells that were meant, and of those that the biasing scheme leaves a part of
        the voltage on (NaN where lines float). ``V^2 G t`` with the mean of the conductances read before and after, so
        for ohmic cells and lines without resistance.
    noise : float
        Standard deviation of the difference of two verifications without a pulse between them, S.
    elapsed : float
        Device time that it has taken, s.
    sign_known : bool
        Whether it is known which sign of the voltage raises the conductance; the first pulses show it where neither the
        device nor the user says so.
    """

    def __init__(
        self, device: Device, target: Cells, plan: WritePlan, before_pulses: Callable[[Write], object] = lambda write: 0
    ) -> None:
        """Check everything; `before_pulses` is called when pulses are counted and not played yet."""
        if target.shape != device.cells:
            raise InputError(f"targets of shape {target.shape}: {device.name} has {device.rows} x {device.cols} cells")
        self.device, self.plan, self.goal = device, plan, plan.goal(device, target)
        self.scheme = plan.scheme or scheme_for(device.cells, device.limits.channels)
        self.controller = CONTROLLERS.find(plan.controller)(self.goal)
        self.sign_known = plan.knows_sign(device)
        self.round, self.done = 0, False
        self.conductance = np.full(target.shape, np.nan)
        self.pulses = np.zeros(target.shape, np.int64)
        self.fate = np.where(np.isnan(target), Fate.UNTOLD, Fate.OPEN).astype(np.int64)
        self.overshot, self.worse = np.zeros(target.shape, np.int64), np.zeros(target.shape, bool)
        self.energy = np.zeros(2)
        self.noise = self.elapsed = 0.0
        self._before_pulses, self._since = before_pulses, device.time

    @property
    def target(self) -> Cells:
        """(R, C) targets, S."""
        return self.goal.target

    @property
    def error(self) -> Cells:
        """(R, C) conductance minus target, S; NaN where there is no target."""
        return self.conductance - self.target

    def rounds(self) -> Iterator[Verification]:
        """Play what is left, and say after every verification where the array stands; a checkpoint may be made then.

        The array is read twice before the first pulse: what the two differ in is the noise.
        """
        if self.round == 0:
            first = self._read()
            self.conductance = self._read()
            self.noise = float(np.sqrt(np.mean((self.conductance - first) ** 2)))
            yield self._verified(None, self.conductance)
        while not self.done:
            bursts = self._chosen()
            if not bursts.count.any():
                self.done = True
                break
            self.pulses += bursts.pulses
            self._before_pulses(self)
            play(self.device, bursts, self.scheme)
            before, self.conductance = self.conductance, self._read()
            change = self.conductance - before
            if self.sign_known or self._finds_sign(bursts, change):
                self.controller.learn(bursts, change, 2.0 * self.noise)
            mean = (before + self.conductance) / 2
            self.energy += np.sum([self._energy(part, mean) for part in bursts.parts], axis=0)
            yield self._verified(bursts, before)
        self.fate[self.fate == Fate.OPEN] = Fate.GIVEN_UP

    def _finds_sign(self, bursts: Bursts, change: Cells) -> bool:
        """Find out by the first pulses which sign raises the conductance; whether they were of the right one.

        A cell at one end of its range does not answer to the sign that would take it beyond: then the other is tried.
        """
        asked = bursts.signed * self.goal.pulses.polarity
        moved = float((np.sign(asked) * change).sum())
        answered = abs(moved) > 2.0 * self.noise * np.sqrt((bursts.count > 0).sum())
        right = answered and moved > 0
        self.sign_known = answered
        if not right:
            self.goal = self.goal.turned()
            self.controller = CONTROLLERS.find(self.plan.controller)(self.goal)
        return right

    def look_again(self) -> None:
        """Read the array after a `recall` on a device that is not in the state that it had: what is, is."""
        self.conductance = self._read()
        self._judge()

    def _read(self) -> Cells:
        """Mean of the reads of a verification; `InputError` where a cell has no reading."""
        reads = [self.device.read(self.plan.read_voltage) for _ in range(self.plan.reads)]
        self.elapsed, self._since = self.elapsed + self.device.time - self._since, self.device.time
        found: Cells = np.mean(reads, axis=0)
        unknown = np.argwhere(~np.isfinite(found) & ~np.isnan(self.target))
        if len(unknown):
            r, c = (int(k) for k in unknown[0])
            raise InputError(
                f"cell ({r}, {c}) of {self.device.name} has no reading, its current is at the compliance: "
                "raise i_max, or lower the read voltage (--set read_voltage=V)"
            )
        return found

    def _chosen(self) -> Bursts:
        distance = np.where(self.fate == Fate.OPEN, -self.error, 0.0)
        return self.controller.next(self.conductance, distance, self.plan.max_pulses - self.pulses)

    def _verified(self, bursts: Bursts | None, before: Cells) -> Verification:
        """Note where the array stands after a read, and count the round."""
        if bursts is not None and self.controller.coarse:
            driven = bursts.count == 1
            further = driven & (np.abs(self.error) > np.abs(before - self.target))
            self.overshot += further
            self.worse = np.where(driven, further, self.worse)
        distance, within = self._judge()
        self.round += 1
        unsettled = int((self.fate == Fate.OPEN).sum())
        self.done = not unsettled or self.round > self.plan.rounds
        rest = np.zeros(0) if bursts is None else (self.conductance - before)[bursts.count == 0]
        return Verification(
            self.round - 1, int(within.sum()), unsettled, float(np.sqrt(np.mean(distance**2))),
            float(np.sqrt(np.mean(rest**2))) if rest.size else float("nan"),
            float(np.abs(rest).max()) if rest.size else float("nan"),
            0 if bursts is None else int(bursts.pulses.sum()),
        )  # fmt: skip

    def _judge(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Distances of the cells that have a target, S, and which cells are near enough; notes every cell's fate."""
        told = self.fate != Fate.UNTOLD
        distance = np.abs(np.where(told, self.error, 0.0))
        within = told & (distance <= self.goal.tolerance)
        self.fate[told] = Fate.OPEN
        self.fate[told & (self.pulses >= self.plan.max_pulses)] = Fate.GIVEN_UP
        self.fate[told & (self.overshot >= PATIENCE) & ~self.worse] = Fate.AS_NEAR
        self.fate[within] = Fate.REACHED
        return distance[told], within

    def _energy(self, bursts: Bursts, conductance: Cells) -> NDArray[np.float64]:
        """Energy of the cells that were meant, and of all others, J; see `energy`."""
        drive = bursts.voltage**2 * bursts.count * bursts.width
        return programmed(drive, bursts.voltage, conductance, SCHEMES[self.scheme](1.0))

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that is known, as arrays."""
        own = {f"controller.{name}": array for name, array in self.controller.state().items()}
        counters = np.array([self.round, int(self.done), int(self.sign_known), self.goal.pulses.polarity])
        return own | {
            "conductance": self.conductance, "pulses": self.pulses, "fate": self.fate, "energy": self.energy,
            "overshot": self.overshot, "worse": self.worse, "noise": np.array(self.noise),
            "elapsed": np.array(self.elapsed), "counters": counters,
        }  # fmt: skip

    def recall(self, state: dict[str, NDArray[Any]]) -> None:
        """Return to what `state` gave."""
        prefix = "controller."
        self.sign_known, raises = bool(state["counters"][2]), int(state["counters"][3])
        self.goal = self.goal if raises == self.goal.pulses.polarity else self.goal.turned()
        self.controller = CONTROLLERS.find(self.plan.controller)(self.goal)
        self.controller.recall({name[len(prefix) :]: a for name, a in state.items() if name.startswith(prefix)})
        self.conductance, self.pulses = state["conductance"].copy(), state["pulses"].copy()
        self.fate, self.energy = state["fate"].copy(), state["energy"].copy()
        self.overshot, self.worse = state["overshot"].copy(), state["worse"].copy()
        self.noise, self.elapsed = float(state["noise"]), float(state["elapsed"])
        self.round, self.done = int(state["counters"][0]), bool(state["counters"][1])
        self._since = self.device.time
