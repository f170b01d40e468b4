"""What the user asks of a fit: models, noise, parameters held and freed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.errors import InputError
from hil.fraction import from_percent
from sim.fitting import catalogue
from sim.fitting.data import Measurement
from sim.fitting.fitting import Loss, Noise
from sim.fitting.model import Model

ALL = "all"
"""Every model that can explain a measurement."""


@dataclass(frozen=True)
class Asked:
    """Options of a fit.

    Attributes
    ----------
    named : str or None
        Models with commas between, `ALL`, or None for those usual for the kind of measurement.
    noise : Noise or None
        Uncertainty of a reading.
    loss : str
        How deviations are judged.
    held : dict
        Parameters that are held, with their values.
    freed : tuple of str
        Parameters that are fitted though they are held by default.
    order : int
        Highest power of the flux in a memristance.
    profile : bool
        Whether intervals follow the profile of the likelihood.
    spread : bool
        Whether c2c and read noise of a single cell are wanted.
    """

    named: str | None
    noise: Noise | None
    loss: Loss
    held: dict[str, float]
    freed: tuple[str, ...]
    order: int
    profile: bool
    spread: bool

    def config(self, source: Sequence[Path], hold_back: str | None) -> dict[str, Any]:
        """Record of it all for a run folder."""
        noise = None if self.noise is None else ",".join(f"{part:g}" for part in self.noise)
        return {
            "source": [str(path) for path in source], "model": self.named or "", "noise": noise, "loss": self.loss,
            "fix": self.held, "free": list(self.freed), "order": self.order, "hold_back": hold_back,
        }  # fmt: skip

    def names(self, kind: str) -> tuple[str, ...]:
        """Models that are asked for, by name.

        Raises
        ------
        InputError
            If one is named twice, or none at all.
        """
        if self.named is None:
            return catalogue.USUAL[kind]
        names = [name.strip() for name in self.named.split(",") if name.strip()]
        if not names or len(set(names)) < len(names):
            raise InputError(f"--model {self.named}: name one model, or several different ones with commas between")
        return tuple(names)

    def prepared(self, measurement: Measurement) -> Measurement:
        """Leave out what one of the models cannot explain, for all of them alike."""
        names = self.names(measurement.kind)
        return catalogue.prepared(catalogue.FITS.names() if names == (ALL,) else names, measurement)

    def models(self, measurement: Measurement) -> tuple[list[Model], dict[str, str]]:
        """All models, and why others are left out; only `ALL` leaves any out."""
        names = self.names(measurement.kind)
        if names == (ALL,):
            models, refused = catalogue.applicable(measurement, self.order)
            if not models:
                raise InputError(f"{measurement.source}: no model can explain it: {'; '.join(refused.values())}")
            return models, refused
        return [catalogue.model(name, measurement, self.order) for name in names], {}


def noise_of(text: str | None) -> Noise | None:
    """Noise from a command line: a fraction and, after a comma, a floor."""
    if text is None:
        return None
    relative, *floor = text.split(",")
    try:
        parts = [float(from_percent(relative)), *(float(part) for part in floor)]
    except ValueError:
        parts = []
    if len(parts) not in (1, 2):
        raise InputError(f"--noise {text}: write a fraction and, after a comma, a floor, such as 0.01,1e-9")
    return Noise(*parts)


def fixed(settings: Sequence[str]) -> dict[str, float]:
    """Parameters that are held, from a command line."""
    held = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        try:
            held[name.strip()] = float(text)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"--fix {setting}: write NAME=VALUE, such as w0=0")
    return held
