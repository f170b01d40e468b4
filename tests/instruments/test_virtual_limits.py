"""No client can hold up the virtual bench: what a message costs is bounded, others have their turn, a stop is heard."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from hil.backends import open_device
from instruments.virtual.bench import Bench
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

SCPI_MODELS = ("2400", "2450", "2461", "B2902A", "B2201A")


def instrument(model, **options):
    return make(model, Dut(open_device("sim:rram?g_min=1e-5&g_max=1e-4"), **options))


def error(smu):
    return smu.handle(":SYST:ERR?")


@pytest.mark.parametrize("model", SCPI_MODELS[:4])
@pytest.mark.parametrize(
    "number, code",
    [("1e400", -222), ("-1e400", -222), ("9" * 5000, -222), ("9.9e37", -222), ("nan", -104), ("inf", -104),
     ("-inf", -104), ("1e", -104), ("0x10", -104), ("INFINITY", -104), ("", -109)],
)  # fmt: skip
def test_numbers_that_are_none(model, number, code):
    smu = instrument(model)
    limit = ":SENS:CURR:PROT" if model in ("2400", "B2902A") else ":SOUR:VOLT:ILIM"
    for header in (":SOUR:VOLT", limit, ":SENS:CURR:NPLC", ":SOUR:LIST:VOLT", ":SENS:CURR:RANG"):
        before = smu.handle(f"{header}?")
        assert smu.handle(f"{header} {number}") is None
        assert int(error(smu).split(",")[0]) == code, header
        assert smu.handle(f"{header}?") == before and int(error(smu).split(",")[0]) == 0


@pytest.mark.parametrize("model", SCPI_MODELS)
def test_long_suffixes_and_whole_numbers(model):
    smu = instrument(model)
    for message in ("*ESE 1e400", "*SRE " + "9" * 5000, "*ESE 1e300"):
        smu.handle(message)
        assert int(error(smu).split(",")[0]) == -222
    for message in (f":SOUR{'1' * 5000}:VOLT 1", f":OUTP{'9' * 5000} ON", f":TRIG:TIM{'3' * 5000}:DEL 1"):
        smu.handle(message)
        assert int(error(smu).split(",")[0]) in (-113, -114)
    assert smu.handle("*ESE 7;*ESE?") == "7"


ENDLESS = {
    "2450": ['TRIG:BLOC:MEAS 1, "defbuffer1", 1000000', "TRIG:BLOC:BRAN:ALW 2, 1", "INIT"],
    "2461": ['SOUR:PULS:TR:VOLT 0,1,1e-3,100000,OFF,"defbuffer1",0,1e-3', "INIT"],
    "2400": [":OUTP ON", ";".join([":TRIG:COUN 2500"] + [":INIT"] * 100)],
    "B2902A": [":TRIG:COUN 100000", ":TRIG:SOUR TIM", ":INIT (@1)"],
    "B2201A": [":CLOS (@" + ",".join(["10101:11412"] * 1000) + ")"],
}


@pytest.mark.parametrize("model", SCPI_MODELS)
def test_a_message_costs_no_more_than_its_budget(model, monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 50_000)
    smu = instrument(model)
    for message in ENDLESS[model]:
        smu.handle(message)
    assert error(smu).startswith("-200,") and "takes too long" not in error(smu)
    smu.handle(":ABOR;:OUTP OFF")
    assert smu.handle("*ESE 9;*ESE?") == "9"


def queued(smu):
    """The oldest error of a TSP instrument."""
    return smu.handle("print(errorqueue.next())").split("\t")


HOSTILE = [
    "while true do end",
    "for i = 1, 1e9 do for j = 1, 1e9 do x = i * j end end",
    "for i = 1, 1, 0 do end",
    "for i = 1, 1e6 do smua.measure.i() end",
    "s = 'x' for i = 1, 40 do s = s .. s end",
    "t = {} i = 0 while true do i = i + 1 t[i] = i end",
    "t = {} while true do table.insert(t, 1, 'x') end",
    "while true do print('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx') end",
    "for i = 1, 1e5 do smua.trigger.source.linearv(0, 1, 1e5) end",
    "for i = 1, 1e9 do delay(0) end",
    "smua.source.output = 1 smua.trigger.count = 1e5 smua.trigger.arm.count = 1e5 smua.trigger.measure.action = 1 "
    "smua.trigger.initiate() waitcomplete()",
    "trigger.timer[1].count = 0 trigger.timer[1].delay = 1e-6 trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID "
    "smua.trigger.source.stimulus = trigger.timer[2].EVENT_ID smua.trigger.initiate() waitcomplete()",
]


@pytest.mark.parametrize("line", HOSTILE)
def test_a_line_costs_no_more_than_its_budget(line, monkeypatch):
    """The budget is made small here: what counts is that every kind of work is counted."""
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 100_000)
    monkeypatch.setattr("instruments.virtual.budget.MEMORY", 1 << 20)
    smu = instrument("2602B")
    smu.handle(line)
    assert smu.handle("print(errorqueue.count)") == "1.00000e+00"
    code, text = queued(smu)[:2]
    assert float(code) == -286 and ("does not end" in text or "not enough memory" in text)
    assert smu.handle("smua.source.output = 0 print(1 + 1)") == "2.00000e+00"


def test_variables_are_dropped_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MEMORY", 1 << 20)
    monkeypatch.setattr("instruments.virtual.tsp.MEMORY", 1 << 20)
    smu = instrument("2602B")
    grow = "s{0} = '' for i = 1, 9 do s{0} = s{0} .. '{1}' end print('grown')"
    for n in range(200):
        smu.handle(grow.format(n, "x" * 9000))
    assert "s0" not in smu.scope and "smua" in smu.scope
    assert "not enough memory" in queued(smu)[1]
    assert smu.handle("print(2)") == "2.00000e+00"


def test_relays_of_a_tsp_matrix_are_counted(monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 50_000)
    smu = instrument("707B")
    for line in (
        "while true do x = channel.getclose('allslots') end",
        "channel.close('" + "1A01:1A12," * 9999 + "1B01')",
    ):
        smu.handle(line)
        assert "does not end" in smu.handle("print(errorqueue.next())")


def test_a_train_that_was_cut_off_leaves_its_limit_as_it_was(monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 20_000)
    smu = instrument("2461")
    for message in ("SOUR:VOLT:ILIM 1e-6", 'SOUR:PULS:TR:VOLT 0,1,1e-3,9999,OFF,"defbuffer1",0,1e-3,1e-3,1e-3', "INIT"):
        smu.handle(message)
    assert error(smu).startswith("-200,") and float(smu.handle("SOUR:VOLT:ILIM?")) == pytest.approx(1e-6)
    smu = instrument("2602B")
    for line in (
        "smua.source.limiti = 1e-6 smua.measure.rangei = 1e-2 smua.measure.nplc = 0.01 smua.source.output = 1",
        "ConfigPulseVMeasureI(smua, 0, 1, 1e-2, 1e-3, 1e-3, 60000, smua.nvbuffer1, 1) InitiatePulseTest(1)",
    ):
        smu.handle(line)
    assert "does not end" in smu.handle("print(errorqueue.next())")
    assert float(smu.handle("print(smua.source.limiti)")) == pytest.approx(1e-6)


def test_the_calendar_goes_on_for_ever():
    smu = instrument("2450")
    smu.channel.dut.clock = 1e15
    smu.handle("SOUR:VOLT 1e9")
    assert error(smu).startswith("-222,")


def test_b2900_readings_alternate_and_single_elements_are_answered():
    """B2910-90030 4-68 and 4-17; [:ALL] of the trigger may be left out (4-93)."""
    dut = Dut(open_device("sim:rram?rows=2&g_min=1e-5&g_max=1e-4"))
    dut.connect({0}, {2}, "1")
    dut.connect({1}, {2}, "2")
    smu = make("B2902A", dut)
    for c, count in ((1, 3), (2, 2)):
        levels = ",".join(f"0.{c}{k}" for k in range(count))
        smu.handle(f":SOUR{c}:VOLT:MODE LIST;:SOUR{c}:LIST:VOLT {levels};:TRIG{c}:COUN {count}")
    smu.handle(":FORM:ELEM:SENS SOUR;:INIT (@1,2)")
    values = smu.handle(":FETC:ARR? (@1,2)").split(",")
    assert [float(v) for v in values] == [0.1, 0.2, 0.11, 0.21, 0.12, 9.91e37] and values[-1] == "+9.910000E+37"
    conductance = dut.truth.conductance[:, 0]
    amps = [float(v) for v in smu.handle(":FETC:ARR:CURR? (@1)").split(",")]
    np.testing.assert_allclose(amps, np.array([0.1, 0.11, 0.12]) * conductance[0], rtol=1e-6)
    assert float(smu.handle(":FETC:CURR? (@2)")) == pytest.approx(0.21 * conductance[1], rel=1e-6)
    assert smu.handle(":TRIG1:ALL:COUN?") == "3" and smu.handle(":TRIG2:TRAN:COUN?") == "2"
    assert float(smu.handle(":MEAS:CURR? (@1)")) == pytest.approx(0.0)
    assert error(smu) == '+0,"No error"'
    smu.handle(":FETC:ARR? (@1,1)")
    assert error(smu).startswith("-224")


class Client:
    """A plain socket."""

    def __init__(self, server):
        host, port = server.resource.split("::")[1:3]
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self.file = self.socket.makefile("rb")

    def send(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def ask(self, text):
        self.send(text)
        return self.file.readline().decode().strip()


def test_a_client_that_sends_much_or_takes_nothing_does_not_hold_up_another():
    smu = instrument("2602B")
    handled = []
    handle = smu.handle
    smu.handle = lambda message: handled.append(message) or handle(message)
    with Server(smu, "socket") as server:
        greedy, stalled, other = Client(server), Client(server), Client(server)
        assert other.ask("*IDN?").startswith("Keithley")
        greedy.socket.sendall(b"for i = 1, 2000 do x = i end\n" * 2000)
        stalled.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                stalled.socket.sendall(b"print('" + b"x" * 1000 + b"')\n" * 500)
        assert other.ask("print('mine')") == "mine"
        assert sum(message.startswith("for") for message in handled) < 2000, "answered among the greedy one's lines"
    assert server.error is None


def test_legal_lua_and_wild_numbers_keep_the_connection():
    with Server(instrument("2602B"), "socket") as server:
        client = Client(server)
        for line in (
            "x = 0 ^ -1",
            "delay(0/0)",
            "x = 0x" + "f" * 300,
            "x = " + "+".join(["1"] * 5000),
            "x = " + "(" * 5000 + "1" + ")" * 5000,
            "smua.source.levelv = 0/0",
            "x = (-8) ^ (1/3)",
            "x = {[ipairs({})] = 1}",
            "print(1, nil, {}, print)",
        ):
            client.send(line)
        assert client.file.readline().startswith(b"1.00000e+00\tnil\ttable: 0x")
        assert client.ask("print(smua.source.levelv)") == "0.00000e+00"
    assert server.error is None


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_whatever_it_runs(end):
    command = [sys.executable, "-c", "from hil.cli.main import main; main()", "lab", "serve", "--model", "2602B"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"}, text=True)
    try:
        resource = process.stdout.readline().split()[-1]
        host, port = resource.split("::")[1:3]
        clients = [socket.create_connection((host, int(port)), timeout=10) for _ in range(2)]
        for client in clients:
            client.sendall(b"while true do x = {1, 2, 3} end\n" * 1000)
        time.sleep(0.3)
        process.send_signal(end)
        assert process.wait(timeout=30) in (0, 130, 143)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_stop_interrupts_a_line_and_the_instrument_can_be_served_again(monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 10**15)
    smu = instrument("2602B")
    with Server(smu, "socket") as server:
        Client(server).send("while true do x = 1 end")
        started = threading.Event()
        threading.Timer(0.2, started.set).start()
        started.wait()
    assert "does not end" in smu.handle("print(errorqueue.next())")
    with Server(smu, "socket") as server:
        assert Client(server).ask("print(x)") == "1.00000e+00"


def test_a_bench_closes_while_one_instrument_works_and_another_waits_for_the_device(monkeypatch):
    monkeypatch.setattr("instruments.virtual.budget.MOST_WORK", 10**15)
    bench = Bench("2602B", "sim:rram", rows=2)
    smu, matrix = Client(bench.smu), Client(bench.matrix)
    smu.send("print('begun')")
    assert smu.file.readline() == b"begun\n"
    smu.send("while true do x = 1 end")
    started = threading.Event()
    threading.Timer(0.2, started.set).start()
    started.wait()
    matrix.send("channel.close('1A01')")
    bench.close()
    assert bench.smu.instrument.handle("print(1)") == "1.00000e+00"
