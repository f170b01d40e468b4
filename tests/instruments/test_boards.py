"""Crossbar boards: the exact bytes of an ArC ONE, what is refused, and an ArC TWO through a library that is faked."""

import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from filelock import FileLock

import hil
from hil.backends import open_device
from hil.biasing import select
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.boards.arc_one import ArcOne
from instruments.boards.patterns import operations
from instruments.boards.port import BoardPort
from instruments.link.errors import AbortedTrain, ComplianceError, LinkLost, LinkTimeout, ProtocolError
from instruments.link.events import Journal
from instruments.safety.unlimited import require_resistor
from instruments.virtual.arc_one import ArcBench, VirtualArcOne
from instruments.watch.emergency import emergency_off


class Wire:
    """Keeps what is sent and answers from a list."""

    resource = "wire"

    def __init__(self, *answers):
        self.sent, self.answers = [], list(answers)

    def send(self, *words):
        self.sent.append("".join(f"{word}\n" for word in words).encode())

    def take(self, count, asked, patience=0.0):
        answer = self.answers.pop(0)
        assert len(answer) == count
        return answer

    def line(self, asked, patience=0.0):
        return self.answers.pop(0)

    def forget(self):
        pass

    def close(self):
        pass


def ohms(value):
    return struct.pack("<f", value)


def test_every_message_of_an_arc_one_is_that_of_the_makers_library():
    """libarc1 0.1.0: ``INIT``, ``INIT_ACK``, ``READ_ONE``, ``READ_ALL``, ``PULSEREAD_ONE`` of its packets."""
    wire = Wire("1", struct.pack("<2H", 1, 7), ohms(1e4), ohms(2e4), ohms(5e3), *[ohms(1e3)] * 6)
    board = ArcOne(wire, 3, 2, 0.5, scheme="V/2", read_cycles=30, wait=lambda seconds: None)
    assert wire.sent == [b"00\n", b"0\n30\n3\n2\n2\n0\n1\n0.500000\n", b"01\n2\n0.500000\n", b"999\n"]
    assert board.identity.endswith("1.7")
    wire.sent.clear()
    assert board.read(1, 0, 0.5) == pytest.approx(0.5 / 1e4)
    assert wire.sent == [b"1\n2\n1\n"], "lines are counted from 1, and the read voltage is the one that is set"
    wire.sent.clear()
    assert board.read(0, 1, -0.2) == pytest.approx(-0.2 / 2e4)
    assert wire.sent == [b"01\n3\n-0.200000\n", b"1\n1\n2\n"], "mode 3 below 0 V"
    wire.sent.clear()
    assert board.pulse(2, 1, -2.5, 100e-6, 0.2) == pytest.approx(0.2 / 5e3)
    assert wire.sent == [b"01\n2\n0.200000\n", b"3\n3\n2\n-2.500000\n0.000100\n"]
    wire.sent.clear()
    np.testing.assert_allclose(board.read_all(3, 2, 0.2), np.full((3, 2), 0.2e-3))
    assert wire.sent == [b"2\n1\n3\n2\n"]
    board.rest()
    assert wire.sent[-1] == b"00\n"


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan"), float("inf")])
def test_a_resistance_that_is_none_is_no_reading(value):
    wire = Wire("1", struct.pack("<2H", 1, 7), ohms(value))
    board = ArcOne(wire, 1, 1, 0.5, wait=lambda seconds: None)
    assert np.isnan(board.read(0, 0, 0.5))


def test_another_answer_to_the_initialisation_is_refused():
    with pytest.raises(ProtocolError, match="answers 1"):
        ArcOne(Wire("100"), 1, 1, 0.5, wait=lambda seconds: None)
    with pytest.raises(InputError, match="inactive lines by"):
        ArcOne(Wire(), 1, 1, 0.5, scheme="grounded", wait=lambda seconds: None)


