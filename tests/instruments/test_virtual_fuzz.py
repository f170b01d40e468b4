"""Thousands of lines that nobody would send: no connection is lost, nothing hangs, every number stays finite."""

import random
import socket

import numpy as np
import pytest

from hil.backends import open_device
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

NUMBERS = [
    "0", "1", "-1", "2", "3", "0.5", "-0.7", "1e-3", "1e-6", "1e-9", "1e3", "1e5", "1e6", "1e9", "-1e300", "1e400",
    "9.9e37", "9" * 400, "0x" + "f" * 300, ".5", "5.", "1e", "1.2.3",
]  # fmt: skip
LUA_NUMBERS = [*NUMBERS, "0/0", "1/0", "-1/0", "0^-1", "(-8)^(1/3)", "10^999", "nil", "true", "'1'", "{}", "{1,2}", "x"]
SMU = ["smua", "smub", "smuc"]
PATHS = [
    "source.levelv",
    "source.limiti",
    "source.rangev",
    "source.output",
    "source.delay",
    "source.func",
    "source.offmode",
    "source.autorangev",
    "measure.nplc",
    "measure.rangei",
    "measure.count",
    "measure.interval",
    "measure.delay",
    "sense",
    "trigger.count",
    "trigger.arm.count",
    "trigger.arm.stimulus",
    "trigger.source.stimulus",
    "trigger.source.action",
    "trigger.source.limiti",
    "trigger.measure.action",
    "trigger.measure.stimulus",
    "trigger.endpulse.action",
    "trigger.endpulse.stimulus",
    "trigger.endsweep.action",
    "nvbuffer1.appendmode",
    "nvbuffer1.n",
    "nothing.here",
]
CALLS = [
    "S.measure.i(B)", "S.measure.v()", "S.measure.iv(B, B)", "S.measure.r(N)", "S.trigger.source.listv({N, N, N})",
    "S.trigger.source.linearv(N, N, N)", "S.trigger.measure.iv(B, B)", "S.trigger.measure.i(B)", "B.clear()",
    "S.trigger.initiate()", "waitcomplete()", "S.reset()", "S.abort()", "delay(N)", "S.contact.check()",
    "printbuffer(N, N, B, B.readings)", "print(N, S.PATH)", "ConfigPulseVMeasureI(S, N, N, N, N, N, N, B, N)",
    "InitiatePulseTest(N)", "print(errorqueue.next())", "trigger.timer[N].reset()", "trigger.generator[1].assert()",
    "print(next(_G, N))", "x = getmetatable(S)", "print(next(x))", "for k, v in pairs(x) do print(k) end",
    "table.insert(x, N, N)", "x = table.concat({N, N}, N)", "print(tostring(N) .. tonumber(N))", "x = #x",
    "format.data = N", "print(B.readings[N], B[N])", "status.reset()", "print(status.operation.sweeping.condition)",
]  # fmt: skip
BLOCKS = [
    "{0}", "{0} {1}", "for i = N, N do {0} end", "for i = 1, N, N do {0} {1} end", "while N do {0} end",
    "repeat {0} until N", "if N < N then {0} else {1} end", "do local x = N {0} end", "x = {N, [N] = N, y = N}",
    "x = N .. N {0}", "x = x .. x {0}", "if N then while true do {0} break end end", "x.N = N", "x[N] = N {0}",
]  # fmt: skip
HEADERS = [
    ":SOUR:VOLT", "SOUR:VOLT:RANG", ":SOUR:VOLT:ILIM", ":SOUR:VOLT:MODE", ":SOUR:LIST:VOLT", ":SOUR:LIST:VOLT:APP",
    ":SENS:CURR:PROT", ":SENS:CURR:RANG", ":SENS:CURR:NPLC", ":SENS:CURR:RANG:AUTO", ":OUTP", ":OUTP2", ":OUTP:SMOD",
    ":TRIG:COUN", ":ARM:COUN", ":TRIG2:TRAN:DEL", ":TRIG:TIM", ":TRIG:SOUR", ":TRIG:ACQ:DEL", ":INIT", ":READ", ":FETC",
    ":FETC:ARR:CURR", ":MEAS", ":CONF:CURR", ":ABOR", "*RST", "*CLS", "*ESE", "*SRE", "*OPC", "*WAI", "*STB", "*ESR",
    ":TRAC:DATA", ":TRAC:MAKE", ":TRAC:DEL", ":TRAC:CLE", ":TRAC:POIN", ":TRAC:FEED:CONT", ":FORM:ELEM", ":SYST:ERR",
    ":SOUR:SWE:VOLT:LIST", ":SOUR:SWE:VOLT:LIN", ":SOUR:PULS:TR:VOLT", ":SOUR:PULS:SWE:VOLT:LIST", ":SOUR:FUNC:SHAP",
    ":SOUR:PULS:WIDT", ":SOUR:PULS:DEL", ":SOUR:CLE:AUTO", ":SOUR:DEL", ":SOUR:VOLT:PROT", ":ROUT:TERM", ":SYST:RSEN",
    ":TRIG:BLOC:SOUR:STAT", ":TRIG:BLOC:MEAS", ":TRIG:BLOC:WAIT", ":TRIG:BLOC:DEL:CONS", ":TRIG:BLOC:BRAN:COUN",
    ":TRIG:BLOC:BRAN:ALW", ":TRIG:BLOC:CONF:NEXT", ":TRIG:BLOC:CONF:REC", ":TRIG:BLOC:NOT", ":TRIG:TIM1:DEL",
    ":TRIG:TIM1:COUN", ":TRIG:TIM1:STAT", ":TRIG:TIM1:STAR:STIM", ":TRIG:TIM1:STAR:GEN", ":TRIG:STAT", ":ROUT:CLOS",
    ":ROUT:OPEN", ":ROUT:OPEN:CARD", ":ROUT:FUNC", ":SOUR:CONF:LIST:STOR", ":SOUR:CONF:LIST:REC", ":NO:SUCH",
]  # fmt: skip
PARAMETERS = [
    *NUMBERS, "nan", "inf", "ON", "OFF", "MIN", "MAX", "DEF", "LIST", "FIX", "SWE", "PULS", "NEXT", "AINT", "TIM",
    "TIM1", "NOT1", "NONE", "VOLT,CURR", "(@1)", "(@1,2)", "(@00101)", "(@00101:01448)", "(@", '"defbuffer1"', "'x'",
    '"VoltCustomSweepList"', '"CURR"', "PROT2", "REAR", "FRON", "ACON", "ALL", "", '"', "(", ",",
]  # fmt: skip


