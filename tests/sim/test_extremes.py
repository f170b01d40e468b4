"""Simulated arrays at the ends of float64 and of this machine: right, or refused in one sentence with nothing moved."""

import numpy as np
import pytest
from ideal_sources import IdealSources

from hil import needs
from hil.backends import open_device
from hil.errors import InputError
from hil.limits import LimitError
from hil.needs import NeedError
from hil.pill.protocol import PillProtocol
from hil.waveform import FLOATING, Waveform

KINDS = ["flca", "flca?kind=volatile", "flca-pair", "flca-step", "pill", "vteam", "vteam?window=biolek", "rram"]


def opened(kind, **parameters):
    return open_device(f"sim:{kind}", threads=1, **parameters)


def unmoved(device, state):
    return all(np.array_equal(state[name], array) for name, array in device.snapshot().items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1e-300, 1e6, 1e300])
@pytest.mark.parametrize("v", [1.0, -1.0])
def test_any_length_is_integrated_at_once(kind, length, v):
    """`sim:flca-pair` took for ever at 1e6 s, and held NaN after 1e300 s."""
    with opened(kind) as device:
        response = device.apply(Waveform.pulse(v, width=length, measure=True))
        end = device.conductance[0, 0]
        for array in (*device.snapshot().values(), *vars(response).values()):
            assert np.isfinite(array).all()
    mean = response.charge[0, 0] / length / v
    if length == 1e300:  # almost all of it after the cell has settled
        assert mean == pytest.approx(end, rel=1e-6)


def test_a_pair_settles_where_its_rates_vanish():
    with opened("flca-pair?preset=figure3") as device:
        device.apply(Waveform.pulse(1.0, width=1e6))
        x, y = (float(flux[0, 0]) for flux in (device.state("phi_v"), device.state("phi_n")))
    share = (100 + 1e6 * x) / (200 + 1e6 * (x + y))
    assert x == pytest.approx(share, rel=1e-9)  # D = 1 /s in both
    assert 1 - share < y < 1.01 * (1 - share)  # eq 4 holds what it went too far while phi_v still grew


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c2c", [0.0, 0.3])
def test_what_leaves_the_range_of_float64_is_refused(kind, c2c):
    with opened(kind, v_max=np.inf, c2c=c2c) as device:
        device.apply(Waveform.pulse(0.9, width=1e-3))
        state = device.snapshot()
        for measure in (True, False):
            wave = Waveform.pulse(0.5, width=1e-3, measure=True) + Waveform.pulse(1e300, width=1e300, measure=measure)
            try:
                device.apply(wave)
            except LimitError as error:
                assert "float64" in str(error) and "\n" not in str(error)
                assert unmoved(device, state)
            assert all(np.isfinite(array).all() for array in device.snapshot().values())
            device.restore(state)
        with pytest.raises(LimitError, match="float64"):
            device.apply(Waveform.pulse(1e300, width=1e300, measure=True))
        assert unmoved(device, state)


@pytest.mark.parametrize("kind", ["flca", "vteam", "rram", "flca-step"])
def test_between_floating_lines_too(kind):
    with opened(kind, v_max=np.inf, rows=2, cols=2) as device:
        state = device.snapshot()
        with pytest.raises(LimitError, match="float64"):
            device.apply(Waveform.pulse([1e300, FLOATING], [0.0, FLOATING], width=1e3, measure=True))
        assert unmoved(device, state)


def test_compiled_pairs_refuse_pulses_that_float32_does_not_bear():
    with open_device("sim:pill?inputs=3&A=1e40&threads=1") as device:
        core = device.paired(3, PillProtocol())
        state = device.snapshot()
        with pytest.raises(LimitError, match=r"a pulse of .* V s: fluxes in float32 bear 1e\+30 V s"):
            core.present(np.ones((2, 3)), np.ones((2, 1), bool))
        assert unmoved(device, state)


def test_mvm_follow_and_restore_let_nothing_in_that_is_not_finite():
    with opened("flca", v_max=np.inf) as device:
        with pytest.raises(LimitError, match=r"a current of mvm .* float64"):
            device.restore(device.snapshot()) or open_device("sim:rram?v_max=inf&g_max=1e100").mvm([[1e300]])
        with pytest.raises(LimitError, match="float64"):
            opened("flca?D=0", v_max=np.inf).follow(IdealSources(np.array([1e300]), np.zeros(1)), 1e300)
        for value in (np.nan, np.inf):
            with pytest.raises(InputError, match="snapshot array phi holds values that are not finite"):
                device.restore(device.snapshot() | {"phi": np.array([[value]])})


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sim:rram?rows=1000000000", "sim:rram: 1,000,000,000 x 1 cells would need 120 GB of memory"),
        ("sim:pill?cols=1000000000", "sim:pill: 1 x 1,000,000,000 cells would need 40 GB of memory"),
        ("sim:flca?rows=100000&cols=100000", "sim:flca: 100,000 x 100,000 cells would need 1.2 TB of memory"),
        ("fpga:golden?rows=1000000000", "rows = 1000000000 must be <= "),
    ],
)
def test_cells_that_do_not_fit_are_refused_before_they_are_made(uri, words, monkeypatch):
    monkeypatch.setattr(needs, "memory", lambda: 8e9)
    with pytest.raises(InputError) as refused:
        open_device(uri)
    assert words in str(refused.value)
    assert not uri.startswith("sim") or "this machine has 8 GB" in str(refused.value)


def test_a_read_of_too_many_rows_is_refused_as_well(monkeypatch):
    device = opened("rram?rows=100000")
    monkeypatch.setattr(needs, "memory", lambda: 8e9)
    with pytest.raises(NeedError, match=r"100,000 rows one after the other would need 240 GB"):
        device.read(1e-3)


def test_memory_is_what_is_free():
    assert 0 < needs.memory() < np.inf


@pytest.mark.parametrize("r", ["1e-300", "1e300,1", "1,1e300", "0,1", "1,-1"])
def test_coefficients_beyond_reason_are_refused(r):
    with pytest.raises(InputError, match="R0 > 0 and all others >= 0"):
        open_device(f"sim:flca?R={r}")
