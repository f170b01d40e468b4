"""Whatever is asked of two channels: no terminal, and no difference of two, ever goes beyond the sample's limits."""

from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pair_device import pair

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from instruments.link.errors import ComplianceError, ContactError
from instruments.virtual.catalogue import make
from instruments.virtual.dut import Dut
from instruments.virtual.server import Server

V_MAX = 1.0

fitting = st.sampled_from([1e-3, 1e-3, 2e-3, 3e-3, 1.5])
durations = st.lists(fitting, min_size=5, max_size=5) | st.lists(
    fitting | st.sampled_from([1e-5, 3.7e-4, 2.5e-3, 7e-3]), min_size=5, max_size=5
)
magnitudes = st.floats(0.05, 0.6 * V_MAX) | st.sampled_from([0.5 * V_MAX, V_MAX, 1.001 * V_MAX])
volts = st.builds(lambda v, up: v if up else -v, magnitudes, st.booleans())
SIZES = [(1, 1), (3, 1), (2, 2)]


class Record:
    """What stood at the terminals of a virtual bench, whoever asked for it: nothing of it comes from a plan.

    Attributes
    ----------
    worst : float
        Largest voltage of HI 1, HI 2, their difference, and of any cell, V, an output that is off being at 0 V.
    heard, driven : int
        Messages, and steps with an output away from 0 V.
    """

    def __init__(self, device):
        self.instrument, self.dut = device.bench.smu.instrument, device.bench.dut
        self.begin()
        self._step, self._handle = self.dut._step, self.instrument.handle
        self.dut._step, self.instrument.handle = self.step, self.handle

    def begin(self):
        self.worst, self.heard, self.driven = 0.0, 0, 0

    def look(self, a, b, cells=0.0):
        self.worst = max(self.worst, abs(a), abs(b), abs(a - b), float(np.max(np.abs(cells))))
        self.driven += bool(a or b)

    def channels(self):
        parts = self.instrument.smus if hasattr(self.instrument, "smus") else self.instrument.units
        return [part.channel for part in parts]

    def step(self, network, duration):
        """The network's own solution: terminals, and the voltage across every cell."""
        now, on = self._step(network, duration), [one.output for one in self.channels()]
        terminals = iter([one.voltage for one in now])
        lines, (rows, cols) = network.solution.potential, self.dut.truth.cells
        self.look(
            *(next(terminals) if one else 0.0 for one in on), lines[:rows, None] - lines[None, rows : rows + cols]
        )
        return now

    def handle(self, message):
        """Also what a message sets without a step."""
        answer = self._handle(message)
        self.look(*(one.level if one.output else 0.0 for one in self.channels()))
        self.heard += 1
        return answer


@pytest.fixture(scope="module")
def watched():
    """Devices by model and size, each with the record of its bench."""
    with ExitStack() as stack:
        known = {}

        def get(model, size):
            if (model, size) not in known:
                rows, cols = size
                device = stack.enter_context(pair(model, v_max=V_MAX, rows=rows, cols=cols, gaps="true", serial="true"))
                known[model, size] = device, Record(device)
            return known[model, size]

        yield get


@st.composite
def waveforms(draw, size):
    """Rows at one voltage or 0 V, columns at another or 0 V, or floating; sometimes of more voltages than there are."""
    row, col = draw(volts), draw(volts)
    more = [draw(volts)] if draw(st.integers(0, 9)) == 0 else []
    single = size == (1, 1)
    count = draw(st.integers(1, 5))

    def lines(n, v):
        if single:
            return st.lists(volts | st.just(0.0), min_size=n, max_size=n)
        floating = [np.nan] if draw(st.integers(0, 3)) == 0 else []
        return st.lists(st.sampled_from([0.0, v, v, *more, *floating]), min_size=n, max_size=n)

    rows, cols = ([draw(lines(n, v)) for _ in range(count)] for n, v in zip(size, (row, col), strict=True))
    measured = draw(st.just([False] * count) | st.lists(st.booleans(), min_size=count, max_size=count))
    steps = [
        Waveform.pulse(*levels, width=width, measure=measure)
        for *levels, width, measure in zip(rows, cols, draw(durations)[:count], measured, strict=True)
    ]
    apart = Waveform.rest(0.06, *size) if draw(st.sampled_from([True, True, False])) else Waveform.rest(1e-3, *size)[:0]
    return Waveform.concat([step + apart for step in steps])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("model", "examples"),
    [("B2902A", 40), *(pytest.param(model, 300, marks=pytest.mark.slow) for model in ("2602B", "B2902A"))],
)
def test_no_plan_puts_a_terminal_or_a_difference_beyond_the_limits(watched, model, examples, size):
    device, record = watched(model, size)
    played = []

    @settings(max_examples=examples, deadline=None)
    @given(waveform=waveforms(size))
    def holds(waveform):
        across = np.nan_to_num(np.abs(waveform.rows[:, :, None] - waveform.cols[:, None, :]))
        record.begin()
        try:
            device.apply(waveform)
        except InputError:
            assert record.heard == 0, "a waveform that is refused sends nothing"
        else:
            assert across.max() <= V_MAX * (1 + 1e-9)
            played.append(record.driven > 0)
        assert record.worst <= V_MAX * (1 + 1e-9)
        assert not device.bench.smu.instrument.output

    holds()
    print(f"{model}, {size}: {sum(played)} of {examples} drove the sample")
    assert sum(played) >= examples / 10, "of the waveforms that came up, some drove the sample"
    if device.bench.matrix is not None:
        assert device.bench.matrix.instrument.hot_switches == 0


