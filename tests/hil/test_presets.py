"""Preset files: who takes which is said by the kinds of devices, wherever they come from."""

from importlib.metadata import EntryPoint, entry_points

import pytest
from pydantic import BaseModel, ConfigDict, Field

import hil.plugins
from hil import presets
from hil.backends import GROUP, Backend, DeviceKind, backends, open_device
from hil.errors import InputError
from hil.presets import Preset

TAKING = {
    (f"{scheme}:{kind.name}", model): kind
    for scheme, backend in backends().items()
    for kind in backend.kinds()
    for model in kind.models
}


class Elasticity(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stiffness: float = Field(1.0, gt=0, description="of the spring")


class LawOfOneself(Backend):
    name = "own"
    summary = "a law that this program has never heard of"

    def kinds(self):
        def build(name, p):
            return p.stiffness

        return (
            DeviceKind("hooke", "a spring", Elasticity, build, models={"hooke": Preset.parameters}),
            DeviceKind("plot", "a curve", Elasticity, build, models={"curve": lambda preset: {"stiffness": 2.0}}),
        )


law_of_oneself = LawOfOneself()


@pytest.fixture
def own_law(monkeypatch):
    points = [
        *entry_points(group=GROUP),
        EntryPoint("own", f"{__name__}:law_of_oneself", GROUP),
        EntryPoint("broken", "no_such_package.backend:backend", GROUP),
    ]
    monkeypatch.setattr(
        hil.plugins, "entry_points", lambda group: points if group == GROUP else entry_points(group=group)
    )


def test_a_law_of_ones_own_has_preset_files(own_law, tmp_path):
    presets.write(tmp_path / "spring.json", "hooke", {"stiffness": 3.5}, {"x0": 0.1}, ["words"])
    assert open_device(f"own:hooke?preset={tmp_path / 'spring.json'}") == 3.5
    assert open_device(f"own:hooke?preset={tmp_path / 'spring.json'}&stiffness=4") == 4.0


def test_whoever_takes_a_file_is_named_to_those_who_opened_another_device(own_law, tmp_path):
    file = tmp_path / "spring.json"
    presets.write(file, "hooke", {"stiffness": 3.5})
    with pytest.raises(InputError, match=r"is a model for own:hooke, not for sim:rram \(known: rram\)$"):
        open_device(f"sim:rram?preset={file}")
    presets.write(file, "hook", {"stiffness": 3.5})
    with pytest.raises(InputError, match=r"unknown model 'hook' \(known: .*\brram\b.*\); did you mean 'hooke'\?$"):
        open_device(f"sim:rram?preset={file}")
    presets.write(file, "curve", {})
    with pytest.raises(InputError, match=r"is a measured curve for sim:curve, not for sim:rram \(known: rram\)$"):
        open_device(f"sim:rram?preset={file}")


@pytest.mark.parametrize(("address", "model"), [case for case in TAKING if case[1] != presets.CURVE])
def test_every_kind_reads_its_own_defaults_from_a_file_of_each_law_it_takes(address, model, tmp_path):
    law = backends()["sim"].kind(model)
    sizes = {"rows", "cols", "seed"}
    defaults = law.parameters().model_dump(mode="json")
    values = {k: v for k, v in defaults.items() if v not in (None, float("inf")) and k not in sizes}
    shared = {k: v for k, v in values.items() if k in TAKING[address, model].parameters.model_fields}
    presets.write(tmp_path / "x.json", model, shared)
    with open_device(f"{address}?preset={tmp_path / 'x.json'}") as device:
        given = device.parameters.model_dump(mode="json")
    assert {k: given[k] for k in shared} == shared
