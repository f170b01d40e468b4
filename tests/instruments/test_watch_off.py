"""What sessions tell in their log, the emergency off that it makes possible, and `hil lab check`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from instruments.link.command_log import CommandLog
from instruments.link.events import Journal, SessionState, SwitchOff, note, output_on
from instruments.safety.lock import ResourceLock, holder
from instruments.virtual.catalogue import make
from instruments.virtual.server import Server
from instruments.watch.emergency import UNCONFIRMED, emergency_off
from instruments.watch.looking import locked

# ---- the log


def test_the_journal_follows_a_log_as_it_grows(tmp_path):
    order = SwitchOff(
        "TCPIP::h::1::SOCKET", [":ABOR", 'print("a\\b")'], "scpi", "SYST:ERR?", {"terminator": "\r\n"}, "c"
    )
    path = tmp_path / "commands.log"
    journal = Journal(path)
    assert journal.follow() == {}
    with CommandLog(path) as log:
        line = type("Line", (), {"log": log, "resource": order.resource})()
        log.add(order.resource, "!", "open")
        note(line, order.line())
        log.add(order.resource, ">", "! output on, 99 pulses")
        log.add(order.resource, "<", "x ! output on, 99 pulses")
        assert journal.follow()[order.resource].order == order
        note(line, output_on(12, 500))
        state = journal.follow()[order.resource]
        assert (state.output, state.pulses, state.pulses_max, state.trains) == (True, 12, 500, 1)
        note(line, "compliance in 3 of 10 readings")
        with path.open("a") as torn:
            torn.write("2026-11-30T19:43:24.270329Z 1.0 TCPIP::h::1::SOCK")
        assert journal.follow()[order.resource].tripped == 3
        with path.open("a") as torn:
            torn.write("ET ! output off\n")
        assert not journal.follow()[order.resource].output
        note(line, output_on(15, None))
        assert journal.follow()[order.resource].pulses == 15
        log.add(order.resource, "!", "close")
        assert not journal.follow()[order.resource].open
    path.write_text("")
    assert journal.follow() == {}, "another log in its place"


# ---- emergency


def session(server, part="channel 1", **more):
    order = SwitchOff(server.resource, ["OUTP OFF"], "scpi", "SYST:ERR?", {}, part)
    return SessionState(server.resource, open=True, output=True, order=order, **more)


def test_an_output_that_a_dead_session_left_on_is_switched_off(tmp_path, monkeypatch):
    monkeypatch.setattr("instruments.watch.emergency.PERSISTENCE", 0.4)
    with Server(make("2450")) as server:
        server.instrument.handle("OUTP ON")
        (said,) = emergency_off(tmp_path, [session(server)])
        assert not server.instrument.output and "the output is off, the instrument answers; no process" in said
        lone = session(server)
    (said,) = emergency_off(tmp_path, [lone])
    assert UNCONFIRMED in said and "by hand" in said
    assert emergency_off(tmp_path, []) == ["no session of an instrument is open: there is nothing to switch off"]


def test_a_process_that_hangs_is_killed(tmp_path):
    """One that is stopped (SIGSTOP) hears nothing but SIGKILL."""
    with Server(make("2450")) as server:
        server.instrument.handle("OUTP ON")
        holding = (
            "import sys,time\nfrom instruments.safety.lock import ResourceLock\n"
            "lock=ResourceLock(sys.argv[1],'channel 1'); print('held',flush=True); time.sleep(60)"
        )
        process = subprocess.Popen([sys.executable, "-c", holding, server.resource], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"held\n"
        assert holder(server.resource, "channel 1") == process.pid
        os.kill(process.pid, signal.SIGSTOP)
        (said,) = emergency_off_of(tmp_path, server)
        assert "SIGKILL" in said and not server.instrument.output
        assert process.wait(5) == -signal.SIGKILL
        process.stdout.close()
        assert holder(server.resource, "channel 1") is None


def emergency_off_of(tmp_path, server):
    """With a lock of the run that is held, as that of a run that goes on."""
    from filelock import FileLock

    with FileLock(tmp_path / "lock"):
        return emergency_off(tmp_path, [session(server)])


def test_another_runs_process_is_left_alone(tmp_path):
    (tmp_path / "lock").touch()
    with Server(make("2450")) as server, ResourceLock(server.resource, "channel 1"):
        server.instrument.handle("OUTP ON")
        (said,) = emergency_off(tmp_path, [session(server)])
        assert "of another run" in said and server.instrument.output


def test_the_systems_table_tells_whether_a_lock_is_held(tmp_path):
    from filelock import FileLock

    file = tmp_path / "lock"
    if not Path("/proc/locks").exists():
        pytest.skip("this system has no table of locks")
    assert locked(file) is False
    with FileLock(file):
        assert locked(file) is True
    assert locked(file) is False


# ---- check


def test_check_asks_and_changes_nothing(hil):
    with Server(make("2450")) as server:
        before = server.instrument.handle(":SOUR:VOLT:ILIM?")
        heard = []
        handle = server.instrument.handle
        server.instrument.handle = lambda message: (heard.append(message), handle(message))[1]
        code, out, err = hil("lab", "check", server.resource, "--v-max", "1.5", "--i-max", "100e-6", "--json", "-")
        rows = {row["name"]: row for row in json.loads(out)["rows"]}
        assert code == 0, err
        assert (rows["driver"]["value"], rows["output"]["value"], rows["link"]["value"]) == ("2450", "off", "ok")
        assert rows["limits of the sample"]["value"] == "possible" and rows["terminals"]["value"] == "front"
        assert heard and all("?" in message for message in heard), "questions alone"
        server.instrument.handle = handle
        assert handle(":SOUR:VOLT:ILIM?") == before
        handle("OUTP ON")
        code, _, err = hil("lab", "check", server.resource)
        assert code == 2 and "output ON" in err and server.instrument.output, "it is left as it is"
        code, _, err = hil("lab", "check", server.resource, "--i-max", "5")
        assert code == 2 and "i_max = 5 A" in err and err.count("\n") == 1
    code, _, err = hil("lab", "check", "TCPIP::127.0.0.1::1::SOCKET")
    assert code == 2 and "cannot connect" in err
