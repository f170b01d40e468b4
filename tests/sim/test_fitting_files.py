"""What `hil fit` reads: files of measurements, and those that are refused."""

import numpy as np
import pytest
from measured_trains import HEAD, step_train, write

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform
from sim.fitting import catalogue
from sim.fitting.files import load_csv
from sim.fitting.fitting import Noise, fit


def test_a_train_is_read_with_polarity_rest_comments_and_columns_in_any_order(tmp_path):
    file = write(
        tmp_path,
        "# made by hand\nconductance_S,width_s,pulse,polarity,voltage_V,rest_s,operator\n"
        "1e-6,0,0,+,0,0.5,me\n2e-6,1e-3,1,1,1.5,0.2,me\n\n1.5e-6,2e-3,2,-,1.2,0.1,me\n",
    )
    m = load_csv(file)
    assert m.kind == "train"
    assert m.voltage.tolist() == [0, 0, 1.5, 0, -1.2, 0]
    assert m.duration.tolist() == [0, 0.5, 1e-3, 0.2, 2e-3, 0.1]
    assert m.conductance.tolist() == [1e-6, 2e-6, 1.5e-6]
    assert m.time == pytest.approx([0.5, 0.701, 0.803])
    assert m.axis.tolist() == [0, 1, 2]
    assert m.amplitudes(1).tolist() == [1.5]
    assert m.amplitudes(-1).tolist() == [1.2]


def test_a_decay_and_a_sweep_are_known_by_their_columns(tmp_path):
    m = load_csv(write(tmp_path, "time_s,conductance_S\n0.5,1e-6\n1.5,2e-6\n"))
    assert (m.kind, m.duration.tolist()) == ("decay", [0.0, 1.0])
    m = load_csv(write(tmp_path, "time_s,voltage_V,current_A\n1,0.5,1e-6\n2,0.001,1e-6\n3,-0.5,-2e-6\n"))
    assert (m.kind, m.seen.tolist()) == ("sweep", [0, 2])
    assert m.conductance.tolist() == [2e-6, 4e-6]
    assert m.duration.tolist() == [1.0, 1.0, 1.0]


