"""Back ends: how `open_device("sim:flca?rows=784&cols=10")` finds a device, checks its parameters and opens it.

A back end is found by name through the entry point group ``hil.devices``, so that any package can add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel

from hil import presets
from hil.config import by_present_names, validated
from hil.converters.settings import ConverterSettings
from hil.device import Device
from hil.energy import meter
from hil.errors import HilError, InputError, nearest, shortened, told
from hil.plugins import Registry
from hil.presets import Preset
from hil.synapses.catalogue import AskedSynapse, parted

GROUP = "hil.devices"


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device that a back end offers.

    Attributes
    ----------
    name : str
        What follows the colon, such as ``flca-pair``.
    summary : str
        One line on what it is.
    parameters : type
        Pydantic model of its parameters: defaults, ranges and descriptions; ``json_schema_extra={"unit": ...}``.
    build : callable
        Makes the device from ``(name, parameters)``.
    presets : mapping
        Named sets of parameter values, each a mapping, chosen by ``?preset=NAME``.
    models : mapping
        Names of the models whose preset files (`hil.presets`) it takes, chosen by ``?preset=PATH.json``, each with what
        turns such a file into values of its parameters. A simulated law takes its own: ``{"rram": Preset.parameters}``.
    """

    name: str
    summary: str
    parameters: type[BaseModel]
    build: Callable[[str, Any], Device]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    models: Mapping[str, Callable[[Preset], Mapping[str, Any]]] = field(default_factory=dict)


class Backend(ABC):
    """A family of devices under one scheme, such as ``sim``."""

    name: str
    summary: str

    @abstractmethod
    def kinds(self) -> Sequence[DeviceKind]:
        """All kinds of device on offer."""

    def offered(self) -> Sequence[DeviceKind]:
        """Return what `kinds` gives, checked; `InputError` in one sentence where a package's own code fails at it."""
        try:
            kinds = list(self.kinds())
        except Exception as error:
            raise InputError(f"back end '{self.name}' cannot list its devices: {told(error)}") from error
        for kind in kinds:
            if not isinstance(kind, DeviceKind):
                raise InputError(f"back end '{self.name}' lists {shortened(repr(kind))}, which is no DeviceKind")
        return kinds

    def kind(self, target: str) -> DeviceKind:
        """Find the kind for what stands between the colon and the question mark; `InputError` if there is none."""
        kinds = {kind.name: kind for kind in self.offered()}
        if target not in kinds:
            raise InputError(f"no device '{self.name}:{target}' {nearest(target, kinds)}")
        return kinds[target]


BACKENDS: Registry[Backend] = Registry(GROUP, "back end", Backend)
"""All back ends that are installed."""


def backend_names() -> list[str]:
    """Names of all back ends that are installed, loaded or not."""
    return BACKENDS.names()


def load_backend(name: str) -> Backend:
    """Load a back end by name; `InputError` if there is none, or if it cannot be imported, whatever is wrong."""
    return BACKENDS.find(name)


def backends() -> dict[str, Backend]:
    """Load every back end that is installed, by name."""
    return {name: load_backend(name) for name in backend_names()}


def open_device(uri: str, *, defaults: Mapping[str, Any] | None = None, **parameters: Any) -> Device:
    """Open the device that `uri` names.

    Parameters
    ----------
    uri : str
        ``BACKEND:KIND`` with optional parameters, such as ``sim:flca?rows=784&cols=10``; with ``synapse=NAME``, weights
        of several cells in front of it (`hil.synapses`); with ``dac_bits=`` or ``adc_bits=``, converters
        (`hil.converters`).
    defaults : mapping, optional
        Values for parameters that neither the URI nor its preset sets, and for settings of its synapse where the URI
        sets no parameter of that name; names that neither has are ignored.
    **parameters
        Further parameters, as if they stood in the URI.

    Raises
    ------
    InputError
        For an unknown back end, kind or parameter (naming the nearest known one), a value of the wrong type or out
        of range, or a parameter given twice; or if the code of the device fails while it is built.
    """
    kind, name, values, synapse, converters = _resolved(uri, defaults, parameters)
    try:
        with meter.unmetered():
            device = kind.build(name, values)
        _metered(device, synapse, converters)
        if converters is not None:
            from hil.converters.device import behind_converters

            device = behind_converters(device, converters)
        return device if synapse is None else synapse.around(device)
    except HilError:
        raise
    except Exception as error:
        raise InputError(f"{uri} cannot be opened: {told(error)}") from error


def _metered(device: Device, synapse: AskedSynapse | None, converters: ConverterSettings | None) -> None:
    """Put a meter at a device where the energy of a run is wanted."""
    if not isinstance(device, Device):
        return
    area, cells = (meter.CROSSING, 1) if synapse is None else (
        synapse.kind.area_of(synapse.settings), synapse.kind.cells_of(synapse.settings)
    )  # fmt: skip
    weights = device.rows * device.cols // cells
    meter.attach(device, weights, area, None if converters is None else converters.adc_bits)


