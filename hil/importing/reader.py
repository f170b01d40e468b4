"""`read_file`: from a file to its cells, every decision said aloud."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hil.errors import InputError
from hil.experiments.tables import MARK
from hil.importing import limits, own
from hil.importing.columns import Named, by_quantity, named_columns, numbers, side_by_side
from hil.importing.formats.catalogue import load
from hil.importing.kinds.catalogue import KINDS, judge
from hil.importing.measured import CellData, MeasuredFile
from hil.importing.names import Meaning
from hil.importing.numbers import number, ranges
from hil.importing.piece import Piece, normalised
from hil.importing.raw import RawFile, RawTable
from hil.importing.request import NOTHING, Request
from hil.importing.text import decode
from hil.importing.text import load as load_bytes
from hil.importing.units import WrittenUnit

MOST_STEADY = 5
"""Lines from which one voltage throughout makes a retention."""


@dataclass
class Findings:
    """What is said of a file, in the order in which it was found."""

    said: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def take(self, piece: Piece, table: str) -> None:
        """Add what a piece said, each sentence once."""
        units = f"no unit given, taken: {', '.join(dict.fromkeys(piece.assumed))}" if piece.assumed else ""
        self.said += [sentence for sentence in (table, units) if sentence and sentence not in self.said]
        for mine, new in ((self.said, piece.said), (self.dropped, piece.dropped), (self.warned, piece.warned)):
            mine.extend(sentence for sentence in new if sentence not in mine)


def read_file(path: Path, request: Request = NOTHING, findings: Findings | None = None) -> MeasuredFile:
    """Read a measured file of any format that is known.

    Parameters
    ----------
    path : Path
        The file; its name plays no part.
    request : Request
        What the user says about it.
    findings : Findings, optional
        Filled on the way, so that what was found can be said where the reading fails.

    Returns
    -------
    MeasuredFile
        Cells in SI units, and what was decided.

    Raises
    ------
    InputError
        If it cannot be told, or something that a measurement needs is not in it: one sentence with an example command.
    """
    findings = findings if findings is not None else Findings()
    if (mine := _own(path)) is not None:
        findings.said += mine.found
        return mine if request.cell is None else replace(mine, cells=(mine.cell(request.cell),))
    raw = load(path, request)
    findings.said += _described(raw)
    limit, where = limits.compliance(raw.facts)
    cells: list[CellData] = []
    for title, table in _titled(raw):
        cells = _joined(cells, _cells(path, table, title, request, (limit, where), findings))
    if not cells or not any(len(cell) for cell in cells):
        raise InputError(f"{path}: no row of its table tells anything")
    kinds = {cell.kind for cell in cells}
    if len(kinds) > 1:
        raise InputError(
            f"{path} holds several kinds of measurement ({', '.join(sorted(kinds))}): choose with --kind, such as "
            f"--kind {cells[0].kind}"
        )
    file = MeasuredFile(
        str(path), tuple(cells), tuple(findings.said), tuple(findings.warned), request.compliance or limit,
        facts={fact.name: fact.value for fact in raw.facts if fact.value}, dropped=tuple(findings.dropped),
    )  # fmt: skip
    return file if request.cell is None else replace(file, cells=(file.cell(request.cell),))


def _own(path: Path) -> MeasuredFile | None:
    """A run folder or an exported table of ours; None where it is neither."""
    if path.is_dir():
        return own.read_run(path)
    begins = b""
    with suppress(OSError, ValueError), path.open("rb") as file:
        begins = file.read(len(MARK) + 3) if path.is_file() else b""
    if not own.is_table(begins.decode("utf-8-sig", errors="replace")):
        return None
    return own.read_table(path, decode(path, load_bytes(path))[0])


def _described(raw: RawFile) -> list[str]:
    first = raw.tables[0]
    parts = [f"{raw.format}, {raw.encoding}" if raw.encoding else raw.format]
    if first.delimiter:
        parts.append(f"cells parted by {first.delimiter}, decimal sign {first.decimal}")
    parts.append(f"names in line {first.header}" if first.header else "no names above the columns")
    said = [", ".join(parts)]
    if len(raw.tables) > 1:
        said.append(f"{len(raw.tables)} tables")
    for table in raw.tables:
        lines = [n for n, _ in table.left_out]
        if lines:
            said.append(f"{table.left_out[0][1]}, not read: line{'s' * (len(lines) > 1)} {ranges(lines)}")
    return said


def _titled(raw: RawFile) -> list[tuple[str, RawTable]]:
    """Tables with the names that part their cells: none where there is one title for all."""
    titles = [table.title for table in raw.tables]
    if len(set(titles)) == 1:
        return [("", table) for table in raw.tables]
    return [(title or str(k + 1), table) for k, (title, table) in enumerate(zip(titles, raw.tables, strict=True))]


def _cells(
    path: Path, table: RawTable, title: str, request: Request, limit: tuple[float | None, str], findings: Findings
) -> list[CellData]:
    named = named_columns(str(path), table, request) or _guessed(table, request)
    columns = _without_idle(path, table, by_quantity(named), request, findings)
    quantities = set(columns)
    averaged = columns.get("current", []) if _readings(quantities, columns) else []
    runs = side_by_side(str(path), {q: c for q, c in columns.items() if not (averaged and q == "current")})
    if len(runs) > 1:
        findings.said.append(f"{len(runs)} runs side by side ({', '.join(label for label, _ in runs)}), each by itself")
    found: list[CellData] = []
    for label, mine in runs:
        if averaged:
            mine["current"] = list(averaged)
        name = " ".join(part for part in (title, label) if part)
        rows = _ended(table, mine) if len(runs) > 1 else table
        piece = Piece(str(path), rows, mine, request, name)
        piece.limit, piece.limit_from = limit
        kind = judge(str(path), set(mine), table, request.kind or table.kind or None, _steady(piece))
        try:
            found += KINDS[kind].convert(piece)
        finally:
            findings.take(piece, _table_words(table, piece, kind) if label == runs[0][0] else "")
    return found


def _table_words(table: RawTable, piece: Piece, kind: str) -> str:
    """What each column is."""
    parts, used = [], set()
    for quantity, found in piece.columns.items():
        for column in found if quantity in piece.used else ():
            used.add(column.place)
            given = f" in {column.unit.text}" if column.unit and column.unit.text else ""
            parts.append(f"{column.place + 1} {column.shown} = {quantity.replace('_', ' ')}{given}")
    others = [name for k, name in enumerate(table.names) if name and k not in used]
    rest = f"; not used: {', '.join(others[:8])}{' ...' if len(others) > 8 else ''}" if others else ""
    article = "an" if kind[0] in "ae" else "a"
    return f"{article} {kind} of {len(table.rows):,} lines: {'; '.join(parts)}{rest}"


def _readings(quantities: set[str], columns: Mapping[str, list[Named]]) -> bool:
    """Whether several currents are readings of one line, after one pulse."""
    several = len(columns.get("current", [])) > 1
    pulses = "pulse_voltage" in quantities or "pulse" in quantities or "width" in quantities
    return several and pulses and "read_voltage" in quantities


def _steady(piece: Piece) -> bool:
    """Whether time goes by at one voltage: a retention that is read at it."""
    if "voltage" not in piece or "time" not in piece or len(piece.table.rows) < MOST_STEADY:
        return False
    steady = piece.one("voltage").constant and not np.isnan(piece.values("voltage")).any()
    if steady and piece.values("voltage")[0] != 0 and not piece.request.kind:
        volts = piece.values("voltage")[0]
        piece.said.append(f"read at {volts:g} V throughout: a retention (if that drives the cell: --kind sweep)")
    return steady


def _without_idle(
    path: Path, table: RawTable, columns: dict[str, list[Named]], request: Request, findings: Findings
) -> dict[str, list[Named]]:
    """Leave out the other terminals: voltages that are 0 throughout, currents that are those of another column back."""
    found = [] if request.columns else columns.get("voltage", [])
    values = {c: _lenient(table, c) for c in found}
    still = [c for c, v in values.items() if len(v) and float(np.ptp(v)) <= 1e-6 * max(float(np.abs(v).max()), 1e-9)]
    moving = [c for c in found if c not in still]
    if len(found) < 2 or len(moving) != 1:
        return columns
    for column in still:
        level = float(values[column][0])
        if level != 0:
            raise InputError(
                f"{path}: {column.shown} is {level:g} V throughout, not 0: the cell's voltage is not {moving[0].shown} "
                f"alone; say which column is its voltage with --columns voltage={moving[0].place + 1}"
            )
        findings.said.append(f"{column.shown} is 0 V throughout: the other terminal")
    columns["voltage"] = moving
    channel = moving[0].meaning.channel or moving[0].meaning.number
    for quantity in ("current", "time", "resistance"):
        several = columns.get(quantity, [])
        alone = [c for c in several if channel and channel in (c.meaning.channel, c.meaning.number)]
        if len(several) > 1 and len(alone) == 1:
            others = ", ".join(c.shown for c in several if c not in alone)
            findings.said.append(f"{alone[0].shown} belongs to {moving[0].shown}; not used: {others}")
            columns[quantity] = alone
    return columns


def _lenient(table: RawTable, column: Named) -> np.ndarray:
    values = [number(row[column.place], table.decimal) for row in table.rows]
    return np.array([v for v in values if v is not None and v == v])


def _ended(table: RawTable, columns: Mapping[str, list[Named]]) -> RawTable:
    """Rows up to the last in which this run has anything: shorter runs are padded below."""
    places = [c.place for found in columns.values() for c in found]
    last = max((k for k, row in enumerate(table.rows) if any(row[p] for p in places)), default=-1)
    return replace(table, rows=table.rows[: last + 1], lines=table.lines[: last + 1])


def _guessed(table: RawTable, request: Request) -> list[Named]:
    """Normalised potentiation and depression side by side are known by their course alone, without names."""
    if any(table.names) or len(table.names) not in (2, 3) or request.columns:
        return []
    columns = [Named(k, "", Meaning("up", None, "", "", True), None) for k in range(len(table.names))]
    try:
        values = [numbers("", table, column).values for column in columns]
    except InputError:
        return []
    if len(values) == 3 and not np.array_equal(values[0] - values[0][0], np.arange(len(values[0]))):
        return []
    up, down = values[-2:]
    if len(up) < 6 or not (normalised(up) and normalised(down)) or np.isnan(up).any() or np.isnan(down).any():
        return []
    order = np.arange(len(up))
    if np.corrcoef(order, up)[0, 1] > 0.7 and np.corrcoef(order, down)[0, 1] < -0.7:
        one = WrittenUnit("1", 1.0, "")
        return [
            Named(len(values) - 2 + k, "", Meaning(quantity, one, "", "", True), one)
            for k, quantity in enumerate(("up", "down"))
        ]
    return []


def _joined(before: list[CellData], new: list[CellData]) -> list[CellData]:
    """Put repetitions of a cell one after the other, as stretches of their own."""
    found = {cell.cell: cell for cell in before}
    for cell in new:
        old = found.get(cell.cell)
        found[cell.cell] = cell if old is None or old.kind != cell.kind else _after(old, cell)
    return list(found.values())


def _after(old: CellData, cell: CellData) -> CellData:
    columns = {name: np.concatenate([old[name], cell[name]]) for name in old.columns}
    return replace(
        old,
        columns=columns,
        stretch=np.concatenate([old.stretch, cell.stretch + old.stretch[-1] + 1]),
        cycle=np.concatenate([old.cycle, cell.cycle + old.cycle.max() + 1]),
        lines=np.concatenate([old.lines, cell.lines]),
    )
