"""What all TSP instruments share: Lua globals made of parts with attributes, ``print``, and the error queue.

2600BS-901-01 Rev. C, sections 6 and 8. A message is one line of Lua, or one of a script between ``loadandrunscript``
and ``endscript``. An error inside a part (a value out of range) goes to the queue and the line goes on; a Lua run-time
error (-286) stops the line; a syntax error (-285) keeps all of it from being carried out (8-2).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from instruments.virtual.budget import MEMORY, MessageBudget, OutOfMemory, OutOfWork
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.lua import Chunk
from instruments.virtual.lua_library import Globals, Library
from instruments.virtual.lua_values import LuaRuntimeError, LuaSyntaxError, LuaTable, size_of, tostring
from instruments.virtual.tsp_parts import Part, TspError, between, one_of, whole

RECOVERABLE, SERIOUS = 20.0, 30.0
"""Severities of entries in the error queue (8-2)."""

QUEUE = 10_000

LONGEST_SCRIPT = 1 << 20
"""Characters of a script: ours."""

WORTH_A_LOOK = 1 << 16
"""Bytes that a message may use before it is worth to see how much a program keeps."""


class TspInstrument(VirtualInstrument):
    """Base of the virtual instruments that speak TSP: runs lines of Lua. A model puts its parts into `scope`.

    Parameters
    ----------
    dut : Dut
        What the model acts on.
    model, serial, firmware : str
        Fields of ``*IDN?``.
    """

    budget: MessageBudget

    def __init__(self, dut: Dut, model: str, serial: str, firmware: str) -> None:
        """Globals that every model has; ``*IDN?`` and few other common commands are understood as well."""
        self.dut, self.budget = dut, MessageBudget()
        self.identity = f"Keithley Instruments Inc., Model {model}, {serial}, {firmware}"
        self._queue: list[tuple[int, str, float]] = []
        self._printed: list[str | bytes] = []
        self._script: list[str] | None = None
        self._script_size = 0
        self.precision = 6
        queue = Part(self, {"clear": lambda: self._queue.clear(), "next": self._next_error})
        queue.own("count", lambda: float(len(self._queue)))
        node = Part(self, {"model": model, "serialno": serial, "version": firmware, "revision": firmware})
        node.own("linefreq", lambda: self.line_frequency)
        self.form = Part(
            self, {"ASCII": 1.0, "REAL32": 2.0, "LITTLEENDIAN": 1.0, "SWAPPED": 1.0, "NORMAL": 0.0, "BIGENDIAN": 0.0},
            {"data": (1.0, one_of(1.0, 2.0)), "byteorder": (1.0, one_of(0.0, 1.0))},
        )  # fmt: skip
        self.form.own("asciiprecision", lambda: float(self.precision), self._set_precision)
        library = Library(self.budget)
        self.scope: dict[str, Any] = {
            **library.functions(), "table": Part(self, library.table_functions()),
            "print": self._print, "errorqueue": queue, "localnode": node, "format": self.form, "reset": self.reset,
            "waitcomplete": self.wait_complete, "delay": self._delay, "opc": lambda: None,
        }  # fmt: skip
        self.scope["_G"] = Globals(self.scope)

    line_frequency = 50.0

    @abstractmethod
    def reset(self) -> None:
        """Defaults, outputs off."""

    def wait_complete(self) -> None:
        """Let overlapped commands finish; a model that has some overrides this."""

    def settle(self) -> None:
        """End of a message; a model that has something to finish overrides this."""

    def pause(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.dut.advance(seconds)

    def clear(self) -> None:
        """Device clear: a script that is being received is forgotten."""
        self._script = None

    def hang_up(self) -> None:
        """A client has left: what it did not finish is forgotten."""
        self._script = None

    def fail(self, code: int, text: str, severity: float = RECOVERABLE) -> None:
        """Put an error into the queue."""
        if len(self._queue) < QUEUE:
            self._queue.append((code, text, severity))
        else:
            self._queue[-1] = (-350, "Queue overflow", SERIOUS)

    def handle(self, message: str) -> str | bytes | None:
        """Carry out one line; what it prints, one line for each ``print``."""
        self.dut.budget = self.budget
        with self.budget:
            return self.carry_out(message)

    def carry_out(self, message: str) -> str | bytes | None:
        """Carry out one line within what it may cost."""
        text = message.strip()
        if self._script is not None:
            text = self._collected(text)
            if not text:
                return None
        elif text.partition(" ")[0] == "loadandrunscript":
            self._script, self._script_size = [], 0
            return None
        common = {"*IDN?": self.identity, "*OPC?": "1", "*TST?": "0", "*STB?": str(4 if self._queue else 0)}
        if text.upper() in common:
            return common[text.upper()]
        if text.upper() == "*RST":
            self._guarded(self.reset)
            return None
        if text.upper() == "*CLS":
            self._queue.clear()
            return None
        self._printed = []
        if self._guarded(lambda: Chunk(text).run(self.scope, self.budget)):
            self._guarded(self.settle)
        self._tidy()
        return self._spoken()

    def answer(self, line: str | bytes) -> None:
        """Print a line."""
        self.budget.allocate(len(line))
        self._printed.append(line)

    def _spoken(self) -> str | bytes | None:
        lines, self._printed = self._printed, []
        if not lines:
            return None
        words = [line for line in lines if isinstance(line, str)]
        if len(words) == len(lines):
            return "\n".join(words)
        return b"\n".join(line if isinstance(line, bytes) else line.encode("utf-8") for line in lines)

    def _guarded(self, act: Callable[[], None]) -> bool:
        """Do something that may fail as a program fails; the queue takes it. False where no work is left."""
        try:
            act()
        except LuaSyntaxError as error:
            self.fail(-285, f"TSP Syntax Error at line 1: {error}")
        except LuaRuntimeError as error:
            self.fail(-286, f"TSP Runtime Error at line 1: {error}")
        except TspError as error:
            self.fail(error.code, error.text)
        except OutOfWork:
            self.give_up()
            self.fail(-286, "TSP Runtime Error at line 1: the line does not end")
            return False
        except OutOfMemory:
            self.fail(-286, "TSP Runtime Error at line 1: not enough memory")
        return True

    def give_up(self) -> None:
        """A message took too long; a model that has something under way stops it."""

    def _collected(self, text: str) -> str:
        """Take a line of a script; gives the whole of it at its end, else nothing."""
        assert self._script is not None
        if text != "endscript":
            self._script.append(text)
            self._script_size += len(text) + 1
            if self._script_size <= LONGEST_SCRIPT:
                return ""
            self._script = None
            self.fail(-286, "TSP Runtime Error at line 1: not enough memory")
            return ""
        script, self._script = self._script, None
        return "\n".join(script)

    def _tidy(self) -> None:
        """See what the program keeps; where that is more than half of the memory, its variables are dropped."""
        if self.budget.used < WORTH_A_LOOK:
            return
        names = [name for name, value in self.scope.items() if isinstance(value, LuaTable | str) and name != "_G"]
        self.budget.kept = size_of([*names, *(self.scope[name] for name in names)])
        if self.budget.kept > MEMORY // 2:
            for name in names:
                del self.scope[name]
            self.budget.kept = 0
            self.fail(-286, "TSP Runtime Error at line 1: not enough memory")

    def _print(self, *values: Any) -> None:
        self.answer("\t".join(tostring(value) for value in values))

    def _next_error(self) -> list[Any]:
        if not self._queue:
            return [0.0, "Queue Is Empty", 0.0, 1.0]
        code, text, severity = self._queue.pop(0)
        return [float(code), text, severity, 1.0]

    def _set_precision(self, value: Any) -> None:
        self.precision = whole(1, 16)(value)

    def _delay(self, seconds: Any) -> None:
        # Overlapped commands run on while a script delays, so they take their share of the time first.
        self.wait_complete()
        self.pause(between(0.0, 1e5)(seconds))
