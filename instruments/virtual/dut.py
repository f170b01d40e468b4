"""The device under test behind a virtual instrument: cells, the resistances in front of them, and who is wired to them.

Every source channel is a `Port` with two terminals, HI and LO, each connected to any number of lines of the crossbar.
Lines are numbered rows first: row ``r`` is line ``r``, column ``c`` is line ``rows + c``. All LO terminals are one
node at 0 V; lines that nothing is connected to float.

At a given state the cells are ohmic, so the crossbar between the ports is a linear network, and so is a port: a
voltage behind its series resistance or, where that would drive more than the compliance, a current source,

    u_p + R_p i_p = V_p    or    i_p = +-I_p,       i = Y u,

with Y the cells' Laplacian after elimination of the floating lines. While the voltage at the cells depends on their
state (series resistance, compliance, floating lines), a step is integrated by the midpoint rule in as many sub-steps
as the voltages move by `SUBSTEP` of themselves, at most `MOST_SUBSTEPS`: the error falls with the square of a
sub-step. Where it does not depend on the state, the cells' own closed form takes the whole step and is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from instruments.virtual.budget import STEP, Budget
from instruments.virtual.network import Drive, Network, Port, Solution
from sim.crossbar.array import SimulatedArray

SUBSTEP = 0.02
"""Relative change of the line voltages that one sub-step may make."""

MOST_SUBSTEPS = 64
"""Sub-steps in a step, at most."""

RIGID = 1e-9
"""Relative change of the line voltages over a step below which they count as constant."""


class Seen(NamedTuple):
    """What a port saw in one step.

    Attributes
    ----------
    current : float
        At the end of the step, A, positive out of HI; noise not included.
    voltage : float
        Between HI and LO at the end of the step, V.
    tripped : bool
        Whether the compliance limited the current at any time in the step.
    """

    current: float
    voltage: float
    tripped: bool


class Played(NamedTuple):
    """What one port saw in a list of steps; arrays of one value for every step, as in `Seen`, noise included."""

    current: NDArray[np.float64]
    voltage: NDArray[np.float64]
    tripped: NDArray[np.bool_]


class Dut:
    """A simulated crossbar as source-measure units see it.

    Parameters
    ----------
    device : sim.crossbar.array.SimulatedArray
        What is simulated, 1 x 1 or R x C.
    series : float
        Resistance in series with every HI terminal, ohm: the device's own leads and access resistance.
    contact : float
        Resistance of the probe's contact at HI, ohm; remote sensing removes it.
    noise : float
        RMS noise of a measured current, A.
    relative_noise : float
        RMS noise of a measured current as a fraction of it.
    seed : int
        Of the noise.

    Attributes
    ----------
    clock : float
        Virtual time since the start, s: the sum of what was played and of what was waited.
    overstress : int
        Steps in which a line was beyond what the device's model covers (`Limits.v_min` .. `v_max`): its state moved as
        at that limit, the currents are those of the full voltage.
    budget : Budget
        What the message may cost that is being carried out.
    standing : dict
        What every port whose output is on holds while nothing else is played on it: port name to `Drive`.

    Raises
    ------
    InputError
        If a resistance or a noise is negative or not finite.
    """

    def __init__(
        self,
        device: SimulatedArray,
        *,
        series: float = 0.0,
        contact: float = 0.0,
        noise: float = 0.0,
        relative_noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Put the device behind one port, HI on row 0 and LO on column 0."""
        for name, value, unit in (
            ("series", series, "ohm"),
            ("contact", contact, "ohm"),
            ("noise", noise, "A"),
            ("relative_noise", relative_noise, ""),
        ):
            if not 0 <= value < np.inf:
                raise InputError(f"{name} {value} {unit}".strip() + " must be finite and not negative")
        self._device, self.series, self.contact = device, series, contact
        self._sources: tuple[Network, NDArray[np.float64]] | None = None
        self.noise, self.relative_noise = noise, relative_noise
        self._random = np.random.default_rng(seed)
        self._ports: dict[str, Port] = {}
        self.clock, self.overstress = 0.0, 0
        self.budget = Budget()
        self.standing: dict[str, Drive] = {}
        self._wired: tuple[tuple[list[tuple[Any, ...]], float, float], Network] | None = None
        self.port("1").connect({0}, {device.rows})

    @property
    def truth(self) -> SimulatedArray:
        """The simulated device itself, for tests and figures that compare with what was measured."""
        return self._device

    @property
    def lines(self) -> int:
        """Number of lines, rows and columns."""
        return self._device.rows + self._device.cols

    def port(self, name: str) -> Port:
        """Terminals of a channel by name; a name not heard before is a port connected to nothing."""
        return self._ports.setdefault(name, Port(name))

    def connect(self, hi: Iterable[int], lo: Iterable[int], port: str = "1") -> None:
        """Wire a port's terminals to lines, as a matrix does.

        Raises
        ------
        InputError
            If there is no such line.
        """
        hi, lo = set(hi), set(lo)
        for line in hi | lo:
            if not 0 <= line < self.lines:
                raise InputError(f"line {line}: the device has lines 0 .. {self.lines - 1}, rows first")
        self.port(port).connect(hi, lo)

    def play(
        self,
        level: Sequence[float] | NDArray[np.float64],
        duration: Sequence[float] | NDArray[np.float64],
        *,
        compliance: float = np.inf,
        port: str = "1",
        four_wire: bool = False,
    ) -> Played:
        """Hold one source voltage after another between HI and LO of a port.

        Parameters
        ----------
        level, duration : (T,) arrays
            Source voltage (V) and length (s) of every step.
        compliance : float
            Largest current, A.
        port : str
            Which port; the lines of all others float.
        four_wire : bool
            Whether the voltage is regulated behind the contact.

        Returns
        -------
        Played
            (T,) current, terminal voltage and tripped flag of every step.
        """
        return self.play_together({port: (level, duration)}, {port: Drive(0.0, compliance, four_wire)})[port]

    def play_together(
        self, tracks: Mapping[str, tuple[ArrayLike, ArrayLike]], limits: Mapping[str, Drive] | None = None
    ) -> dict[str, Played]:
        """Play a list on each of several ports at once, all from the same instant.

        Parameters
        ----------
        tracks : mapping
            Port name to (level, duration), each (T,), T differing from port to port. After its last step a port
            holds its last level until the longest list is over.
        limits : mapping, optional
            Port name to the `Drive` that its compliance and sensing are taken from.

        Returns
        -------
        dict
            Port name to what it saw at the end of each of its own steps.

        Raises
        ------
        InputError
            If two ports are wired to one line, or a duration is not positive and finite.
        """
        limits = limits or {}
        drives = {**self.standing, **{name: limits.get(name, Drive(0.0)) for name in tracks}}
        network = self._network(drives)
        if len(tracks) == 1:
            return self._play_alone(network, list(drives), *tracks.items())
        levels = {name: np.asarray(level, dtype=float) for name, (level, _) in tracks.items()}
        ends = {name: np.cumsum(np.asarray(duration, dtype=float)) for name, (_, duration) in tracks.items()}
        edges, owned = _merge(list(ends.values()))
        index = {name: list(drives).index(name) for name in tracks}
        seen: dict[str, list[Seen]] = {name: [] for name in tracks}
        position, tripped = dict.fromkeys(tracks, 0), dict.fromkeys(tracks, False)
        for k, length in enumerate(edges):
            for name in tracks:
                network.wanted[index[name]] = levels[name][min(position[name], len(levels[name]) - 1)]
            now = self._step(network, float(length))
            for j, name in enumerate(tracks):
                tripped[name] |= now[index[name]].tripped
                if owned[j][k]:
                    seen[name].append(now[index[name]]._replace(tripped=tripped[name]))
                    position[name] += 1
                    tripped[name] = False
        return {name: self._played(steps) for name, steps in seen.items()}

    def _play_alone(
        self, network: Network, drives: Sequence[str], track: tuple[str, tuple[ArrayLike, ArrayLike]]
    ) -> dict[str, Played]:
        """One list has no edges but its own; almost everything is played this way."""
        name, (level, duration) = track
        at = drives.index(name)
        steps = []
        for v, length in zip(np.asarray(level, float).tolist(), np.asarray(duration, float).tolist(), strict=True):
            network.wanted[at] = v
            steps.append(self._step(network, length)[at])
        return {name: self._played(steps)}

    def _played(self, steps: Sequence[Seen]) -> Played:
        current = np.array([self.measured(s.current) for s in steps])
        return Played(current, np.array([s.voltage for s in steps]), np.array([s.tripped for s in steps], dtype=bool))

    def measured(self, current: float) -> float:
        """Add the noise of one measurement to a true current, A."""
        if not self.noise and not self.relative_noise:
            return current
        normal = self._random.standard_normal(2)
        return float(current * (1.0 + self.relative_noise * normal[0]) + self.noise * normal[1])

    def let_go(self) -> None:
        """An output was switched off: in no time at all, the pulses that it drove are over."""
        self._sources = None
        self._hold(self._network(self.standing).solve(self._conductance()).voltages, 0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass: at rest where all outputs are off, else at the levels that they hold."""
        if not seconds >= 0:
            raise InputError(f"time {seconds} s cannot pass backwards")
        if seconds > 0:
            self._step(self._network(self.standing), seconds)

    def _network(self, drives: Mapping[str, Drive]) -> Network:
        ports = {name: self.port(name) for name in drives}
        wiring = [
            (name, drive.compliance, drive.four_wire, p.hi, p.lo, p.contact_open, p.contact_short, p.sense_open, p.rail)
            for (name, drive), p in zip(drives.items(), ports.values(), strict=True)
        ]
        if self._wired is None or self._wired[0] != (wiring, self.series, self.contact):
            network = Network(self._device.rows, self.lines, ports, drives, self.series, self.contact)
            # Sets of lines are copied: `Port.connect` may change them.
            fixed = [(*entry[:3], set(entry[3]), set(entry[4]), *entry[5:]) for entry in wiring]
            self._wired = ((fixed, self.series, self.contact), network)
        network = self._wired[1]
        network.wanted[:] = [drive.voltage for drive in drives.values()]
        return network

    def _step(self, network: Network, duration: float) -> list[Seen]:
        if not 0 < duration < np.inf:
            raise InputError(f"duration {duration} s of a step must be positive and finite")
        again = self._unchanged(network)
        state = network.solve(self._conductance())
        self.budget.spend(STEP)
        before = state
        tripped = state.tripped
        moment = None if not state.voltages.any() else self._device.moment()
        self._hold(state.voltages, duration, again)
        if moment is not None:
            state = network.solve(self._conductance())
            moved = state.voltages - before.voltages
            change = np.abs(moved).max() / np.abs(before.voltages).max() if moved.any() else 0.0
            if change > RIGID:
                self._device.recall(moment)
                state, tripped = self._midpoint(network, duration, change, again)
            tripped = tripped | state.tripped
        self.clock += duration
        return [
            Seen(*row) for row in zip(state.current.tolist(), state.terminal.tolist(), tripped.tolist(), strict=True)
        ]

    def _unchanged(self, network: Network) -> bool:
        """Whether all sources are as they were in the step before: the same pulse goes on in the cells then."""
        last, self._sources = self._sources, (network, network.wanted.copy())
        return last is not None and last[0] is network and np.array_equal(last[1], network.wanted)

    def _midpoint(
        self, network: Network, duration: float, change: float, again: bool
    ) -> tuple[Solution, NDArray[np.bool_]]:
        number = int(np.clip(np.ceil(change / SUBSTEP), 2, MOST_SUBSTEPS))
        width = duration / number
        self.budget.spend(STEP * number)
        state = network.solve(self._conductance())
        tripped = state.tripped
        for k in range(number):
            start = self._device.moment()
            self._hold(state.voltages, width / 2, again or k > 0)
            middle = network.solve(self._conductance())
            self._device.recall(start)
            self._hold(middle.voltages, width, again or k > 0)
            state = network.solve(self._conductance())
            tripped = tripped | middle.tripped | state.tripped
        return state, tripped

    def _hold(self, voltages: NDArray[np.float64], duration: float, again: bool = False) -> None:
        rows, limits = self._device.rows, self._device.limits
        if voltages.max() > limits.v_max or voltages.min() < limits.v_min:
            self.overstress += 1
            voltages = np.clip(voltages, limits.v_min, limits.v_max)
        self._device.hold(voltages[:rows], voltages[rows:], duration, again=again)

    def _conductance(self) -> NDArray[np.float64]:
        return self._device.conductance


def _merge(ends: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], list[NDArray[np.bool_]]]:
    """Lengths between all edges of several lists, and which edges belong to which; closer than 1 ps is the same."""
    edges = np.unique(np.round(np.concatenate(ends), 12))
    return np.diff(edges, prepend=0.0), [np.isin(edges, np.round(e, 12)) for e in ends]
