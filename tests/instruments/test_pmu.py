"""A 4225-PMU over KXCI: exact messages, the maker's example sequences, what is refused, and safety without a limit."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import hil
from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.waveform import Waveform
from instruments.link.errors import AbortedTrain, InstrumentError, ProtocolError
from instruments.link.events import Journal
from instruments.pmu.segments import executions
from instruments.pmu.session import Pmu
from instruments.virtual.bench import Bench

pyvisa = pytest.importorskip("pyvisa")
pytest.importorskip("pyvisa_py")


class Wire:
    resource = "wire"

    def __init__(self, **answers):
        self.sent = []
        self.answers = {"*IDN?": "KEITHLEY INSTRUMENTS,KI4200A,1,V1.14", ":ERROR:LAST:GET": "No error. (0)"} | answers

    def query(self, text, patience=0.0):
        self.sent.append(text)
        return self.answers.get(text, "ACK")


def parts(waveform, **more):
    return executions(waveform, **{"channels": 2, "rise": 2e-8, "split": False, "narrowest": 2e-8} | more)


def test_a_pulse_is_the_makers_simple_example():
    """``simple segarb pulse``: 1 V for 1 us with edges of 100 ns, here measured by a spot mean on its flat."""
    wave = Waveform.rest(1e-6) + Waveform.pulse(1.0, width=1.1e-6, measure=True) + Waveform.rest(1.1e-6)
    (found,) = parts(wave, channels=1, rise=1e-7)
    pmu = Pmu(Wire(), channels=1, rpm=True, card=1, i_max=1e-2)
    assert pmu.messages(found) == [
        ":PMU:SARB:SEQ:TIME 1, 1, 1e-06, 1e-07, 1e-06, 1e-07, 1e-06",
        ":PMU:SARB:SEQ:STARTV 1, 1, 0, 0, 1, 1, 0",
        ":PMU:SARB:SEQ:STOPV 1, 1, 0, 1, 1, 0, 0",
        ":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 0, 0, 1, 0, 0",
        ":PMU:SARB:SEQ:MEAS:START 1, 1, 0, 0, 5e-07, 0, 0",
        ":PMU:SARB:SEQ:MEAS:STOP 1, 1, 0, 0, 9e-07, 0, 0",
        ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1",
        ":PMU:OUTPUT:STATE 1, 1",
        ":PMU:EXECUTE",
    ]
    assert Pmu(Wire(), channels=2, rpm=True, card=2, i_max=5e-5).setup(2.0) == [
        ":PMU:INIT 1",
        ":PMU:RPM:CONFIGURE PMU2-1, 0", ":PMU:SOURCE:RANGE 3, 10", ":PMU:MEASURE:RANGE 3, 2, 0.0001",
        ":PMU:LOAD 3, 1e+06",
        ":PMU:RPM:CONFIGURE PMU2-2, 0", ":PMU:SOURCE:RANGE 4, 10", ":PMU:MEASURE:RANGE 4, 2, 0.0001",
        ":PMU:LOAD 4, 1e+06",
    ]  # fmt: skip
    assert pmu.off == (":PMU:ABORT", ":PMU:OUTPUT:STATE 1, 0")


def test_overlapping_pulses_of_both_channels_keep_step():
    """Pre on the row, post on the column 300 ns later: both lines change in one list of segments."""
    levels = np.array([[1.0, 0.0], [1.0, -0.8], [0.0, -0.8]])
    wave = Waveform(np.array([3e-7, 2e-7, 3e-7]), levels[:, :1], levels[:, 1:], np.array([False, True, False]))
    (found,) = parts(wave)
    assert found.time.sum() == pytest.approx(8e-7 + 2e-8)
    np.testing.assert_allclose(found.stop[:-1], found.start[1:]), "segments join"
    assert (found.start[0] == 0).all() and (found.stop[-1] == 0).all()
    at = int(np.flatnonzero(found.measured)[0])
    assert found.start[at].tolist() == [1.0, -0.8] and found.owner[at] == 1


def test_a_regular_train_is_one_sequence_with_loops():
    train = Waveform.train(1.0, width=1e-6, period=3e-6, count=500, measure=True)
    (found,) = parts(train)
    assert found.unit() == 4
    sent = Pmu(Wire(), channels=2, rpm=True, card=1, i_max=1e-2).messages(found)
    assert ":PMU:SARB:WFM:SEQ:LIST 1, 1, 500" in sent and len(sent) == 17
    uneven = Waveform.concat([Waveform.pulse(0.01 * k, width=1e-6) + Waveform.rest(1e-6) for k in range(1, 101)])
    sent = Pmu(Wire(), channels=1, rpm=True, card=1, i_max=1e-2).messages(parts(uneven, channels=1)[0])
    assert any(text.startswith(":PMU:SARB:WFM:SEQ:LIST 1, 1, 1, 2, 1, 3, 1, 4, 1") for text in sent)
    assert all(len(text.split(",")) <= 130 for text in sent)


def test_long_rests_are_the_hosts_and_excursions_are_split():
    wave = Waveform.concat([Waveform.pulse(1.0, width=1e-3), Waveform.rest(2.0)] * 2)
    assert [part.before for part in parts(wave)] == [0.0, 2.0, 2.0]
    train = Waveform.train(1.0, width=1e-6, period=3e-6, count=3)
    found = parts(train, split=True)
    assert len(found) == 3 and all(part.measured.sum() == 1 for part in found), "measured to see the current"


@pytest.mark.parametrize(
    ("wave", "word"),
    [
        (Waveform.pulse(1.0, width=3e-8), "after the ramp"),
        (Waveform.pulse(1.0, width=1e-7, measure=True), "to measure on it"),
        (Waveform.pulse(np.nan, width=1e-6), "floating"),
        (Waveform.pulse(1.0, width=2.0), "longer than 1 s"),
        (Waveform.concat([Waveform.pulse(1e-3 * k, width=1e-6) for k in range(1, 1200)]), "one execution has 2048"),
    ],
)
def test_what_the_card_cannot_do_is_refused(wave, word):
    with pytest.raises(LimitError, match=word):
        parts(wave, narrowest=1.6e-7)


def test_another_answer_than_ack_is_an_error_with_its_code():
    wire = Wire(**{":PMU:LOAD 1, 0": "ERR", ":ERROR:LAST:GET": "Invalid load (-992)"})
    pmu = Pmu(wire, channels=1, rpm=True, card=1, i_max=1e-2)
    with pytest.raises(InstrumentError, match="Invalid load") as told:
        pmu.tell(":PMU:LOAD 1, 0")
    assert told.value.code == -992 and wire.sent[-1] == ":ERROR:LAST:CLEAR"
    with pytest.raises(ProtocolError, match="no 4200A"):
        Pmu(Wire(**{"*IDN?": "ACME"}), channels=1, rpm=True, card=1, i_max=1e-2)
    with pytest.raises(LimitError, match=r"largest range is 0\.01 A"):
        Pmu(Wire(), channels=1, rpm=True, card=1, i_max=0.1)
    assert Pmu(Wire(), channels=1, rpm=False, card=1, i_max=0.1).current_range == 0.2


@pytest.mark.parametrize("reply", ["1,2,3", "1,x,3,0", "", "1,2,3,0;1,2,3,0"])
def test_points_that_are_none_are_refused(reply):
    pmu = Pmu(
        Wire(**{":PMU:DATA:COUNT? 1": "1", ":PMU:DATA:GET 1, 0, 1": reply}), channels=1, rpm=True, card=1, i_max=1e-2
    )
    with pytest.raises(ProtocolError):
        pmu.readings(0, 1)
    with pytest.raises(ProtocolError, match="2 were measured"):
        pmu.readings(0, 2)


# ---- the virtual one, by somebody else's client


@pytest.fixture
def card():
    """What the maker's examples talk through: pyvisa with NUL at both ends."""
    with Bench("4200A", "sim:rram;g_min=1e-4;g_max=1e-3") as bench:
        manager = pyvisa.ResourceManager("@py")
        session = manager.open_resource(bench.smu.resource, timeout=3000)
        session.write_termination = session.read_termination = "\0"
        yield session, bench
        session.close()