def address_parameters(uri: str) -> BaseModel:
    """Checked parameters of the device that `uri` names, which is not opened; raises what `open_device` would."""
    return _resolved(uri, None, {})[2]


def check_address(uri: str, *, defaults: Mapping[str, Any] | None = None, **parameters: Any) -> None:
    """Check all that `open_device` checks before it opens the device; raises the same."""
    _resolved(uri, defaults, parameters)


def _resolved(
    uri: str, defaults: Mapping[str, Any] | None, parameters: Mapping[str, Any]
) -> tuple[DeviceKind, str, BaseModel, AskedSynapse | None, ConverterSettings | None]:
    """Kind, name and checked parameters of the device that `uri` names, the synapse and the converters it asks for.

    With a synapse, `cols` are columns of weights, and the device has as many as these take.
    """
    scheme, kind, given = _parse(uri)
    twice = given.keys() & parameters.keys()
    if twice:
        raise InputError(f"{uri}: parameter '{min(twice)}' is given twice")
    explicit, synapse = parted(uri, {**given, **parameters})
    of_converters = {field: explicit.pop(field) for field in ConverterSettings.model_fields if field in explicit}
    preset = explicit.pop("preset", None)
    preset = None if preset is None else str(preset)
    name = f"{scheme}:{kind.name}"
    chosen = _preset(kind, uri, preset) if preset is not None or kind.presets else {}
    try:
        usable, chosen, explicit = (by_present_names(kind.parameters, v) for v in (defaults or {}, chosen, explicit))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    usable = {known: value for known, value in usable.items() if known in kind.parameters.model_fields}
    if synapse is not None:
        unsaid = {name: value for name, value in (defaults or {}).items() if not _says(kind, explicit, name)}
        synapse = synapse.starting(unsaid)
    values = {**usable, **chosen, **explicit}
    checked = validated(kind.parameters, values, name)
    converters = validated(ConverterSettings, of_converters, name) if of_converters else None
    if synapse is None:
        return kind, name, checked, None, converters
    weights = getattr(checked, "cols", None)
    if not isinstance(weights, int):
        raise InputError(f"{name}: synapse = {synapse.name} needs a device whose address says how many columns it has")
    return (
        kind,
        name,
        validated(kind.parameters, values | {"cols": synapse.columns(weights)}, name),
        synapse,
        converters,
    )


def _says(kind: DeviceKind, explicit: Mapping[str, Any], name: str) -> bool:
    """Whether an address sets a parameter, by this name or by the one that it has now."""
    return not by_present_names(kind.parameters, {name: None}).keys().isdisjoint(explicit)


def _parse(uri: str) -> tuple[str, DeviceKind, dict[str, str]]:
    address, _, query = uri.partition("?")
    scheme, colon, target = address.partition(":")
    if not colon or not scheme:
        raise InputError(f"device '{uri}': write BACKEND:KIND, such as sim:flca")
    kind = load_backend(scheme).kind(target)
    given: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InputError(f"device '{uri}': '{item}' is not a parameter; write NAME=VALUE")
        if name in given:
            raise InputError(f"{uri}: parameter '{name}' is given twice")
        given[name] = unquote(value)
    return scheme, kind, given


def _preset(kind: DeviceKind, uri: str, name: str | None) -> Mapping[str, Any]:
    """Values that a preset sets: the kind's first where none is named, else one of its own, or one from a file."""
    if name is None:
        return next(iter(kind.presets.values()))
    if not name.endswith(".json"):
        if name not in kind.presets:
            raise InputError(f"{uri}: no preset '{name}' {nearest(name, kind.presets)}")
        return kind.presets[name]
    if not kind.models:
        raise InputError(f"{uri}: preset files are not read by this device {nearest(name, kind.presets)}")
    preset = presets.read(Path(name))
    if preset.model not in kind.models:
        raise InputError(_other_model(preset, kind, uri.partition("?")[0]))
    return kind.models[preset.model](preset)


def _other_model(preset: Preset, kind: DeviceKind, address: str) -> str:
    """Sentence on a preset file that is not for this device: who takes it, and what this device takes."""
    offered = _offered()
    takers = [name for name, other in offered.items() if preset.model in other.models]
    if not takers:
        known = {model for other in offered.values() for model in other.models}
        return f"{preset.path}: unknown model '{preset.model}' {nearest(preset.model, known)}"
    scheme = address.partition(":")[0]
    near = [name for name in takers if name.startswith(f"{scheme}:")] or takers
    what = "a measured curve" if preset.model == presets.CURVE else "a model"
    return f"{preset.path} is {what} for {', '.join(near)}, not for {address} (known: {', '.join(sorted(kind.models))})"


def _offered() -> dict[str, DeviceKind]:
    """Every kind on offer by its address; a back end that fails keeps no other from being named."""
    found: dict[str, DeviceKind] = {}
    for scheme in backend_names():
        with suppress(InputError):
            found |= {f"{scheme}:{kind.name}": kind for kind in load_backend(scheme).offered()}
    return found
