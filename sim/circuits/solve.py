"""Simulating a circuit: `simulate(circuit, drive)` gives fluxes, voltages, currents and energies over time.

The node voltages are solved exactly (linear nodal analysis at the present memristances) inside every evaluation of the
flux rates, and the fluxes are integrated by the classical fourth-order Runge-Kutta method in fixed steps. Segments
begin and end on a step, and kinks of the model are stepped onto (`sim.circuits.kernel`), so the error falls with the
fourth power of the step. Rests, where all sources are at 0 V, are solved in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import InputError, nearest
from sim.cells.memristance import memristance_table, steepest_log_slope
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor
from sim.circuits.drive import Drive
from sim.circuits.kernel import CompiledCircuit, Traces, integrate
from sim.network.graph import Graph

STEPS_PER_EFOLD = 2.0
"""Default steps in the time in which a memristance can change by a factor of e, or its flux relax by as much.

With 2, the fluxes of the paper's circuits are right to 1e-6 of a pulse (a test shows it); `refine=2` makes that 1e-7.
"""

FEWEST_STEPS = 16
"""Steps in a driven segment, however gentle."""

STABLE = 0.5
"""Fewest steps in that time, however coarse `refine`: the method is unstable below 0.36."""

MOST_STEPS = 3 * 10**8
"""Steps beyond which a drive is refused; a compiled loop cannot be interrupted, and these take minutes."""

RESOLVED = 1e11
"""Most by which a resistance may exceed a memristor's own: a node voltage has 16 digits, and the flux needs some."""


@dataclass(frozen=True, eq=False)
class Transient:
    """What a circuit did: K instants a run, arrays of shape ``batch + (K,)`` by name.

    Every segment is recorded at its start, with the new voltages, and at the end of each of its recorded parts; so a
    jump of a source shows as two instants at one time.

    Attributes
    ----------
    time : array
        s, from 0.
    phi : mapping from memristor
        Flux linkage, V s (scaled by A).
    voltage : mapping from node
        V against ground.
    current : mapping from element
        A, from `plus` to `minus` of a branch; from ground through a source into its node.
    area : mapping from node
        Integral of the node's voltage from time 0, V s: the flux linkage it passes on.
    charge, energy : mappings from element
        Integrals from time 0, C and J: dissipated in a branch, delivered by a source.
    """

    circuit: Circuit
    time: NDArray[np.float64]
    phi: Mapping[str, NDArray[np.float64]]
    voltage: Mapping[str, NDArray[np.float64]]
    current: Mapping[str, NDArray[np.float64]]
    area: Mapping[str, NDArray[np.float64]]
    charge: Mapping[str, NDArray[np.float64]]
    energy: Mapping[str, NDArray[np.float64]]

    @cached_property
    def memristance(self) -> dict[str, NDArray[np.float64]]:
        """Eq 2 at every instant, ohm, by memristor."""
        return {m.name: memristance_table(m.model.R, self.phi[m.name]) for m in self.circuit.memristors}

    @property
    def final(self) -> dict[str, NDArray[np.float64]]:
        """Fluxes at the end, V s, each of the shape of the batch: the `phi` from which to go on."""
        return {name: phi[..., -1] for name, phi in self.phi.items()}


def simulate(
    circuit: Circuit,
    drive: Drive,
    phi: Mapping[str, ArrayLike] | None = None,
    *,
    record: int = 1,
    refine: float = 1.0,
) -> Transient:
    """Play a drive on a circuit.

    Parameters
    ----------
    circuit : Circuit
        What is simulated.
    drive : Drive
        Voltages of all its sources, for one run or a batch.
    phi : mapping of str to array, optional
        Flux of a memristor at the start in V s, broadcast to the batch; 0 where not given. >= 0 for a non-volatile one.
    record : int
        Instants recorded a segment, evenly spaced, beside its start; >= 1.
    refine : float
        Factor on the number of steps, > 0: the error falls with its fourth power. 1 is `STEPS_PER_EFOLD`; however small
        it is, there are `STABLE` steps in that time.

    Returns
    -------
    Transient
        ``T * (record + 1)`` instants.

    Raises
    ------
    InputError
        If a source has no voltage or the drive or `phi` name one that the circuit lacks; if a flux cannot be broadcast
        or is negative in a non-volatile memristor; if `record` or `refine` is out of range, or the drive would take
        more than `MOST_STEPS`; if resistances are further apart than `RESOLVED`; if a quantity leaves the range of
        float64.
    """
    if record < 1 or int(record) != record:
        raise InputError(f"record = {record}: give a whole number of instants a segment, >= 1")
    if not 0 < refine < np.inf:
        raise InputError(f"refine = {refine}: the factor on the number of steps must be positive and finite")
    levels = _levels(circuit, drive)
    initial = _initial(circuit, drive.batch, phi or {})
    segments = len(drive)
    duration = np.array(drive.duration, order="C").reshape(-1, segments)
    compiled, pattern = _compiled(circuit, levels)
    _require_resolved(circuit)
    with np.errstate(over="ignore", invalid="ignore"):
        fastest = _efolds(circuit, levels)
        steps = _steps(duration, fastest, refine, record)
    _require_feasible(steps, fastest, record)
    shape = (len(duration), segments * (record + 1))
    nodes, branches = len(circuit.nodes), len(circuit.branches)
    traces = Traces(*(np.empty((*shape, n)) for n in (len(circuit.memristors), nodes, nodes, *[branches] * 3)))
    integrate(compiled, initial, duration, levels, pattern, steps.astype(np.int64), traces)
    with np.errstate(over="ignore", invalid="ignore"):
        transient = _transient(circuit, drive, duration, traces)
    _require_finite(transient)
    return transient


