"""Any circuit as an ngspice netlist, so that an independent program can check what `simulate` says.

A memristor becomes a behavioural current source; its flux is the charge of a capacitor of 1 F, so 1 V s is 1 V. Every
step of a source is a linear ramp of `edge` seconds, and everything is measured in the middle of the ramp: to first
order that is the ideal step, delayed by half a ramp.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hil.errors import HilError, InputError
from sim.circuits.circuit import GROUND, Circuit, Flca, Memristor
from sim.circuits.drive import Drive
from sim.ngspice import run

EDGE = 1e-5
"""Default length of a ramp as a fraction of the shortest segment."""

AREA, ENERGY = 1e-6, 1e-9
"""Capacitors in F that integrate node voltages and power: 1 V on them is 1 uVs, and 1 nJ."""

OFF = 1e13
"""Resistance of a floating source, ohm."""


def netlist(
    circuit: Circuit,
    drive: Drive,
    phi: Mapping[str, float] | None = None,
    *,
    title: str = "A memristive circuit",
    edge: float | None = None,
    longest: float | None = None,
) -> str:
    """Write a netlist that plays a single run in batch mode (``ngspice -b FILE``).

    Parameters
    ----------
    circuit, drive, phi
        As in `simulate`, without a batch.
    title : str
        First line of the netlist.
    edge : float, optional
        Ramp between two voltages of a source, s; `EDGE` of the shortest segment unless given.
    longest : float, optional
        Longest time step that ngspice may take, s; 1/2000 of the shortest segment unless given.

    Returns
    -------
    str
        It prints ``phi_<memristor>_<k>`` (V s), ``area_<node>_<k>`` (uVs) and ``energy_<branch>_<k>`` (nJ) after
        segment k = 1, 2, ...

    Raises
    ------
    InputError
        If the drive is a batch, lacks a source, or a name is no SPICE name (letters, digits, underscores).
    """
    lasting = _lasting(circuit, drive)
    duration = drive.duration[lasting]
    edge = EDGE * duration.min() if edge is None else edge
    longest = duration.min() / 2000 if longest is None else longest
    ends = np.cumsum(duration)
    lines = [title, f"* {len(duration)} segments, steps of the sources are ramps of {edge:g} s", ""]
    for source in circuit.sources:
        lines += _source(source.name, source.node, drive.voltage[source.name][lasting], ends - duration, edge)
    lines += _elements(circuit, phi or {})
    stop = ends[-1] + edge
    lines += [
        "",
        ".options reltol=1e-7 abstol=1e-13 vntol=1e-11 chgtol=1e-17 trtol=1",
        ".control",
        f"tran {_number(longest)} {_number(stop)} 0 {_number(longest)} uic",
    ]
    measured = [f"phi_{m.name}" for m in circuit.memristors]
    measured += [f"area_{n}" for n in _loaded_nodes(circuit)] + [f"energy_{b.name}" for b in circuit.branches]
    for k, end in zip(lasting + 1, ends, strict=True):
        lines += [f"meas tran {name}_{k} find V({name}) at={_number(end + edge / 2)}" for name in measured]
    return "\n".join([*lines, "quit", ".endc", ".end", ""])


def _lasting(circuit: Circuit, drive: Drive) -> NDArray[np.intp]:
    """Check that a netlist can be written; the segments that last."""
    if drive.batch:
        raise InputError(f"a netlist is one run, and this drive is a batch of {drive.batch}")
    lasting = np.flatnonzero(drive.duration > 0)
    if not lasting.size:
        raise InputError("a netlist needs at least one segment longer than 0 s")
    names = [*(b.name for b in circuit.branches), *(s.name for s in circuit.sources), *circuit.nodes]
    for name in names:
        if not re.fullmatch(r"\w+", name, re.ASCII):
            raise InputError(f"'{name}' is no SPICE name: use letters, digits and underscores")
    for source in circuit.sources:
        if source.name not in drive.voltage:
            raise InputError(f"the drive lacks source '{source.name}'")
    return lasting


def _elements(circuit: Circuit, phi: Mapping[str, float]) -> list[str]:
    """Branches, and the integrals of their powers and of the node voltages."""
    lines = []
    for branch in circuit.branches:
        across = f"V({branch.plus})" if branch.minus == GROUND else f"V({branch.plus},{branch.minus})"
        if isinstance(branch, Memristor):
            lines += _memristor(branch, across, float(phi.get(branch.name, 0.0)))
            power = f"{across}*{across}/({_memristance(branch)})"
        else:
            lines.append(f"R{branch.name} {branch.plus} {branch.minus} {branch.ohm!r}")
            power = f"{across}*{across}/{branch.ohm!r}"
        lines += _integral(f"energy_{branch.name}", power, ENERGY)
    for node in _loaded_nodes(circuit):
        lines += _integral(f"area_{node}", f"V({node})", AREA)
    return lines


def ngspice(text: str, timeout: float = 120.0) -> dict[str, NDArray[np.float64]]:
    """Run a netlist of this module: values (segments,) in V s and J by name, as `netlist` lists them.

    Raises
    ------
    HilError
        If ngspice is not installed, or ends without a result.
    """
    output = run({"circuit.cir": text}, "circuit.cir", timeout).stdout
    found: dict[str, dict[int, float]] = {}
    for name, k, value in re.findall(r"^((?:phi|area|energy)_\w+)_(\d+)\s*=\s*(\S+)", output, re.MULTILINE):
        found.setdefault(name, {})[int(k)] = float(value)
    expected = len(re.findall(r"^meas ", text, re.MULTILINE))
    if sum(map(len, found.values())) != expected:
        raise HilError(f"ngspice gave {sum(map(len, found.values()))} of {expected} values: {output.strip()[-200:]}")
    scale = {"phi": 1.0, "area": AREA, "energy": ENERGY}
    return {
        name: np.array([at[k] for k in sorted(at)]) * scale[name.split("_")[0]] for name, at in found.items()
    }  # fmt: skip


def _loaded_nodes(circuit: Circuit) -> list[str]:
    """Nodes without a source."""
    driven = {source.node for source in circuit.sources}
    return [node for node in circuit.nodes if node != GROUND and node not in driven]


def _memristance(memristor: Memristor) -> str:
    """Eq 2."""
    model: Flca = memristor.model
    flux = f"abs(V(phi_{memristor.name}))"
    terms = [repr(model.R[0])]
    terms += ["*".join([repr(r), *[flux] * n]) for n, r in enumerate(model.R) if n > 0 and r > 0]
    return " + ".join(terms)


def _memristor(memristor: Memristor, across: str, start: float) -> list[str]:
    """Eqs 1 and 2 as a current source, eq 3 or 4 as the charging of a capacitor."""
    name, model = memristor.name, memristor.model
    free = f"{model.A!r}*{across} - {model.D!r}*V(phi_{name})"
    rate = free if model.volatile else f"{across} >= 0 ? max({free}, 0) : (V(phi_{name}) > 0 ? {free} : 0)"
    return [
        f"B{name} {memristor.plus} {memristor.minus} I = {across}/({_memristance(memristor)})",
        f"Bphi_{name} 0 phi_{name} I = {rate}",
        f"Cphi_{name} phi_{name} 0 1 IC={start!r}",
    ]


def _integral(name: str, of: str, farad: float) -> list[str]:
    return [f"B{name} 0 {name} I = {of}", f"C{name} {name} 0 {farad!r} IC=0"]


def _source(name: str, node: str, level: NDArray[np.float64], start: NDArray[np.float64], edge: float) -> list[str]:
    """A piecewise-linear source, behind a resistance that opens where it floats."""
    floating = np.isnan(level)
    if not floating.any():
        return [f"V{name} {node} 0 PWL({_ramps(level, start, edge)})"]
    return [
        f"V{name} drive_{name} 0 PWL({_ramps(np.nan_to_num(level), start, edge)})",
        f"Voff_{name} off_{name} 0 PWL({_ramps(floating.astype(float), start, edge)})",
        f"R{name} drive_{name} {node} R='V(off_{name}) > 0.5 ? {OFF!r} : 1e-3'",
    ]


def _ramps(level: NDArray[np.float64], start: NDArray[np.float64], edge: float) -> str:
    points, before = [], 0.0
    for t, value in zip(start, level, strict=True):
        points += [f"{_number(t)} {before!r}", f"{_number(t + edge)} {float(value)!r}"]
        before = float(value)
    return " ".join(points)


def _number(value: float) -> str:
    return f"{value:.12g}"
