"""Builds: a board and a geometry are elaborated, synthesized, placed and routed into a bitstream, which is cached.

A build is known by its content: the elaborated design with everything the tools are told, and the tools themselves. Its
digest is the name in the cache, and its first 32 bits are register `build` of the running emulator. A second digest, of
this package's sources, spares an unchanged design even its elaboration.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateware import cache, progress, toolchain
from gateware.boards import Board
from gateware.geometry import Geometry
from gateware.placement import PlaceAndRoute, overfull, read_nextpnr
from hil.errors import InputError
from hil.files import read_json
from hil.version import __version__

if TYPE_CHECKING:
    from amaranth.build.run import BuildPlan
    from amaranth.lib.wiring import Component

Design = Callable[[Geometry, int], "Component"]
"""Makes the component behind the UART (ports `rx`, `tx`) from a geometry and the value of its register `build`."""

RESULT = "build.json"
KEPT = (RESULT, "nextpnr.json", "top.il", "top.rpt", "top.tim")
"""Files of a build beside its bitstream: what came out, nextpnr's report, the design, the logs of yosys and nextpnr."""

STEPS = {
    "yosys": "synthesis, half a minute or more",
    "nextpnr-ecp5": "place and route, minutes",
    "nextpnr-ice40": "place and route, about a minute",
    "ecppack": "bitstream",
    "icepack": "bitstream",
}


@dataclass(frozen=True)
class BuildResult:
    """A finished build.

    Attributes
    ----------
    folder : Path
        Where its files are.
    board : str
        Name of the board.
    geometry : Geometry
        What was built; `clock` is what the board really gives, `loaded` is left out.
    seed : int
        Seed of the placer.
    digest : str
        Digest of everything that went in: its name in the cache.
    tools : dict
        Versions of the tools that made it.
    seconds : dict
        How long each tool took.
    made : str
        When, UTC.
    memhil : str
        Version of this package.
    bitstream : str
        File name.
    placed : PlaceAndRoute
        What it takes of the FPGA and how fast it may run.
    tables : str
        Name and digest of the device whose tables it holds at power-up; empty for none.
    baud : int
        Bits a second of its serial line.
    """

    folder: Path
    board: str
    geometry: Geometry
    seed: int
    digest: str
    tools: dict[str, str]
    seconds: dict[str, float]
    made: str
    memhil: str
    bitstream: str
    placed: PlaceAndRoute
    tables: str = ""
    baud: int = 1_000_000

    def to_json(self) -> dict[str, Any]:
        """All fields but the folder, ready for JSON; the tables themselves are in the bitstream."""
        fields = asdict(self)
        del fields["folder"], fields["geometry"]["loaded"]
        return fields


