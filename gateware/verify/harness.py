"""Building blocks of the formal harnesses."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Cover, Fragment, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib import stream


def module() -> Module:
    """A module that is never reset: what holds must hold from power-up."""
    m = Module()
    m.d.comb += Assume(~ResetSignal())
    return m


def constant(m: Module, free: Value) -> Value:
    """An arbitrary value that is constant from the first cycle on.

    A component whose inputs stand still must give what the specification says of them, whatever its latency is.
    """
    kept, begun = Signal.like(free), Signal()
    m.d.sync += begun.eq(1)
    with m.If(~begun):
        m.d.sync += kept.eq(free)
    return Mux(begun, kept, free)


def watch_stream(m: Module, name: str, offered: stream.Interface, reached: bool = True) -> None:
    """Assert that an offer stays as it is until it is taken; cover, if `reached`, that one waits and is then taken."""
    waiting = Signal(name=f"{name}_waiting")
    payload = Signal(len(Value.cast(offered.payload)), name=f"{name}_waits")
    m.d.sync += [waiting.eq(offered.valid & ~offered.ready), payload.eq(offered.payload)]
    with m.If(waiting):
        m.d.comb += [
            Assert(offered.valid, f"an offer on {name} is withdrawn"),
            Assert(Value.cast(offered.payload) == payload, f"an offer on {name} changes"),
        ]
    if reached:
        m.d.comb += Cover(waiting & offered.valid & offered.ready)


class Inside:
    """Access to a component's internal registers by their names in its source, for the invariants of an induction.

    Parameters
    ----------
    part : Fragment
        The component, elaborated; it must be the one that is built in.
    """

    def __init__(self, part: Fragment) -> None:
        """Find its registers and, if it has one, its state machine."""
        registers = part.statements["sync"]._lhs_signals()
        self._signals = {signal.name: signal for signal in registers}
        self._unnamed = [signal for signal in registers if signal.name.startswith("$")]
        self._states = part.find_generated("fsm").encoding if "fsm" in part.generated else {}

    def __getitem__(self, name: str) -> Signal:
        """One of its registers."""
        return self._signals[name]

    def unnamed(self, width: int) -> Signal:
        """The only register of this width that Amaranth found no name for, because its line makes several."""
        (found,) = (signal for signal in self._unnamed if len(signal) == width)
        return found

    def state(self, *names: str) -> Value:
        """Whether its state machine is in one of these states."""
        return Cat(self["fsm_state"] == self._states[name] for name in names).any()

    def known(self) -> Value:
        """Whether its state machine is in any state that it has."""
        return self.state(*self._states)
