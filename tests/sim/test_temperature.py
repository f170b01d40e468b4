"""The ambient temperature of laws that have one: against what their equations say of it."""

import numpy as np
import pytest
from scipy.constants import Boltzmann, elementary_charge

from hil.backends import open_device
from hil.errors import InputError
from hil.waveform import Waveform


@pytest.mark.parametrize("temperature", [280.0, 298.0, 360.0])
def test_metastable_switches_relax_by_boltzmanns_law(temperature):
    """At 0 V the share that is on decays at 2 / (tau (1 + e^(q V / k T)))."""
    with open_device("sim:mss?x0=1", temperature=temperature) as device:
        rate = 2.0 / (1e-4 * (1 + np.exp(elementary_charge * 0.27 / (Boltzmann * temperature))))
        device.apply(Waveform.rest(0.5 / rate))
        assert device.state("x")[0, 0] == pytest.approx(0.5 + 0.5 * np.exp(-0.5), rel=1e-6)


def test_a_filament_grows_by_the_temperature_of_its_surroundings():
    """dg/dt at small gaps of field and heat: v_0 exp(-E_a / k T) sinh(gamma a_0 q v / (t_ox k T)), with R_th = 0."""
    q, k = 1.6e-19, 1.3806503e-23

    def speed(t):
        gamma = 16 - 0.8 * 1.5**3
        return 10 * np.exp(-q * 0.6 / (k * t)) * np.sinh(gamma * 0.25e-9 * q * 1.5 / (12e-9 * k * t))

    moved = {}
    for t in (280.0, 298.0, 350.0):
        with open_device("sim:stanford?gap0=1.5e-9&R_th=0", temperature=t) as device:
            width = 1e-14 / speed(t)
            device.apply(Waveform.pulse(1.5, width=width))
            moved[t] = (1.5e-9 - device.state(device.law.programmed)[0, 0]) / width
        assert moved[t] == pytest.approx(speed(t), rel=1e-3)
    assert moved[350.0] > 3 * moved[280.0]


def test_a_mott_switch_is_nearer_to_its_transition_where_it_is_warm():
    held = [
        open_device("sim:mott?u0=0.05", **({"temperature": 340 - d} if named else {"dT": d}))
        for d, named in ((43.0, True), (43.0, False), (20.0, True), (20.0, False))
    ]
    for device in held:
        device.apply(Waveform.pulse(0.45, width=1e-8))
    one, same, warm, as_warm = (device.state("u")[0, 0] for device in held)
    assert (one, warm) == (same, as_warm)
    assert warm > one


def test_a_filament_of_vacancies_sets_sooner_where_it_is_warm():
    found = []
    for t in (293.0, 340.0):
        with open_device("sim:jart-vcm", temperature=t) as device:
            before = device.state(device.law.programmed)[0, 0]
            device.apply(Waveform.pulse(-0.6, width=1e-6))
            found.append(device.state(device.law.programmed)[0, 0] / before)
    assert found[1] > found[0] > 1


@pytest.mark.parametrize(("old", "law"), [("T_0", "stanford"), ("t_0", "jart-vcm")])
def test_its_former_names_are_still_understood(old, law):
    with open_device(f"sim:{law}?{old}=310") as device:
        assert device.parameters.temperature == 310
    with pytest.raises(InputError, match="former name"):
        open_device(f"sim:{law}?{old}=310&temperature=300")


def test_a_law_without_one_says_so():
    with pytest.raises(InputError, match="temperature"):
        open_device("sim:rram?temperature=300")
    with pytest.raises(InputError, match="below t_c 340 K"):
        open_device("sim:mott?temperature=350")