def lua_line(rng):
    def filled(text):
        for word, choices in (("PATH", PATHS), ("S", SMU), ("B", ["smua.nvbuffer1", "smub.nvbuffer2", "S"]),
                              ("N", LUA_NUMBERS)):  # fmt: skip
            parts = text.split(word)
            text = parts[0] + "".join(rng.choice(choices) + part for part in parts[1:])
        return text

    def simple():
        if rng.random() < 0.4:
            return f"{rng.choice(SMU)}.{rng.choice(PATHS)} = {rng.choice(LUA_NUMBERS)}"
        return filled(rng.choice(CALLS))

    line = filled(rng.choice(BLOCKS)).replace("{0}", simple()).replace("{1}", simple())
    return _damaged(line, rng)


def scpi_line(rng, headers):
    units = []
    for _ in range(rng.randint(1, 3)):
        given = ",".join(rng.choice(PARAMETERS) for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3, 5, 11))))
        units.append(f"{rng.choice(headers)}{rng.choice(('', '', '?'))} {given}".strip())
    return _damaged(";".join(units), rng)


def _damaged(line, rng):
    """Now and then a character is lost, doubled or another."""
    while line and rng.random() < 0.1:
        k = rng.randrange(len(line))
        line = line[:k] + rng.choice(("", line[k] * 2, chr(rng.randrange(32, 256)))) + line[k + 1 :]
    return line.replace("\n", " ")


def finite(instrument, dut):
    """Everything that a number of ours has become."""
    channels = [smu.channel for smu in getattr(instrument, "smus", getattr(instrument, "units", []))]
    channels += [instrument.channel] if hasattr(instrument, "channel") else []
    values = [dut.clock, *dut.truth.conductance.ravel()]
    for channel in channels:
        values += [channel.level, channel.compliance, channel.nplc]
    return bool(np.isfinite(values).all())


LINES = 2500
"""For each of the models: 15 000 in all."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("model", ["2602B", "2636B", "2400", "2461", "B2902A", "B2201A"])
def test_no_line_breaks_the_bench(model, monkeypatch):
    # A tenth of the usual budget: most endless lines end by it, and there are many.
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 100_000)
    rng = random.Random(f"fuzz {model}")
    dut = Dut(open_device("sim:rram?rows=2"), series=100.0)
    dut.connect({0}, {2}, "1")
    dut.connect({1}, {2}, "2")
    dut.play([0.0], [1e-3])
    instrument = make(model, dut)
    tsp = model.startswith("26")
    # Mostly what the model knows: an undefined header ends a message.
    headers = HEADERS if tsp else [h for h in HEADERS if instrument._find(h.lstrip(":"))] * 9 + HEADERS
    with Server(instrument, "socket") as server:
        host, port = server.resource.split("::")[1:3]
        with socket.create_connection((host, int(port)), timeout=60) as client, client.makefile("rb") as answers:
            for n in range(LINES):
                line = lua_line(rng) if tsp else scpi_line(rng, headers)
                # An instrument that waits for a trigger hears ABOR alone; *IDN? is answered whatever a program did.
                closing = "abort\n*IDN?\n" if tsp else ":ABOR\n*IDN?\n"
                client.sendall(f"{line}\n{closing}".encode("latin-1"))
                while (answer := answers.readline()) and answer.strip().decode("latin-1") != instrument.identity:
                    pass
                assert answer and server.error is None, (n, line)
                assert finite(instrument, dut), (n, line)
                if n % 50 == 49:
                    instrument.reset()
