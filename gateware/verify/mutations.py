"""Mutation test of the verification: each planted fault must be found by the check that is there for it.

A fault is planted in a process of its own, which imports the mutated source in place of the real one, so that all of
the gateware but one line of it is what is built.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from gateware.toolchain import ToolError
from gateware.verify.mutants import MUTANTS, SIMULATION, Mutant
from gateware.verify.processes import Skipped, run, terminable

SEED = 1

CONTROL = "control"
"""Stands in for a mutant's name where no fault is planted."""

SKIPPED = 3
"""Exit code of a process that lacks a tool."""

LIMIT = 600.0
"""Seconds for one mutant."""


@dataclass(frozen=True)
class Found:
    """Whether a check objects, and to what."""

    caught: bool
    note: str


def plant(mutant: Mutant) -> None:
    """Import a mutated module in place of the real one.

    Raises
    ------
    ToolError
        If the source is no longer what the mutation changes.
    """
    name = f"gateware.{mutant.module}"
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or name in sys.modules:
        raise ToolError(f"mutation '{mutant.name}': {name} cannot be replaced")
    source = Path(spec.origin).read_text(encoding="utf-8")
    for old, new in mutant.changes:
        if source.count(old) != 1:
            raise ToolError(f"mutation '{mutant.name}' is out of date: {name} has not exactly one '{old}'")
        source = source.replace(old, new)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    exec(compile(source, spec.origin, "exec", dont_inherit=True), module.__dict__)
    parent, _, child = name.rpartition(".")
    setattr(sys.modules[parent], child, module)


def examine(check: str, geometry: int, commands: int) -> Found:
    """Run a check on the gateware as it is imported in this process."""
    if check == SIMULATION:
        from gateware.verify.simulation import SMALL, compare

        difference = compare(SMALL[geometry], SEED, commands).difference
        return Found(difference is not None, str(difference or ""))
    from gateware.verify.formal import check as prove
    from gateware.verify.properties import find_property

    verdict = prove(find_property(check), covers=False)
    return Found(not verdict.holds, verdict.note)


def try_mutant(mutant: Mutant) -> Found:
    """Plant a fault and look whether its check finds it."""
    return _apart(mutant.name, mutant.check, mutant.geometry, mutant.commands)


def try_control(check: str, geometry: int, commands: int) -> Found:
    """Run a check where nothing is planted: one that objects to everything would find every fault."""
    return _apart(CONTROL, check, geometry, commands)


def _apart(name: str, check: str, geometry: int, commands: int) -> Found:
    with tempfile.TemporaryDirectory(prefix="memhil-mutant-") as folder:
        words = [sys.executable, "-m", "gateware.verify.mutations", name, check, str(geometry), str(commands)]
        # The package is found wherever the caller found it, not only where it is installed.
        root = str(Path(__file__).parents[2])
        try:
            done = run(words, Path(folder), LIMIT, {"PYTHONPATH": root})
        except TimeoutError as error:
            return Found(False, str(error))
    last = done.output.strip().rpartition("\n")[2]
    if done.code == SKIPPED:
        raise Skipped(last)
    if done.code:
        raise ToolError(last or f"{name}: exit code {done.code}")
    return Found(**json.loads(last))


def main(arguments: list[str]) -> int:
    """Do the work of one process; the last line that it prints is a `Found`."""
    name, check, geometry, commands = arguments
    try:
        if name != CONTROL:
            plant(next(mutant for mutant in MUTANTS if mutant.name == name))
        print(json.dumps(asdict(examine(check, int(geometry), int(commands)))))
    except Skipped as reason:
        print(reason)
        return SKIPPED
    return 0


def controls(mutants: tuple[Mutant, ...]) -> list[tuple[str, int, int]]:
    """The checks of some mutants, each once."""
    return list(dict.fromkeys((mutant.check, mutant.geometry, mutant.commands) for mutant in mutants))


if __name__ == "__main__":
    with terminable():
        sys.exit(main(sys.argv[1:]))
