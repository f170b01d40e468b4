from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hil.config import load_toml, nearest, validated, with_settings
from hil.errors import InputError


class Train(BaseModel):
    model_config = ConfigDict(extra="forbid")
    epochs: int = Field(1, ge=1)
    rate: float = Field(0.5, gt=0, lt=1, allow_inf_nan=False)
    rule: Literal["stdp", "pill"] = "stdp"
    resume: bool = False
    note: str = ""
    layers: list[int] = [10]

    @field_validator("note")
    @classmethod
    def _short(cls, note: str) -> str:
        if len(note) > 5:
            raise ValueError("at most 5 letters")
        return note


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    device: str
    train: Train = Train()
    retrain: Train | None = None

    @model_validator(mode="after")
    def _sense(self):
        if self.train.resume and not self.device:
            raise ValueError("resume needs a device")
        return self


def message(values):
    with pytest.raises(InputError) as caught:
        validated(Config, values, "run.toml")
    return str(caught.value)


def test_good_values_become_the_model():
    config = validated(Config, {"device": "sim:flca", "train": {"epochs": "3", "rate": 0.25}}, "run.toml")
    assert (config.device, config.train.epochs, config.train.rate) == ("sim:flca", 3, 0.25)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "run.toml: 'device' is required"),
        ({"device": 3}, "run.toml: device = 3 is not text"),
        ({"train": {"epochs": 2.5}}, "run.toml: train.epochs = 2.5 is not a whole number"),
        ({"train": {"epochs": "many"}}, "run.toml: train.epochs = 'many' is not a whole number"),
        ({"train": {"epochs": None}}, "run.toml: train.epochs = None is not a whole number"),
        ({"train": {"rate": "fast"}}, "run.toml: train.rate = 'fast' is not a number"),
        ({"train": {"rate": []}}, "run.toml: train.rate = [] is not a number"),
        ({"train": {"rate": float("nan")}}, "run.toml: train.rate = nan is not a finite number"),
        ({"train": {"resume": "perhaps"}}, "run.toml: train.resume = 'perhaps' is neither true nor false"),
        ({"train": {"resume": 0.5}}, "run.toml: train.resume = 0.5 is neither true nor false"),
        ({"train": {"epochs": 0}}, "run.toml: train.epochs = 0 must be >= 1"),
        ({"train": {"rate": 0}}, "run.toml: train.rate = 0 must be > 0"),
        ({"train": {"rate": 1}}, "run.toml: train.rate = 1 must be < 1"),
        ({"train": {"rule": "hebb"}}, "run.toml: train.rule = 'hebb' must be 'stdp' or 'pill'"),
        ({"train": {"note": "too long"}}, "run.toml: train.note = 'too long': at most 5 letters"),
        ({"train": 3}, "run.toml: train = 3 is a value, a section of settings was expected"),
        ({"train": {"layers": [1, "x"]}}, "run.toml: train.layers = 'x' is not a whole number"),
        ({"device": "", "train": {"resume": True}}, "run.toml: resume needs a device"),
    ],
)
def test_errors_are_read_by_people(values, text):
    assert message({"device": "sim:flca", **values} if values else {}) == text


def test_the_first_error_is_the_one_that_is_told():
    assert "device" in message({"train": {"epochs": 0}})


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"devise": "x"}, "unknown parameter 'devise' (known: device, retrain, train); did you mean 'device'?"),
        (
            {"train": {"epoch": 3}},
            "unknown parameter 'train.epoch' (known: epochs, layers, note, rate, resume, rule); did you mean 'epochs'?",
        ),
        (
            {"retrain": {"epoch": 3}},
            "unknown parameter 'retrain.epoch' (known: epochs, layers, note, rate, resume, rule); "
            "did you mean 'epochs'?",
        ),
    ],
)
def test_unknown_names_come_with_the_nearest_known_one(values, text):
    assert message({"device": "sim:flca", **values}) == f"run.toml: {text}"


