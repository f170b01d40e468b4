"""Whatever is asked of two channels: no terminal, and no difference of two, ever goes beyond the sample's limits."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pair_device import pair

from hil.errors import InputError
from hil.waveform import Waveform

V_MAX = 1.0

levels = st.sampled_from([0.0, 0.0, 0.3, -0.3, 0.5, -0.5, 0.7, 1.0, -1.0, 1.05])
durations = st.sampled_from([1e-5, 1e-4, 3.7e-4, 1e-3, 2e-3, 1.5])


@pytest.fixture(scope="module")
def watched():
    """Devices of two sizes, and for each the largest voltage between any two of HI 1, HI 2 and LO."""
    with pair(v_max=V_MAX, gaps="true") as cell, pair(v_max=V_MAX, rows=2, cols=2, gaps="true", serial="true") as array:
        yield {(1, 1): (cell, spy_on(cell)), (2, 2): (array, spy_on(array))}


def spy_on(device):
    """Also between messages: what stands at outputs that are on, an output that is off being at 0 V."""
    instrument, dut, seen = device.bench.smu.instrument, device.bench.dut, [0.0]

    def look(levels_now):
        a, b = levels_now
        seen[0] = max(seen[0], abs(a), abs(b), abs(a - b))

    step, handle = dut._step, instrument.handle

    def stepped(network, duration):
        on = [smu.channel.output for smu in instrument.smus]
        wanted = iter(network.wanted.tolist())
        look([next(wanted) if one else 0.0 for one in on])
        return step(network, duration)

    def handled(message):
        answer = handle(message)
        look([smu.channel.level if smu.channel.output else 0.0 for smu in instrument.smus])
        seen.append(message)
        return answer

    dut._step, instrument.handle = stepped, handled
    return seen


@st.composite
def waveforms(draw, lines):
    count = draw(st.integers(1, 5))
    rows, cols = ([[draw(levels) for _ in range(n)] for _ in range(count)] for n in lines)
    length = [draw(durations) for _ in range(count)]
    return Waveform.samples(rows, cols, dwell=length, measure=draw(st.booleans()))


@pytest.mark.parametrize("lines", [(1, 1), (2, 2)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_plan_puts_a_terminal_or_a_difference_beyond_the_limits(watched, lines, data):
    device, seen = watched[lines]
    waveform = data.draw(waveforms(lines))
    seen[:] = [0.0]
    across = np.abs(waveform.rows[:, :, None] - waveform.cols[:, None, :]).max()
    try:
        device.apply(waveform)
    except InputError:
        assert len(seen) == 1, "a waveform that is refused sends nothing"
    else:
        assert across <= V_MAX
    assert seen[0] <= V_MAX * (1 + 1e-9)
    assert not device.bench.smu.instrument.output


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
