import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from hil.experiments.comparison import compare, random_pulses
from hil.limits import LimitError
from hil.runs.document import load_json
from hil.waveform import Waveform

PULSES = random_pulses(5, 3, 60, (1.0, -1.0), 1e-6, 1e-6, 0)


def test_equal_devices_do_not_differ_and_others_by_what_they_do():
    slow, same, fast = (open_device(f"sim:rram?alpha={a}", rows=5, cols=3) for a in (0.01, 0.01, 0.02))
    equal = compare((slow, same), PULSES, 20)
    assert equal.conductance.shape == (2, 21, 5, 3)
    assert equal.time[-1] == pytest.approx(PULSES.total)
    assert np.array_equal(equal.conductance[0], equal.conductance[1])
    slow.reset()
    apart = compare((slow, fast), PULSES, 1)
    change = apart.conductance[:, -1] - apart.conductance[:, 0]
    assert np.abs(change[0]).max() > 0
    assert change[1] == pytest.approx(2 * change[0], rel=1e-9)


def test_looking_does_not_cut_a_pulse():
    """Cells are read beside rests: a pulse in five segments stays one step, however many looks are asked for."""
    levels = [1.2] * 5 + [0.0] + [1.2, 1.5, 1.2]
    first, second = (open_device("sim:rram?alpha=0.01&w0=0") for _ in range(2))
    seen = compare((first, second), Waveform.samples(levels, dwell=1e-6), 9)
    assert seen.time == pytest.approx([0.0, 5e-6, 6e-6, 9e-6])
    assert first.weights[0, 0] == pytest.approx(0.02)


def test_differences_are_counted_in_steps_of_the_coarser_device():
    first, second = (open_device("sim:rram", rows=5, cols=3) for _ in range(2))
    second.set_weights(second.weights + 0.01)
    second.conductance_step = 99e-8
    rows = {(row.text, row.unit): row.value for row in compare((first, second), PULSES[:1], 1).rows()}
    assert rows["largest difference at last", "S"] == pytest.approx(99e-8)
    assert rows["largest difference at last", "steps"] == pytest.approx(1.0)


def test_nothing_is_played_that_either_device_refuses():
    first, second = open_device("sim:rram", rows=5, cols=3), open_device("sim:rram?v_max=0.4", rows=5, cols=3)
    with pytest.raises(LimitError, match=r"sim:rram: segment 0, row \d: -?0.5 V is outside"):
        compare((first, second), PULSES, 3)
    assert first.time == second.time == 0.0
    with pytest.raises(InputError, match="5 x 3 cells, sim:flca 2 x 3"):
        compare((first, open_device("sim:flca", rows=2, cols=3)), PULSES, 3)


def test_the_command_prints_draws_and_refuses(hil, tmp_path):
    both = ["--device", "sim:flca", "--device", "sim:flca?D=2"]
    code, out, err = hil("compare", *both, "--pulses", "20", "--json", "rows.json", "--out", "cells.png")
    assert code == 0
    assert "largest difference at last" in out
    assert "picture: cells.png" in err
    values = {row.text: row.value for row in load_json(tmp_path / "rows.json")}
    assert values["largest difference at last"] > 0
    assert (tmp_path / "cells.png").stat().st_size > 10_000
    code, _, err = hil("compare", "--device", "sim:flca")
    assert code == 2
    assert "--device was given 1 times: compare two devices" in err