def _levels(circuit: Circuit, drive: Drive) -> NDArray[np.float64]:
    """Voltages (B, T, S) of the sources in the circuit's order."""
    names = [source.name for source in circuit.sources]
    for name in drive.voltage:
        if name not in names:
            raise InputError(f"the drive has a source '{name}' that the circuit lacks {nearest(name, names)}")
    for name in names:
        if name not in drive.voltage:
            raise InputError(f"the drive lacks source '{name}': give its voltages, NaN to leave it floating")
    return np.stack([drive.voltage[name].reshape(-1, len(drive)) for name in names], axis=-1)


def _initial(circuit: Circuit, batch: tuple[int, ...], phi: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
    """Fluxes (B, M) at the start."""
    names = [m.name for m in circuit.memristors]
    for name in phi:
        if name not in names:
            raise InputError(f"phi is given for '{name}', which is no memristor of the circuit {nearest(name, names)}")
    initial = np.zeros((*batch, len(names)))
    for k, memristor in enumerate(circuit.memristors):
        start = np.asarray(phi.get(memristor.name, 0.0), dtype=np.float64)
        try:
            initial[..., k] = start
        except ValueError:
            raise InputError(f"phi of '{memristor.name}' is {start.shape}, the batch of the drive {batch}") from None
        lowest = -np.inf if memristor.model.volatile else 0.0
        if not ((start >= lowest) & np.isfinite(start)).all():
            bound = "" if memristor.model.volatile else " and >= 0 (non-volatile)"
            raise InputError(f"phi of '{memristor.name}' = {start.min():g} V s must be finite{bound}")
    return initial.reshape(math.prod(batch), len(names))


def _compiled(circuit: Circuit, levels: NDArray[np.float64]) -> tuple[CompiledCircuit, NDArray[np.int64]]:
    """The circuit as arrays, and which pattern of floating sources (B, T) each segment has."""
    floating = np.isnan(levels).reshape(-1, levels.shape[-1])
    patterns, pattern = np.unique(floating, axis=0, return_inverse=True)
    index = {node: n for n, node in enumerate(circuit.nodes)}
    ends = np.array([(index[b.plus], index[b.minus]) for b in circuit.branches])
    graph = Graph(len(index), *ends.T.copy())
    sources = np.array([index[s.node] for s in circuit.sources])
    driven = np.zeros((len(patterns), len(index)), bool)
    driven[:, index[GROUND]] = True
    driven[:, sources] = ~patterns
    models = [m.model for m in circuit.memristors]
    r = np.zeros((len(models), max((len(m.R) for m in models), default=1)))
    for row, model in zip(r, models, strict=True):
        row[: len(model.R)] = model.R
    compiled = CompiledCircuit(
        plus=graph.plus,
        minus=graph.minus,
        conductance=np.array([0.0 if isinstance(b, Memristor) else 1 / b.ohm for b in circuit.branches]),
        r=r,
        a=np.array([m.A for m in models], dtype=np.float64),
        d=np.array([m.D for m in models], dtype=np.float64),
        volatile=np.array([m.volatile for m in models], dtype=np.bool_),
        sources=sources,
        slot=np.array([graph.unknowns(row) for row in driven]),
    )
    return compiled, pattern.reshape(levels.shape[:2])


def _efolds(circuit: Circuit, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Most e-folds a second (B, T) of the steepest memristor; 0 at rest."""
    known = np.nan_to_num(levels)
    span = np.maximum(known.max(axis=-1), 0) - np.minimum(known.min(axis=-1), 0)
    fastest = np.zeros_like(span)
    for memristor in circuit.memristors:
        fastest = np.maximum(fastest, _fastest(memristor.model, span))
    return np.where(span > 0, fastest, 0.0)


def _steps(
    duration: NDArray[np.float64], fastest: NDArray[np.float64], refine: float, record: int
) -> NDArray[np.float64]:
    """Steps (B, T) of every recorded part of a segment: as accurate as asked for, and stable; a rest needs none."""
    efolds = duration * fastest
    wanted = np.maximum(refine * np.maximum(STEPS_PER_EFOLD * efolds, FEWEST_STEPS), STABLE * efolds)
    return np.maximum(np.ceil(np.where(fastest > 0, wanted, 0.0) / record), 1)


def _require_feasible(steps: NDArray[np.float64], fastest: NDArray[np.float64], record: int) -> None:
    needed = steps.sum() * record
    if not needed <= MOST_STEPS:
        raise InputError(
            f"the drive would take {needed:.1e} steps of {MOST_STEPS:.0e} at most, for a memristor may change e-fold "
            f"in {1 / fastest.max():.1e} s: shorten it, or slow the fastest memristor down (A, D, R)"
        )


def _require_resolved(circuit: Circuit) -> None:
    largest = max([b.ohm for b in circuit.resistors], default=0.0)
    for memristor in circuit.memristors:
        least = memristor.model.R[0]
        if largest > RESOLVED * least:
            raise InputError(
                f"memristor '{memristor.name}' of {least:g} ohm beside a resistor of {largest:g} ohm: "
                f"its voltage would be lost in rounding beyond a ratio of {RESOLVED:.0e}; leave the resistor out"
            )


def _require_finite(transient: Transient) -> None:
    kinds = {
        "flux of memristor": (transient.phi, "V s"),
        "voltage of node": (transient.voltage, "V"),
        "current of element": (transient.current, "A"),
        "energy of element": (transient.energy, "J"),
    }
    bad = []
    for kind, (table, unit) in kinds.items():
        for name, values in table.items():
            wrong = ~np.isfinite(values)
            if wrong.any():
                first = np.argwhere(wrong)[np.argmin(transient.time[wrong])]
                bad.append((float(transient.time[tuple(first)]), f"{kind} '{name}'", float(values[tuple(first)]), unit))
    if bad:
        when, what, value, unit = min(bad, key=lambda entry: entry[0])
        raise InputError(
            f"the {what} is {value:g} {unit} at {when:g} s: it left the range of numbers; "
            "lower the voltages, or check A, D and R of the memristors"
        )


def _fastest(model: Flca, volts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Most e-folds of memristance or flux a second with up to `volts` across a memristor, 1/s."""
    return model.A * volts * steepest_log_slope(model.R) + model.D


def _transient(circuit: Circuit, drive: Drive, duration: NDArray[np.float64], traces: Traces) -> Transient:
    """Name the traces and add the sources, whose current is what leaves their nodes through the branches."""
    shape, segments = (*drive.batch, traces.phi.shape[1]), len(drive)
    record = shape[-1] // segments - 1
    ends = np.cumsum(duration, axis=1)
    time = (ends - duration)[..., None] + duration[..., None] * np.linspace(0, 1, record + 1)

    def named(names: list[str], table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {name: table[..., k].reshape(shape) for k, name in enumerate(names)}

    branches = [b.name for b in circuit.branches]
    voltage, area = (named(list(circuit.nodes), table) for table in (traces.voltage, traces.area))
    current, charge, energy = (named(branches, t) for t in (traces.current, traces.charge, traces.energy))
    for source in circuit.sources:
        for table in (current, charge):
            out = [table[b.name] for b in circuit.branches if b.plus == source.node]
            back = [table[b.name] for b in circuit.branches if b.minus == source.node]
            table[source.name] = np.sum(out, axis=0) - np.sum(back, axis=0) + np.zeros(shape)
        v, moved = voltage[source.node], charge[source.name]
        # a source's voltage is constant between two instants, and no charge moves where it jumps
        delivered = np.cumsum(v[..., 1:] * np.diff(moved, axis=-1), axis=-1)
        energy[source.name] = np.concatenate([np.zeros((*shape[:-1], 1)), delivered], axis=-1)
    phi = named([m.name for m in circuit.memristors], traces.phi)
    return Transient(circuit, time.reshape(shape), phi, voltage, current, area, charge, energy)
