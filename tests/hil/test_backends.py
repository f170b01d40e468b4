from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

import hil.backends
from hil.backends import Backend, DeviceKind, backends, open_device
from hil.cli.devices import devices
from hil.device import Device
from hil.errors import InputError
from hil.waveform import Waveform

KINDS = {f"sim:{kind.name}": kind for kind in backends()["sim"].kinds()}


def message(uri, **arguments):
    with pytest.raises(InputError) as caught:
        open_device(uri, **arguments)
    return str(caught.value)


# ---- what is on offer


@pytest.mark.parametrize("uri", KINDS)
def test_every_kind_opens_with_its_defaults(uri):
    with open_device(uri) as device:
        assert isinstance(device, Device)
        assert device.name == uri
        assert device.cells == (1, 1)
        assert np.isfinite(device.read()).all()


@pytest.mark.parametrize(("uri", "preset"), [(uri, preset) for uri, kind in KINDS.items() for preset in kind.presets])
def test_every_preset_opens_with_its_values(uri, preset):
    with open_device(f"{uri}?preset={preset}") as device:
        values = device.parameters.model_dump()
        assert KINDS[uri].presets[preset].items() <= values.items()


@pytest.mark.parametrize("uri", [uri for uri, kind in KINDS.items() if kind.presets])
def test_the_first_preset_is_the_default(uri):
    first = next(iter(KINDS[uri].presets))
    with open_device(uri) as plain, open_device(uri, preset=first) as chosen:
        assert plain.parameters == chosen.parameters


def test_every_kind_and_parameter_is_described():
    for backend in backends().values():
        assert backend.summary
        for kind in backend.kinds():
            assert kind.summary
            undescribed = [name for name, f in kind.parameters.model_fields.items() if not f.description]
            assert not undescribed


@pytest.mark.parametrize("uri", KINDS)
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_a_number_that_is_not_finite_is_refused_or_harmless(uri, value):
    fields = KINDS[uri].parameters.model_fields
    for name in [name for name, f in fields.items() if f.annotation in (float, float | None)]:
        try:
            device = open_device(f"{uri}?{name}={value}")
        except InputError as refusal:
            assert name in str(refusal)
            continue
        with device:
            assert value != "nan", f"{uri}?{name}=nan was accepted"
            device.apply(Waveform.pulse(1.0, width=1e-3))
            assert np.isfinite(device.read()).all(), f"{uri}?{name}={value} makes {device.read()} S"


# ---- values


def test_values_come_from_the_uri_and_from_arguments():
    with open_device("sim:rram?rows=3&alpha=0.25", cols=2, model="nlsb") as device:
        assert device.cells == (3, 2)
        assert (device.parameters.alpha, device.parameters.model) == (0.25, "nlsb")


def test_a_plus_sign_and_escapes_are_kept():
    assert open_device("sim:flca?R=1e+3,2e+5").parameters.R == (1e3, 2e5)
    assert open_device("sim:flca?R=1e%2B3%2C2e5").parameters.R == (1e3, 2e5)
    assert open_device("sim:flca?v_max=1e+0").limits.v_max == 1.0


def test_empty_items_are_skipped():
    assert open_device("sim:flca?&rows=2&&cols=3&").cells == (2, 3)
    assert open_device("sim:flca?").cells == (1, 1)


def test_explicit_values_beat_presets_and_presets_beat_defaults():
    figure3 = KINDS["sim:flca-pair"].presets["figure3"]
    device = open_device(
        "sim:flca-pair?preset=figure3&phi0=0.25", Dv=3.0, defaults={"Dn": 9.0, "Dv": 9.0, "phi0": 9.0, "rows": 4}
    )
    p = device.parameters
    assert (p.phi0, p.Dv, p.Dn, p.rows) == (0.25, 3.0, figure3["Dn"], 4)


def test_defaults_that_a_device_does_not_have_are_ignored():
    assert open_device("sim:rram", defaults={"rows": 2, "phi0": 7.0, "preset": "nonsense"}).cells == (2, 1)


# ---- what is refused, and in which words


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("", "device '': write BACKEND:KIND, such as sim:flca"),
        ("sim", "device 'sim': write BACKEND:KIND, such as sim:flca"),
        (":flca", "device ':flca': write BACKEND:KIND, such as sim:flca"),
        ("sim:flca?rows", "device 'sim:flca?rows': 'rows' is not a parameter; write NAME=VALUE"),
        ("sim:flca?=3", "device 'sim:flca?=3': '=3' is not a parameter; write NAME=VALUE"),
        ("sim:flca?rows=2&rows=2", "sim:flca?rows=2&rows=2: parameter 'rows' is given twice"),
        ("sim:flca?rows=2.5", "sim:flca: rows = '2.5' is not a whole number"),
        ("sim:flca?rows=", "sim:flca: rows = '' is not a whole number"),
        ("sim:flca?v_max=high", "sim:flca: v_max = 'high' is not a number"),
        ("sim:flca?rows=0", "sim:flca: rows = 0 must be >= 1"),
        ("sim:flca?v_max=0", "sim:flca: v_max = 0 must be > 0"),
        ("sim:flca?d2d=1.5", "sim:flca: d2d = 1.5 must be <= 1 (a fraction: 0.1 for 10 %)"),
        ("sim:flca?kind=fast", "sim:flca: kind = 'fast' must be 'nonvolatile' or 'volatile'"),
        (
            "sim:flca?R=0,1",
            "sim:flca: R = '0,1': give R0,R1,... with R0 > 0 and all others >= 0, within 1e-100 .. 1e+100",
        ),
        ("sim:flca?R=1,x", "sim:flca: R = 'x' is not a number"),
        ("sim:flca?phi0=-1", "sim:flca: phi0 = -1 V s is outside phi_min 0 .. phi_max inf"),
        ("sim:rram?g_min=1e-3", "sim:rram: g_min 0.001 S must be below g_max 0.0001 S"),
        ("sim:flca?stuck_on=0.7&stuck_off=0.5", "sim:flca: stuck_on + stuck_off = 1.2 must be <= 1"),
        (
            "sim:flca?preset=best",
            "sim:flca?preset=best: no preset 'best' (known: default, pill, pill-biased, pill-slow)",
        ),
    ],
)
def test_errors_are_read_by_people(uri, text):
    assert message(uri) == text