REFUSED = [
    ("", "is empty"),
    (HEAD, "is empty"),
    ("pulse,height_cm,width_s,colour\n1,1,1,1\n", "known are pulse, width; a train has pulse, voltage_V, width_s"),
    ("time_s,volts\n1,1\n", "known are time, voltage; a sweep has voltage_V, current_A and time_s"),
    (HEAD + "1,1,1e-3,nan\n", "no readings cannot be fitted"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,-1e-6\n", "line 3: conductance_S is -1e-6, it must be > 0"),
    (HEAD + "1,1,1e-3,0\n", "conductance_S is 0, it must be > 0"),
    (HEAD + "1,1,-1e-3,1e-6\n", "width_s is -1e-3, it must be >= 0"),
    (HEAD + "1,inf,1e-3,1e-6\n", "voltage_V is 'inf', an instrument's code for no reading; what drove"),
    (HEAD + "1,one,1e-3,1e-6\n", "voltage_V is 'one', not a number"),
    (HEAD + "1,1\n", "line 2: 2 values, but 4 columns are named"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,1e-6,7\n", "line 3: 5 values, but 4 columns are named"),
    (HEAD + "# a comment\n1,1,,1e-6\n", "line 3: width_s is empty; what drove the cell there is not known"),
    (HEAD + "1,9.91E37,1e-3,1e-6\n", "voltage_V is '9.91E37', an instrument's code for no reading"),
    (HEAD + "1,1,9.9E37,1e-6\n", "width_s is '9.9E37', an instrument's code"),
    (HEAD + ",1,1e-3,1e-6\n", "pulse is empty; number the pulses"),
    (HEAD + "1,1,1e-3,10e6\n", "conductance_S is 10e6, beyond 1000 S: is the column in another unit than S"),
    (HEAD + "1,2e5,1e-3,1e-6\n", "voltage_V is 2e5, beyond 10000 V"),
    (HEAD + "1,1,1e-3," + "7" * 5000 + "\n", r"conductance_S is '7{20}\.\.\. \(5,000 letters\)', not a number"),
    (HEAD + "1,1,1e-3,1_000\n", "'1_000', not a number"),
    (HEAD + "1,1,1e-3," + "x" * 140_000 + "\n", "line 2: a cell of more than 131,072 letters"),
    (HEAD + '1,1,1e-3,1e-6\n"' + "y" * 140_000, "line 3: a cell of more than 131,072 letters"),
    (HEAD + "1,1,1e-3,1e-6\n2,1,1e-3,\0\n", "line 3: a NUL byte"),
    ("pulse,voltage_V,width_s,conductance_S,voltage_V\n1,1,1,1,1\n", "columns 2 and 5 are both called 'voltage_V'"),
    ("time_s,voltage_V,current_A\n1,,1e-6\n2,1,1e-6\n", "line 2: voltage_V is empty; what drove the cell"),
    ("time_s,voltage_V,current_A\n9.91e37,1,1e-6\n2,1,1e-6\n", "line 2: time_s is '9.91e37', an instrument's code"),
    ("time_s,voltage_V,current_A\n1,1,9.9e37\n2,1,NaN\n", "no readings cannot be fitted; give at least 2"),
    (HEAD + "1,1,1e-3,1e-6\n", "1 reading cannot be fitted"),
    (HEAD.replace("pulse,", "pulse,polarity,") + "1,1,-1.0,1e-3,1e-6\n2,1,1,1e-3,1e-6\n", "they must agree"),
    (HEAD.replace("pulse,", "pulse,polarity,") + "1,2,1.0,1e-3,1e-6\n", "polarity is 2, it must be 1 or -1"),
    ("time_s,conductance_S\n1,1e-6\n1,1e-6\n", "must be above the one before"),
    ("time_s,voltage_V,current_A\n1,1,-1e-6\n2,1,1e-6\n", "no positive conductance"),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as caught:
        load_csv(write(tmp_path, text))
    assert "\n" not in str(caught.value)


CODES = ["9.91e37", "-9.91E+37", "9.9E37", "+9.9e+37", "199.999E+99", "9.91e307", "7E22", "NaN", "nan",
         "inf", "-inf", "", "1e400"]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_a_code_for_no_reading_is_dropped_and_told_and_its_line_drives_the_cell(tmp_path, code):
    m = load_csv(write(tmp_path, HEAD + f"1,1,1e-3,1e-6\n2,1.5,2e-3,{code}\n\n3,-1,1e-3,2e-6\n4,-1,1e-3,{code}\n"))
    assert m.voltage.tolist() == [1, 0, 1.5, 0, -1, 0, -1, 0]
    assert m.duration.tolist() == [1e-3, 0, 2e-3, 0, 1e-3, 0, 1e-3, 0]
    assert m.seen.tolist() == [1, 5]
    assert (m.conductance.tolist(), m.axis.tolist()) == ([1e-6, 2e-6], [1, 3])
    shown = code.upper() or "empty"
    dropped = f"2 readings of conductance_S dropped, no reading of the instrument ({shown} x 2): lines 3, 6"
    unlike = "positive pulses are not identical (1 to 1.5 V): nonlinearities are against their number, not comparable "
    assert m.notes == (dropped, f"{unlike}with those of identical pulses")
    m = load_csv(write(tmp_path, f"time_s,voltage_V,current_A\n1,1,1e-6\n2,0.9,{code}\n3,1,3e-6\n"))
    assert (m.voltage.tolist(), m.duration.tolist(), m.seen.tolist()) == ([1, 0.9, 1], [1, 1, 1], [0, 2])
    assert m.notes == (f"1 reading of current_A dropped, no reading of the instrument ({shown}): line 3",)
    m = load_csv(write(tmp_path, f"time_s,conductance_S\n1,1e-6\n2,{code}\n{code},5e-6\n4,2e-6\n"))
    assert (m.time.tolist(), m.conductance.tolist()) == ([0, 3], [1e-6, 2e-6])
    assert [note.rpartition(": ")[2] for note in m.notes] == ["line 4", "line 3"]


def test_lines_that_say_nothing_are_left_out_and_told(tmp_path):
    m = load_csv(write(tmp_path, HEAD + "1,1,1e-3,1e-6\nnan,,NaN,9.91e37\n,,,\n2,1,1e-3,2e-6\n"))
    assert m.voltage.tolist() == [1, 0, 1, 0]
    assert m.notes == ("2 lines without any value left out: 3-4",)


def test_columns_that_nobody_reads_may_be_called_alike_and_hold_anything(tmp_path):
    m = load_csv(write(tmp_path, "x,x,time_s,conductance_S\n9e99,a,1,1e-6\n,,2,2e-6\n"))
    assert (m.conductance.tolist(), m.notes) == ([1e-6, 2e-6], ())


def sweep_with_codes(file, codes, seed=3):
    """A VTEAM loop with 0.5 % noise; at some lines the instrument had no reading."""
    truth = {"v_on": -0.7, "v_off": 0.7, "k_on": -20.0, "k_off": 20.0, "alpha_on": 2.0, "alpha_off": 2.0,
             "r_on": 1e4, "r_off": 2e5, "x0": 0.9}  # fmt: skip
    v = 1.5 * np.sin(np.linspace(0, 4 * np.pi, 241))[1:]
    with open_device("sim:vteam", **truth) as device:
        r = device.apply(Waveform.samples(v, dwell=1e-2, measure=True))
    i = r.currents[:, 0] * (1 + 0.005 * np.random.default_rng(seed).standard_normal(len(v)))
    cells = [f"{x:.8g}" for x in i]
    for line, code in codes.items():
        cells[line - 2] = code
    text = "".join(f"{t:.8g},{x:.8g},{c}\n" for t, x, c in zip(r.time, v, cells, strict=True))
    file.write_text("time_s,voltage_V,current_A\n" + text)
    return truth


def test_a_loop_with_codes_gives_the_truth(tmp_path):
    truth = sweep_with_codes(
        tmp_path / "loop.csv", {22: "9.91E+37", 71: "-9.91E+37", 140: "NaN", 141: "", 210: "199.999E+99"}
    )
    m = load_csv(tmp_path / "loop.csv")
    assert m.notes[0].endswith("lines 22, 71, 140-141, 210")
    result = fit(catalogue.model("vteam", m), Noise(0.005), profile=False)
    for e in result.estimates:
        name = e.parameter.name
        assert abs(e.value - truth[name]) < 3.0 * e.error, name
    assert result.values["v_off"] == pytest.approx(0.7, rel=0.01)
    assert result.values["r_on"] == pytest.approx(1e4, rel=0.005)


def test_a_binary_file_and_none_at_all_are_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="is no text file"):
        load_csv(tmp_path / "x.csv")
    with pytest.raises(InputError, match="no data file"):
        load_csv(tmp_path / "nowhere.csv")


def test_fewer_readings_than_parameters_are_refused():
    m = step_train({"alpha": 0.1, "alpha_dep": 0.1, "g_min": 1e-6, "g_max": 1e-5, "w0": 0.1}, count=8)
    with pytest.raises(InputError, match="8 readings cannot tell the 9 parameters of NL-HB; give more than 9"):
        fit(catalogue.model("nlhb", m))
    assert fit(catalogue.model("lhb", m), profile=False).names


@pytest.mark.parametrize(("name", "words"), [("nlhbb", "did you mean 'nlhb'"), ("prodromakis", "no model")])
def test_an_unknown_model_is_refused(name, words):
    with pytest.raises(InputError, match=words):
        catalogue.model(name, step_train({"alpha": 0.1, "alpha_dep": 0.1, "g_min": 1e-6, "g_max": 1e-5, "w0": 0.1}))
