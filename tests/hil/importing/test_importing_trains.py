"""Trains, decays and small tables in the forms in which people have them: the numbers that were written."""

import re

import numpy as np
import pytest
from measured_files import rows, train, write

from hil.errors import InputError
from hil.importing.reader import read_file
from hil.importing.request import request

VOLTS, G = train()
NUMBER = np.arange(1, 121)
WIDTH = np.full(120, 1e-4)
PULSE = "+1.2V/-1.4V,100us"


def named(names, *columns, **form):
    return names + "\n" + rows(*columns, **form)


def reads(count=5, seed=4):
    return G[:, None] * (1 + 0.01 * np.random.default_rng(seed).standard_normal((120, count)))


FORMS = {
    "own": (named("pulse,voltage_V,width_s,conductance_S", NUMBER, VOLTS, WIDTH, G), {}),
    "amplitude and width": (
        named("Pulse #,Amplitude (V),Pulse width (us),G (uS)", NUMBER, VOLTS, 1e6 * WIDTH, 1e6 * G), {},
    ),
    "resistance": (
        named("n;V pulse (V);t pulse (ms);R (kOhm)", NUMBER, VOLTS, 1e3 * WIDTH, 1e-3 / G, delimiter=";"), {},
    ),
    "german": (
        named("Pulsnummer;Pulsspannung (V);Pulsbreite (µs);Leitwert (µS)", NUMBER, VOLTS, 1e6 * WIDTH, 1e6 * G,
              delimiter=";", decimal=","), {},
    ),
    "no header, blanks": (rows(NUMBER, 1e6 * G, delimiter=" "), {"columns": "pulse,conductance:uS", "pulse": PULSE}),
    "number and conductance": (named("Pulse number,Conductance (S)", NUMBER, G), {"pulse": PULSE}),
    "side by side": (
        named("Pulse #,LTP (uS),LTD (uS)", NUMBER[:60], 1e6 * G[:60], 1e6 * G[60:]), {"pulse": PULSE},
    ),
    "side by side, other names": (
        named("pulses\tPotentiation (nS)\tDepression (nS)", NUMBER[:60], 1e9 * G[:60], 1e9 * G[60:], delimiter="\t"),
        {"pulse": PULSE},
    ),
    "normalised, no header": (
        rows(*((G.reshape(2, 60) - 42.5e-6) / 37.5e-6), delimiter=","), {"pulse": PULSE, "window": "5uS,80uS"},
    ),
    "normalised to 0 .. 1": (
        named("pulse,conductance (a.u.)", NUMBER, (G - 5e-6) / 75e-6), {"pulse": PULSE, "window": "5uS,80uS"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_train_in_any_form_is_the_train_that_was_written(tmp_path, form):
    text, given = FORMS[form]
    file = read_file(write(tmp_path, text), request(**given))
    (cell,) = file.cells
    assert (cell.kind, len(cell)) == ("train", 120)
    assert cell["voltage"].tolist() == VOLTS.tolist()
    np.testing.assert_allclose(cell["width"], WIDTH)
    np.testing.assert_allclose(cell["conductance"], G, rtol=2e-6)
    assert not cell.stretch.any() and not cell.cycle.any() and file.warnings == ()


def test_several_currents_at_a_negative_read_voltage_are_averaged(tmp_path):
    several = reads()
    currents = [-0.1 * several[:, k] for k in range(5)]
    names = "# pulse_v,pulse_width,num_applied,meas_v,i_0,i_1,i_2,i_3,i_4"
    ones = np.ones(120)
    file = read_file(write(tmp_path, named(names, VOLTS, WIDTH, ones, -0.1 * ones, *currents, form="%.9e")))
    (cell,) = file.cells
    np.testing.assert_allclose(cell["conductance"], several.mean(axis=1), rtol=1e-7)
    np.testing.assert_allclose(cell["spread"], several.std(axis=1, ddof=1), rtol=1e-4)
    assert cell["voltage"].tolist() == VOLTS.tolist()


def test_a_line_may_stand_for_several_pulses(tmp_path):
    names, ones = "pulse_v,pulse_width,num_applied,meas_v,i", np.ones(120)
    (cell,) = read_file(write(tmp_path, named(names, VOLTS, WIDTH, 5 * ones, 0.1 * ones, 0.1 * G, form="%.9e"))).cells
    assert len(cell) == 600 and np.isfinite(cell["conductance"]).sum() == 120
    np.testing.assert_allclose(cell["conductance"][4::5], G, rtol=1e-7)
    every = named("pulse,voltage_V,width_s,conductance_S", 5 * NUMBER, VOLTS, WIDTH, G)
    (cell,) = read_file(write(tmp_path, every)).cells
    assert len(cell) == 600 and cell["pulse"].tolist() == list(range(1, 601))


def test_cells_are_never_joined(tmp_path):
    text = "device,pulse,voltage_V,width_s,conductance_S\n"
    for name, factor in (("D01", 1.0), ("D02", 1.1), ("D03", 0.9)):
        text += "".join(f"{name},{line}\n" for line in rows(NUMBER, VOLTS, WIDTH, factor * G).splitlines())
    file = read_file(write(tmp_path, text))
    assert [cell.cell for cell in file.cells] == ["D01", "D02", "D03"]
    np.testing.assert_allclose(file.cells[1]["conductance"], 1.1 * G, rtol=1e-6)
    assert any("3 cells by device: D01, D02, D03; each by itself" in sentence for sentence in file.found)
    one = read_file(tmp_path / "data.csv", request(cell="D02"))
    assert [cell.cell for cell in one.cells] == ["D02"]
    with pytest.raises(InputError, match=r"no cell 'D2'.*did you mean 'D02'"):
        read_file(tmp_path / "data.csv", request(cell="D2"))


def test_cells_of_a_crossbar_and_interleaved_lines(tmp_path):
    text = "Row,Wordline,Bitline,pulse,voltage_V,width_s,conductance_S\n"
    for k in range(120):
        for w, b in ((1, 1), (2, 7)):
            text += f"x,{w},{b},{NUMBER[k]},{VOLTS[k]},1e-4,{w * G[k]:.9g}\n"
    file = read_file(write(tmp_path, text))
    assert [cell.cell for cell in file.cells] == ["1-1", "2-7"]
    np.testing.assert_allclose(file.cells[1]["conductance"], 2 * G, rtol=1e-6)
    assert not file.cells[1].stretch.any()


def test_trains_that_begin_anew_are_stretches(tmp_path):
    twice = [np.tile(column, 2) for column in (VOLTS, WIDTH, G)]
    by_number = named("pulse,voltage_V,width_s,conductance_S", np.tile(NUMBER, 2), *twice)
    by_gap = named("pulse,voltage_V,width_s,conductance_S", np.r_[NUMBER, NUMBER + 500], *twice)
    by_name = named("run,pulse,voltage_V,width_s,conductance_S", np.repeat([1, 2], 120), np.arange(240) + 1, *twice)
    for text in (by_number, by_gap, by_name):
        (cell,) = read_file(write(tmp_path, text)).cells
        assert cell.stretch.tolist() == [0] * 120 + [1] * 120
    halves = named("pulse,voltage_V,width_s,conductance_S", np.tile(np.arange(60) + 1, 4), *twice)
    (cell,) = read_file(write(tmp_path, halves)).cells
    assert not cell.stretch.any() and cell.cycle.tolist() == [0] * 120 + [1] * 120


def test_what_is_missing_is_asked_for_with_a_command(tmp_path):
    asked = {
        FORMS["number and conductance"][0]: "--pulse +1.2V/-1.4V,100us",
        FORMS["normalised, no header"][0]: "--columns up,down --window 5uS,80uS --pulse +1.2V/-1.4V,100us",
        named("pulse,voltage_V,conductance_S", NUMBER, VOLTS, G): "--pulse 100us",
        named("pulse,voltage_V,width_s,conductance", NUMBER, VOLTS, WIDTH, 1e6 * G): "--columns conductance=4:uS",
        named("pulse,amplitude (V),width (s),current (A)", NUMBER, VOLTS, WIDTH, 0.1 * G): "--read-voltage 0.1",
        rows(NUMBER, 1e6 * G): "--columns pulse=1,conductance=2:uS --pulse +1.2V/-1.4V,100us",
    }
    for text, end in asked.items():
        with pytest.raises(InputError) as caught:
            read_file(write(tmp_path, text))
        assert str(caught.value).endswith(f"such as: hil import data.csv {end}") and "\n" not in str(caught.value)


def test_turning_points_of_many_trains_are_found_and_said(tmp_path):
    three = np.tile(G, 3)
    file = read_file(write(tmp_path, named("n,G (S)", np.arange(360) + 1, three)), request(pulse=PULSE))
    assert file.cells[0]["voltage"].tolist() == np.tile(VOLTS, 3).tolist()
    assert any("it turns at pulse 61, 121, 181, 241, 301" in sentence for sentence in file.found)


def test_a_retention_in_ohm_is_read_and_its_lines_counted(tmp_path):
    t = np.r_[0, np.geomspace(1, 3000, 40)]
    r = 2e4 * np.maximum(t, 1) ** 0.03
    bounds = np.full(41, 1.9e4), np.full(41, 3e4)
    names = "# resistance (ohms),time (s),res min,res_max"
    (cell,) = read_file(write(tmp_path, named(names, r, t, *bounds, form="%.8e"))).cells
    np.testing.assert_allclose(cell["conductance"], 1 / r, rtol=1e-7)
    np.testing.assert_allclose(cell["time"], t, rtol=1e-7)
    hours = named("Time (h),Resistance (kOhm)", t / 3600, r / 1e3, form="%.12g")
    np.testing.assert_allclose(read_file(write(tmp_path, hours)).cells[0]["time"], t, rtol=1e-9)
    held = named("time_s,V (V),I (A)", t[1:], np.full(40, 0.1), 0.1 / r[1:])
    file = read_file(write(tmp_path, held))
    assert file.kind == "decay" and any("read at 0.1 V throughout: a retention" in s for s in file.found)
    np.testing.assert_allclose(file.cells[0]["conductance"], 1 / r[1:], rtol=1e-7)


def test_small_tables(tmp_path):
    dt = np.array([5.0, 10, 20, 40, 80])
    ratio = 1 + 0.6 * np.exp(-dt / 80)
    text = named("Interval (ms),A1 (nA),A2 (nA),PPF (%)", dt, 100 + 0 * dt, 100 * ratio, 100 * ratio, form="%.12g")
    (cell,) = read_file(write(tmp_path, text)).cells
    np.testing.assert_allclose(cell["interval"], dt / 1e3)
    np.testing.assert_allclose(cell["ratio"], ratio)
    text = named("Δt (ms);ΔG/G (%)", np.r_[-dt, dt], np.r_[-dt, dt], delimiter=";", decimal=",")
    (cell,) = read_file(write(tmp_path, text)).cells
    np.testing.assert_allclose(cell["change"], np.r_[-dt, dt] / 100)
    text = named(
        "delay_s,G_before (uS),G_after (uS)", np.r_[-dt, dt] / 1e3, 10 + 0 * np.r_[dt, dt], 10 + np.r_[-dt, dt] / 20
    )
    np.testing.assert_allclose(read_file(write(tmp_path, text)).cells[0]["change"], np.r_[-dt, dt] / 200, rtol=1e-6)
    n = np.arange(1, 101)
    text = named("Cycle,R_LRS (kOhm),R_HRS (kOhm)", n, 10 + 0.01 * n, 200 - 0.1 * n)
    (cell,) = read_file(write(tmp_path, text)).cells
    np.testing.assert_allclose(cell["high"], 1e-3 / (10 + 0.01 * n), rtol=1e-7)
    np.testing.assert_allclose(cell["low"], 1e-3 / (200 - 0.1 * n), rtol=1e-7)
    for bare in ("Interval,A1,A2\n5,1,1.5\n10,1,1.2\n20,1,1.1\n", "dt (ms),dW\n-5,-20\n5,40\n10,20\n"):
        with pytest.raises(InputError, match=r"no unit.*such as: hil import data\.csv --columns"):
            read_file(write(tmp_path, bare))


ARC_ONE = """session
Sat Nov 28 10:00:00 2026
Wordline,Bitline,Resistance,Amplitude (V),Pulse width (s),Tag,ReadTag,ReadVoltage
"""


def test_arc_one_sessions(tmp_path):
    body = "".join(
        f"{w},2,{1 / (w * g):.9g},{v},0.0001,P,R2 V=0.5,0.5\n" for w in (1, 3) for v, g in zip(VOLTS, G, strict=True)
    )
    start = "".join(f"{w},2,{1 / (w * 5e-6):.9g},0.5,0,S R2 V=0.5,R2 V=0.5,0.5\n" for w in (1,))
    file = read_file(write(tmp_path, ARC_ONE + start + body))
    assert [cell.cell for cell in file.cells] == ["W1 B2", "W3 B2"]
    np.testing.assert_allclose(file.cells[0]["conductance"], np.r_[5e-6, G], rtol=1e-7)
    assert file.cells[0]["voltage"].tolist() == [0, *VOLTS]
    loop = np.r_[np.arange(0.05, 1, 0.05), np.arange(1, 0, -0.05)]
    body = "".join(f"1,1,{1e4:g},{v:.6g},0.05,CT_{'s' if k == 0 else 'i_1'},R2 V=0.5,0.5\n" for k, v in enumerate(loop))
    (cell,) = read_file(write(tmp_path, ARC_ONE + body)).cells
    assert cell.kind == "sweep"
    np.testing.assert_allclose(cell["current"], loop / 1e4, rtol=1e-5)
    np.testing.assert_allclose(cell["time"], 0.05 * np.arange(1, len(loop) + 1))
    body = "".join(f"1,1,{1e4 + k:g},0.5,0,RET_{1.7e9 + k:.1f},R2 V=0.5,0.5\n" for k in range(10))
    (cell,) = read_file(write(tmp_path, ARC_ONE + "1,1,10000,0.5,0,RET_s,R2,0.5\n" + body)).cells
    assert cell.kind == "decay" and len(cell) == 10
    both = ARC_ONE + start + "1,2,1e5,0.5,0.01,CT_i_1,R2,0.5\n"
    with pytest.raises(InputError, match=re.escape("several kinds of measurement (1 of pulses, 1 of curve tracer)")):
        read_file(write(tmp_path, both))