def test_unknown_names_come_with_the_nearest_known_one():
    assert message("smi:flca").startswith("no back end 'smi' (known: ")
    assert message("smi:flca").endswith("; did you mean 'sim'?")
    known = ", ".join(sorted(kind.name for kind in KINDS.values()))
    assert message("sim:flcapair") == f"no device 'sim:flcapair' (known: {known}); did you mean 'flca-pair'?"
    unknown = message("sim:flca?row=2")
    assert unknown.startswith("sim:flca: unknown parameter 'row' (known: A, ")
    assert unknown.endswith("; did you mean 'rows'?")
    preset = message("sim:flca-pair?preset=perceptro")
    assert preset.startswith("sim:flca-pair?preset=perceptro: no preset 'perceptro' (known: ")
    assert preset.endswith("; did you mean 'perceptron'?")


def test_nothing_near_is_not_suggested():
    assert "did you mean" not in message("zzzzzzzz:flca")
    assert "did you mean" not in message("sim:flca?zzzzzzzz=1")


def test_a_parameter_may_be_given_once():
    assert message("sim:flca?rows=2", rows=2) == "sim:flca?rows=2: parameter 'rows' is given twice"


def test_arguments_are_checked_like_the_uri():
    assert message("sim:flca", rows=2.5) == "sim:flca: rows = 2.5 is not a whole number"
    assert message("sim:flca", defaults={"rows": -1}) == "sim:flca: rows = -1 must be >= 1"
    assert message("sim:flca", bogus=1).startswith("sim:flca: unknown parameter 'bogus'")
    assert message("sim:flca-pair", preset=3).startswith("sim:flca-pair: no preset '3'")


@pytest.mark.parametrize("seed", [2**63 - 1, 2**64, 10**30])
def test_a_seed_is_refused_or_serves_every_noise(seed):
    try:
        device = open_device(f"sim:flca?seed={seed}&c2c=0.1&d2d=0.1&read_noise=0.1")
    except InputError as refusal:
        assert seed > 2**63 - 1
        assert f"seed = {seed} must be <= " in str(refusal)
    else:
        device.apply(Waveform.pulse(1.0, width=1e-3, measure=True))


# ---- somebody else's package


class OwnParameters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    ohms: float = Field(50.0, gt=0, description="resistance of the load")


class OwnBackend(Backend):
    name = "own"
    summary = "a device of one's own"

    def kinds(self):
        return (DeviceKind("load", "a load", OwnParameters, lambda name, p: (name, p.ohms)),)


own_backend = OwnBackend()


class NeverLoaded:
    name = "heavy"

    def load(self):
        raise AssertionError("a back end that nobody asked for was imported")


def test_a_third_party_is_found_by_its_entry_point(monkeypatch):
    def installed(group):
        assert group == "hil.devices"
        return [EntryPoint("own", f"{__name__}:own_backend", group), NeverLoaded()]

    monkeypatch.setattr(hil.plugins, "entry_points", installed)
    assert open_device("own:load?ohms=75") == ("own:load", 75.0)
    assert message("own:loaf") == "no device 'own:loaf' (known: load); did you mean 'load'?"
    assert message("sim:flca") == "no back end 'sim' (known: heavy, own)"


def test_back_ends_are_listed_by_name(monkeypatch):
    points = [EntryPoint(name, f"{__name__}:own_backend", "hil.devices") for name in ("zeta", "alpha")]
    monkeypatch.setattr(hil.plugins, "entry_points", lambda group: points)
    assert list(backends()) == ["alpha", "zeta"]


def test_our_own_back_end_comes_through_an_entry_point():
    assert backends()["sim"].name == "sim"


def test_a_back_end_that_cannot_be_imported_is_one_sentence_and_hides_no_other(monkeypatch, capsys):
    broken = EntryPoint("broken", "no_such_package.backend:backend", hil.backends.GROUP)
    points = [*entry_points(group=hil.backends.GROUP), broken]
    ours = hil.backends.GROUP
    monkeypatch.setattr(
        hil.plugins, "entry_points", lambda group: points if group == ours else entry_points(group=group)
    )
    with pytest.raises(InputError, match="back end 'broken' cannot be loaded: No module named 'no_such_package'"):
        open_device("broken:thing")
    devices(None, "-")
    out, err = capsys.readouterr()
    assert "sim:rram" in out
    assert "back end 'broken' cannot be loaded" in err
