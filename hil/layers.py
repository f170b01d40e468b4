"""Layers that can be put on any device: spiking neurons, paired inputs, and whatever another package adds.

A layer is an entry point of the group ``hil.layers``: a function that takes a device, and what the layer is to be, and
returns the layer on that device. It asks the device first (`hil.device.Device.offer`), and falls back to an
implementation on the host that drives the device by the contract alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hil.plugins import Registry

GROUP = "hil.layers"

_LAYERS: Registry[Callable[..., Any]] = Registry(GROUP, "layer")


@cache
def names() -> frozenset[str]:
    """Names of all layers that are installed."""
    return frozenset(_LAYERS.names())


def find(name: str) -> Callable[..., Any]:
    """The function that puts a layer on a device; `InputError` if none has that name, or it cannot be loaded."""
    return _LAYERS.find(name)
