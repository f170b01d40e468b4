"""Formal proofs: a harness around a component of the gateware, given to sby, yosys and z3, all from pip."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from amaranth.back import rtlil
from amaranth.lib import wiring

from gateware import cache, toolchain
from gateware.verify.processes import Finished, run, script

LIMIT = 900.0
"""Seconds after which a proof is given up."""

_SBY = """\
[tasks]
proof
cover
[options]
proof: mode {mode}
proof: depth {depth}
cover: mode cover
cover: depth {reach}
[engines]
smtbmc z3
[script]
read_rtlil top.il
prep -flatten -top top
{cut}
[files]
top.il
"""

_CUT = "cutpoint t:$mem_v2; opt_clean"


@dataclass(frozen=True)
class Property:
    """Something that holds whatever the inputs do.

    Attributes
    ----------
    name : str
        What holds.
    harness : callable
        Makes the component with the assertions and covers; all its inputs are free.
    mode : {"prove", "bmc"}
        By induction for all times, or for `depth` cycles from reset.
    depth : int
        Cycles of the induction or of the run.
    reach : int
        Cycles in which every cover can be reached: if not, the harness would prove nothing.
    quick : bool
        Whether it is proven in quick runs.
    cut : bool
        Whether what memories give is free in every cycle, which is more than they can do: what holds then holds for
        all contents, and a solver has less to think of.
    """

    name: str
    harness: Callable[[], wiring.Component]
    mode: Literal["prove", "bmc"]
    depth: int
    reach: int
    quick: bool = False
    cut: bool = False


@dataclass(frozen=True)
class ProofResult:
    """Whether a property holds, and what the solver says about it."""

    holds: bool
    note: str


def check(prop: Property, covers: bool = True) -> ProofResult:
    """Prove a property and, if `covers`, reach its covers and keep the trace of a failure in the cache.

    Raises
    ------
    Skipped
        If a tool is missing.
    ToolError
        If a tool fails.
    TimeoutError
        If the solver comes to no end: that neither proves nor refutes anything.
    """
    with tempfile.TemporaryDirectory(prefix="memhil-formal-") as name:
        folder = Path(name)
        (folder / "top.il").write_text(rtlil.convert(prop.harness(), name="top"), encoding="utf-8")
        (folder / "top.sby").write_text(
            _SBY.format(mode=prop.mode, depth=prop.depth, reach=prop.reach, cut=_CUT if prop.cut else ""),
            encoding="utf-8",
        )
        proof = _sby(folder, "proof")
        if proof.code:
            trace = _keep_trace(folder, prop.name) if covers else ""
            return ProofResult(False, f"{_failure(proof.output)}{trace}")
        if covers and _sby(folder, "cover").code:
            return ProofResult(False, f"vacuous: a cover is not reached in {prop.reach} cycles")
    held = f"for {prop.depth} cycles from reset" if prop.mode == "bmc" else "for all times, by induction"
    return ProofResult(True, held)


def _sby(folder: Path, task: str) -> Finished:
    script("z3")
    names = {"--yosys": "yosys", "--smtbmc": "yosys-smtbmc", "--witness": "yosys-witness"}
    options = [word for option, tool in names.items() for word in (option, script(f"yowasp-{tool}"))]
    done = run([script("yowasp-sby"), *options, "-f", "top.sby", task], folder, LIMIT)
    # 2: a counterexample; 4: unknown, such as an induction that does not close.
    if done.code not in (0, 2, 4):
        raise toolchain.ToolError(f"sby failed: {toolchain.first_error(done.output)}")
    return done


def _failure(output: str) -> str:
    """The assertion that fails and the cycle, out of sby's log."""
    found = re.search(r"Assert failed in \S+: (?:\S*/)?(\S+)", output)
    if "returned pass" in output and "induction" in output:
        return f"{found.group(1) if found else 'what is asserted'} does not follow by induction"
    step = re.findall(r"[Cc]hecking assertions in step (\d+)", output)
    return f"{found.group(1) if found else 'no assertion named'} in cycle {step[-1] if step else '?'}"


def _keep_trace(folder: Path, name: str) -> str:
    traces = sorted(folder.glob("top_proof/engine_*/trace*.vcd"))
    if not traces:
        return ""
    kept = cache.root() / "failed" / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.vcd"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(traces[0], kept)
    return f", trace: {kept}"
