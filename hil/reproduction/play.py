"""Makes the figures of a paper one after the other, keeps what is finished, and lays the findings out as a table.

runs/NAME/findings.json     rows of every finished figure, replaced atomically; what --resume goes on from
runs/NAME/table.md          the same as a Markdown table, each row with the command that makes it
runs/NAME/figures/          pictures
runs/NAME/training/         runs of the training drivers
"""

from __future__ import annotations

import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from hil.errors import HilError, InputError
from hil.files import read_json, write_json, write_text
from hil.reproduction.findings import Finding, Verdict, digits, shown
from hil.reproduction.papers import Paper, PaperFigure, Scope
from hil.runs.interrupt import Interrupted, StopRequest, how_to_continue
from hil.runs.results import Row
from hil.runs.run import Run, find_runs, summary

if TYPE_CHECKING:
    from rich.table import Table

KIND = "reproduce"
FINDINGS = "findings.json"


class ReproduceConfig(BaseModel):
    """Options of `hil reproduce`, kept in the run folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: str = Field(description="key of the paper")
    only: tuple[str, ...] = Field((), description="keys of its figures; all if empty")
    quick: bool = Field(False, description="under two minutes")
    data_dir: str | None = Field(None, description="folder with IDX files")


class Reproduction:
    """One run over the figures of a paper.

    Attributes
    ----------
    findings : dict
        Rows of every finished figure by its key.
    """

    def __init__(self, paper: Paper, config: ReproduceConfig, run: Run) -> None:
        """Take up what `run` has finished."""
        self.paper, self.config, self.run = paper, config, run
        self.figures = paper.select(config.only)
        self.findings = finished(run.path)
        data = Path(config.data_dir) if config.data_dir else None
        self._scope = Scope(run.path / "figures", run.path / "training", config.quick, data)
        paper.check(self._scope)

    def play(self, say: Callable[[str], None]) -> None:
        """Make every figure that is still to be made; `say` is called with a line for each.

        Raises
        ------
        Interrupted
            On Ctrl-C, SIGTERM or SIGHUP; finished figures are kept, and so are checkpoints of a training at hand.
        """
        self.run.set_state("running")
        with StopRequest() as stop:

            def pause() -> None:
                if stop.requested:
                    self._stopped()

            scope = replace(self._scope, pause=pause, say=say)
            for figure in self.figures:
                if figure.key in self.findings:
                    continue
                try:
                    self._make(figure, scope, say)
                except Interrupted:
                    self._stopped()
                except HilError:
                    # Ctrl-C reaches an ngspice that is at work as well
                    if not stop.requested:
                        raise
                pause()
        self.run.save_results([as_row(finding) for finding in self.rows()])
        self.run.set_state("finished")

    def rows(self) -> list[Finding]:
        """All findings so far, in the order of the paper."""
        return [finding for figure in self.figures for finding in self.findings.get(figure.key, ())]

    def _make(self, figure: PaperFigure, scope: Scope, say: Callable[[str], None]) -> None:
        began = time.monotonic()
        rows = figure.make(scope)
        self.findings[figure.key] = rows
        self._keep()
        say(f"{figure.key:9} {figure.title}: {tally(rows)} ({time.monotonic() - began:.1f} s)")

    def _keep(self) -> None:
        values = {key: [row.as_json() for row in rows] for key, rows in self.findings.items()}
        write_json(self.run.path / FINDINGS, values)
        write_text(self.run.path / "table.md", markdown(self.rows(), self.config))

    def _stopped(self) -> None:
        self.run.set_state("stopped")
        done = sum(figure.key in self.findings for figure in self.figures)
        raise Interrupted(
            f"stopped after {done} of {len(self.figures)} figures; {how_to_continue(KIND, self.run.path)}"
        )


def finished(path: Path) -> dict[str, list[Finding]]:
    """Findings of a run folder by figure; empty if none is finished."""
    file = path / FINDINGS
    if not file.exists():
        return {}
    try:
        values = read_json(file)
        return {key: [Finding.from_json(row) for row in rows] for key, rows in values.items()}
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} holds no findings of this program: {error}") from None


def command(figure: str, config: ReproduceConfig) -> str:
    """The command that makes the rows of a figure; folders of the user's are shown as DIR."""
    words = ["hil", KIND, config.paper, "--only", figure]
    words += ["--quick"] * config.quick + ["--data-dir DIR"] * bool(config.data_dir)
    return " ".join([*map(shlex.quote, words[:5]), *words[5:]])


