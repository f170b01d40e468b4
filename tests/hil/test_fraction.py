"""Fractions are one type: percent is read, a number too large is told the unit, every list of parameters says so."""

import json
import re
from importlib.metadata import entry_points

import pytest
from pydantic import BaseModel, Field

from hil.backends import backends, open_device
from hil.cli.devices import devices
from hil.config import validated
from hil.errors import InputError
from hil.experiments.catalogue import EXPERIMENTS, experiment
from hil.fraction import Fraction, fraction, is_fraction

HINT = " (a fraction: 0.1 for 10 %)"


class Settings(BaseModel):
    spread: Fraction = Field(0.0, ge=0, le=1)
    other: Fraction | None = Field(None, gt=0, lt=1)
    width: float = Field(1.0, le=2)


@pytest.mark.parametrize(("given", "value"), [
    (0.1, 0.1), ("0.1", 0.1), ("10%", 0.1), ("10 %", 0.1), (" 10 % ", 0.1), ("1e1%", 0.1), ("0.5%", 0.005),
    ("100%", 1.0),
])  # fmt: skip
@pytest.mark.parametrize("name", ["spread", "other"])
def test_percent_is_a_hundredth(name, given, value):
    if (name, value) != ("other", 1.0):
        assert getattr(validated(Settings, {name: given}, "here"), name) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(("name", "given", "message"), [
    ("spread", 10, "here: spread = 10 must be <= 1"), ("spread", "10", "here: spread = 10 must be <= 1"),
    ("spread", "300 %", "here: spread = 300 % must be <= 1"), ("spread", -0.1, "here: spread = -0.1 must be >= 0"),
    ("spread", "ten", "here: spread = 'ten' is not a number"), ("spread", "x%", "here: spread = 'x%' is not a number"),
    ("spread", "%", "here: spread = '%' is not a number"), ("other", 5, "here: other = 5 must be < 1"),
    ("spread", "10%%", "here: spread = '10%%' is not a number"),
])  # fmt: skip
def test_what_is_no_fraction_is_told_what_one_is(name, given, message):
    with pytest.raises(InputError) as caught:
        validated(Settings, {name: given}, "here")
    assert str(caught.value) == message + HINT


def test_other_parameters_are_told_nothing_of_fractions():
    with pytest.raises(InputError) as caught:
        validated(Settings, {"width": 3}, "here")
    assert str(caught.value) == "here: width = 3 must be <= 2"


@pytest.mark.parametrize("text", ["d2d=10%", "d2d=10%25", "d2d=10 %", "d2d=10%20%25", "d2d=0.1"])
def test_an_address_takes_percent_quoted_or_not(text):
    assert open_device(f"sim:rram?{text}&cols=2").parameters.d2d == pytest.approx(0.1, rel=1e-15)


def test_the_unit_is_named_for_a_device():
    with pytest.raises(InputError) as caught:
        open_device("sim:rram?d2d=10&c2c=5")
    assert str(caught.value) == "sim:rram: d2d = 10 must be <= 1" + HINT


SAYS_FRACTION = re.compile(
    r"\bfraction\b|\bpercent\b|\bspread\b|\bstuck at\b|\bpristine weight\b|\bpotentiation step\b"
)


def models():
    """Parameters of all devices, drivers and experiments."""
    found = {f"{b.name}:{k.name}": k.parameters for b in backends().values() for k in b.kinds()}
    found |= {f"train {point.name}": point.load().config_model for point in entry_points(group="hil.drivers")}
    found |= {f"characterize {name}": experiment(name).settings_model for name in EXPERIMENTS.names()}
    return found


def fields(model, path=()):
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
        if inner:
            yield from fields(inner[0], (*path, name))
        else:
            yield ".".join((*path, name)), field


def test_a_parameter_that_is_said_to_be_a_fraction_is_one():
    """Whatever is found to be described as one, in any device, driver or experiment."""
    seen = set()
    for where, model in models().items():
        for name, field in fields(model):
            if field.annotation in (float, float | None, Fraction) and SAYS_FRACTION.search(field.description or ""):
                assert is_fraction(field), f"{where}: {name} ({field.description})"
                seen.add(name.split(".")[-1])
    assert {"d2d", "c2c", "holdout", "flipped", "alpha", "w0", "relative_noise"} <= seen


def test_the_list_of_devices_names_the_unit(tmp_path):
    path = tmp_path / "rows.json"
    devices("sim:rram", str(path))
    units = {row["label"]: row["unit"] for row in json.loads(path.read_text())["rows"]}
    for name in ("d2d", "d2d_r", "c2c", "read_noise", "stuck_on", "stuck_off", "alpha", "alpha_dep", "w0"):
        assert units[f"sim:rram {name}"] == "fraction"
    assert units["sim:rram v_set"] == "V"


def test_a_flag_is_read_and_refused_alike():
    assert fraction("--noise", "0.1 %") == pytest.approx(1e-3)
    for text, words in (
        ("5", "must be 0 .. 1"),
        ("x", "is not a number"),
        ("-1%", "must be 0 .. 1"),
        ("nan", "must be"),
    ):
        with pytest.raises(InputError, match=re.escape(f"--noise {text} {words}")):
            fraction("--noise", text)
