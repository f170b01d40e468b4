"""`Account`: what all arrays of a run were given, by part of the run, seed and array; kept in its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

WHOLE = "run"
"""Part of a run that says nothing of its parts."""


@dataclass
class EnergyTally:
    """What an array was given in a part of a run.

    Attributes
    ----------
    pulses, seconds : float
        Segments in which any line was driven, and their time, s.
    meant, half, between : float
        Energy of pulses, J: see `hil.energy.dissipation.Dissipation`.
    estimated : float
        Part of it that was not measured, but follows from conductances before and after, J.
    looks, look_seconds : float
        Reads that take no device time, one a vector of voltages, and the time that they count, s.
    look_energy, look_between : float
        Their energy, J, and what of it is not the cells'.
    dac, adc : float
        Line voltages other than 0 that were set, and currents that were told.
    rows, cols : float
        Sums of the squared steps of row and of column voltages, V^2.
    sampled : float
        Segments whose energy was taken in proportion to others.
    unknown : float
        Pulses and reads of which no energy is known.
    """

    pulses: float = 0.0
    seconds: float = 0.0
    meant: float = 0.0
    half: float = 0.0
    between: float = 0.0
    estimated: float = 0.0
    looks: float = 0.0
    look_seconds: float = 0.0
    look_energy: float = 0.0
    look_between: float = 0.0
    dac: float = 0.0
    adc: float = 0.0
    rows: float = 0.0
    cols: float = 0.0
    sampled: float = 0.0
    unknown: float = 0.0

    def add(self, **given: float) -> None:
        """Add to any of its numbers."""
        for name, value in given.items():
            setattr(self, name, getattr(self, name) + float(value))


@dataclass(frozen=True)
class ArrayFacts:
    """What an array is made of.

    Attributes
    ----------
    rows, cols : int
        Lines.
    weights : int
        Weights; each may be several cells.
    weight_area : float
        F^2 of one, where the user says nothing else.
    adc_bits : int or None
        Of converters that its address asks for.
    line_delay : float or None
        Elmore delay of its lines, s; None where they have no capacitance.
    row_capacitance, col_capacitance : float
        Of a whole line, F.
    real : bool
        Whether it is a sample in a laboratory, of an area that nobody here knows.
    note : str
        What else is to be known of its energies.
    """

    rows: int
    cols: int
    weights: int
    weight_area: float
    adc_bits: int | None = None
    line_delay: float | None = None
    row_capacitance: float = 0.0
    col_capacitance: float = 0.0
    real: bool = False
    note: str = ""


@dataclass
class Account:
    """Tallies by (part, seed, array), and what the arrays are.

    Attributes
    ----------
    part, seed : str and int
        What the run is at: `add` adds to these.
    counts : dict
        By (part, seed): images, products or whatever else the run counts, by name.
    """

    tallies: dict[tuple[str, int, str], EnergyTally] = field(default_factory=dict)
    arrays: dict[str, ArrayFacts] = field(default_factory=dict)
    counts: dict[tuple[str, int], dict[str, float]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    part: str = WHOLE
    seed: int = 0

    def of(self, array: str) -> EnergyTally:
        """EnergyTally of an array for what the run is at."""
        return self.tallies.setdefault((self.part, self.seed, array), EnergyTally())

    def count(self, what: str, number: float) -> None:
        """Count images or anything else of what the run is at."""
        counted = self.counts.setdefault((self.part, self.seed), {})
        counted[what] = counted.get(what, 0.0) + number

    def parts(self) -> list[str]:
        """Parts of the run in which anything was driven, in order."""
        return list(dict.fromkeys(part for part, _, _ in self.tallies))

    def seeds(self, part: str) -> list[int]:
        """Seeds of a part, in order."""
        return list(dict.fromkeys(seed for name, seed, _ in self.tallies if name == part))

    def as_json(self) -> dict[str, Any]:
        """For a checkpoint; numbers come back to the last bit."""
        return {
            "tallies": [[*key, asdict(tally)] for key, tally in self.tallies.items()],
            "arrays": {name: asdict(facts) for name, facts in self.arrays.items()},
            "counts": [[*key, counted] for key, counted in self.counts.items()],
            "reasons": self.reasons,
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Account:
        """Undo `as_json`."""
        own, known = ({f.name for f in fields(kind)} for kind in (EnergyTally, ArrayFacts))
        tallies = {
            (part, seed, array): EnergyTally(**{name: value for name, value in tally.items() if name in own})
            for part, seed, array, tally in saved["tallies"]
        }
        arrays = {
            name: ArrayFacts(**{key: value for key, value in facts.items() if key in known})
            for name, facts in saved["arrays"].items()
        }
        counts = {(part, seed): dict(counted) for part, seed, counted in saved["counts"]}
        return cls(tallies, arrays, counts, dict(saved.get("reasons", {})))