def status_until_idle(card):
    assert card.query(":PMU:TEST:STATUS?") == "0"


def test_the_makers_segarb_examples_are_accepted(card):
    """The commands of ``simple segarb pulse`` and ``pulse IV segARB``, in their order."""
    session, bench = card
    for text in (
        ":PMU:INIT 1", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:RPM:CONFIGURE PMU1-2, 0", ":PMU:MEASURE:RANGE 1, 2, 1e-6",
        ":PMU:SARB:SEQ:TIME 1, 1, 1e-6, 1e-7, 1e-6, 1e-7, 1e-6", ":PMU:SARB:SEQ:STARTV 1, 1, 0, 0, 1, 1, 0",
        ":PMU:SARB:SEQ:STOPV 1, 1, 0, 1, 1, 0, 0", ":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 2, 2, 2, 2, 2",
        ":PMU:SARB:SEQ:MEAS:START 1, 1, 0, 0, 0, 0, 0", ":PMU:SARB:SEQ:MEAS:STOP 1, 1, 1e-6, 1e-7, 1e-6, 1e-7, 1e-6",
        ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", ":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE",
    ):  # fmt: skip
        assert session.query(text) == "ACK", text
    status_until_idle(session)
    points = int(session.query(":PMU:DATA:COUNT? 1"))
    table = [point.split(",") for point in session.query(":PMU:DATA:GET 1, 0, 2048").split(";")]
    assert len(table) == points and {len(row) for row in table} == {4}
    assert max(float(row[0]) for row in table) == pytest.approx(1.0, rel=1e-3)
    assert session.query(":PMU:OUTPUT:STATE 1, 0") == "ACK" and not bench.smu.instrument.output

    for text in (
        ":PMU:INIT 1", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:MEASURE:RANGE 1, 2, 0.2",
        ":PMU:SARB:SEQ:STARTV 1, 1, 0, 1, 1, 1.5, 1.5, 0, 0", ":PMU:SARB:SEQ:STOPV 1, 1, 1, 1, 1.5, 1.5, 0, 0, 0",
        ":PMU:SARB:SEQ:TIME 1, 1, 50e-9, 100e-9, 20e-9, 150e-9, 50e-9, 500e-9, 130e-9",
        ":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 0, 1, 0, 1, 0, 0, 0",
        ":PMU:SARB:SEQ:MEAS:START 1, 1, 0, 25e-9, 0, 50e-9, 0, 0, 0",
        ":PMU:SARB:SEQ:MEAS:STOP 1, 1, 0, 75e-9, 0, 100e-9, 0, 0, 0",
        ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", ":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE",
    ):  # fmt: skip
        assert session.query(text) == "ACK", text
    assert session.query(":PMU:DATA:COUNT? 1") == "2"
    volts = [float(point.split(",")[0]) for point in session.query(":PMU:DATA:GET 1").split(";")]
    assert volts == pytest.approx([1.0, 1.5], rel=1e-3)


