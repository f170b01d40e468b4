"""What a training has learned, from its checkpoint: conductances, weights, thresholds and labels of every stage.

A driver keeps them under names such as ``g/trained #0``: what it is, and the stage, of role and seed. Names here have
no signs in them that other programs stumble over: ``conductance_trained_0``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import InputError
from hil.programming import Programming
from hil.runs.run import Run, summary

QUANTITIES: Mapping[str, tuple[str, str, str]] = {
    "g": ("conductance", "S", "rows x columns"),
    "g0": ("pristine", "S", "rows x columns before training"),
    "w": ("weight", "", "rows x neurons, 0 to 1"),
    "r": ("resistance", "ohm", "cells of all devices after an epoch"),
    "frame": ("difference", "S", "layer less its reference after a number of images"),
    "theta": ("threshold", "", "of every neuron, added to neuron.threshold, full weights"),
    "label": ("label", "", "class of every neuron, -1 for none"),
    "share": ("share", "", "neurons x classes: P(class | neuron)"),
}
"""Names that drivers give to arrays in checkpoints: what they are called here, their unit, and what they are."""


class Learned(NamedTuple):
    """An array with its unit and what it is, in words."""

    values: NDArray[Any]
    unit: str
    words: str


def of_spiking_layer(
    weights: NDArray[np.float64],
    theta: NDArray[np.float64],
    programming: Programming | None,
    labels: NDArray[np.int64],
    shares: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:
    """What a layer of neurons has learned, by the names of `QUANTITIES`.

    Parameters
    ----------
    weights : (rows, neurons) array
        0 to 1.
    theta : (neurons,) array
        What was added to the threshold of every neuron.
    programming : Programming or None
        Of the device, with the conductances of weights 0 and 1.
    labels : (neurons,) array of int
        Class of every neuron.
    shares : (neurons, classes) array
        P(class | neuron).
    """
    found: dict[str, NDArray[Any]] = {
        "w": weights.astype(np.float32), "theta": np.array(theta), "label": labels, "share": shares
    }  # fmt: skip
    if programming is not None:
        found["g"] = programming.g_min + weights * (programming.g_max - programming.g_min)
    return found


def learned(run: Path) -> dict[str, Learned]:
    """Arrays of a training by name, none where a run is no training or has no checkpoint yet."""
    meta, _ = summary(run)
    if not str(meta.get("kind", "")).startswith("train "):
        return {}
    with Run(run) as folder:
        saved = folder.checkpoint()
    found: dict[str, Learned] = {}
    for key, values in ({} if saved is None else saved[0]).items():
        head, _, stage = key.partition("/")
        if head not in QUANTITIES or not stage:
            continue
        base, unit, words = QUANTITIES[head]
        name = f"{base}_{re.sub('[^A-Za-z0-9]+', '_', stage).strip('_')}"
        if name in found:
            raise InputError(f"{run}: two arrays of its checkpoint would be called {name}")
        found[name] = Learned(np.asarray(values), unit, words)
    return found
