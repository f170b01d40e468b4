"""What a driver of a switch matrix is: crosspoints to messages, and a parser of what is closed.

A crosspoint joins a row (an input, where the source is) to a column (an output, where a line of the sample is); both
are counted from 1. Like the drivers of `instruments.smu`, these open nothing and send nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from hil.errors import InputError
from instruments.link.errors import ProtocolError
from instruments.link.message import Message


class Crosspoint(NamedTuple):
    """One relay: row (input) and column (output), counted from 1."""

    row: int
    column: int


@dataclass(frozen=True)
class MatrixSpec:
    """What a matrix has, from its manual.

    Attributes
    ----------
    model : str
        Its name, such as ``707B``.
    identities : tuple of str
        Words of the second field of its ``*IDN?`` answer that it is known by.
    rows, columns : int
        Rows (inputs) and columns (outputs) that can be joined.
    relay_time : float
        Seconds to open all relays and close others, settled: an upper bound.
    source : str
        Where these figures stand.
    """

    model: str
    identities: tuple[str, ...]
    rows: int
    columns: int
    relay_time: float
    source: str


class MatrixDriver(ABC):
    """One family of switch matrices.

    Attributes
    ----------
    spec : MatrixSpec
        The model at hand.
    error_query, sync
        As of `instruments.smu.driver.SmuDriver`.
    off : tuple of str
        Opens every relay, from any state; needs no answer.
    """

    spec: MatrixSpec
    error_query: ClassVar[str]
    sync: ClassVar[str]
    off: tuple[str, ...]

    def __init__(self, spec: MatrixSpec) -> None:
        """Drive the model of `spec`."""
        self.spec = spec

    @abstractmethod
    def identify(self) -> tuple[Message, ...]:
        """Questions that change nothing and must be answered as expected."""

    @abstractmethod
    def prepare(self) -> tuple[Message, ...]:
        """Open all relays, set break before make and read it back."""

    @abstractmethod
    def connect(self, closures: Sequence[tuple[str | int, str | int]]) -> tuple[Message, ...]:
        """Open all other relays, then close these; the last answer is for `verify`.

        Relays must move with the source off: closing a loaded contact can weld it.

        Parameters
        ----------
        closures : sequence of (row, column)
            Numbers from 1, or a row's letter; none opens everything.

        Raises
        ------
        InputError
            For a row or column that the matrix does not have, or one that is named twice.
        """

    @abstractmethod
    def closed(self) -> Message:
        """Ask which relays are closed; the answer is for `parse_closed`."""

    @abstractmethod
    def parse_closed(self, reply: str) -> frozenset[Crosspoint]:
        """Crosspoints that are closed, from the answer to `closed`.

        Raises
        ------
        ProtocolError
            If the answer is not a list of crosspoints.
        """

    @abstractmethod
    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Number and text of an answer to `error_query`; None if there was no error."""

    def verify(self, closures: Sequence[tuple[str | int, str | int]], reply: str) -> None:
        """Hold what is closed against what was asked for.

        Raises
        ------
        ProtocolError
            Naming the relays that are closed or open by mistake.
        """
        wanted, found = frozenset(self.crosspoints(closures)), self.parse_closed(reply)
        if found != wanted:
            raise ProtocolError(
                f"{self.spec.model}: closed by mistake: {_listed(found - wanted)}; "
                f"open by mistake: {_listed(wanted - found)}"
            )

    def crosspoints(self, closures: Sequence[tuple[str | int, str | int]]) -> list[Crosspoint]:
        """Number rows and columns and check them.

        Raises
        ------
        InputError
            For a row or column that the matrix does not have, or a crosspoint that is named twice.
        """
        points = []
        for row, column in closures:
            point = Crosspoint(
                _position(row, "row", self.spec.rows, self.spec.model),
                _position(column, "column", self.spec.columns, self.spec.model),
            )
            if point in points:
                raise InputError(f"row {row}, column {column} is named twice")
            points.append(point)
        return points


def _position(name: str | int, kind: str, count: int, model: str) -> int:
    """Number from 1 of a row or column given as a number or, up to Z, a letter."""
    text = str(name).strip().upper()
    if text.isdecimal():
        position = int(text)
    elif len(text) == 1 and "A" <= text <= "Z":
        position = ord(text) - ord("A") + 1
    else:
        raise InputError(f"{kind} '{name}' of a {model} must be a number from 1 or a letter")
    if not 1 <= position <= count:
        raise InputError(f"{kind} {name}: a {model} has {kind}s 1 .. {count}")
    return position


def _listed(points: Iterable[Crosspoint]) -> str:
    return ", ".join(f"row {row} column {column}" for row, column in sorted(points)) or "none"


@dataclass(frozen=True)
class MatrixFamily:
    """A driver and all models that it drives."""

    driver: type[MatrixDriver]
    specs: tuple[MatrixSpec, ...]
