"""The log of exchanges: every byte, at once on disk, nothing lost when the process is killed."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from echo_instrument import EchoInstrument

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from instruments.link import command_log
from instruments.link.command_log import CommandLog
from instruments.link.errors import LinkTimeout, ProtocolError
from instruments.link.link import Link
from instruments.virtual.faults import Fault
from instruments.virtual.server import Server


def test_every_exchange_is_logged(tmp_path):
    path = tmp_path / "commands.log"
    with Server(EchoInstrument()) as server, CommandLog(path) as log:
        with Link.open(server.resource, timeout=0.2, log=log) as link:
            link.write(":SOUR:VOLT 0.1")
            link.query("*IDN?")
            server.faults.next(Fault.DROP)
            with pytest.raises(LinkTimeout):
                link.query(":ECHO? 1")
            server.faults.next(Fault.GARBAGE, data=b"\xff\\\x00", matching=":ECHO? 2")
            with pytest.raises(ProtocolError):
                link.query(":ECHO? 2")
        assert [entry[3:] for entry in log.entries[:5]] == [
            ("!", "open"), (">", ":SOUR:VOLT 0.1"), (">", "*IDN?"), ("<", "MEMHIL,ECHO,0,1"), (">", ":ECHO? 1"),
        ]  # fmt: skip
        assert {entry.resource for entry in log.entries} == {server.resource}
        assert log.sent == server.instrument.messages
        assert "ÿ\\\x00" in log.received
        assert log.entries[-1].text == "close"
    lines = path.read_text("ascii").splitlines()
    assert lines == log.lines
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \d+\.\d{6} TCPIP::\S+ [<>!] [ -~]+", line), line
    clock = [entry.monotonic for entry in log.entries]
    assert clock == sorted(clock)


def test_file_is_appended_to(tmp_path):
    path = tmp_path / "commands.log"
    for text in ("one", "two"):
        with CommandLog(path) as log:
            log.add("A", ">", text)
    log.add("A", ">", "after the end")
    assert CommandLog(path).sent == ["one", "two"]


@pytest.mark.parametrize("text", ["", " ", "a\nb\r", "\\n", "µ", " > ", '"quoted"', "\x00"])
def test_text_survives(text):
    log = CommandLog.memory()
    log.add("USB0::0x05E6::0x2450::04 5::INSTR", "<", text)
    (entry,) = log.entries
    assert (entry.resource, entry.direction, entry.text) == ("USB0::0x05E6::0x2450::04 5::INSTR", "<", text)
    assert "\n" not in log.lines[0]


def test_memory_keeps_the_last_lines():
    log = CommandLog.memory(kept=3)
    for n in range(5):
        log.add("A", ">", str(n))
    assert log.sent == ["2", "3", "4"]


def test_nothing_is_lost_by_a_kill(tmp_path):
    path = tmp_path / "commands.log"
    code = (
        "import sys; from instruments.link.command_log import CommandLog; log = CommandLog(sys.argv[1])\n"
        "for n in range(10**9): log.add('A', '>', str(n)); print(n, flush=True)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline():
            pass
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        told = [line for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    kept = CommandLog(path).sent
    assert kept == [str(n) for n in range(len(kept))]
    assert len(kept) >= int(told[-1]) + 1 > 100


def test_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(InputError, match="no/such"):
        CommandLog(Path("no/such/folder/commands.log"))


def test_a_full_disk_keeps_no_message_from_the_instrument_and_stops_the_next_train(tmp_path, monkeypatch):
    """The output goes off in the middle of a train whose log has no room; the log is whole once there is room again."""
    path = tmp_path / "commands.log"
    uri = f"visa:virtual?model=2450&dut=sim:rram&i_max=1e-3&v_max=2&watchdog=false&log={path}"
    train = Waveform.train(0.5, width=2e-3, period=4e-3, count=3, measure=True)
    with open_device(uri) as device:
        device.apply(train)
        instrument = device.bench.smu.instrument
        write = os.write

        def full(file, data):
            if full.left <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            count = write(file, bytes(data[: full.left]))
            full.left -= count
            return count

        full.left = 150
        monkeypatch.setattr(command_log.os, "write", full)
        device.apply(train)
        assert not instrument.output
        sent = len(device.smu._line.log._waiting)
        with pytest.raises(InputError, match=r"commands.log cannot be written: no space left on device"):
            device.apply(train)
        assert len(device.smu._line.log._waiting) == sent > 0  # not one message more
        assert not instrument.output
        full.left = 10**9
        device.apply(train)
    lines = path.read_text("ascii").splitlines()
    assert lines == CommandLog(path).lines
    assert [entry.monotonic for entry in CommandLog(path).entries] == sorted(
        e.monotonic for e in CommandLog(path).entries
    )
    assert sum("INIT" in text for text in CommandLog(path).sent) == 3