def load(folder: Path) -> BuildResult:
    """Read what `build` left in a folder.

    Raises
    ------
    InputError
        If there is no build in it.
    """
    path = folder / RESULT
    if not path.is_file():
        raise InputError(f"{folder} holds no build (no {RESULT} in it): make one with hil fpga build")
    try:
        fields = dict(read_json(path, "record"))
        geometry, placed = Geometry(**fields.pop("geometry")), PlaceAndRoute.from_json(fields.pop("placed"))
        return BuildResult(folder=folder, geometry=geometry, placed=placed, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is no record of a build of this version: {error}") from None


def emulator(geometry: Geometry, build: int) -> Component:
    """The design that is built by default: the emulator."""
    from gateware.emulator import Emulator

    return Emulator(geometry, build)


def build(
    board: Board, geometry: Geometry, seed: int = 1, out: Path | None = None, design: Design = emulator
) -> BuildResult:
    """Build for a board, or find the build in the cache, and copy it to `out`.

    Parameters
    ----------
    board : Board
        What to build for.
    geometry : Geometry
        What to build; its clock, Hz, is made by the board's PLL unless it is the oscillator's.
    seed : int
        Starting point of the placer: another one gives another, perhaps faster, placement.
    out : Path, optional
        Folder to fill; default ``build/<board>-<rows>x<cols>p<lanes>``, then the name of
        the device that is built in. An older build in it is replaced.
    design : callable
        What sits behind the UART.

    Raises
    ------
    InputError
        If the board has no such clock, or `out` is something else than a build.
    ToolError
        If a tool is missing or fails, such as when the design does not fit.
    """
    if board.family == "vendor":
        raise InputError(f"{board.name} is built by its vendor's tools: --no-run writes a project for them")
    out = out or default_folder(board, geometry)
    _refuse_other(out)
    toolchain.require_amaranth()
    geometry_on(board, geometry)  # an impossible clock is the user's first concern, before any tool's
    digest = _digest(board, geometry, seed, design)

    def make(folder: Path) -> None:
        plan = _plan(board, geometry, seed, design, int(digest[:8], 16))
        try:
            seconds = _execute(plan, folder)
        except toolchain.ToolError as error:
            log = folder / "top.tim"
            needs = overfull(log.read_text(encoding="utf-8"), board.family) if log.exists() else ""
            why = f"{needs} needed: fewer lanes, rows, columns or state bits may fit" if needs else str(error)
            raise toolchain.ToolError(f"{board.name}: {why} (logs: {_keep_logs(folder, digest)})") from None
        report, timing = ((folder / name).read_text(encoding="utf-8") for name in ("nextpnr.json", "top.tim"))
        placed = read_nextpnr(report, board.family, timing)
        built = replace(geometry_on(board, geometry), loaded=None)
        result = BuildResult(
            folder, board.name, built, seed, digest, toolchain.versions(board.tools), seconds,
            datetime.now(UTC).isoformat(timespec="seconds"), __version__, board.bitstream, placed,
            str(geometry.loaded) if geometry.loaded else "", board.baud,
        )  # fmt: skip
        (folder / RESULT).write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
        for path in folder.iterdir():
            if path.name not in (*KEPT, board.bitstream):
                path.unlink()

    _publish(cache.made("builds", digest, make), out)
    return load(out)


CLOCK_STEP = 5e6
"""Clocks that `build_in_time` tries are multiples of this, Hz."""

TRIES = 3
"""Clocks that `build_in_time` tries."""


def build_in_time(board: Board, geometry: Geometry, seed: int = 1, out: Path | None = None) -> BuildResult:
    """Build as `build` does, and again at a lower clock where the design is too slow for the one given.

    The next clock is the highest multiple of `CLOCK_STEP` that the routed design reached. The last of `TRIES` builds is
    returned even if it misses its clock.
    """
    result = build(board, geometry, seed, out)
    for _ in range(TRIES - 1):
        missed = [clock.achieved for clock in result.placed.clocks if not clock.met]
        slower = min(missed, default=0.0) // CLOCK_STEP * CLOCK_STEP
        if slower < CLOCK_STEP:
            break
        try:
            geometry_on(board, replace(geometry, clock=slower))
        except InputError:  # no PLL makes it, or it is too slow for the baud rate
            break
        toolchain.say(f"{min(missed) / 1e6:.1f} MHz is too slow for its clock: building for {slower / 1e6:g} MHz ...")
        result = build(board, replace(geometry, clock=slower), seed, out)
    return result


def best_of(
    board: Board, geometry: Geometry, seeds: int, first: int = 1, out: Path | None = None, in_time: bool = True
) -> BuildResult:
    """Build with several seeds of the placer, one after another, and keep the fastest.

    Builds that were made before come from the cache, so that a sweep that was stopped goes on where it was.

    Parameters
    ----------
    board, geometry, out
        As for `build`.
    seeds, first : int
        How many seeds, and the first of them.
    in_time : bool
        Whether a design that misses its clock is built again for a lower one (`build_in_time`).
    """
    make, results = build_in_time if in_time else build, []
    for seed in range(first, first + seeds):
        toolchain.say(f"seed {seed}, {seed - first + 1} of {seeds} ...")
        results.append(make(board, geometry, seed, out))
        toolchain.say(f"seed {seed}: {_reached(results[-1]) / 1e6:.1f} MHz")
    best = max(results, key=lambda result: (result.placed.met, result.geometry.clock, _reached(result)))
    toolchain.say(f"the fastest is seed {best.seed}: {_reached(best) / 1e6:.1f} MHz")
    return build(board, replace(geometry, clock=best.geometry.clock), best.seed, out)


def _reached(result: BuildResult) -> float:
    """Hz of the slowest clock."""
    return min((clock.achieved for clock in result.placed.clocks), default=0.0)


def project(board: Board, geometry: Geometry, seed: int = 1, out: Path | None = None) -> Path:
    """Write all files that a board's tools need, and the script that calls them, and run none.

    Returns
    -------
    Path
        The folder: `out`, or ``build/<board>-...-project``.

    Raises
    ------
    InputError
        If the folder is there and not empty, or the board has no such clock.
    """
    folder = out or default_folder(board, geometry).with_name(f"{default_folder(board, geometry).name}-project")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"--out {folder}: is not empty; name another folder or remove it")
    geometry_on(board, geometry)
    before = os.environ.get("YOSYS")
    os.environ["YOSYS"] = toolchain.find("yosys")  # Amaranth calls it where a vendor's tools want Verilog
    try:
        plan = _plan(board, geometry, seed, emulator, 0)
    finally:
        if before is None:
            del os.environ["YOSYS"]
    folder.mkdir(parents=True, exist_ok=True)
    plan.extract(folder)
    return folder


