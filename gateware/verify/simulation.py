"""Simulations against the golden model: both get the same bytes, and every byte of their answers is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateware.geometry import Geometry
from gateware.golden.core import GoldenCore
from gateware.golden.link import GoldenLink
from gateware.host.cxxrtl import open_cxxrtl
from gateware.host.pysim import open_pysim
from gateware.host.transport import SimulatedTransport
from gateware.verify.sessions import lines, session

SMALL = (
    Geometry(4, 3, lanes=2, t_bits=6, v_bits=12, log_depth=4, history_depth=256),
    Geometry(3, 5, lanes=3, state_bits=12, v_bits=12, tie="membrane", log_depth=5, history_depth=16),
    Geometry(3, 3, lanes=2, state_bits=16, cell="flca", log_depth=4),
    Geometry(3, 5, lanes=3, v_bits=12, tie="margin", annealing=True, log_depth=5, history_depth=256),
)
"""What Amaranth's simulator does in seconds: lanes that pad the last group, both kinds of cell, all ties."""

MEDIUM = Geometry(64, 16, lanes=4, state_bits=12, tie="membrane", log_depth=64)
FULL = Geometry(784, 10, lanes=10)

SLICE = 60.0
"""Seconds of simulation between two looks at whether all is answered."""


@dataclass(frozen=True)
class Difference:
    """The first answer that is not the golden model's."""

    line: int
    sent: bytes
    got: bytes
    wanted: bytes

    def __str__(self) -> str:
        """One line for the table."""
        return f"line {self.line}, sent {_short(self.sent)}: {_short(self.got)} instead of {_short(self.wanted)}"


@dataclass(frozen=True)
class SessionComparison:
    """Result of a session: how many lines it had, what happened in it, and the first difference, if any."""

    lines: int
    spikes: int
    updates: int
    damaged: int
    difference: Difference | None

    @property
    def vacuous(self) -> bool:
        """Whether too little happened in the session to show anything."""
        return self.damaged == 0 or self.updates == 0


class GoldenEnd:
    """The golden model behind its link, whose error counter is kept in register `link_errors`."""

    def __init__(self, geometry: Geometry) -> None:
        """Switch it on."""
        self.core = GoldenCore(geometry)
        self.link = GoldenLink(self._execute, geometry.frame_buffer)

    def _execute(self, command: bytes) -> bytes:
        self.core.set_register("link_errors", self.link.link_errors)
        return self.core.execute(command)


def compare(
    geometry: Geometry, seed: int, number: int, opener: Callable[[Geometry], SimulatedTransport] = open_pysim
) -> SessionComparison:
    """Send a session, frame by frame, to a simulation and to the golden model, up to the first difference.

    Parameters
    ----------
    geometry : Geometry
        What is simulated.
    seed, number : int
        Of the session, and its random commands.
    opener : callable
        Starts the simulation.
    """
    golden, difference, count = GoldenEnd(geometry), None, 0
    with opener(geometry) as transport:
        for count, line in enumerate(lines(session(geometry, seed, number), seed), 1):
            wanted = golden.link.feed(line)
            got = _answers(transport, line)
            if got != wanted:
                difference = Difference(count, line, got, wanted)
                break
    spikes, updates = (golden.core.register(name) for name in ("spikes", "updates"))
    return SessionComparison(count, spikes, updates, golden.link.link_errors, difference)


def compare_compiled(geometry: Geometry, seed: int, number: int) -> SessionComparison:
    """As `compare`, with the compiled simulation."""
    return compare(geometry, seed, number, open_cxxrtl)


def _answers(transport: SimulatedTransport, line: bytes) -> bytes:
    """All that comes back; a simulation knows when nothing more will."""
    transport.send(line)
    data = transport.receive(SLICE)
    while not transport.idle:
        data += transport.receive(SLICE)
    return data


def _short(data: bytes) -> str:
    return data[:12].hex() + ("..." if len(data) > 12 else "") or "nothing"
