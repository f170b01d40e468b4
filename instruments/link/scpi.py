"""SCPI as a program writes and reads it: numbers, lists, error queues; also used for the numbers of TSP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from instruments.link.errors import ProtocolError

LIST_VALUES = 100
"""Values in one message of a list: the 2400 takes no more (2400S-900-01 Rev K, 18-91), nor do the 2450 and 2461."""

DIGITS = 9
"""Significant digits of a number on the wire: finer than any source here, and every value a person types is exact."""

OVERFLOW = 9.9e37
"""What instruments answer for a reading beyond the range (SCPI-99 vol. 1, 7.2.1: 9.9E+37, negative for -INF)."""

NOT_A_NUMBER = 9.91e37
"""What instruments answer where there is no reading (SCPI-99 vol. 1, 7.2.1)."""

LARGEST_ERROR = 32767
"""Error numbers are -32768 .. 32767 (SCPI-99 vol. 2, 21.8)."""

_ERROR = re.compile(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*,\s*(.*)\Z", re.DOTALL)


def number(value: float) -> str:
    """Shortest text of a number, such as ``0.5``, ``-1.05``, ``1e-4``, to nine significant digits.

    Rounding keeps the order of numbers: what lies within a limit of up to nine digits is within it on the wire too.

    Raises
    ------
    InputError
        For a value that is not finite.
    """
    if not np.isfinite(value):
        raise InputError(f"{value} cannot be sent to an instrument: it must be finite")
    plain = f"{float(value):.{DIGITS}g}"
    if float(plain) == 0:
        return "0"
    mantissa, exponent = f"{float(value):.{DIGITS - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    scientific = f"{mantissa}e{int(exponent)}"
    if "e" in plain:
        return scientific
    return scientific if int(exponent) < -1 and len(scientific) < len(plain) else plain


def numbers(values: Iterable[float]) -> str:
    """Comma-separated `number`s, without blanks."""
    return ",".join(number(value) for value in values)


def chunks(values: NDArray[np.float64], size: int = LIST_VALUES) -> Iterator[NDArray[np.float64]]:
    """Cut (N,) `values` into pieces of at most `size`, in order."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def list_messages(header: str, values: NDArray[np.float64]) -> list[str]:
    """Messages that define a list: ``header v1,...`` and, beyond 100 values, ``header:APP v101,...``."""
    return [f"{header}{':APP' if k else ''} {numbers(chunk)}" for k, chunk in enumerate(chunks(values))]


def table(reply: str, rows: int, columns: int, what: str) -> NDArray[np.float64]:
    """(rows, columns) array from a comma-separated answer, row after row.

    Parameters
    ----------
    reply : str
        The answer.
    rows, columns : int
        What it must hold.
    what : str
        Names the answer in an error: the message it came for.

    Raises
    ------
    ProtocolError
        If a word is not a number, or there are more or fewer of them.
    """
    words = [word.strip() for word in reply.strip().split(",")]
    values = np.empty(len(words))
    for k, word in enumerate(words):
        try:
            values[k] = float(word)
        except ValueError:
            raise ProtocolError(f"'{what}': value {k + 1} of the answer is '{word[:40]}', not a number") from None
    if len(values) != rows * columns:
        raise ProtocolError(f"'{what}' answers {len(values)} values, {rows} readings of {columns} were asked for")
    return values.reshape(rows, columns)


def parse_error(reply: str) -> tuple[int, str] | None:
    """Number and text of an answer to ``SYST:ERR?``; None for number 0.

    ``-222,"Parameter data out of range"`` and the longer form of the 2450 family, whose text goes on after a semicolon
    with type and time (2461-901-01 Rev A, 6-151), are both understood.

    Raises
    ------
    ProtocolError
        If the answer is not a number, a comma and a text.
    """
    match = _ERROR.match(reply)
    if match is None:
        raise ProtocolError(f"'{reply.strip()[:60]}' is not an entry of an error queue: number, comma, text")
    code = error_number(match[1], reply)
    text = match[2].strip().strip('"').split(";")[0].strip()
    return None if code == 0 else (code, text)


def error_number(word: str, reply: str) -> int:
    """Whole number of an entry of an error queue.

    Raises
    ------
    ProtocolError
        If the word is none that an error queue can hold, such as ``nan``, ``-inf`` or ``1e999``.
    """
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    if not abs(value) <= LARGEST_ERROR:
        raise ProtocolError(f"'{reply.strip()[:60]}' is no entry of an error queue: '{word[:20]}' is no error number")
    return round(value)


def model_words(identity: str) -> frozenset[str]:
    """Words of the model in an answer to ``*IDN?``, in capitals.

    Parameters
    ----------
    identity : str
        Maker, model, serial number and firmware, separated by commas: ``KEITHLEY INSTRUMENTS,MODEL 2450,01234567,1.7``.

    Raises
    ------
    InputError
        If it has no second field.
    """
    fields = identity.split(",")
    if len(fields) < 2:
        raise InputError(f"'{identity.strip()[:60]}' is no answer to *IDN?: maker, model, serial number, firmware")
    return frozenset(fields[1].upper().split())