def test_the_makers_own_library_talks_to_the_virtual_board(monkeypatch):
    libarc1 = pytest.importorskip("libarc1")
    serial = pytest.importorskip("serial")
    monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.02)))
    with ArcBench("sim:rram;g_min=1e-4;g_max=1e-3", 3, 2) as bench:
        conf = libarc1.ArC1Conf(words=3, bits=2, Vread=0.2, sneak_path=256)
        arc = libarc1.ArC1(bench.port, parity=serial.PARITY_NONE, config=conf)
        try:
            assert arc.firmware_version == (2, 1)
            before = arc.read_one(2, 1)
            after = [arc.pulseread_one(2, 1, 1.0, 1e-3) for _ in range(5)]
            assert before > after[0] > after[-1], "positive pulses lower the resistance"
            arc.select(2, 1)
            arc.pulse_active(-1.0, 1e-3)
            assert arc.read_one(2, 1) > after[-1]
            found = [datum for datum in arc.read_all(3, 2) if isinstance(datum, tuple)]
            assert [(w, b) for w, b, _ in found] == [(w, b) for w in (1, 2, 3) for b in (1, 2)]
        finally:
            arc.close()


# ---- what a waveform becomes


def played(waveform, scheme="V/2", **more):
    found = operations(waveform, **{"scheme": scheme, "serial": False, "gaps": False, "v_read": 0.1} | more)
    return [(o.cells, round(o.v, 9), o.measured, o.read) for o in found]


@pytest.mark.parametrize("scheme", ["V/2", "floating"])
@pytest.mark.parametrize("v", [1.0, -1.5])
def test_the_schemes_of_hil_are_those_of_the_board(scheme, v):
    pulse = select(2, 1, v, cells=(4, 3), width=1e-3, scheme=scheme)
    assert played(pulse, scheme) == [(((2, 1),), v, False, False)]
    shifted = Waveform(pulse.duration, pulse.rows - 0.25, pulse.cols - 0.25, pulse.measure)
    assert played(shifted, scheme)[0][:2] == (((2, 1),), v), "what counts as 0 V is nobody's business"


def test_with_grounded_lines_a_pulse_is_that_of_a_row():
    row = select(2, 1, 1.0, cells=(4, 3), width=1e-3, scheme="grounded")
    assert played(row, "grounded") == [(((2, 0),), 1.0, False, False)], "one pulse, whatever the column"
    with pytest.raises(LimitError, match="one row at a time"):
        played(Waveform.pulse([0.0] * 4, [1.0, 0.0, 0.0], width=1e-3), "grounded", serial=True)


def test_the_third_of_hil_is_not_that_of_the_board():
    with pytest.raises(LimitError, match="by V/3"):
        played(select(2, 1, 1.0, cells=(4, 3), width=1e-3, scheme="V/3"), "V/3")
    rows, cols = np.full(4, 1 / 3), np.full(3, 1 / 3)
    rows[2], cols[1] = 1.0, 0.0
    assert played(Waveform.pulse(rows, cols, width=1e-3), "V/3") == [(((2, 1),), 1.0, False, False)]


def test_what_the_board_cannot_do_is_refused():
    row = Waveform.pulse([1.0, 0.0], [0.0, 0.0], width=1e-3)
    with pytest.raises(LimitError, match="one cell at a time"):
        played(row)
    assert played(row, serial=True) == [(((0, 0), (0, 1)), 1.0, False, False)]
    two = Waveform.concat([select(0, 0, v, cells=(2, 2), width=1e-3) for v in (1.0, -1.0)])
    with pytest.raises(LimitError, match="gaps=true"):
        played(two)
    assert len(played(two, gaps=True)) == 2
    with pytest.raises(LimitError, match="floating"):
        played(Waveform.pulse([1.0, np.nan], [0.0, 0.0], width=1e-3))
    cut = Waveform.concat([select(0, 0, 1.0, cells=(2, 2), width=1e-3, measure=m) for m in (True, False)])
    with pytest.raises(LimitError, match="after a pulse alone"):
        played(cut)
    one = Waveform.concat([select(0, 0, 1.0, cells=(2, 2), width=1e-3, measure=m) for m in (False, True)])
    assert played(one) == [(((0, 0),), 1.0, True, False)], "two segments at one voltage are one pulse"


# ---- on the virtual board


def virtual(dut="sim:rram", **more):
    words = {"dut": dut, "v_max": 2, "v_read": 0.1} | more
    return open_device("arc:virtual?" + "&".join(f"{k}={v}" for k, v in words.items()))


