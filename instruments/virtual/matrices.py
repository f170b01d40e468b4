"""Virtual switch matrices in front of the device under test: Keithley 707B (TSP) and Keysight B2200 (SCPI).

A row (input) carries a terminal of a source, a column (output) a line of the crossbar. `Relays` holds what is closed,
tells the device who is connected to whom, lets the settling time pass and counts hot switching.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from hil.errors import InputError
from instruments.virtual.dut import Dut
from instruments.virtual.scpi import ScpiCommand, ScpiInstrument
from instruments.virtual.scpi_parameters import ScpiError, arguments, choice
from instruments.virtual.tsp import TspInstrument
from instruments.virtual.tsp_parts import Part, TspError, one_of

SETTLING = 15e-3
"""Time after a change of relays until the instrument goes on, s: the cards' worst."""

Crosspoint = tuple[int, int]
TERMINALS: Mapping[int, tuple[str, str]] = {1: ("1", "hi"), 2: ("1", "lo"), 3: ("2", "hi")}
"""Row to (port, terminal): row A to HI of the first channel, row B to LO of both, row C to HI of the second."""


class Relays:
    """Crosspoints between rows and columns, both counted from 1.

    Parameters
    ----------
    dut : Dut
        Whose ports are rewired; at first all relays are open.
    rows, columns : int
        Size of the matrix.
    terminals : mapping
        Row to (port, ``hi`` or ``lo``).
    lines : sequence of int, optional
        Column of every line of the device, rows first; 1, 2, ... unless given.

    Attributes
    ----------
    closed : set
        Closed crosspoints.
    hot_switches : int
        Changes while a channel sourced a voltage other than 0 V.

    Raises
    ------
    InputError
        If the device has more lines than the matrix columns, or a column is not there.
    """

    def __init__(
        self, dut: Dut, rows: int, columns: int, terminals: Mapping[int, tuple[str, str]], lines: Sequence[int] | None
    ) -> None:
        """Open all relays."""
        lines = range(1, dut.lines + 1) if lines is None else lines
        if len(lines) != dut.lines or not all(1 <= c <= columns for c in lines):
            raise InputError(f"lines = {list(lines)}: {dut.lines} columns of 1 .. {columns} must be given")
        self.dut, self.rows, self.columns, self.terminals = dut, rows, columns, dict(terminals)
        self._line_of = {column: line for line, column in enumerate(lines)}
        self.closed: set[Crosspoint] = set()
        self.hot_switches = 0
        self._wire()

    def change(self, closed: Iterable[Crosspoint]) -> None:
        """Open all others, then close these; nothing happens where nothing changes."""
        closed = set(closed)
        if closed == self.closed:
            return
        if any(drive.voltage != 0 for drive in self.dut.standing.values()):
            self.hot_switches += 1
        self.closed &= closed
        self._wire()
        self.closed = closed
        self._wire()
        self.dut.advance(SETTLING)

    def _wire(self) -> None:
        for port in {port for port, _ in self.terminals.values()}:
            lines: dict[str, set[int]] = {"hi": set(), "lo": set()}
            for row, column in self.closed:
                name, terminal = self.terminals.get(row, ("", ""))
                # All LO terminals are one node.
                if (name == port or terminal == "lo") and column in self._line_of:
                    lines[terminal].add(self._line_of[column])
            self.dut.connect(lines["hi"], lines["lo"], port)


