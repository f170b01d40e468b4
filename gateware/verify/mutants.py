"""Mutants: faults that verification must find, each as a change of one source file."""

from __future__ import annotations

from dataclasses import dataclass

SIMULATION = "simulation"
"""The check that is no formal property: a session in Amaranth's simulator against the golden model."""


@dataclass(frozen=True)
class Mutant:
    """A fault that is planted.

    Attributes
    ----------
    name : str
        What is wrong.
    module : str
        Where, below `gateware`.
    changes : tuple of (str, str)
        Texts, each exactly once in the source, and what takes their places.
    check : str
        What must find it: the name of a formal property, or `SIMULATION`.
    geometry : int
        Which of `gateware.verify.simulation.SMALL` is simulated.
    commands : int
        Random commands of the session.
    quick : bool
        Whether it is planted in quick runs.
    """

    name: str
    module: str
    changes: tuple[tuple[str, str], ...]
    check: str = SIMULATION
    geometry: int = 0
    commands: int = 40
    quick: bool = False


_UPDATE = "update: 8-bit states saturate"
_NEURON = "neuron: membranes saturate, thresholds are met"
_UPDATE_12 = "update: 12-bit states saturate"
_UPDATE_16 = "update: 16-bit states saturate"
_FLCA = "flca: 8-bit states saturate and are held"
_FLCA_16 = "flca: 16-bit states saturate and are held"
_ONCE = "link: a command is handed over once, when it is due"
_ONE_REPLY = "executor: exactly one reply to each command"
_IN_TIME = "executor: every command is answered in time"
_TX = "link: offers on tx and commands stay until they are taken"
_REPLIES = "executor: offers on replies stay until they are taken"

