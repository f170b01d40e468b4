"""`hil devices`: every back end that is installed, with what can be said to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hil.cli import options

if TYPE_CHECKING:
    from hil.backends import DeviceKind
    from hil.results import Row

app = typer.Typer()


@app.callback(invoke_without_command=True)
def devices(
    name: Annotated[
        str | None, typer.Argument(metavar="[BACKEND[:KIND]]", help="Show only these, such as sim or sim:flca.")
    ] = None,
    json: options.Json = None,
) -> None:
    """List the devices that can be opened, with their parameters, units, defaults and limits.

    A device is written BACKEND:KIND?NAME=VALUE&NAME=VALUE, for example

        sim:flca-pair?preset=figure3&Dv=70&d2d=0.05
    """
    from hil.backends import backends
    from hil.config import nearest
    from hil.errors import InputError
    from hil.results import report

    wanted = (name or "").partition(":")
    found = backends()
    if name and wanted[0] not in found:
        raise InputError(f"no back end '{wanted[0]}' {nearest(wanted[0], found)}")
    everything: list[Row] = []
    for scheme, backend in found.items():
        if name and scheme != wanted[0]:
            continue
        kinds = [backend.kind(wanted[2])] if wanted[2] else backend.kinds()
        for kind in kinds:
            rows = _rows(f"{scheme}:{kind.name}", kind)
            everything += rows
            report(
                rows, f"\n{scheme}:{kind.name}  {kind.summary}", "-" if json == "-" else None
            ) if json != "-" else None
    if json is not None:
        from hil.results import save_json

        save_json(everything, json)


def _rows(address: str, kind: DeviceKind) -> list[Row]:
    """Parameters, presets and the limits of the device that the defaults give."""
    from hil.backends import open_device
    from hil.results import Row

    rows = []
    for key, field in kind.parameters.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = field.get_default()
        text = ",".join(f"{x:g}" for x in default) if isinstance(default, tuple) else default
        bounds = " ".join(
            f"{sign} {getattr(m, attr):g}"
            for m in field.metadata
            for attr, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
            if getattr(m, attr, None) is not None
        )
        value = text if not isinstance(text, bool) else str(text).lower()
        rows.append(Row(key, value, str(extra.get("unit", "")), reference=bounds or None, note=field.description or ""))
    for preset, values in kind.presets.items():
        shown = " ".join(
            f"{k}={','.join(map('{:g}'.format, v)) if isinstance(v, tuple) else v}" for k, v in values.items()
        )
        rows.append(Row("preset", preset, note=shown or "the defaults above"))
    with open_device(address) as device:
        limits = device.limits
        text = (
            f"{limits.v_min:g} .. {limits.v_max:g} V a line, {limits.v_cell:g} V a cell, "
            f"{limits.width_min:g} .. {limits.width_max:g} s, steps {limits.v_step:g} V and {limits.time_step:g} s, "
            f"channels {limits.channels or 'one a line'}"
        )
    rows.append(Row("limits", None, note=text))
    return rows