def cached(board: Board, geometry: Geometry, seed: int = 1, design: Design = emulator) -> BuildResult | None:
    """Find a build in the cache; None if it is not there."""
    kept = cache.root() / "builds" / _digest(board, geometry, seed, design)
    return load(kept) if kept.is_dir() else None


def _digest(board: Board, geometry: Geometry, seed: int, design: Design) -> str:
    """Name of a build in the cache."""
    tools = toolchain.identifier(board.tools)
    options = sorted(f"{key}={value}" for key, value in os.environ.items() if key.startswith("AMARANTH_"))
    source = cache.digest(
        cache.sources(design, board.platform), tools, board.name, repr(geometry), str(seed), str(board.baud), *options
    )

    def elaborated() -> str:
        toolchain.say(f"elaborating {geometry.rows} x {geometry.cols} for {board.name} ...")
        plan = _plan(board, geometry, seed, design, 0)
        return cache.digest(plan.digest(), tools)

    return cache.recall("designs", source, elaborated)


def default_folder(board: Board, geometry: Geometry) -> Path:
    """Where a build goes unless the user says otherwise."""
    loaded = "-" + re.sub(r"[^A-Za-z0-9.]+", "-", geometry.loaded.name).strip("-.")[:40] if geometry.loaded else ""
    return Path("build") / f"{board.name}-{geometry.rows}x{geometry.cols}p{geometry.lanes}{loaded}"


def geometry_on(board: Board, geometry: Geometry) -> Geometry:
    """Put in the clock that the board really gives; registers and baud rate depend on it.

    Raises
    ------
    InputError
        If the board has no such clock, or its baud rate cannot be divided from it.
    """
    from gateware.clocks import real_clock
    from gateware.link.uart import divisor

    clock = real_clock(board, geometry.clock)
    divisor(clock, board.baud)
    return replace(geometry, clock=clock)


def _plan(board: Board, geometry: Geometry, seed: int, design: Design, number: int) -> BuildPlan:
    """Elaborate: all files that the tools read, and their command lines."""
    toolchain.require_amaranth()
    from gateware.core.ram import spare_block_rams
    from gateware.memories import needs_to_spare
    from gateware.top import Top

    geometry = geometry_on(board, geometry)
    platform = board.platform()
    if needs_to_spare(board, lambda: design(geometry, number)):
        spare_block_rams(platform)
    # Without source positions in it, the design is the same wherever the package lies and however it is formatted.
    return platform.prepare(
        Top(board, geometry, design(geometry, number)),
        "top",
        emit_src=False,
        synth_opts=board.synthesis,
        # Without --timing-allow-fail nextpnr leaves no bitstream when it misses the clock: that is reported instead.
        nextpnr_opts=f"--timing-allow-fail --seed {seed} --report nextpnr.json",
    )


def _execute(plan: BuildPlan, folder: Path) -> dict[str, float]:
    """Run the plan's commands in a folder; returns seconds by tool."""
    plan.extract(folder)
    commands: list[list[str]] = json.loads(plan.files[f"{plan.script}.json"])["commands"]
    seconds = {}
    for name, *arguments in commands:
        with progress.told(name, folder):
            seconds[name] = round(toolchain.run(name, arguments, folder, STEPS.get(name, "")), 1)
    return seconds


def _keep_logs(folder: Path, digest: str) -> Path:
    """Save the logs of a failed build; returns where they are."""
    kept = cache.root() / "failed" / digest
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("top.rpt", "top.tim"):
        if (folder / name).exists():
            shutil.copy(folder / name, kept)
    return kept


def _refuse_other(out: Path) -> None:
    """Raise `InputError` if replacing `out` would delete anything but a build."""
    if out.exists() and not (out / RESULT).is_file() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"--out {out}: exists and is no build; name another folder or remove it")


def _publish(kept: Path, out: Path) -> None:
    """Copy a build from the cache in place of `out`, which is complete at every moment but one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        shutil.copytree(kept, part, dirs_exist_ok=True)
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
            out.rename(old / "build")
            part.rename(out)
            shutil.rmtree(old)
        else:
            part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
