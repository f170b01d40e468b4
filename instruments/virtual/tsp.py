"""What all TSP instruments share: Lua globals made of parts with attributes, ``print``, and the error queue.

2600BS-901-01 Rev. C, sections 6 and 8. A message is one line of Lua. An error inside a part (a value out of range) goes
to the queue and the line goes on; a Lua run-time error (-286) stops the line; a syntax error (-285) keeps all of it
from being carried out (8-2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.lua import Chunk
from instruments.virtual.lua_values import LuaRuntimeError, LuaSyntaxError, Table, tostring

RECOVERABLE, SERIOUS = 20.0, 30.0
"""Severities of entries in the error queue (8-2)."""

QUEUE = 10_000


class TspError(Exception):
    """An entry for the error queue, after which the line goes on."""

    def __init__(self, code: int, text: str) -> None:
        """Code and message of the manual's error summary (8-3 ff.)."""
        super().__init__(text)
        self.code, self.text = code, text


Check = Callable[[Any], Any]


def between(low: float, high: float) -> Check:
    """Number in a range: 1102 if it is too small, 1101 if it is too big."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, float | int):
            raise TspError(-104, "Data type error")
        if value < low - 1e-9 * abs(low):
            raise TspError(1102, "Parameter too small")
        if value > high + 1e-9 * abs(high):
            raise TspError(1101, "Parameter too big")
        return float(value)

    return check


def one_of(*values: float) -> Check:
    """One of some constants: -224 if it is none."""

    def check(value: Any) -> float:
        if isinstance(value, bool):
            value = float(value)
        if value not in values:
            raise TspError(-224, "Illegal parameter value")
        return float(value)

    return check


def anything(value: Any) -> Any:
    """Any value."""
    return value


class Part:
    """A part of an instrument: constants and functions that are there, attributes that can be assigned.

    Parameters
    ----------
    instrument : TspInstrument
        Whose queue takes the errors.
    fixed : mapping
        Constants, functions and parts in it, by name; not assignable.
    settings : mapping, optional
        Name to (value, check): attributes that are no more than remembered.
    """

    def __init__(
        self,
        instrument: TspInstrument,
        fixed: Mapping[Any, Any],
        settings: Mapping[str, tuple[Any, Check]] | None = None,
    ) -> None:
        """Start with the given values."""
        self.instrument, self.fixed, self._owned = instrument, dict(fixed), {}
        settings = settings or {}
        self.values = {name: value for name, (value, _) in settings.items()}
        self._checks = {name: check for name, (_, check) in settings.items()}

    def own(self, name: str, load: Callable[[], Any], store: Callable[[Any], None] | None = None) -> None:
        """Add an attribute that reads and acts on the instrument; read-only without `store`."""
        self._owned[name] = load, store

    def get(self, key: Any) -> Any:
        """Value of an attribute, nil for one that does not exist."""
        if key in self._owned:
            return self._owned[key][0]()
        return self.values[key] if key in self.values else self.fixed.get(key)

    def set(self, key: Any, value: Any) -> None:
        """Assign; what cannot be assigned is a run-time error, a value out of range an entry in the queue."""
        store = self._owned[key][1] if key in self._owned else None
        if store is None and key not in self._checks:
            reason = "read-only" if self.get(key) is not None else "unknown"
            raise LuaRuntimeError(f"cannot set {reason} attribute `{key}'")
        try:
            if store is not None:
                store(value)
            else:
                self.values[key] = self._checks[key](value)
        except TspError as error:
            self.instrument.fail(error.code, error.text)


class TspInstrument(VirtualInstrument):
    """Lines of Lua to answers. A model puts its parts into `scope`."""

    def __init__(self, model: str, serial: str, firmware: str) -> None:
        """Globals that every model has; ``*IDN?`` and few other common commands are understood as well."""
        self.identity = f"Keithley Instruments Inc., Model {model}, {serial}, {firmware}"
        self._queue: list[tuple[int, str, float]] = []
        self._printed: list[str] = []
        self.precision = 6
        entries = {"clear": self._queue.clear, "next": self._next_error}
        queue = Part(self, entries)
        queue.own("count", lambda: float(len(self._queue)))
        node = Part(self, {"model": model, "serialno": serial, "version": firmware, "revision": firmware})
        node.own("linefreq", lambda: self.line_frequency)
        form = Part(self, {"ASCII": 1.0}, {"data": (1.0, one_of(1.0))})
        form.own("asciiprecision", lambda: float(self.precision), self._set_precision)
        tables = Part(self, {"insert": _insert, "getn": lambda table: float(len(as_table(table)))})
        self.scope: dict[str, Any] = {
            "print": self._print, "errorqueue": queue, "localnode": node, "format": form, "table": tables,
            "ipairs": _ipairs, "tostring": lambda value: tostring(value), "tonumber": _tonumber, "reset": self.reset,
            "waitcomplete": self.wait_complete, "delay": self._delay, "opc": lambda: None,
        }  # fmt: skip

    line_frequency = 50.0

    def reset(self) -> None:
        """Defaults, outputs off; a model has more to say."""

    def wait_complete(self) -> None:
        """Let overlapped commands finish; a model that has some overrides this."""

    def pause(self, seconds: float) -> None:
        """Let virtual time pass; a model with a device under test overrides this."""

    def fail(self, code: int, text: str, severity: float = RECOVERABLE) -> None:
        """Put an error into the queue."""
        if len(self._queue) < QUEUE:
            self._queue.append((code, text, severity))
        else:
            self._queue[-1] = (-350, "Queue overflow", SERIOUS)

    def handle(self, message: str) -> str | bytes | None:
        """Carry out one line; what it prints, one line for each ``print``."""
        text = message.strip()
        common = {"*IDN?": self.identity, "*OPC?": "1", "*TST?": "0", "*STB?": str(4 if self._queue else 0)}
        if text.upper() in common:
            return common[text.upper()]
        if text.upper() == "*RST":
            self.reset()
            return None
        if text.upper() == "*CLS":
            self._queue.clear()
            return None
        self._printed = []
        try:
            Chunk(text).run(self.scope)
        except LuaSyntaxError as error:
            self.fail(-285, f"TSP Syntax Error at line 1: {error}")
        except LuaRuntimeError as error:
            self.fail(-286, f"TSP Runtime Error at line 1: {error}")
        except TspError as error:
            self.fail(error.code, error.text)
        return "\n".join(self._printed) if self._printed else None

    def answer(self, line: str) -> None:
        """Print a line."""
        self._printed.append(line)

    def _print(self, *values: Any) -> None:
        self.answer("\t".join(tostring(value) for value in values))

    def _next_error(self) -> list[Any]:
        if not self._queue:
            return [0.0, "Queue Is Empty", 0.0, 1.0]
        code, text, severity = self._queue.pop(0)
        return [float(code), text, severity, 1.0]

    def _set_precision(self, value: Any) -> None:
        self.precision = int(between(1, 16)(value))

    def _delay(self, seconds: Any) -> None:
        # Overlapped commands run on while a script delays, so they take their share of the time first.
        self.wait_complete()
        self.pause(between(0.0, 1e5)(seconds))


def as_table(value: Any) -> Table:
    """The value if it is a table; a run-time error else."""
    if not isinstance(value, Table):
        raise LuaRuntimeError("bad argument (table expected)")
    return value


def _insert(table: Any, value: Any) -> None:
    as_table(table).append(value)


def _ipairs(table: Any) -> list[Any]:
    return [[[float(k), value] for k, value in enumerate(as_table(table).values(), start=1)]]


def _tonumber(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
