"""`hil synapses`: every synapse circuit that can stand in front of a device's cells, with its settings."""

from __future__ import annotations

from hil.cli import options


def synapses(json: options.Json = None) -> None:
    """List the synapse circuits that an address can ask for, with area, weight, signs and settings.

    A synapse is a part of an address, and so are its settings:

    \b
    sim:rram?synapse=differential
    sim:vteam?pulse_steps=64&synapse=several&synapse.count=4&synapse.update=turn
    """
    from hil.runs.results import Row, report
    from hil.synapses.catalogue import SYNAPSES

    rows = []
    for name in sorted(SYNAPSES.names()):
        kind = SYNAPSES.find(name)
        settings = kind.settings_model()
        signs = "+, 0, -" if kind.signed else "+"
        note = f"{kind.structure}, w = {kind.formula}, {signs}; {kind.note}"
        rows.append(Row(name, kind.area_of(settings), "F^2", note=note))
        for key, field in kind.settings_model.model_fields.items():
            shown = "" if field.default is None else str(field.default)
            rows.append(Row(f"  synapse.{key}", shown, note=field.description or ""))
    report(rows, "Synapses, by area of a weight", json, heads={"value": "area, or default"})
