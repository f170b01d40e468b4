"""Excel workbooks (.xlsx): every sheet that holds a table; what other sheets say is kept as facts."""

from __future__ import annotations

import io

from hil.errors import InputError
from hil.importing.delimited import tables
from hil.importing.formats.format import Content
from hil.importing.raw import Fact, RawFile
from hil.importing.request import Request

NAME = "Excel workbook"

MOST_ROWS = 1_048_576
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def recognise(content: Content) -> bool:
    """A zip archive with a workbook, or the older form."""
    return content.data.startswith(_OLD) or (content.data.startswith(b"PK") and b"xl/" in content.data)


def read(content: Content, request: Request) -> RawFile:
    """All sheets with at least two rows of numbers."""
    if content.data.startswith(_OLD):
        raise InputError(f"{content.path} is a workbook of the old form (.xls): save it as .xlsx or as CSV")
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{content.path} is an Excel workbook: save its sheet as CSV, or pip install 'memhil[files]'"
        ) from None
    try:
        book = openpyxl.load_workbook(io.BytesIO(content.data), read_only=True, data_only=True)
        sheets = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    except Exception as error:  # a damaged archive raises a dozen kinds
        raise InputError(
            f"{content.path} is a damaged workbook: {str(error).splitlines()[0] or type(error).__name__}"
        ) from None
    found, facts, problem = [], [], None
    for title, rows in sheets.items():
        lines = [(n, "\t".join(map(_text, row))) for n, row in enumerate(rows, 1) if any(c is not None for c in row)]
        if not lines:
            continue
        try:
            own, more = tables(content.path, lines, ".")
        except InputError as error:
            problem = problem or error
            own, more = [], []
        if all(len(table.rows) < 2 or len(table.names) < 2 for table in own):
            facts += [Fact(n, *_pair(line)) for n, line in lines]
            continue
        for table in own:
            found.append(type(table)(**{**vars(table), "title": title, "delimiter": ""}))
        facts += more
    if not found:
        raise problem or InputError(f"{content.path}: no sheet holds a table of numbers")
    return RawFile(NAME, "", found, facts)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return repr(cell)
    return " ".join(str(cell).split())


def _pair(line: str) -> tuple[str, str]:
    cells = [cell for cell in line.split("\t") if cell]
    return (" ".join(cells[:-1]), cells[-1]) if len(cells) > 1 else (line.strip(), "")
