"""Parts of a TSP instrument, such as ``smua.source``: constants, functions, and attributes with the values they accept.

A program can ask what there is, as some drivers do: the metatable of a part lists what can be read and set under
``Getters`` and ``Setters``, and its constants, functions and parts under ``Objects``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from instruments.virtual.lua_values import LuaRuntimeError, LuaTable, is_number

if TYPE_CHECKING:
    from instruments.virtual.tsp import TspInstrument


class TspError(Exception):
    """An entry for the error queue, after which the line goes on."""

    def __init__(self, code: int, text: str) -> None:
        """Code and message of the manual's error summary (2600BS-901-01 8-3 ff.)."""
        super().__init__(text)
        self.code, self.text = code, text


Check = Callable[[Any], Any]


def between(low: float, high: float) -> Check:
    """Number in a range: 1102 if it is too small, 1101 if it is too big or not a number."""

    def check(value: Any) -> float:
        if not is_number(value):
            raise TspError(-104, "Data type error")
        if value < low - 1e-9 * abs(low):
            raise TspError(1102, "Parameter too small")
        if not value <= high + 1e-9 * abs(high):
            raise TspError(1101, "Parameter too big")
        return float(value)

    return check


def whole(low: int, high: int) -> Check:
    """Number in a range, without its fraction."""
    check = between(float(low), float(high))
    return lambda value: int(check(value))


def one_of(*values: float) -> Check:
    """One of some constants: -224 if it is none."""

    def check(value: Any) -> float:
        if isinstance(value, bool):
            value = float(value)
        if not is_number(value) or value not in values:
            raise TspError(-224, "Illegal parameter value")
        return float(value)

    return check


def boolean(value: Any) -> bool:
    """True or false, also as 1 or 0."""
    return one_of(0.0, 1.0)(value) == 1.0


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

    LUATYPE = "userdata"

    def __init__(
        self,
        instrument: TspInstrument,
        fixed: Mapping[Any, Any],
        settings: Mapping[Any, tuple[Any, Check]] | None = None,
    ) -> None:
        """Start with the given values."""
        self.instrument, self.fixed = instrument, dict(fixed)
        self._owned: dict[Any, tuple[Callable[[], Any], Callable[[Any], None] | None]] = {}
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
            raise LuaRuntimeError(f"cannot set {reason} attribute `{str(key)[:40]}'")
        try:
            if store is not None:
                store(value)
            else:
                self.values[key] = self._checks[key](value)
        except TspError as error:
            self.instrument.fail(error.code, error.text)

    def metatable(self) -> LuaTable:
        """What ``getmetatable`` gives."""
        found, lists = LuaTable(), {"Getters": LuaTable(), "Setters": LuaTable(), "Objects": LuaTable()}
        for key in (*self.values, *self._owned):
            lists["Getters"].set(key, partial(self.get, key))
            if key in self._checks or (key in self._owned and self._owned[key][1] is not None):
                lists["Setters"].set(key, partial(self.set, key))
        for key, value in self.fixed.items():
            lists["Objects"].set(key, value)
        for name, table in (*lists.items(), ("luatype", self.LUATYPE)):
            found.set(name, table)
        return found
