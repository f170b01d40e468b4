"""The device under test against circuit theory: Ohm's law, current limits, sneak paths, relaxation."""

import numpy as np
import pytest

from hil.backends import open_device
from hil.errors import InputError
from instruments.virtual.dut import Dut
from instruments.virtual.network import PortDrive
from instruments.virtual.source import Capability, Channel

FIXED = "sim:rram?g_min=1e-5&g_max=1e-4"


def resistance(dut):
    return 1 / dut.truth.conductance[0, 0]


@pytest.mark.parametrize(
    "series, contact, four_wire", [(0, 0, False), (1e3, 0, False), (1e3, 2e3, False), (1e3, 2e3, True)]
)
def test_ohms_law_with_series_and_contact_resistance(series, contact, four_wire):
    dut = Dut(open_device(FIXED), series=series, contact=contact)
    level = np.array([0.5, -0.25, 0.0, 0.9])
    seen = dut.play(level, np.full(4, 1e-3), four_wire=four_wire)
    total = resistance(dut) + series + (0 if four_wire else contact)
    np.testing.assert_allclose(seen.current, level / total, rtol=1e-12)
    np.testing.assert_array_equal(seen.voltage, level)
    assert not seen.tripped.any()
    assert dut.clock == pytest.approx(4e-3, rel=1e-12) and dut.truth.time == pytest.approx(4e-3, rel=1e-12)


def test_compliance_clamps_the_current_of_either_sign():
    dut = Dut(open_device(FIXED), series=1e3)
    seen = dut.play([0.5, -0.5, 0.01], [1e-3] * 3, compliance=1e-6)
    np.testing.assert_allclose(seen.current, [1e-6, -1e-6, 0.01 / (resistance(dut) + 1e3)], rtol=1e-12)
    np.testing.assert_allclose(seen.voltage[:2], [1e-6 * (resistance(dut) + 1e3), -1e-6 * (resistance(dut) + 1e3)])
    assert seen.tripped.tolist() == [True, True, False]


def test_series_resistance_lets_a_switching_cell_follow_the_circuit_equation():
    """dphi/dt = A V R(phi) / (R(phi) + Rs) for D = 0: integrated here by a fine classical Runge-Kutta."""
    dut = Dut(open_device("sim:flca?D=0&R=1000,1e6&phi0=0"), series=2e3)
    seen = dut.play([1.0], [5e-3])

    def rate(phi):
        m = 1000 + 1e6 * phi
        return m / (m + 2e3)

    phi, h = 0.0, 5e-3 / 2000
    for _ in range(2000):
        a = rate(phi)
        b = rate(phi + h / 2 * a)
        c = rate(phi + h / 2 * b)
        phi += h / 6 * (a + 2 * b + 2 * c + rate(phi + h * c))
    assert seen.current[0] == pytest.approx(1 / (1000 + 1e6 * phi + 2e3), rel=1e-4)


def test_cell_in_compliance_sees_the_voltage_of_a_current_source():
    """With |I| = Ic the cell sees Ic M(phi): dphi/dt = Ic (R0 + R1 phi), an exponential."""
    dut = Dut(open_device("sim:flca?D=0&R=1000,1e6&phi0=0"))
    seen = dut.play([5.0], [1e-4], compliance=1e-4)
    phi = 1000 / 1e6 * np.expm1(1e-4 * 1e6 * 1e-4)
    assert seen.tripped[0] and seen.current[0] == pytest.approx(1e-4, rel=1e-9)
    assert seen.voltage[0] == pytest.approx(1e-4 * (1000 + 1e6 * phi), rel=1e-5)


def test_volatile_cell_decays_exponentially_while_time_passes():
    dut = Dut(open_device("sim:flca?kind=volatile&D=50&R=100,1e6"))
    dut.play([1.0], [2e-3])
    excess = [resistance(dut) - 100]
    for _ in range(3):
        dut.advance(0.01)
        excess.append(resistance(dut) - 100)
    np.testing.assert_allclose(np.array(excess) / excess[0], np.exp(-50 * 0.01 * np.arange(4)), rtol=1e-9)
    assert dut.clock == pytest.approx(2e-3 + 0.03)


def test_sneak_paths_of_open_lines():
    """2 x 2 equal cells, HI on row 0, LO on column 0: R in parallel with three in series."""
    dut = Dut(open_device(FIXED + "&rows=2&cols=2"))
    dut.connect({0}, {2})
    r = resistance(dut)
    assert dut.play([0.3], [1e-3]).current[0] == pytest.approx(0.3 * (1 / r + 1 / (3 * r)), rel=1e-12)
    dut.connect({0}, {2, 3})
    assert dut.play([0.3], [1e-3]).current[0] == pytest.approx(0.3 * 2 / r, rel=1e-12)
    dut.connect({2}, {0, 1})
    assert dut.play([0.3], [1e-3]).current[0] == pytest.approx(0.3 * 2 / r, rel=1e-12), "wired the other way round"