def test_nearest_lists_what_is_known():
    assert nearest("rows", ["rows", "cols"]) == "(known: cols, rows); did you mean 'rows'?"
    assert nearest("zzz", ["rows", "cols"]) == "(known: cols, rows)"
    assert nearest("zzz", []) == "(known: none)"


# ---- files


def test_a_toml_file_is_a_nested_table(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('device = "sim:flca"\n[train]\nepochs = 3\n')
    assert load_toml(file) == {"device": "sim:flca", "train": {"epochs": 3}}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"^no configuration file .*run\.toml$"):
        load_toml(tmp_path / "run.toml")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match=r"is a folder, a TOML file was expected$"):
        load_toml(tmp_path)


def test_a_path_through_a_file_is_named(tmp_path):
    (tmp_path / "run.toml").write_text("")
    with pytest.raises(InputError, match=r"run\.toml"):
        load_toml(tmp_path / "run.toml" / "more.toml")


@pytest.mark.parametrize("content", [b"train = \n", b"[train\n", b"a = 1\na = 2\n", b"\xff\xfe"])
def test_a_broken_file_is_named_with_its_error(tmp_path, content):
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"run\.toml is not a valid TOML file: .") as caught:
        load_toml(file)
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    file = tmp_path / "run.toml"
    file.write_text("")

    def locked(*_):
        raise PermissionError

    monkeypatch.setattr(type(file), "open", locked)
    with pytest.raises(InputError, match=r"run\.toml cannot be read: permission denied$"):
        load_toml(file)


# ---- settings on top


def test_settings_are_laid_over_a_configuration():
    config = {"device": "sim:flca", "train": {"epochs": 3, "rate": 0.5}}
    settings = ["train.epochs=7", "device = sim:rram?rows=2", "new.deep.key=[1, 2]"]
    assert with_settings(config, settings) == {
        "device": "sim:rram?rows=2",
        "train": {"epochs": 7, "rate": 0.5},
        "new": {"deep": {"key": [1, 2]}},
    }


def test_later_settings_win():
    assert with_settings({}, ["a=1", "a=2"]) == {"a": 2}


def test_the_configuration_itself_is_not_changed():
    config = {"a": {"b": {"c": 1}, "d": 2}}
    assert with_settings(config, ["a.b.c=5", "a.d=6"]) == {"a": {"b": {"c": 5}, "d": 6}}
    assert config == {"a": {"b": {"c": 1}, "d": 2}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1e-3", 1e-3),
        ("true", True),
        ("inf", float("inf")),
        ('"7"', "7"),
        ("[1, 2.5]", [1, 2.5]),
        ("{x = 1}", {"x": 1}),
        ("plain words", "plain words"),
        ("sim:flca?rows=2&cols=3", "sim:flca?rows=2&cols=3"),
        ("a=b", "a=b"),
        ("", ""),
        ("True", "True"),
    ],
)
def test_values_are_read_as_toml_else_as_text(text, value):
    read = with_settings({}, [f"key={text}"])["key"]
    assert read == value
    assert type(read) is type(value)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.integers())
def test_any_name_and_number_is_set(name, number):
    assert with_settings({}, [f"section.{name}={number}"]) == {"section": {name: number}}


@pytest.mark.parametrize("setting", ["train.epochs", "=3", "train.=3", ".epochs=3", "train..epochs=3", ""])
def test_malformed_settings_are_refused(setting):
    with pytest.raises(InputError) as caught:
        with_settings({}, [setting])
    assert str(caught.value) == f"setting '{setting}': write section.key=value, such as train.seed=7"


def test_a_value_is_not_a_section():
    with pytest.raises(InputError) as caught:
        with_settings({"train": 3}, ["train.epochs=3"])
    assert str(caught.value) == "setting 'train.epochs=3': 'train' is a value, not a section"
