"""The device under test behind a virtual instrument: cells, the resistances in front of them, and who is wired to them.

Every source channel is a `Port` with two terminals, HI and LO, each connected to any number of lines of the crossbar.
Lines are numbered rows first: row ``r`` is line ``r``, column ``c`` is line ``rows + c``. All LO terminals are one
node at 0 V; lines that nothing is connected to float.

The ports and the cells between them are a circuit (`instruments.virtual.network`): a port is a voltage behind its
series resistance or, where that would drive more than the compliance, a current source. Cells move with the voltages
that they see and these with the cells; `SimulatedArray.follow` holds the error of a cell's resistance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError
from instruments.virtual.budget import MessageBudget
from instruments.virtual.network import Network, Port, PortDrive, Transistor
from sim.crossbar.array import SimulatedArray


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
    budget : MessageBudget
        What the message may cost that is being carried out.
    transistor : Transistor or None
        In series with what is at port 1, its gate on port 2.
    standing : dict
        What every port whose output is on holds while nothing else is played on it: port name to `PortDrive`.

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
        self.budget = MessageBudget()
        self.standing: dict[str, PortDrive] = {}
        self.transistor: Transistor | None = None
        self._driven: dict[str, PortDrive] = {}
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
        return self.play_together({port: (level, duration)}, {port: PortDrive(0.0, compliance, four_wire)})[port]

    def play_together(
        self, tracks: Mapping[str, tuple[ArrayLike, ArrayLike]], limits: Mapping[str, PortDrive] | None = None
    ) -> dict[str, Played]:
        """Play a list on each of several ports at once, all from the same instant.

        Parameters
        ----------
        tracks : mapping
            Port name to (level, duration), each (T,), T differing from port to port. After its last step a port
            holds its last level until the longest list is over.
        limits : mapping, optional
            Port name to the `PortDrive` that its compliance and sensing are taken from.

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
        drives = {**self.standing, **{name: limits.get(name, PortDrive(0.0)) for name in tracks}}
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
        self._device.follow(self._network(self.standing), 0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass: at rest where all outputs are off, else at the levels that they hold."""
        if not seconds >= 0:
            raise InputError(f"time {seconds} s cannot pass backwards")
        if seconds > 0:
            self._step(self._network(self.standing), seconds)

    def _network(self, drives: Mapping[str, PortDrive]) -> Network:
        ports = {name: self.port(name) for name in drives}
        wiring = [
            (name, drive.compliance, drive.four_wire, p.hi, p.lo, p.contact_open, p.contact_short, p.sense_open, p.rail)
            for (name, drive), p in zip(drives.items(), ports.values(), strict=True)
        ]
        if self._wired is None or self._wired[0] != (wiring, self.series, self.contact):
            network = Network(self._device, ports, drives, self.series, self.contact)
            # Sets of lines are copied: `Port.connect` may change them.
            fixed = [(*entry[:3], set(entry[3]), set(entry[4]), *entry[5:]) for entry in wiring]
            self._wired = ((fixed, self.series, self.contact), network)
        network, self._driven = self._wired[1], dict(drives)
        network.budget = self.budget
        network.wanted[:] = [drive.voltage for drive in drives.values()]
        return network

    def _step(self, network: Network, duration: float) -> list[Seen]:
        if not 0 < duration < np.inf:
            raise InputError(f"duration {duration} s of a step must be positive and finite")
        if self.transistor is not None:
            return self._step_gated(network, duration, self.transistor)
        *tripped, beyond = self._device.follow(network, duration, again=self._unchanged(network))
        self.clock += duration
        self.overstress += beyond
        seen = network.solution
        return [Seen(*row) for row in zip(seen.current.tolist(), seen.terminal.tolist(), tripped, strict=True)]

    def _step_gated(self, network: Network, duration: float, transistor: Transistor) -> list[Seen]:
        """As `_step`, with port 1 behind the transistor; only the source's own limit is seen as its compliance."""
        drives = self._driven
        own = [drive.compliance for drive in drives.values()]
        wanted = dict(zip(drives, network.wanted.tolist(), strict=True))
        index = {name: k for k, name in enumerate(drives)}
        if "1" in index:
            k = index["1"]
            network.limit(k, min(own[k], transistor.most(wanted.get("2", 0.0))))
        *_, beyond = self._device.follow(network, duration, again=self._unchanged(network))
        self.clock += duration
        self.overstress += beyond
        seen = network.solution
        return [
            Seen(float(current), float(terminal), bool(abs(current) >= limit * (1 - 1e-9)))
            for current, terminal, limit in zip(seen.current, seen.terminal, own, strict=True)
        ]

    def _unchanged(self, network: Network) -> bool:
        """Whether all sources are as they were in the step before: the same pulse goes on in the cells then."""
        last, self._sources = self._sources, (network, network.wanted.copy())
        return last is not None and last[0] is network and np.array_equal(last[1], network.wanted)


def _merge(ends: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], list[NDArray[np.bool_]]]:
    """Lengths between all edges of several lists, and which edges belong to which; closer than 1 ps is the same."""
    edges = np.unique(np.round(np.concatenate(ends), 12))
    return np.diff(edges, prepend=0.0), [np.isin(edges, np.round(e, 12)) for e in ends]