@pytest.mark.parametrize("scheme", ["V/2", "V/3"])
def test_unfolding_finds_the_cells_behind_what_inactive_rows_add(scheme):
    with virtual(rows=5, cols=3, scheme=scheme, unfold="true") as device:
        truth = sample_truth(device)
        truth.put(np.linspace(2e-6, 9e-5, 15).reshape(5, 3))
        np.testing.assert_allclose(device.read(), truth.read(), rtol=2e-5)
        np.testing.assert_allclose(device.read_rows([3, 1]), truth.read()[[3, 1]], rtol=2e-5)
    with virtual(rows=5, cols=3, scheme=scheme) as device:
        part = {"V/2": 0.5, "V/3": 1 / 3}[scheme]
        truth = sample_truth(device).read()
        told = truth + part * (truth.sum(axis=0) - truth)
        np.testing.assert_allclose(device.read(), told, rtol=2e-5), "as the board tells, without it"
    with pytest.raises(InputError, match="unfold"):
        virtual(rows=2, cols=2, scheme="floating", unfold="true")


def sample_truth(device):
    """The simulated array behind a virtual board."""
    return next(c.__self__.truth for c in iterate(device) if isinstance(getattr(c, "__self__", None), ArcBench))


def iterate(device):
    return [device._forget]


def test_program_gives_each_cell_its_pulses_and_half_to_its_lines():
    with open_device("sim:threshold") as cell:
        v_set, v_reset = (1.5 * v for v in cell.thresholds)
    pulse = {"v_set": v_set, "v_reset": v_reset, "g_min": 1e-4, "g_max": 1e-3, "pulse_width": 0.1}
    with virtual("sim:threshold;v_max=8", rows=3, cols=2, scheme="V/2", unfold="true", v_max=7, **pulse) as device:
        truth = sample_truth(device)
        before = truth.read()
        counts = np.array([[5, 0], [0, -3], [0, 0]])
        device.program(counts)
        moved = np.abs(truth.read() - before) > 1e-9 * before
        assert moved[counts != 0].any() and not moved[counts == 0].any(), "V/2 is below the threshold"
        with pytest.raises(LimitError, match="scheme = V/3"):
            device.program(counts, scheme="V/3")


def test_a_measured_pulse_has_no_current_of_its_own():
    pulse = Waveform.pulse(1.0, width=1e-3, measure=True) + Waveform.rest(1e-3)
    with virtual(rows=1, cols=1) as device:
        assert np.isnan(device.apply(pulse).currents).all()
    with virtual(rows=1, cols=1, extrapolate="true") as device:
        current = device.apply(pulse).currents[0, 0]
        assert current == pytest.approx(device.read()[0, 0] * 1.0, rel=1e-6)


def test_a_short_cell_ends_the_waveform():
    train = Waveform.train(1.0, width=1e-3, period=2e-3, count=50, measure=False)
    with virtual("sim:rram;g_min=1e-4;g_max=1e-2", rows=1, cols=1, i_max=2e-4) as device:
        with pytest.raises(AbortedTrain, match="nothing limits the current"):
            device.apply(train)
        with pytest.raises(ComplianceError, match="no conductance can be read"):
            device.read()


def test_limits_hold_before_anything_is_sent():
    with virtual(rows=1, cols=1, width_max=2e-3, pulses_max=3) as device:
        heard = device.board._port.log.sent
        device.board._port.log._kept.clear()
        for waveform, word in (
            (Waveform.pulse(2.5, width=1e-3), "2.5 V"), (Waveform.pulse(1.0, width=5e-3), "width_max"),
            (Waveform.train(1.0, width=1e-3, period=2e-3, count=4), "pulses_max"),
            (Waveform.pulse(1.0, width=1.5e-6), "time step"),
        ):  # fmt: skip
            with pytest.raises(LimitError, match=word):
                device.apply(waveform)
        assert heard and not device.board._port.log.sent
        device.apply(Waveform.train(1.0, width=1e-3, period=2e-3, count=3))
        with pytest.raises(LimitError, match="pulses_max"):
            device.apply(Waveform.pulse(1.0, width=1e-3))


