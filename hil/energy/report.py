"""Rows on energy, latency and area of a run; the formula stands in their notes.

    E = meant + half-selected + between + reads + lines + converters

with V^2 G t of the cells that are meant and of half-selected ones, what wires, selectors and drivers take of what the
sources give, reads that take no device time, 1/2 C dV^2 of every step of a line with a capacitance, and stated figures
for every conversion.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hil.energy.account import Account, ArrayFacts, EnergyTally
from hil.energy.figures import ADC_BITS, EnergySettings
from hil.runs.results import Row, repeated, report

FORMULA = "E = cells meant + half-selected + wires, selectors, drivers + reads + lines + converters"

COMPONENTS: dict[str, str] = {
    "cells that are meant": "sum of V^2 G t over pulses",
    "half-selected cells": "the same of cells that see a voltage where others are selected",
    "wires, selectors and drivers": "what the sources give, less what the cells take",
    "reads": "V^2 G t of reads that take no device time, {read}",
    "line capacitances": "1/2 C dV^2 of every step of a line, c_wire a segment",
    "converters": "ADC conversions times {adc} J, voltages set times {dac} J",
}
"""Parts of an energy by name, and what each is."""


_PARTS = frozenset(
    [*(f"energy of {name}" for name in COMPONENTS), "time of pulses and reads", "area", "latency of a product"]
)


def brief(rows: Sequence[Row]) -> list[Row]:
    """All rows without the parts of energies, the areas and the latencies, which ``results.json`` keeps."""
    return [row for row in rows if not (row.name in _PARTS and ("part" in row.conditions or "array" in row.conditions))]


def show_run(rows: Sequence[Row], title: str, path: Path, json: str | None) -> None:
    """Report the rows of a run briefly (`report`), all of them to `json`, and say where the others are."""
    shown = brief(rows)
    report(shown, title, json, everything=rows)
    if len(shown) < len(rows):
        print(f"energy by part, areas, latencies: hil runs show {path}", file=sys.stderr)


def components(tally: EnergyTally, facts: ArrayFacts, figures: EnergySettings) -> dict[str, float]:
    """Parts of the energy of an array, J, by the names of `COMPONENTS`."""
    return {
        "cells that are meant": tally.meant,
        "half-selected cells": tally.half,
        "wires, selectors and drivers": tally.between + tally.look_between,
        "reads": tally.look_energy,
        "line capacitances": (facts.row_capacitance * tally.rows + facts.col_capacitance * tally.cols) / 2,
        "converters": tally.adc * figures.adc_energy(facts.adc_bits) + tally.dac * figures.dac,
    }


def energy_section(account: Account, figures: EnergySettings) -> list[Row]:
    """All rows: by part of the run, then what each array is; none where nothing was driven or read."""
    rows: list[Row] = []
    for part in account.parts():
        told = _of_part(account, figures, part)
        if told and not rows:
            told[0] = replace(told[0], note=f"{FORMULA}; {told[0].note}")
        rows += told
    for name, facts in account.arrays.items():
        if any(array == name for _, _, array in account.tallies):
            rows += _of_array(name, facts, figures)
    return rows


def _of_part(account: Account, figures: EnergySettings, part: str) -> list[Row]:
    """Energy of a part of the run: all of it, then what it is made of; mean over seeds."""
    seeds = account.seeds(part)

    def each(value: Callable[[EnergyTally, ArrayFacts], float]) -> list[float]:
        return [
            sum(value(t, account.arrays[a]) for (p, s, a), t in account.tallies.items() if (p, s) == (part, seed))
            for seed in seeds
        ]

    found = {
        name: each(lambda tally, facts, name=name: components(tally, facts, figures)[name])  # type: ignore[misc]  # a default
        for name in COMPONENTS
    }
    total = [sum(values) for values in zip(*found.values(), strict=True)]
    if not any(total) and not any(each(lambda tally, _: tally.unknown)):
        return []
    least = "AT LEAST, " if any(each(lambda tally, _: tally.unknown)) else ""
    rows = [_row("energy", total, f"{least}all arrays together{_doubts(account, part, each)}")]
    words = {
        "read": _duration(each), "dac": f"{figures.dac:.3g}",
        "adc": ", ".join(dict.fromkeys(f"{figures.adc_energy(f.adc_bits):.3g} ({f.adc_bits or ADC_BITS} bits)"
                                       for f in account.arrays.values())),
    }  # fmt: skip
    rows += [
        _row("energy of " + name, found[name], told.format(**words), "  of ")
        for name, told in COMPONENTS.items()
        if any(found[name])
    ]
    counted = [account.counts.get((part, seed), {}) for seed in seeds]
    rows += [
        _row(
            f"energy per {what}",
            [e / c[what] for e, c in zip(total, counted, strict=True)],
            f"{least}of {part}",
            "  per ",
        )
        for what in counted[0]
        if all(c.get(what) for c in counted)
    ]
    busy = each(lambda tally, _: tally.seconds + tally.look_seconds)
    note = "pulses and reads one after the other, without rests and conversions"
    rows.append(_row("time of pulses and reads", busy, note, "  ", "s"))
    return [row.under("", part=part) if row.label else row.under(f"{part}: ", part=part) for row in rows]


def _row(name: str, values: Sequence[float], note: str, prefix: str = "", unit: str = "J") -> Row:
    short = name.removeprefix("energy of ").removeprefix("energy per ")
    return repeated(name, values, unit, note=note, label=f"{prefix}{short}" if prefix else "")


def _duration(each: Callable[[Callable[[EnergyTally, ArrayFacts], float]], list[float]]) -> str:
    looks, seconds = sum(each(lambda tally, _: tally.looks)), sum(each(lambda tally, _: tally.look_seconds))
    return f"{seconds / looks:.3g} s each (energy.read_time)" if looks else ""


def _doubts(
    account: Account, part: str, each: Callable[[Callable[[EnergyTally, ArrayFacts], float]], list[float]]
) -> str:
    """What is estimated, and what is not known."""
    told = []
    whole = sum(each(lambda tally, _: tally.meant + tally.half + tally.between))
    estimated, sampled = sum(each(lambda tally, _: tally.estimated)), sum(each(lambda tally, _: tally.sampled))
    unknown = sum(each(lambda tally, _: tally.unknown))
    if estimated > 0:
        told.append(f"{100 * estimated / whole:.0f} % of the pulses' by conductances before and after")
    if sampled:
        told.append(f"{sampled:,.0f} voltages in proportion to V^2 t of others")
    if unknown:
        why = "; ".join(account.reasons.values()) or "neither measured nor at conductances that are known"
        told.append(f"{unknown:,.0f} pulses or reads NOT in it ({why})")
    names = {array for p, _, array in account.tallies if p == part}
    told += dict.fromkeys(account.arrays[name].note for name in names if account.arrays[name].note)
    return "".join(f"; {text}" for text in told)


def area(facts: ArrayFacts, figures: EnergySettings) -> dict[str, float]:
    """Areas of an array, m^2: of its weights, of its ADCs, of what drives its lines."""
    a_weight = (facts.weight_area if figures.cell_area is None else figures.cell_area) * figures.feature**2
    return {
        "weights": facts.weights * a_weight,
        "ADCs": math.ceil(facts.cols / figures.adc_columns) * figures.adc_area,
        "drivers": (facts.rows + facts.cols) * figures.dac_area,
    }


def settling(facts: ArrayFacts) -> float | None:
    """Time after which lines are within half a step of their converter, s: ln(2^(bits + 1)) times Elmore's delay."""
    bits = ADC_BITS if facts.adc_bits is None else facts.adc_bits
    return None if facts.line_delay is None else math.log(2.0) * (bits + 1) * facts.line_delay


