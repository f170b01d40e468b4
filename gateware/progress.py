"""Progress of yosys and nextpnr, told from the logs that they write while they run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from gateware.toolchain import say

LOGS = {"yosys": "top.rpt", "nextpnr-ecp5": "top.tim", "nextpnr-ice40": "top.tim"}
"""Where each tool writes its log."""

STAGES = (
    ("yosys", r"Executing MEMORY_LIBMAP pass", "memories"),
    ("yosys", r"Executing ABC9? pass", "lookup tables"),
    ("nextpnr", r"Pack(?:ing|ed) ", "packing"),
    ("nextpnr", r"Running main analytical placer", "placing"),
    ("nextpnr", r"Running simulated annealing placer", "placing, refinement"),
    ("nextpnr", r"^Info: Routing\.\.", "routing"),
)
"""What in a log means that a stage has begun, in order."""

PERIOD = 2.0
"""Seconds between two looks at a log."""


def stages(name: str, log: str) -> list[str]:
    """Stages that a tool has begun, by its log."""
    return [stage for tool, begun, stage in STAGES if name.startswith(tool) and re.search(begun, log, re.MULTILINE)]


@contextmanager
def told(name: str, folder: Path) -> Iterator[None]:
    """Tell every stage once while a tool runs in a folder."""
    done, path = Event(), folder / LOGS.get(name, "")

    def watch() -> None:
        known: list[str] = []
        while not done.wait(PERIOD):
            text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
            for stage in stages(name, text)[len(known) :]:
                say(f"{name}: {stage} ...")
            known = stages(name, text)

    if name not in LOGS:
        yield
        return
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