def test_without_a_current_limit_a_resistor_is_asked_for():
    with pytest.raises(LimitError, match=r"resistor of 2e\+04 ohm or more"):
        open_device("arc:virtual?v_max=2&i_max=1e-4&no_compliance=false")
    open_device("arc:virtual?v_max=2&i_max=1e-4&no_compliance=false&series=20e3").close()
    with pytest.raises(LimitError, match="any current"):
        require_resistor("X", 1.0, 1e-3, 0.0, 0.0, False)
    require_resistor("X", 1.0, 1e-3, 0.0, 0.0, True)
    require_resistor("X", 1.0, 1e-2, 50.0, 50.0, False)
    with pytest.raises(LimitError, match="X has no current limit"):
        require_resistor("X", 1.0, 0.99e-2, 50.0, 50.0, False)


@pytest.mark.parametrize(
    "bad", [b"junk\n1\n1\n", b"1\n0\n1\n", b"1\n9\n1\n", b"3\n1\n1\n13\n0.001\n", b"3\n1\n1\n1\n-1\n", b"1\nx\ny\n"]
)
def test_the_virtual_board_ignores_what_a_real_one_has_no_words_for(bad):
    with open_device("sim:rram?rows=2&cols=2") as cells:
        board = VirtualArcOne(cells)
        assert board.feed(b"1\n1\n1\n") == b"", "it is not initialised"
        assert board.feed(b"0\n30\n2\n2\n2\n0\n1\n0.2\n") == b"1\n"
        before = cells.conductance.copy()
        board.feed(bad)
        np.testing.assert_array_equal(cells.conductance, before)
        answer = board.feed(b"00\n0\n30\n2\n2\n2\n0\n1\n0.2\n")
        assert answer.endswith(b"1\n"), "a reset brings it back in step"


def test_a_port_that_is_not_there_or_says_nothing(tmp_path):
    with pytest.raises(LinkLost, match="cannot be opened"):
        open_device(f"arc:one?port={tmp_path}/none&v_max=1&i_max=1e-3&no_compliance=true")
    import os
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs)
    port = BoardPort(os.ttyname(theirs), baud_rate=921_600, parity="none", timeout=0.1)
    with pytest.raises(LinkTimeout, match="no line"):
        ArcOne(port, 1, 1, 0.2, wait=lambda seconds: None)
    port.close()
    port.close()
    os.close(ours), os.close(theirs)


def test_characterize_and_the_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = hil.characterize("ltp", device="arc:virtual?rows=1&cols=1&pulses_max=1000", pulses=10, cycles=1)
    rising = found.records["conductance"][(found.records["cycle"] == 0) & (found.records["polarity"] == 1)]
    assert (np.diff(rising) > 0).all() and np.isnan(found.records["pulse_current"]).all()
    (state,) = Journal(found.path / "commands.log").follow().values()
    assert state.pulses == 30 and state.pulses_max == 1000 and not state.output and not state.open


@pytest.mark.skipif(sys.platform != "linux", reason="pseudo terminals")
def test_a_killed_session_leaves_nothing_on(tmp_path):
    """The board ends each pulse itself: after SIGKILL no further one is heard."""
    with ArcBench("sim:rram", 1, 1) as bench:
        script = (
            "import sys\nfrom hil.backends import open_device\nfrom hil.waveform import Waveform\n"
            "d = open_device(f'arc:one?port={sys.argv[1]}&parity=none&rows=1&cols=1&v_max=2&i_max=1'\n"
            "                f'&no_compliance=true&log={sys.argv[2]}')\n"
            "print('ready', flush=True)\n"
            "while True: d.apply(Waveform.train(1.0, width=1e-3, period=2e-3, count=100))\n"
        )
        log = tmp_path / "commands.log"
        process = subprocess.Popen([sys.executable, "-c", script, bench.port, str(log)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        end = time.monotonic() + 10
        while sum(job == "3" for job, *_ in bench.board.heard) < 5 and time.monotonic() < end:
            time.sleep(0.01)
        with FileLock(tmp_path / "lock"):  # as that of a run that goes on
            (said,) = emergency_off(tmp_path, list(Journal(log).follow().values()))
        assert "ended by SIG" in said and "every pulse by itself" in said and "NOT" not in said
        assert process.wait(5) in (-signal.SIGTERM, 1, 130)
        process.stdout.close()
        heard = len(bench.board.heard)
        time.sleep(0.1)
        assert len(bench.board.heard) == heard
