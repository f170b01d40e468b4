"""Every signal that asks to end is heard at any moment, keeps what was done, and is answered by how to go on."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from hil.runs.interrupt import Interrupted, StopRequest, Terminated, stop_signals, terminate
from hil.runs.stopping import resumable

LONG = ["train", "stdp", "--seeds", "1", "--epochs", "40", "--set", "train.batch=16", "--run", "cut"]


def begin(folder, words, *, ignored=(), **streams):
    """Start `hil`, with signals ignored as a shell's `&` or `nohup` leaves them."""

    def ignore():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
    process = subprocess.Popen(
        [sys.executable, "-c", "from hil.cli.main import main; main()", *words], cwd=folder, preexec_fn=ignore, **given
    )
    until = time.monotonic() + 120
    while not (folder / "cut" / "metrics.jsonl").exists():
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("number", "ignored"),
    [
        (signal.SIGHUP, []),
        (signal.SIGTERM, []),
        (signal.SIGINT, [signal.SIGINT]),  # what a script starts with &
    ],
)
def test_a_training_stops_and_says_how_to_go_on(tmp_path, number, ignored):
    process = begin(tmp_path, LONG, ignored=ignored)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].endswith("continue with: hil train stdp --resume cut")
    assert "Traceback" not in err
    assert '"state": "stopped"' in (tmp_path / "cut" / "meta.json").read_text()
    assert (tmp_path / "cut" / "checkpoint.npz").exists()


def test_nohup_goes_on_when_the_terminal_is_closed(tmp_path):
    process = begin(tmp_path, LONG, ignored=[signal.SIGHUP])
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_training_in_a_terminal_that_is_closed_keeps_its_checkpoint(tmp_path):
    ours, theirs = pty.openpty()
    process = begin(tmp_path, LONG, stdout=theirs, stderr=theirs, stdin=theirs, start_new_session=True, text=False)
    os.close(theirs)
    os.close(ours)  # from now on every write to the terminal fails; without a shell nobody sends SIGHUP
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 130
    assert '"state": "stopped"' in (tmp_path / "cut" / "meta.json").read_text()


def test_an_ignored_hangup_is_not_heard():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert stop_signals() == (signal.SIGINT, signal.SIGTERM)
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (KeyboardInterrupt(), "interrupted; continue with: hil train wta --resume 'runs/my cell'"),
        (Terminated("SIGHUP"), "stopped by SIGHUP; continue with: hil train wta --resume 'runs/my cell'"),
        (Interrupted("the output is off"), "the output is off; continue with: hil train wta --resume 'runs/my cell'"),
    ],
)
def test_a_stop_at_any_other_moment_says_how_to_go_on(stop, words):
    states = []
    with pytest.raises(Interrupted) as told, resumable("runs/my cell", "train wta", states.append):
        raise stop
    assert str(told.value) == words
    assert states == ["stopped"]


def test_ctrl_c_while_the_results_are_read_out_says_how_to_go_on(hil, monkeypatch):
    from hil.training.stdp import StdpTraining

    monkeypatch.setattr(StdpTraining, "rows", lambda self: terminate(signal.SIGINT))
    code, _, err = hil("train", "stdp", "--seeds", 1, "--epochs", 0.1, "--run", "cut")
    assert code == 130
    assert err.splitlines()[-1] == "interrupted; continue with: hil train stdp --resume cut"
    monkeypatch.undo()


def test_a_closed_terminal_ends_a_virtual_bench(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", "from hil.cli.main import main; main()", "lab", "serve"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert "2450" in process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
