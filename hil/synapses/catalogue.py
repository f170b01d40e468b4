"""All synapses that are installed, and those that addresses ask for: ``synapse=NAME&synapse.SETTING=VALUE``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hil.config import validated
from hil.device import Device
from hil.errors import InputError
from hil.plugins import Registry
from hil.synapses.synapse import Synapse, SynapseSettings

GROUP, ASKED, SETTING = "hil.synapses", "synapse", "synapse."

SYNAPSES: Registry[type[Synapse]] = Registry(GROUP, "synapse", base="hil.synapses.synapse:Synapse")
"""All synapses by name, each a class derived from `Synapse`."""


@dataclass(frozen=True)
class AskedSynapse:
    """A synapse that an address asks for, with its settings checked."""

    name: str
    kind: type[Synapse]
    settings: SynapseSettings

    def starting(self, defaults: Mapping[str, Any]) -> AskedSynapse:
        """With defaults for settings that the address does not give; those that the synapse does not have are left."""
        usable = {name: value for name, value in defaults.items() if name in self.kind.settings_model.model_fields}
        given = self.settings.model_dump(exclude_unset=True)
        return replace(self, settings=validated(self.kind.settings_model, usable | given, f"synapse = {self.name}"))

    def columns(self, weights: int) -> int:
        """Columns of an array that has so many columns of weights."""
        return weights * self.kind.cells_of(self.settings)

    def around(self, array: Device) -> Synapse:
        """Put weights in front of an array; it is closed where that fails."""
        try:
            return self.kind(self.name, array, self.settings)
        except BaseException:
            array.close()
            raise


def with_synapse(uri: str, name: str | None) -> str:
    """An address with a synapse; as it is where none is asked for, or it names the same one.

    Raises
    ------
    InputError
        If it names another.
    """
    if name is None:
        return uri
    query = uri.partition("?")[2]
    there = next((item.partition("=")[2] for item in query.split("&") if item.partition("=")[0] == ASKED), None)
    if there is None:
        SYNAPSES.find(name)
        return f"{uri}{'&' if query else '?' * ('?' not in uri)}{ASKED}={name}"
    if there != name:
        raise InputError(f"{uri} has synapse = {there}, and {name} is asked for: give one of them")
    return uri


def parted(uri: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], AskedSynapse | None]:
    """Part the parameters of an address into those of the device, and the synapse that they ask for.

    Raises
    ------
    InputError
        For an unknown synapse or setting, or a value out of range.
    """
    own = {name: value for name, value in given.items() if name != ASKED and not name.startswith(SETTING)}
    values = {name.removeprefix(SETTING): value for name, value in given.items() if name.startswith(SETTING)}
    if ASKED not in given:
        if values:
            raise InputError(
                f"{uri}: synapse.{min(values)} is given, and no synapse=NAME: {', '.join(SYNAPSES.names())}"
            )
        return own, None
    name = str(given[ASKED])
    kind = SYNAPSES.find(name)
    return own, AskedSynapse(name, kind, validated(kind.settings_model, values, f"synapse = {name}"))
