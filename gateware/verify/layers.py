"""All layers of verification, run one after another into one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from gateware.verify.processes import Skipped, terminable
from hil.errors import HilError, InputError, nearest
from hil.runs.results import Row

if TYPE_CHECKING:
    from gateware.geometry import Geometry
    from gateware.verify.simulation import SessionComparison

Verdict = Literal["passed", "FAILED", "skipped"]
PASSED: Verdict = "passed"
FAILED: Verdict = "FAILED"
SKIPPED: Verdict = "skipped"


@dataclass(frozen=True)
class CheckOutcome:
    """How one check ended.

    Attributes
    ----------
    ok : bool
        Whether what was checked is as it should be.
    note : str
        How it was shown, or what is wrong.
    """

    ok: bool
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One line of the table.

    Attributes
    ----------
    what : str
        What is checked.
    run : callable
        Checks it; may raise `Skipped`.
    """

    what: str
    run: Callable[[], CheckOutcome]


@dataclass(frozen=True)
class Result:
    """A check that was run."""

    layer: str
    what: str
    result: Verdict
    seconds: float
    note: str

    def row(self) -> Row:
        """For the table and for JSON."""
        row = Row(self.what, self.result, reference=round(self.seconds, 1), note=self.note)
        return row.under(f"{self.layer}: ", layer=self.layer)


Layer = Callable[[bool], Iterable[Check]]
"""Gives its checks, fewer of them for a quick run."""

Told = Callable[[Result], None]
"""Called with every result as it comes."""


def run(
    chosen: Sequence[str], quick: bool, layers: Mapping[str, Layer] | None = None, told: Told = lambda result: None
) -> list[Result]:
    """Run layers.

    Parameters
    ----------
    chosen : sequence of str
        Their names; none for all of them.
    quick : bool
        Whether to leave out what takes long.
    layers : mapping
        What there is.
    told : callable
        Called with every result as it comes.

    Raises
    ------
    InputError
        For an unknown layer.
    """
    known = LAYERS if layers is None else layers
    for name in chosen:
        if name not in known:
            raise InputError(f"no layer '{name}' {nearest(name, known)}")
    results = []
    with terminable():
        for name in chosen or known:
            for result in _layer(name, known[name], quick):
                told(result)
                results.append(result)
    return results


def failed(results: Iterable[Result]) -> bool:
    """Whether any check failed."""
    return any(result.result == FAILED for result in results)


def _layer(name: str, layer: Layer, quick: bool) -> Iterable[Result]:
    try:
        checks = list(layer(quick))
    except Skipped as reason:
        yield Result(name, "all of it", SKIPPED, 0.0, str(reason))
        return
    for check in checks:
        start = time.monotonic()
        try:
            outcome = check.run()
            result: Verdict = PASSED if outcome.ok else FAILED
            note = outcome.note
        except Skipped as reason:
            result, note = SKIPPED, str(reason)
        except (HilError, OSError) as error:
            # One broken tool must not hide what the other layers show.
            result, note = FAILED, str(error)
        yield Result(name, check.what, result, time.monotonic() - start, note)


def _formal(quick: bool) -> Iterable[Check]:
    from gateware.verify.formal import Property, check
    from gateware.verify.properties import PROPERTIES

    def prove(prop: Property) -> CheckOutcome:
        verdict = check(prop)
        return CheckOutcome(verdict.holds, verdict.note)

    return [Check(p.name, partial(prove, p)) for p in PROPERTIES if p.quick or not quick]