def test_the_makers_pulse_train_example_is_accepted(card):
    session, _ = card
    for text in (
        ":PMU:INIT 0", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:MEASURE:RANGE 1, 2, 10e-6", ":PMU:PULSE:TRAIN 1, 0.0, 5.0",
        ":PMU:PULSE:TRAIN 2, 0, 0", ":PMU:MEASURE:MODE 2", ":PMU:PULSE:TIMES 1, 100e-6, 50e-6, 5e-6, 5e-6",
        ":PMU:PULSE:BURST:COUNT 1", ":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE",
    ):  # fmt: skip
        assert session.query(text) == "ACK", text
    status_until_idle(session)
    assert int(session.query(":PMU:DATA:COUNT? 1")) > 20 and session.query(":PMU:OUTPUT:STATE 1, 0") == "ACK"


@pytest.mark.parametrize(
    ("texts", "word"),
    [
        ([":PMU:EXECUTE"], "Initialise"),
        ([":PMU:INIT 1", ":PMU:EXECUTE"], "No output"),
        ([":PMU:INIT 1", ":PMU:SARB:SEQ:TIME 1, 1, 1e-8"], "20 ns"),
        ([":PMU:INIT 1", ":PMU:SARB:SEQ:TIME 1, 1, 2.5e-8"], "10 ns"),
        ([":PMU:INIT 1", ":PMU:SARB:SEQ:STARTV 1, 1, 11"], "range of 10 V"),
        ([":PMU:INIT 1", ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1"], "not defined"),
        ([":PMU:INIT 1", ":PMU:OUTPUT:STATE 9, 1"], "no channel 9"),
        ([":PMU:INIT 1", ":PMU:NONSENSE 1"], "Unknown"),
        ([":PMU:INIT 1", ":PMU:SARB:SEQ:TIME 1, 1, 1e-6, 1e-6", ":PMU:SARB:SEQ:STARTV 1, 1, 0, 1",
          ":PMU:SARB:SEQ:STOPV 1, 1, 0.5, 1", ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", ":PMU:OUTPUT:STATE 1, 1",
          ":PMU:EXECUTE"], "do not join"),
        ([":PMU:INIT 1", ":PMU:SARB:SEQ:TIME 1, 1, 1e-6", ":PMU:SARB:SEQ:STARTV 1, 1, 0", ":PMU:SARB:SEQ:STOPV 1, 1, 0",
          ":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 1", ":PMU:SARB:SEQ:MEAS:START 1, 1, 5e-7",
          ":PMU:SARB:SEQ:MEAS:STOP 1, 1, 2e-6",
          ":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", ":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE"], "outside its segment"),
    ],
)  # fmt: skip
def test_the_virtual_card_refuses_what_the_real_one_does(card, texts, word):
    session, _ = card
    answers = [session.query(text) for text in texts]
    assert answers[-1] != "ACK" and word in session.query(":ERROR:LAST:GET")
    assert session.query(":ERROR:LAST:CLEAR") == "ACK" and "(0)" in session.query(":ERROR:LAST:GET")


# ---- as a device


def virtual(**more):
    words = {"watchdog": "false", "threshold": "false", "v_max": 3} | more
    return open_device("pmu:virtual?" + "&".join(f"{k}={v}" for k, v in words.items()))


def test_two_lines_at_once_are_their_difference_and_the_column_tells_the_current():
    dut = "sim:rram;g_min=1e-4;g_max=1e-3"
    with virtual(dut=dut) as device:
        both = device.apply(Waveform.pulse([0.05], [-0.05], width=1e-6, measure=True))
        alone = device.apply(Waveform.pulse(0.1, width=1e-6, measure=True))
        np.testing.assert_allclose(both.currents, alone.currents, rtol=1e-6)
        assert device.limits.channels is None
    with virtual(dut=dut, channels=1) as device:
        single = device.apply(Waveform.pulse([0.05], [-0.05], width=1e-6, measure=True))
    # One 50 ohm source less is in series with the cell.
    g = alone.currents[0, 0] / 0.1
    np.testing.assert_allclose(single.currents[0, 0] / 0.1, 1 / (1 / g - 50), rtol=1e-4)


def test_safety_without_a_current_limit():
    with pytest.raises(LimitError, match=r"resistor of 2\.99e\+04 ohm"):
        open_device("pmu:virtual?v_max=3&i_max=1e-4&no_compliance=false")
    virtual(i_max=1e-4, no_compliance="false", series=29.9e3).close()
    with virtual(dut="sim:rram;g_min=1e-3;g_max=2e-3", i_max=1e-3, threshold="true") as device:
        train = Waveform.train(2.0, width=1e-5, period=2e-5, count=20, measure=True)
        with pytest.raises(AbortedTrain, match="19 more excursions are left out") as told:
            device.apply(train)
        assert np.isfinite(told.value.response.currents[0, 0]) and np.isnan(told.value.response.currents[1:]).all()
    with virtual(v_max=1.0) as device:
        with pytest.raises(LimitError):
            device.apply(Waveform.pulse([0.8], [-0.8], width=1e-6))
        with pytest.raises(LimitError, match="multiple of the time step"):
            device.apply(Waveform.pulse(0.5, width=1.005e-6))


def test_pulses_are_counted_and_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    device = "pmu:virtual?pulses_max=500&dut=sim:vteam"
    found = hil.characterize("ltp", device=device, pulses=10, cycles=1, width=1e-5, gap=1e-5, amplitude=1.0)
    assert np.isfinite(found.records["pulse_current"][1:]).any()
    (state,) = Journal(found.path / "commands.log").follow().values()
    assert state.pulses == 30 and state.pulses_max == 500 and not state.output


def test_a_killed_session_is_ended_by_its_watchdog(tmp_path):
    """SIGKILL with the outputs on: the watchdog aborts over a connection of its own."""
    with Bench("4200A", "sim:rram") as bench:
        script = (
            "import sys\nfrom hil.backends import open_device\nfrom hil.waveform import Waveform\n"
            "d = open_device(f'pmu:{sys.argv[1]}?v_max=2&i_max=1e-2&no_compliance=true')\n"
            "d.read()\nprint('ready', flush=True)\n"
            "while True: d.apply(Waveform.train(1.0, width=1e-5, period=2e-5, count=100))\n"
        )
        process = subprocess.Popen([sys.executable, "-c", script, bench.smu.resource], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        end = time.monotonic() + 10
        while not bench.smu.instrument.output and time.monotonic() < end:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        died = time.monotonic()
        while bench.smu.instrument.output and time.monotonic() < died + 3:
            time.sleep(0.02)
        assert not bench.smu.instrument.output and time.monotonic() - died < 2.5


def test_addresses():
    with pytest.raises(InputError, match="a resource is TCPIP"):
        open_device("pmu:nonsense")
    with pytest.raises(InputError, match="v_set is given"):
        virtual(dut="sim:vteam", v_set=1)