MUTANTS = (
    Mutant(
        "link: the high byte of the CRC is ignored",
        "link.receive",
        (("token.data != crc.crc[8:]", "Const(0)"), ("import Module, Mux", "import Const, Module, Mux")),
        quick=True,
    ),
    Mutant(
        "link: a repeated command is carried out again",
        "link.frames",
        (("with m.If(frames.payload == command):", "with m.If(frames.payload != 0):"),),
    ),
    Mutant(
        "link: a command is carried out before a session has begun",
        "link.frames",
        (("with m.Elif(session & (behind == 0)):", "with m.Elif(behind == 0):"),),
        _ONCE,
        quick=True,
    ),
    Mutant(
        "link: a command that was handed over is still due",
        "link.frames",
        (("[in_order.eq(1), expected.eq(number + 1)]", "in_order.eq(1)"),),
        _ONCE,
    ),
    Mutant(
        "link: the last argument of a command is lost",
        "link.frames",
        (("payload.last.eq(left == 0)", "payload.last.eq(left <= 1)"),),
        _ONCE,
    ),
    Mutant(
        "link: a frame's length is not checked",
        "link.receive",
        (("(token.data > 1) | (token.data[0] & (left[:8] != 0))", "token.data[0] & 0"),),
    ),
    Mutant(
        "link: a repeated SYNC starts a new session",
        "link.frames",
        (("with m.If(differs | ~session):", "with m.If(1):"),),
    ),
    Mutant(
        "link: coded bytes go on while tx stalls",
        "link.cobs",
        (("ring.bytes.ready.eq((count != 0) & self.coded.ready)", "ring.bytes.ready.eq(count != 0)"),),
        _TX,
    ),
    Mutant(
        "executor: a reply is withdrawn when it is not taken at once",
        "executor",
        (("with m.If(replies.valid & replies.ready):", "with m.If(replies.valid):"),),
        _REPLIES,
    ),
    Mutant(
        "executor: a refused item of EVENTS is not answered",
        "executor",
        (
            (
                'with m.Else():\n                    m.next = "REPLY"\n\n    def _reply',
                'with m.Else():\n                    m.next = "RECEIVE"\n\n    def _reply',
            ),
        ),
        _ONE_REPLY,
    ),
    Mutant(
        "executor: a list that has come to its end goes on",
        "executor",
        (
            (
                "Status.OK)\n            with m.If(self._left == 0):",
                "Status.OK)\n            with m.If(self._left == 1):",
            ),
        ),
        _IN_TIME,
    ),
    Mutant(
        "executor: a value that is read is waited for without end",
        "executor",
        (("with m.If(wait == HOST_LATENCY):", "with m.If(wait == HOST_LATENCY + 4):"),),
        _IN_TIME,
    ),
    Mutant("executor: a row beyond the last is played", "executor", (("item[:15] < g.rows", "item[:15] <= g.rows"),)),
    Mutant(
        "executor: a column beyond the last is programmed", "executor", (("(column < g.cols)", "(column <= g.cols)"),)
    ),
    Mutant("executor: an element beyond the last is read", "executor", (("end <= limit", "end <= limit + 1"),)),
    Mutant(
        "update: a state wraps instead of saturating",
        "core.update",
        (("Mux(total[16:] != 0, (1 << bits) - 1, total[fraction:16])", "total[fraction:16]"),),
        _UPDATE,
        quick=True,
    ),
    Mutant(
        "update: the step of the next table entry",
        "core.update",
        (("state[_DECIDED][bits - 8 :]", "state[_DECIDED][bits - 8 :] + 1"),),
        _UPDATE,
    ),
    Mutant(
        "update: the rounding constant is one too small",
        "core.update",
        (("1 << (fraction - 1))", "(1 << (fraction - 1)) - 1)"),),
        _UPDATE,
    ),
    Mutant(
        "update: a 12-bit state wraps below 0",
        "core.update",
        (("Mux(total < 0, 0,", "Mux(total < 0, total[fraction:16],"),),
        _UPDATE_12,
    ),
    Mutant(
        "update: a 16-bit state wraps above its highest value",
        "core.update",
        (("total[16:] != 0", "total[17:] != 0"),),
        _UPDATE_16,
    ),
    Mutant(
        "neuron: fires only above its threshold",
        "core.neuron",
        (("after >= limit_later", "after > limit_later"),),
        _NEURON,
        quick=True,
    ),
    Mutant(
        "neuron: a membrane wraps instead of saturating",
        "core.neuron",
        (("Mux(total[-1], full, total)", "total"),),
        _NEURON,
    ),
    Mutant("neuron: a leak is not rounded", "core.neuron", (("half = product[15]", "half = product[15] & 0"),)),
    Mutant(
        "neuron: refractory for one tick too long",
        "core.neuron",
        (("self.now >= self.until", "self.now > self.until"),),
        _NEURON,
    ),
    Mutant(
        "sequencer: inhibition lasts one tick too long",
        "core.datapath",
        (("self.tick >= self._inhibited_until", "self.tick > self._inhibited_until"),),
    ),
    Mutant(
        "winners: of several ready neurons a higher column fires first",
        "core.winners",
        (("found, low, high = mask[:half].any()", "found, low, high = ~mask[half:].any()"),),
    ),
    Mutant(
        "winners: of equal membranes the right one wins",
        "core.winners",
        (("(right.v > left.v)", "(right.v >= left.v)"),),
        geometry=1,
    ),
    Mutant(
        "winners: ties by margin go by membrane",
        "core.membranes",
        (('neuron.margin if g.tie == "margin" else neuron.potential', "neuron.potential"),),
        geometry=3,
    ),
    Mutant(
        "neuron: a margin is that to the threshold without its own part",
        "core.neuron",
        (("self.margin.eq(after - limit_later)", "self.margin.eq(after - self.threshold)"),),
        _NEURON,
    ),
    Mutant(
        "update: a cell gets its pulse too often",
        "core.update",
        (("(self.random_next[:16] >= self.chances[:16])", "(self.random_next[:16] > self.chances[:16])"),),
        _UPDATE,
    ),
    Mutant(
        "update: lots are drawn for the host's own pulses",
        "core.update",
        (("~self.chances[16] & ~self.driven", "~self.chances[16]"),),
        geometry=3,
    ),
    Mutant(
        "sequencer: what is taken from all thresholds wraps",
        "core.datapath",
        (("Mux(taken[-1], 0xFFFFFFFF, taken)", "taken"),),
        geometry=3,
    ),
    Mutant(
        "sequencer: a spike takes nothing from the other thresholds",
        "core.datapath",
        (("self.threshold - self.lowered[16:]", "self.threshold"),),
        geometry=3,
    ),
    Mutant(
        "row times: a presentation remembers the one before",
        "core.row_times",
        (("tag.eq(Mux(tag == last, 1, tag + 1))", "tag.eq(1)"),),
    ),
    Mutant(
        "row times: tags run out and nothing is cleared",
        "core.row_times",
        (("self.busy.eq(tag == last)", "self.busy.eq(0)"),),
    ),
    Mutant(
        "walk: while others are inhibited another row of cells is read",
        "core.walk",
        (("self.address.eq(self.row + Mux(only, self.only_base, 0))", "self.address.eq(self.row)"),),
    ),
    Mutant(
        "sequencer: while others are inhibited the first neurons are looked at for the one that fires",
        "core.sequencer",
        (("self._group.eq(Mux(walk.alone, self._exempt_group, 0))", "self._group.eq(0)"),),
    ),
    Mutant(
        "sequencer: neurons that were ready before fire when inhibition is switched off",
        "core.sequencer",
        (("m.Elif(self._alone | (self._group == g.groups - 1))", "m.Elif(self._group == g.groups - 1)"),),
    ),
    Mutant(
        "crossbar: a state of another lane is programmed",
        "core.crossbar",
        (("chosen_lane(m, states.value, self.lane,", "chosen_lane(m, states.value, self.lane ^ 1,"),),
        commands=120,
    ),
    Mutant(
        "encoder: a code of zero may spike",
        "core.encoder",
        (("never = ~self.latency_code & (", "never = ~self.latency_code & 0 & ("),),
    ),
    Mutant(
        "encoder: random numbers are drawn while a row goes onto its list",
        "core.waiting",
        (("self.draw.eq(self.flow & self.valid)", "self.draw.eq(self.valid)"),),
        geometry=1,
        commands=60,
    ),
    Mutant(
        "encoder: a row that is due beyond the calendar spikes when it is looked at",
        "core.encoder",
        (("far.eq(wait > g.slots)", "far.eq(0)"),),
    ),
    Mutant(
        "encoder: a waiting time is not rounded down",
        "core.waiting",
        (("coarse >> fine", "(coarse >> fine) + 1"),),
    ),
    Mutant(
        "encoder: a logarithm is not interpolated",
        "core.waiting",
        (("lost.eq(slope * rests[1])", "lost.eq(0)"),),
    ),
    Mutant(
        "encoder: a tick begins before the last one's plans are made",
        "core.encoder",
        (('with m.State("PLAN"), m.If(~self.planning):', 'with m.State("PLAN"):'),),
    ),
    Mutant(
        "history: the end of a presentation is not noted",
        "core.history",
        (("with m.If(self.end):", "with m.If(self.end & 0):"),),
        quick=True,
    ),
    Mutant(
        "history: entries are written over before they are taken",
        "core.history",
        (("waiting >= self._depth - 1", "waiting >= self._depth"),),
        geometry=1,
    ),
    Mutant(
        "image: a pixel beyond the last row is written",
        "core.image",
        (
            (
                "with m.If(self._beyond):\n            self._refuse(m)",
                "with m.If(self._beyond & 0):\n            self._refuse(m)",
            ),
        ),
    ),
    Mutant(
        "image: a run of black pixels is one too short",
        "core.image",
        (("with m.If(self._number == 1 << SHORT):", "with m.If(self._number <= (1 << SHORT) + 1):"),),
    ),
    Mutant(
        "flca: a state is lost at positive voltage",
        "core.flca",
        (("(change < 0) & ~negative[2]", "(change < 0) & 0"),),
        _FLCA,
    ),
    Mutant(
        "flca: a state wraps instead of saturating",
        "core.flca",
        (("Mux(total >> self._bits != 0, (1 << self._bits) - 1, total)", "total"),),
        _FLCA,
    ),
    Mutant(
        "flca: a change is not rounded",
        "core.flca",
        (("(change + (1 << 15)) >> 16", "change >> 16"),),
        _FLCA_16,
    ),
)