def _of_array(name: str, facts: ArrayFacts, figures: EnergySettings) -> list[Row]:
    """Latency of a product, and area."""
    rows = []
    lines, conversion = settling(facts), figures.adc_columns * figures.adc_time
    bits = facts.adc_bits or ADC_BITS
    if facts.real:
        rows.append(Row("area", None, "m^2", note="not known: a sample is what it is"))
    else:
        parts = area(facts, figures)
        told = " + ".join(f"{what} {value:.3g}" for what, value in parts.items())
        a_weight = facts.weight_area if figures.cell_area is None else figures.cell_area
        note = f"{told}; {facts.weights:,} weights of {a_weight:g} F^2, F = {figures.feature:.3g} m"
        rows.append(Row("area", sum(parts.values()), "m^2", note=note))
        how = "lines without capacitance (c_wire) settle at once" if lines is None else (
            f"lines {lines:.3g} s = ln(2^{bits + 1}) x Elmore's {facts.line_delay:.3g} s"
        )  # fmt: skip
        shared = f"; {figures.adc_columns} columns an ADC" if figures.adc_columns > 1 else ""
        note = f"t = lines + conversion: {how}, conversion {conversion:.3g} s{shared}"
        rows.append(Row("latency of a product", (lines or 0.0) + conversion, "s", note=note))
    return [row.under(f"{name}: ", array=name) for row in rows]
