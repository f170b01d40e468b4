"""`hil init`: what it writes is the default configuration of any driver, every setting told."""

import pytest

from hil.config import load_toml, validated
from hil.template import template
from hil.training.catalogue import DRIVERS


@pytest.mark.parametrize("driver", DRIVERS.names())
def test_the_file_is_the_default_and_names_every_setting(driver, hil, tmp_path):
    code, out, err = hil("init", driver)
    assert (code, out) == (0, f"configuration: {driver}.toml\n"), err
    file = tmp_path / f"{driver}.toml"
    model = DRIVERS.find(driver).config_model
    assert validated(model, load_toml(file), "file") == model()
    text = file.read_text()
    assert max(map(len, text.splitlines())) <= 160 and f"hil train {driver} --config {driver}.toml" in text

    def named(section):
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            if hasattr(type(value), "model_fields"):
                named(value)
            else:
                assert f"\n{name} = " in text or f"\n# {name} =" in text, name
                assert field.description, name

    named(model())


def test_changed_settings_are_kept():
    model = DRIVERS.find("wta").config_model
    changed = model(train={"seeds": 7, "epochs": 2.5}, neuron={"threshold": 40.0, "tie": "membrane"})
    import tomllib

    assert model(**tomllib.loads(template(changed, "changed"))) == changed


def test_nothing_is_overwritten(hil, tmp_path):
    (tmp_path / "wta.toml").write_text("mine")
    code, _, err = hil("init", "wta")
    assert code == 2 and "exists already" in err and (tmp_path / "wta.toml").read_text() == "mine"
    code, out, _ = hil("init", "wta", "--out", "-")
    assert code == 0 and out.startswith("# Learn without labels")
    code, _, err = hil("init", "wat")
    assert code == 2 and "did you mean 'wta'" in err