def test_two_ports_play_at_once():
    """Half-select: +V/2 on the row, -V/2 on the column, which only together reach the threshold."""
    dut = Dut(open_device("sim:rram?alpha=0.1"))
    dut.connect({0}, {}, "1")
    dut.connect({1}, {}, "2")
    before = resistance(dut)
    tracks = {"1": ([0.6], [1e-3]), "2": ([0.0, -0.6, 0.0], [2e-4, 6e-4, 2e-4])}
    seen = dut.play_together(tracks)
    after = resistance(dut)
    assert after < before, "the cell saw 1.2 V"
    np.testing.assert_allclose(seen["2"].current, [-0.6 / before, -1.2 / after, -0.6 / after], rtol=1e-12)
    np.testing.assert_allclose(seen["1"].current, [0.6 / after], rtol=1e-12)
    assert dut.clock == pytest.approx(1e-3)


def test_a_level_held_from_message_to_message_is_one_pulse_until_the_output_is_off():
    """Whatever is measured meanwhile; off and on again, in no time at all, is another one."""
    dut = Dut(open_device("sim:rram?alpha=0.1&w0=0"))
    channel = Channel(dut, "1", Capability((2.0,), (1e-2,), 1.05, 1e-9))
    for pulses in (1, 2, 3):
        channel.set_level(1.2)
        channel.switch(True)
        for _ in range(3):
            channel.measure(1e-3)
            channel.set_level(1.2)
        assert dut.truth.weights[0, 0] == pytest.approx(0.1 * pulses)
        channel.switch(False)
        assert dut.clock == pytest.approx(7e-3 * pulses), "no time passed with the output off"


@pytest.mark.parametrize("series", [0.0, 2e3])
def test_the_spread_of_a_pulse_is_that_of_its_source_level(series):
    """Behind a series resistance the voltage of the cell moves with its state, in as many steps as that takes."""
    ends = []
    for pieces in (1, 16):
        dut = Dut(open_device("sim:flca?D=0&R=1000,1e6&c2c=0.3&seed=4"), series=series)
        dut.play([1.0] * pieces, [1e-2 / pieces] * pieces)
        dut.play([0.0, 1.0], [1e-3, 1e-2])
        ends.append(resistance(dut))
    assert ends[1] == pytest.approx(ends[0], rel=1e-3)


def test_two_ports_on_one_line_are_refused():
    dut = Dut(open_device("sim:rram"))
    dut.connect({0}, {1}, "2")
    with pytest.raises(InputError, match="line 0"):
        dut.play_together({"1": ([0.1], [1e-3]), "2": ([0.1], [1e-3])})


def test_faults_of_the_contact():
    dut = Dut(open_device(FIXED))
    dut.port("1").contact_open = True
    assert dut.play([0.5], [1e-3], compliance=1e-3).current[0] == 0
    dut.port("1").contact_open, dut.port("1").contact_short = False, True
    seen = dut.play([0.5], [1e-3], compliance=1e-3)
    assert seen.current[0] == 1e-3 and seen.tripped[0] and seen.voltage[0] == 0
    assert dut.truth.weights[0, 0] == 0.5, "no voltage reached the cell"


def test_noise_has_the_rms_that_was_asked_for():
    dut = Dut(open_device(FIXED), noise=1e-8, relative_noise=1e-3, seed=3)
    seen = np.array([dut.measured(1e-5) for _ in range(4000)])
    assert seen.mean() == pytest.approx(1e-5, abs=5e-10)
    assert seen.std() == pytest.approx(np.hypot(1e-8, 1e-8), rel=0.05)


def test_standing_drives_go_on_while_time_passes():
    dut = Dut(open_device("sim:flca?D=0&R=100,1e6"))
    dut.standing["1"] = PortDrive(0.5, 1.0)
    dut.advance(1e-3)
    assert resistance(dut) == pytest.approx(100 + 1e6 * 0.5e-3, rel=1e-9)


@pytest.mark.parametrize("bad", [{"series": -1}, {"contact": np.inf}, {"noise": np.nan}, {"relative_noise": -0.1}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Dut(open_device("sim:rram"), **bad)


def test_bad_calls_are_refused():
    dut = Dut(open_device("sim:rram"))
    with pytest.raises(InputError, match="line 2"):
        dut.connect({2}, {0})
    with pytest.raises(InputError, match="backwards"):
        dut.advance(-1)
    with pytest.raises(InputError, match="duration"):
        dut.play([0.1], [0.0])
