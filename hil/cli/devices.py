"""`hil devices`: every back end that is installed, with its kinds of device and their parameters."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import options

if TYPE_CHECKING:
    from hil.backends import DeviceKind
    from hil.runs.results import Row, Value


def devices(
    name: Annotated[
        str | None, typer.Argument(metavar="[BACKEND[:KIND]]", help="Show only these, such as sim or sim:flca.")
    ] = None,
    json: options.Json = None,
) -> None:
    """List the devices that can be opened, with their parameters, units, defaults and limits.

    A device is written BACKEND:KIND?NAME=VALUE&NAME=VALUE, for example

    \b
    sim:flca-pair?preset=figure3&Dv=70&d2d=0.05

    In front of any of them stand a synapse of several cells (synapse=NAME) and converters (dac_bits=4&adc_bits=8).
    """
    from hil.backends import backend_names, load_backend
    from hil.errors import InputError, told
    from hil.runs.document import save_json
    from hil.runs.results import report

    wanted, _, kind_name = (name or "").partition(":")
    everything: list[Row] = []
    for scheme in [wanted] if name else backend_names():
        try:
            backend = load_backend(scheme)
            kinds = [backend.kind(kind_name)] if kind_name else backend.offered()
        except InputError as error:
            if name:
                raise
            print(f"hil: {error}", file=sys.stderr)
            continue
        for kind in kinds:
            address = f"{scheme}:{kind.name}"
            try:
                rows = _rows(address, kind)
            except Exception as error:  # of whoever wrote that device
                if name:
                    raise InputError(f"{address} cannot be described: {told(error)}") from error
                print(f"hil: {address} cannot be described: {told(error)}", file=sys.stderr)
                continue
            everything += [row.under(f"{address} ", device=address) for row in rows]
            if json != "-":
                report(rows, f"\n{address}  {kind.summary}", heads={"value": "default", "reference": "allowed"})
    if json is not None:
        save_json(everything, json)


def _rows(address: str, kind: DeviceKind) -> list[Row]:
    """Parameters, presets and the limits of the device that the defaults give."""
    from hil.abilities import Identified
    from hil.backends import open_device
    from hil.errors import InputError
    from hil.fraction import UNIT, is_fraction
    from hil.runs.results import Row
    from hil.template import allowed_range

    rows = []
    first = next(iter(kind.presets.values()), {})
    for key, field in kind.parameters.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = shown_value(first.get(key, field.get_default()))
        unit = str(extra.get("unit", UNIT if is_fraction(field) else ""))
        rows.append(Row(key, default, unit, reference=allowed_range(field), note=field.description or ""))
    for preset, values in kind.presets.items():
        shown = " ".join(f"{key}={shown_value(value)}" for key, value in values.items())
        rows.append(Row("preset", preset, note=shown or "the model's own defaults"))
    try:
        with open_device(address) as device:
            limits = device.limits
            if isinstance(device, Identified):
                rows.append(Row("identity", device.identity))
    except InputError as error:  # what it needs is not installed
        return [*rows, Row("limits", None, note=str(error))]
    text = (
        f"{limits.v_min:g} .. {limits.v_max:g} V a line, {limits.v_cell:g} V a cell, "
        f"{limits.width_min:g} .. {limits.width_max:g} s, steps {limits.v_step:g} V and {limits.time_step:g} s, "
        f"channels {limits.channels or 'one a line'}"
    )
    return [*rows, Row("limits", None, note=text)]


def shown_value(value: object) -> Value | None:
    """A value as it is shown in a table."""
    if isinstance(value, tuple):
        return ",".join(f"{x:g}" for x in value)
    return value if isinstance(value, int | float | None) else str(value)
