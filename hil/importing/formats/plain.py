"""Plain tables: any delimiter, decimal sign and encoding; names first, in a comment, after a block, or none."""

from __future__ import annotations

from hil.importing.delimited import lines_of, tables
from hil.importing.formats.format import Content
from hil.importing.raw import RawFile
from hil.importing.request import Request

NAME = "plain table"


def recognise(content: Content) -> bool:
    """Whatever is text may hold a table."""
    return True


def read(content: Content, request: Request, name: str = NAME) -> RawFile:
    """Every table of the text; `name` is that of a format whose files are plain tables."""
    found, facts = tables(content.path, lines_of(content.text), request.decimal)
    return RawFile(name, content.encoding, found, facts)