def tally(rows: Iterable[Finding]) -> str:
    """How many rows have which verdict, in words."""
    counts = Counter(row.verdict for row in rows)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]) or "no rows"


def listing(known: Mapping[str, Paper], root: Path) -> list[Row]:
    """Every figure of every paper with its state in the newest run below `root` that made it."""
    newest: dict[tuple[str, str], tuple[list[Finding], str]] = {}
    for path in find_runs(root):
        meta, _ = summary(path)
        if meta.get("kind") != KIND:
            continue
        try:
            config, made = _config(path), finished(path)
        except InputError as error:
            print(f"{path} is left out: {error}", file=sys.stderr)
            continue
        for key, rows in made.items():
            newest[config.paper, key] = rows, f"{path}{', quick' * config.quick}"
    states = []
    for paper in known.values():
        for figure in paper.figures:
            found, where = newest.get((paper.key, figure.key), (None, ""))
            state = tally(found) if found is not None else str(Verdict.NOT_RUN)
            note = figure.title + (f" ({where})" if where else "")
            row = Row("state", state, note=note, label=f"{paper.key} {figure.key}")
            states.append(row.under(paper=paper.key, figure=figure.key))
    return states


def _config(path: Path) -> ReproduceConfig:
    from hil.config import load_toml, validated

    return validated(ReproduceConfig, load_toml(path / "config.toml"), f"{path}/config.toml")


def as_row(finding: Finding) -> Row:
    """A finding as a result row, for `hil runs show`."""
    row = Row(
        finding.quantity, finding.ours, finding.unit, finding.std, finding.n,
        control=finding.control if finding.control is None else shown(finding.control), reference=finding.paper,
        note=f"{finding.verdict}: {finding.reason}",
    )  # fmt: skip
    return row.under(f"{finding.figure}: ", figure=finding.figure)


def as_json(rows: Sequence[Finding], config: ReproduceConfig) -> list[dict[str, Any]]:
    """Findings as JSON-serialisable objects, each with its command."""
    return [{**row.as_json(), "command": command(row.figure, config)} for row in rows]


def markdown(rows: Sequence[Finding], config: ReproduceConfig) -> str:
    """Findings as a Markdown table with the command of every row."""
    heads = ["figure", "quantity", "paper", "ours", "independent check", "control", "verdict", "command"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        cells = [*_cells(row, bold=True), f"`{command(row.figure, config)}`"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Finding], title: str) -> Table:
    """Findings as a table for the screen."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(title), title_justify="left", title_style="bold", show_lines=True)
    for head in ("figure", "quantity", "paper", "ours", "check", "control", "verdict"):
        shown.add_column(head, overflow="fold", ratio=3 if head == "verdict" else None)
    for row in rows:
        shown.add_row(*map(Text, _cells(row, bold=False)))
    return shown


def _cells(row: Finding, bold: bool) -> list[str]:
    verdict = f"**{row.verdict}**" if bold else str(row.verdict)
    explained = ". ".join(part for part in (f"{verdict}: {row.reason}", row.note) if part)
    return [
        row.figure,
        row.quantity,
        row.paper or "none printed",
        _ours(row),
        _check(row),
        f"{shown(row.control)} ({row.control_is})" if row.control is not None else row.control_is,
        explained,
    ]


def _check(row: Finding) -> str:
    """Closed form and independent value, and how near they must be where that is not the usual."""
    told = [f"{digits(row.follows)} ({row.follows_by})"] if row.follows is not None else []
    if row.check is None:
        return "; ".join([*told, *[row.check_by] * bool(row.check_by)])
    near = f", to {row.check_tolerance * 100:.2g} %" if row.check_tolerance != Finding.check_tolerance else ""
    near = f", to {digits(row.check_margin)}{f' {row.unit}' * bool(row.unit)}" if row.check_margin else near
    return "; ".join([*told, f"{digits(row.check)} ({row.check_by}{near})"])


def _ours(row: Finding) -> str:
    if row.ours is None:
        return ""
    spread = f" ± {row.std:.2g}" if row.std is not None else ""
    repeats = f" (n = {row.n})" if row.n is not None else ""
    return f"{digits(row.ours)}{spread}{f' {row.unit}' * bool(row.unit)}{repeats}"
