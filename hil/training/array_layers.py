"""Devices of the layers of a network: one array a layer, all opened from one address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from hil.insitu.layers import ArrayLayer
from hil.runs.devices import Devices
from hil.training.settings import open_devices


def open_layers(
    uri: str,
    shapes: Sequence[tuple[int, int]],
    seed: int,
    *,
    weight_max: float,
    bias: bool = False,
    backward: Literal["read", "array"] = "read",
    **more: Any,
) -> tuple[Devices, list[ArrayLayer]]:
    """Open an array for every layer, each with a seed of its own.

    Parameters
    ----------
    uri : str
        Address of all of them; what it says itself goes first.
    shapes : sequence of (int, int)
        Inputs and outputs of every layer.
    seed : int
        Of the run.
    weight_max, bias, backward
        As of `ArrayLayer`.
    **more
        Further parameters of every device, such as ``stuck_off``.
    """
    names = [f"layer{place + 1:02d}" for place in range(len(shapes))]
    defaults = {name: {"rows": a + bias, "cols": b, **more} for name, (a, b) in zip(names, shapes, strict=True)}
    devices = open_devices(dict.fromkeys(names, uri), seed, defaults)
    with devices.closed_on_failure():
        layers = [
            ArrayLayer(devices[name], a, b, weight_max=weight_max, bias=bias, backward=backward)
            for name, (a, b) in zip(names, shapes, strict=True)
        ]
    return devices, layers
