"""From bytes to text: UTF-8, UTF-16 and UTF-32 with or without a mark, and the code page of Western Windows."""

from __future__ import annotations

import codecs
from pathlib import Path

from hil.errors import InputError
from hil.files import reason

MOST_BYTES = 1 << 28
"""Bytes of a file at most."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with BOM"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


def load(path: Path) -> bytes:
    """All bytes of a file; `InputError` naming it where it cannot be read."""
    if path.is_char_device():  # such as /dev/zero, which never ends
        raise InputError(f"{path} is a device of the system, give a file")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise InputError(f"no data file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    except ValueError:  # the name holds a null character
        raise InputError(f"no data file {str(path)!r}") from None
    if len(content) > MOST_BYTES:
        raise InputError(f"{path} is larger than a table may be: {MOST_BYTES:,} bytes")
    return content


def decode(path: Path, content: bytes) -> tuple[str, str]:
    """Text of a file, and the name of its encoding.

    Raises
    ------
    InputError
        If it is in no encoding that is known, or holds what no text does.
    """
    text, name = _decoded(path, content)
    for number, line in enumerate(text.split("\n"), 1):
        if "\0" in line:
            raise InputError(f"{path}, line {number}: a NUL byte, which no text file holds")
    if content and name != "UTF-8" and not any("0" <= c <= "9" for c in text):
        raise _no_text(path)
    return text, name


def _decoded(path: Path, content: bytes) -> tuple[str, str]:
    for mark, codec, name in _MARKS:
        if content.startswith(mark):
            return _strict(path, content, codec), name
    pairs = len(content) // 2
    for start, codec, name in ((1, "utf-16-le", "UTF-16 without BOM"), (0, "utf-16-be", "UTF-16 without BOM")):
        if pairs > 4 and content[start : 2 * pairs : 2].count(0) > 0.7 * pairs:
            return _strict(path, content, codec), name
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        control = sum(c < 9 or 13 < c < 32 for c in content)
        if control:
            raise _no_text(path) from None
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _strict(path: Path, content: bytes, codec: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        raise _no_text(path) from None


def _no_text(path: Path) -> InputError:
    return InputError(
        f"{path} is no text file; give a table as text (CSV), a spreadsheet (.xlsx), a MATLAB file (.mat), or the "
        "folder of a run"
    )
