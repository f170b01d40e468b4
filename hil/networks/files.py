"""Files of trained networks: each format a reader, found by the entry points ``hil.networks``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from hil.errors import InputError, nearest
from hil.files import reason
from hil.networks.layers import MatrixLayer
from hil.networks.network import LayeredNetwork
from hil.plugins import Registry

MOST_BYTES = 1 << 31
"""Bytes of a file at most."""


class NetworkReader(ABC):
    """One format of files with a trained network."""

    endings: ClassVar[tuple[str, ...]]
    """Of the names of its files, in small letters."""

    @abstractmethod
    def read(self, path: Path, activation: str) -> LayeredNetwork:
        """Read a network.

        Parameters
        ----------
        path : Path
            An existing file.
        activation : str
            Key of `hil.networks.layers.FUNCTIONS`: between layers, where the format does not say.

        Raises
        ------
        InputError
            With one sentence on what is in it that is no network, or cannot be played.
        """


FORMATS: Registry[type[NetworkReader]] = Registry("hil.networks", "network format", base=f"{__name__}:NetworkReader")
"""All formats of all packages."""


def endings() -> dict[str, str]:
    """Name of the format by the ending of a file."""
    return {ending: name for name in FORMATS.names() for ending in FORMATS.find(name).endings}


def read_network(path: Path, activation: str = "relu") -> LayeredNetwork:
    """Read a trained network from a file of any format; `InputError` with one sentence where it cannot be."""
    known = endings()
    if path.suffix.lower() not in known:
        raise InputError(f"{path}: networks are read from files {', '.join(sorted(known))}")
    try:
        if not path.is_file():
            raise InputError(f"no file {path}")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than any network may be: {MOST_BYTES:,} bytes")
        network = FORMATS.find(known[path.suffix.lower()])().read(path, activation)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {reason(error)}") from None
    if not network.matrices:
        raise InputError(f"{path} holds no layer with a matrix of weights")
    return network


def layer_of(network: LayeredNetwork, name: str | None, where: str) -> MatrixLayer:
    """One layer of a network by its name; without a name, the only one."""
    matrices = {layer.name: layer for layer in network.matrices}
    if name is None:
        if len(matrices) > 1:
            raise InputError(f"{where} has {len(matrices)} layers: name one of {', '.join(matrices)} with --layer")
        return network.matrices[0]
    if name not in matrices:
        raise InputError(f"{where}: no layer '{name}' {nearest(name, matrices)}")
    return matrices[name]