@pytest.mark.parametrize(("model", "channels"), [("2602B", 2), ("2450", 1)])
def test_a_dry_run_says_how_many_trains_there_are_and_what_is_between_them(model, channels):
    read = Waveform.pulse(0.1, width=1e-3, measure=True) + Waveform.rest(1e-3)
    whole = (read + Waveform.pulse(0.8, width=1e-3) + Waveform.rest(1e-3)) * 700 + Waveform.rest(2.0) + read
    with pair(model=model, channels=channels) as device:
        lines = [line for line in device.explain(whole) if line.startswith("# ")]
        trains = [line for line in lines if line.startswith("# train ")]
        count = len(trains)
        assert count == 3 and trains[0].startswith("# train 1 of 3: segments 0 to 249")
        assert all("the instrument holds no more in one train; then outputs off" in line for line in trains[:1])
        assert "a long rest" in trains[1] and "cut behind" not in trains[2]
        assert "# 0.001 s at 0 V" in lines, "cut at a rest"
        response = device.apply(whole)
        assert len(response.currents) == 701 and device.bench.dut.truth.conductance > 0


@pytest.mark.parametrize("model", ["2602B", "B2902A"])
def test_a_lost_sense_lead_of_either_channel_is_found_at_little_more_than_the_read_voltage(model):
    more = {"four_wire": "true", "overvoltage": 250, "sense_check": "true", "v_read": 0.1}
    pulse = Waveform.pulse(0.5, -0.3, width=2e-3, measure=True)
    for lost in (1, 2):
        with pair(model, dut="sim:rram;g_min=1e-3;g_max=2e-3", v_max=1.0, **more) as device:
            dut, whole = device.bench.dut, device.smu.settings
            g, seen = dut.truth.conductance.item(), currents_of_each_step(dut)
            dut.port(str(lost)).sense_open = True
            for _ in range(2):
                with pytest.raises(ContactError, match=f"a sense lead of channel {lost} is off"):
                    device.apply(pulse)
            assert max(map(max, seen)) == pytest.approx(0.15 * g, rel=1e-4), "1.5 times the current of a read"
            # The lead is put back: the session goes on with the settings that were asked for.
            dut.port(str(lost)).sense_open = False
            assert device.apply(pulse).currents.item() == pytest.approx(0.8 * g, rel=1e-3)
            assert device.smu.settings == whole


def currents_of_each_step(dut):
    """Magnitudes of the currents of all ports, step by step, A, from now on."""
    seen, step = [], dut._step

    def spied(network, duration):
        now = step(network, duration)
        seen.append([abs(one.current) for one in now])
        return now

    dut._step = spied
    return seen


@contextmanager
def leaking(model, leak, **words):
    """A cell of 0.1 mS between both channels, and one of 5 mS from the terminal of channel `leak` to LO."""
    size, wires = {1: ("cols=2", ({0}, {1}, {2})), 2: ("rows=2", ({0}, {2}, {1}))}[leak]
    with open_device(f"sim:rram?g_min=1e-5&g_max=1e-2&{size}") as device:
        weights = (np.array([1e-4, 5e-3]) - 1e-5) / (1e-2 - 1e-5)
        device.restore(device.snapshot() | {"weight": weights.reshape(device.snapshot()["weight"].shape)})
        np.testing.assert_allclose(device.conductance.ravel(), [1e-4, 5e-3], rtol=1e-6)
        dut, (first, second, low) = Dut(device), wires
        dut.connect(first, low, "1")
        dut.connect(second, low, "2")
        dut.play([0.0], [1e-3])
        with Server(make(model, dut)) as server:
            words = {"channels": 2, "watchdog": "false"} | words
            uri = f"visa:{server.resource}?" + "&".join(f"{k}={v}" for k, v in words.items())
            with open_device(uri) as session:
                yield session, dut, server.instrument


@pytest.mark.parametrize("model", ["2602B", "B2902A"])
@pytest.mark.parametrize("leak", [1, 2])
def test_a_train_ends_where_one_channel_of_two_reaches_its_compliance(model, leak):
    """A leak from one terminal to LO takes that channel alone to its limit: the other's current is far below."""
    heights = [0.1, 0.2, 0.5, 0.2, 0.2]
    pulses = [Waveform.pulse(v / 2, -v / 2, width=2e-3) + Waveform.rest(2e-3) for v in heights]
    words = {"i_max": 1e-3, "v_max": 1.0, "v_read": 0.01, "abort_on_compliance": "true"}
    with leaking(model, leak, **words) as (device, dut, instrument):
        seen = currents_of_each_step(dut)
        with pytest.raises(ComplianceError, match=r"reached in segments 4 to 5 .* 2 more excursions .* are left out"):
            device.apply(Waveform.concat(pulses))
        both = np.array([pair for pair in seen if len(pair) == 2]).max(axis=0)
        assert both[leak - 1] == pytest.approx(1e-3, rel=1e-2)
        assert both[2 - leak] < 1e-4, "the other channel was nowhere near its own"
        assert not instrument.output
        device.apply(Waveform.concat(pulses[:2]))