class K707B(TspInstrument):
    """707B or 708B: slots of 8 x 12 crosspoints, their rows joined by the backplane (707B-901-01, chapter 7).

    Parameters
    ----------
    dut : Dut
        What its columns lead to.
    model : str
        ``707B`` (six slots) or ``708B`` (one).
    terminals : mapping
        Row (1 is A) to (port, ``hi`` or ``lo``).
    lines : sequence of int, optional
        Column of every line; column 13 is slot 2, column 1.
    """

    ROWS: ClassVar[int] = 8
    CARD_COLUMNS: ClassVar[int] = 12

    def __init__(
        self, dut: Dut, *, model: str = "707B", terminals: Mapping[int, tuple[str, str]] = TERMINALS,
        lines: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        """Open all relays."""
        super().__init__(dut, model, "4098765", "01.30a")
        self.slots = 6 if model == "707B" else 1
        self.relays = Relays(dut, self.ROWS, self.slots * self.CARD_COLUMNS, terminals, lines)
        self.scope["channel"] = self._channel = Part(
            self,
            {
                "OFF": 0.0, "BREAK_BEFORE_MAKE": 1.0, "MAKE_BEFORE_BREAK": 2.0, "close": self._close,
                "open": self._open, "exclusiveclose": self._exclusive, "getclose": self._tell,
            },
            {"connectrule": (1.0, one_of(0.0, 1.0, 2.0))},
        )  # fmt: skip

    @property
    def output(self) -> bool:
        """Whether any relay is closed."""
        return bool(self.relays.closed)

    @property
    def hot_switches(self) -> int:
        """Changes of relays while a channel sourced a voltage other than 0 V."""
        return self.relays.hot_switches

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.relays.dut.clock

    def reset(self) -> None:
        """Open all relays, break before make."""
        self.relays.change(())
        self._channel.values["connectrule"] = 1.0

    def _close(self, names: Any) -> None:
        self.relays.change(self.relays.closed | self._points(names))

    def _open(self, names: Any) -> None:
        self.relays.change(self.relays.closed - self._points(names, whole=True))

    def _exclusive(self, names: Any) -> None:
        self.relays.change(self._points(names) if names != "" else ())

    def _tell(self, names: Any) -> list[Any]:
        found = sorted(self.relays.closed & self._points(names, whole=True), key=self._name)
        return [";".join(self._name(point) for point in found) or None]

    def _name(self, point: Crosspoint) -> str:
        slot, column = divmod(point[1] - 1, self.CARD_COLUMNS)
        return f"{slot + 1}{chr(ord('A') + point[0] - 1)}{column + 1:02d}"

    def _points(self, names: Any, *, whole: bool = False) -> set[Crosspoint]:
        if not isinstance(names, str):
            raise TspError(-104, "Data type error")
        found: set[Crosspoint] = set()
        for name in (part.strip() for part in names.split(",")):
            self.budget.spend(1)
            if whole and name in ("allslots", *(f"slot{n}" for n in range(1, self.slots + 1))):
                slots = range(self.slots) if name == "allslots" else (int(name[4:]) - 1,)
                self.budget.spend(len(slots) * self.ROWS * self.CARD_COLUMNS)
                found |= {
                    (row, slot * self.CARD_COLUMNS + column)
                    for slot in slots for row in range(1, self.ROWS + 1) for column in range(1, self.CARD_COLUMNS + 1)
                }  # fmt: skip
                continue
            first, _, last = name.partition(":")
            a, b = self._point(first), self._point(last or first)
            if a[0] != b[0] and a[1] != b[1]:
                raise TspError(-222, "Parameter data out of range")
            self.budget.spend((abs(b[0] - a[0]) + 1) * (abs(b[1] - a[1]) + 1))
            found |= {(row, column) for row in range(a[0], b[0] + 1) for column in range(a[1], b[1] + 1)}
        return found

    def _point(self, name: str) -> Crosspoint:
        match = re.fullmatch(r"([1-6])([A-H])(\d\d)", name)
        if match is None or int(match[1]) > self.slots or not 1 <= int(match[3]) <= self.CARD_COLUMNS:
            raise TspError(-222, "Parameter data out of range")
        return ord(match[2]) - ord("A") + 1, (int(match[1]) - 1) * self.CARD_COLUMNS + int(match[3])


class B2200(ScpiInstrument):
    """B2200A or B2201A: 14 inputs, four cards of 12 outputs (B2200-90010, chapter 5).

    Parameters as of `K707B`; rows are inputs, columns are outputs 1 to 48.
    """

    QUEUE: ClassVar[int] = 30
    MODELS: ClassVar[tuple[str, ...]] = ("B2200A", "B2201A")
    INPUTS: ClassVar[int] = 14
    CARDS: ClassVar[int] = 4
    CARD_OUTPUTS: ClassVar[int] = 12

    def __init__(
        self, dut: Dut, *, model: str = "B2201A", terminals: Mapping[int, tuple[str, str]] = TERMINALS,
        lines: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        """Open all relays."""
        self.identity = f"Keysight Technologies,{model},0,A.03.00"
        self.relays = Relays(dut, self.INPUTS, self.CARDS * self.CARD_OUTPUTS, terminals, lines)
        super().__init__(dut)
        self.reset()

    @property
    def output(self) -> bool:
        """Whether any relay is closed."""
        return bool(self.relays.closed)

    @property
    def hot_switches(self) -> int:
        """Changes of relays while a channel sourced a voltage other than 0 V."""
        return self.relays.hot_switches

    @property
    def clock(self) -> float:
        """Virtual time, s."""
        return self.relays.dut.clock

    def reset(self) -> None:
        """Open all relays; normal configuration, one output for an input, break before make."""
        self.relays.change(())
        self.function, self.rule, self.sequence = "NCON", "SROU", "BBM"

    def format_error(self, error: tuple[int, str] | None) -> str:
        """Number and quoted text."""
        code, text = error or (0, "No error")
        return f'{code:+d},"{text}"'

    def commands(self) -> Sequence[ScpiCommand]:
        """All that is modelled."""
        route = "[ROUTe:]"
        return [
            ScpiCommand("SYSTem:ERRor[:NEXT]", None, lambda s, p, n: s.next_error()),
            ScpiCommand(f"{route}FUNCtion", _function, lambda s, p, n: s.function),
            ScpiCommand(f"{route}CONNection:RULE", _rule, lambda s, p, n: s.card(p) and s.rule),
            ScpiCommand(f"{route}CONNection:SEQuence", _sequence, lambda s, p, n: s.card(p) and s.sequence),
            ScpiCommand(f"{route}OPEN:CARD", _open_card),
            ScpiCommand(f"{route}CLOSe:CARD", None, _closed),
            ScpiCommand(f"{route}CLOSe[:LIST]", _close, lambda s, p, n: s.states(p, "1", "0")),
            ScpiCommand(f"{route}OPEN[:LIST]", _open, lambda s, p, n: s.states(p, "0", "1")),
        ]

    def card(self, parameters: Sequence[str]) -> str:
        """Card named by the first parameter: 0 (or ALL) for all in auto configuration, else 1 to 4."""
        word = arguments(parameters, 1, 2)[0].upper()
        cards = {"ALL", "0"} if self.function == "ACON" else {"ALL", *map(str, range(1, self.CARDS + 1))}
        if word not in cards:
            raise ScpiError(-222)
        return word

    def points(self, parameters: Sequence[str]) -> list[Crosspoint]:
        """Crosspoints of a channel list such as ``(@00102,00203:00205)``."""
        (text,) = arguments(parameters, 1)
        match = re.fullmatch(r"\(\s*@([\d:,\s]+)\)", text)
        if match is None:
            raise ScpiError(-102)
        found = []
        for part in match[1].split(","):
            first, _, last = part.strip().partition(":")
            a, b = self._point(first), self._point(last or first)
            self.budget.spend(4 + (abs(b[0] - a[0]) + 1) * (abs(b[1] - a[1]) + 1))
            found += [(row, column) for row in range(a[0], b[0] + 1) for column in range(a[1], b[1] + 1)]
        return found

    def states(self, parameters: Sequence[str], closed: str, opened: str) -> str:
        """One digit for every crosspoint of a list (5-39)."""
        return ",".join(closed if point in self.relays.closed else opened for point in self.points(parameters))

    def tell(self, point: Crosspoint) -> str:
        """Channel number of a crosspoint."""
        row, column = point
        if self.function == "ACON":
            return f"0{row:02d}{column:02d}"
        card, output = divmod(column - 1, self.CARD_OUTPUTS)
        return f"{card + 1}{row:02d}{output + 1:02d}"

    def _point(self, name: str) -> Crosspoint:
        if not re.fullmatch(r"\d{5}", name.strip()):
            raise ScpiError(-222)
        card, row, output = int(name[0]), int(name[1:3]), int(name[3:5])
        all_cards = self.function == "ACON"
        outputs = self.CARDS * self.CARD_OUTPUTS if all_cards else self.CARD_OUTPUTS
        if (card != 0 if all_cards else not 1 <= card <= self.CARDS) or not 1 <= row <= self.INPUTS:
            raise ScpiError(-222)
        if not 1 <= output <= outputs:
            raise ScpiError(-222)
        return row, output if all_cards else (card - 1) * self.CARD_OUTPUTS + output


def _function(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    matrix.function = choice(arguments(parameters, 1)[0], ("ACONfig", "NCONfig"))
    matrix.relays.change(())


def _rule(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    matrix.card(arguments(parameters, 2))
    matrix.rule = choice(parameters[1], ("FREE", "SROUte"))


def _sequence(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    matrix.card(arguments(parameters, 2))
    matrix.sequence = choice(parameters[1], ("NSEQ", "BBM", "MBBR"))


def _open_card(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    word = matrix.card(arguments(parameters, 1))
    card = int(word) if word not in ("ALL", "0") else None
    matrix.relays.change(
        point for point in set(matrix.relays.closed)
        if card is not None and (point[1] - 1) // matrix.CARD_OUTPUTS + 1 != card
    )  # fmt: skip


def _closed(matrix: B2200, parameters: list[str], _: dict[str, int]) -> str:
    matrix.card(arguments(parameters, 1))
    return "@" + ",".join(map(matrix.tell, sorted(matrix.relays.closed)))


def _close(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    closed = set(matrix.relays.closed)
    for point in matrix.points(parameters):
        if matrix.rule == "SROU":
            closed = {other for other in closed if other[0] != point[0] and other[1] != point[1]}
        closed.add(point)
    matrix.relays.change(closed)


def _open(matrix: B2200, parameters: list[str], _: dict[str, int]) -> None:
    matrix.relays.change(matrix.relays.closed - set(matrix.points(parameters)))


INSTRUMENTS = {"707B": K707B, **{name: partial(B2200, model=name) for name in B2200.MODELS}}
