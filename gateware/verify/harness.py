"""What all formal harnesses are made of."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, ResetSignal, Signal, Value
from amaranth.lib import stream


def module() -> Module:
    """A module that is never reset: what holds must hold from power-up."""
    m = Module()
    m.d.comb += Assume(~ResetSignal())
    return m


def constant(m: Module, free: Value) -> Value:
    """A value that is free but stays from the first cycle on.

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
