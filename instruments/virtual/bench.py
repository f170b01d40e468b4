"""A whole virtual bench in one object: a device under test, a source-measure unit, a matrix, and their sockets."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Self

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from instruments.virtual.catalogue import BOTH_TERMINALS, make
from instruments.virtual.dut import Dut
from instruments.virtual.instrument import VirtualInstrument
from instruments.virtual.network import Transistor
from instruments.virtual.server import Server, TransportName
from sim.crossbar.array import SimulatedArray

DEFAULT_MATRIX = "707B"
"""Matrix that is put in front of more than one cell."""


class BenchClock:
    """Time of the device under test: what the host waits for passes at once."""

    latency = 5e-3

    def __init__(self, dut: Dut, lock: AbstractContextManager[object]) -> None:
        """Tell the time of `dut`, which nobody else drives while `lock` is held."""
        self._dut, self._lock = dut, lock

    def now(self) -> float:
        """Seconds since the bench was set up."""
        return self._dut.clock

    def wait(self, seconds: float) -> None:
        """Let the device rest."""
        with self._lock:
            self._dut.advance(seconds)


class Bench:
    """Virtual instruments on loopback sockets around one simulated device; a context manager.

    Attributes
    ----------
    dut : Dut
        With `truth`, the simulated device, and faults of the contacts.
    smu, matrix : Server
        The instruments on their sockets, with `resource`, `instrument` and `faults`; no matrix for a single cell.
    clock : BenchClock
        Spends the time of the device.
    """

    def __init__(
        self,
        model: str = "2450",
        dut: str = "sim:rram",
        *,
        rows: int = 1,
        cols: int = 1,
        transport: TransportName = "socket",
        matrix: str | None = None,
        series: float = 0.0,
        contact: float = 0.0,
        noise: float = 0.0,
        relative_noise: float = 0.0,
        seed: int = 0,
        port: int = 0,
        dut_terminals: str = "front",
        channels: int = 1,
        transistor: Transistor | None = None,
    ) -> None:
        """Build and start it.

        Parameters
        ----------
        model : str
            Of the source-measure unit.
        dut : str
            The simulated device; parameters may follow semicolons, ``sim:rram;alpha=0.01``, to stand in another URI.
        rows, cols, channels : int
            Its size; with 2 channels the column of a single cell is on HI of the second, not on LO.
        transport : str
            What the instruments listen on.
        matrix : str, optional
            Model of the switch matrix; one is there anyway for more than one cell.
        series, contact : float
            Resistance of the wires and of every contact, ohm.
        noise, relative_noise : float
            Of a measured current, A and of itself.
        seed : int
            Of noise and variability.
        port : int
            Of the source-measure unit's socket; 0 for any free one.
        dut_terminals : {"front", "rear"}
            Terminals that the device is on, of a model that has both (2400, 2450, 2460, 2461).
        transistor : Transistor, optional
            In series with the cell; its gate is on channel 2.

        Raises
        ------
        InputError
            For an unknown model or device, and for rear terminals of a model that has no choice.
        """
        with ExitStack() as stack:
            device = stack.enter_context(sample(dut, rows, cols, seed))
            spread = {"noise": noise, "relative_noise": relative_noise}
            self.dut = Dut(device, series=series, contact=contact, seed=seed, **spread)
            _wire(self.dut, channels, transistor)
            switch = matrix if matrix is not None or rows * cols == 1 else DEFAULT_MATRIX
            self._serve(stack, transport, port, make(model, self.dut, **_terminals(model, dut_terminals)), switch)
            self._stack = stack.pop_all()

    def _serve(
        self, stack: ExitStack, transport: TransportName, port: int, smu: VirtualInstrument, switch: str | None
    ) -> None:
        """Put the source-measure unit on its socket, and the matrix, if any; one at a time has the device."""
        lock = threading.Lock()
        self.clock = BenchClock(self.dut, lock)
        self.smu = stack.enter_context(Server(smu, transport, port, lock=lock))
        self.matrix = None
        if switch is not None:
            self.matrix = stack.enter_context(Server(make(switch, self.dut), transport, lock=lock))

    def busy(self) -> bool:
        """Whether one of its instruments is carrying out a message, however long the simulation takes for it."""
        return any(server is not None and server.busy for server in (self.smu, self.matrix))

    def forget(self) -> None:
        """Put a pristine device on the bench."""
        self.dut.truth.reset()

    def close(self) -> None:
        """Take it down, whatever its instruments are at."""
        # All of them first: one that is at work keeps the others waiting for the device.
        for server in (self.smu, self.matrix):
            if server is not None:
                server.halt()
        self._stack.close()

    def __enter__(self) -> Self:
        """Use the bench in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it down on every way out."""
        self.close()


def _wire(dut: Dut, channels: int, transistor: Transistor | None) -> None:
    """Put the column of a single cell on the second channel, where there are two, or the gate of a transistor."""
    dut.transistor = transistor
    if channels > 1 and dut.lines == 2:
        dut.connect({0}, (), "1")
        dut.connect({1}, (), "2")


def _terminals(model: str, dut_terminals: str) -> dict[str, str]:
    """Options of a model for a device on these of its terminals; `InputError` where it has one pair alone."""
    if dut_terminals == "front":
        return {}
    if model not in BOTH_TERMINALS:
        raise InputError(f"dut_terminals = {dut_terminals}: a {model} has no front and rear terminals to choose from")
    return {"dut_terminals": dut_terminals}


def sample(dut: str, rows: int, cols: int, seed: int) -> SimulatedArray:
    """Open the device under test, with its compiled model loaded.

    Raises
    ------
    InputError
        If it has another size, or is no simulated array; it is closed again then.
    """
    uri = dut.replace(";", "?", 1).replace(";", "&") if "?" not in dut else dut
    with ExitStack() as stack:
        device = stack.enter_context(open_device(uri, defaults={"rows": rows, "cols": cols, "seed": seed}))
        if device.cells != (rows, cols):
            raise InputError(f"dut = {dut} has {device.rows} x {device.cols} cells, rows x cols is {rows} x {cols}")
        if not isinstance(device, SimulatedArray):
            raise InputError(
                f"dut = {dut} is no simulated array of cells (sim:...): the bench holds voltages from one message to "
                "the next, every call of another device ends at 0 V"
            )
        # Loading takes longer than a client may wait for an answer.
        pristine = device.snapshot()
        device.apply(Waveform.rest(device.read_width, device.rows, device.cols))
        device.restore(pristine)
        stack.pop_all()
        return device