def _mutations(quick: bool) -> Iterable[Check]:
    from gateware.verify.mutants import MUTANTS, Mutant
    from gateware.verify.mutations import controls, try_control, try_mutant

    mutants = tuple(mutant for mutant in MUTANTS if mutant.quick or not quick)

    def control(check: str, geometry: int, commands: int) -> CheckOutcome:
        found = try_control(check, geometry, commands)
        return CheckOutcome(not found.caught, f"objects to nothing planted: {found.note}" if found.caught else "")

    def plant(mutant: Mutant) -> CheckOutcome:
        found = try_mutant(mutant)
        note = f"caught by {mutant.check}: {found.note}" if found.caught else f"SURVIVES {mutant.check}"
        return CheckOutcome(found.caught, note)

    checks = [Check(f"nothing planted, {what}", partial(control, what, *how)) for what, *how in controls(mutants)]
    return checks + [Check(mutant.name, partial(plant, mutant)) for mutant in mutants]


def _simulation(quick: bool) -> Iterable[Check]:
    from gateware.verify.simulation import SMALL, compare

    def play(geometry: Geometry) -> CheckOutcome:
        return _outcome(compare(geometry, 1, 40 if quick else 150))

    return [Check(f"Amaranth's simulator, {_size(g)}", partial(play, g)) for g in (SMALL[:1] if quick else SMALL)]


def _compiled(quick: bool) -> Iterable[Check]:
    from gateware.verify.simulation import FULL, MEDIUM, compare_compiled

    def play(geometry: Geometry) -> CheckOutcome:
        return _outcome(compare_compiled(geometry, 2, 100 if quick else 1500))

    sizes = (FULL,) if quick else (MEDIUM, FULL)
    return [Check(f"compiled, {_size(g)}", partial(play, g)) for g in sizes]


def _netlist(quick: bool) -> Iterable[Check]:
    from gateware.verify.netlist import GEOMETRY, compare_netlist

    if quick:
        raise Skipped("synthesis and compiling take minutes: leave out --quick")
    return [Check(f"iCE40 netlist, {_size(GEOMETRY)}", lambda: _outcome(compare_netlist(GEOMETRY, 3, 150)))]


def _bitstream(quick: bool) -> Iterable[Check]:
    from dataclasses import replace

    from gateware.boards import find_board
    from gateware.verify.bitstream import GEOMETRY, compare_bitstream, compare_top

    if quick:
        raise Skipped("building and compiling take minutes: leave out --quick")

    def top(name: str, clock: float) -> CheckOutcome:
        return _outcome(compare_top(find_board(name), replace(GEOMETRY, clock=clock), 3, 60))

    tops = (("hx8k", 24e6), ("ulx3s-85f", 50e6), ("icebreaker", 24e6))
    return [
        *(
            Check(f"pins, reset and PLL of {name}, {_size(GEOMETRY)}", partial(top, name, clock))
            for name, clock in tops
        ),
        Check(f"unpacked bitstream of hx8k, {_size(GEOMETRY)}", lambda: _outcome(compare_bitstream(GEOMETRY, 3, 100))),
    ]


def _budgets(quick: bool) -> Iterable[Check]:
    from gateware.verify.budgets import Budget, check, read

    def keep(budget: Budget) -> CheckOutcome:
        over = check(budget, quick)
        return CheckOutcome(not over, "; ".join(over))

    return [Check(budget.name, partial(keep, budget)) for budget in read()]


def _size(geometry: Geometry) -> str:
    return f"{geometry.rows} x {geometry.cols}, {geometry.lanes} lanes, {geometry.state_bits}-bit {geometry.cell} cells"


def _outcome(comparison: SessionComparison) -> CheckOutcome:
    if comparison.difference is not None:
        return CheckOutcome(False, str(comparison.difference))
    note = (
        f"{comparison.lines} frames, {comparison.damaged} damaged, {comparison.spikes} spikes, "
        f"{comparison.updates} updates, all answers as the golden model's"
    )
    return CheckOutcome(not comparison.vacuous, note if not comparison.vacuous else f"shows nothing: {note}")


LAYERS: dict[str, Layer] = {
    "formal": _formal,
    "simulation": _simulation,
    "compiled": _compiled,
    "netlist": _netlist,
    "bitstream": _bitstream,
    "mutations": _mutations,
    "budgets": _budgets,
}
"""All layers by name, in the order in which they are run."""
