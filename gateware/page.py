"""One page for a build: what it takes of the FPGA, how fast it may run, what went in, how to repeat it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path

from gateware import build, report
from hil import notebook, pages

MARK = build.RESULT
"""File that a build's folder holds."""


def page(folder: Path) -> str:
    """Page of the build in a folder; `InputError` if it holds none."""
    return pages.page(f"{folder.name}: a build", list(_body(folder)))


def _body(folder: Path) -> Iterator[str]:
    built = build.load(folder)
    g = built.geometry
    yield (
        f"<p>Emulator of {g.rows} x {g.cols} cells for {escape(built.board)}, seed {built.seed}, made "
        f"{escape(built.made)}; bitstream {escape(str(folder / built.bitstream))}, build {escape(built.digest[:8])}</p>"
    )
    missed = [clock.name for clock in built.placed.clocks if not clock.met]
    if missed:
        yield f"<p class=warning>The clock {escape(', '.join(missed))} is missed: the bitstream may not work</p>"
    yield pages.results(report.rows(built), "Placed and routed; not a measurement on a board")
    yield notebook.table(["tool", "version", "seconds"], [
        (name, version, f"{built.seconds[name]:.0f}" if name in built.seconds else "")
        for name, version in sorted(built.tools.items())
    ], "Tools")  # fmt: skip
    if built.placed.critical_path:
        steps = [(f"{step.delay * 1e9:.2f}", step.kind, step.net, step.cell) for step in built.placed.critical_path]
        yield notebook.table(["ns", "kind", "net", "to"], steps, "Critical path")
    yield pages.folded("Everything about it", json.dumps(built.to_json(), indent=1))
    yield f"<p class=note>memhil {escape(built.memhil)}; put it on a board: hil fpga program {escape(str(folder))}</p>"
