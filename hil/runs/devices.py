"""The devices of a run by name: opened together, driven side by side, closed together, kept in one checkpoint.

Most runs have one device, that of their section ``[device]``; it is called `SOLE`. A run with several, such as a
network of arrays, names them in sections ``[device.NAME]``. A checkpoint holds the state of all of them or of none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.device import Device, Response
from hil.errors import InputError, shortened

SOLE = "device"
"""Name of the device of a run that has only one."""

ENERGY = "run.energy"
"""Array of a device's state in which a run keeps `Devices.energy`; only where any was measured."""

States = dict[str, dict[str, NDArray[Any]]]
"""State of every device by its name: arrays by their names."""

_NAME = re.compile(r"[A-Za-z]\w*(-\w+)*", re.ASCII)


class Devices(Mapping[str, Device]):
    """Devices by name; a context manager that closes them all.

    Attributes
    ----------
    energy : dict
        Energy in J that the cells of each device have dissipated since it was reset, as far as it was measured and
        told by `measured`; part of the state.
    """

    energy: dict[str, float]

    def __init__(self, devices: Mapping[str, Device]) -> None:
        """Take over open devices; `InputError` if one cannot be named so."""
        if not devices:
            raise InputError("a run needs at least one device")
        for name in devices:
            require_name(name)
        self._devices = dict(sorted(devices.items()))
        self.energy = dict.fromkeys(self._devices, 0.0)

    @classmethod
    def open(cls, openers: Mapping[str, Callable[[], Device]]) -> Self:
        """Open one after another, in order of their names; if one fails, those before it are closed again."""
        with ExitStack() as opened:
            devices = cls({name: opened.enter_context(opener()) for name, opener in sorted(openers.items())})
            opened.pop_all()
        return devices

    @property
    def sole(self) -> Device:
        """The device of a run that has one; `InputError` where there are several."""
        if len(self) > 1:
            raise InputError(f"one device is wanted, there are {len(self)}: {', '.join(self)}")
        return next(iter(self.values()))

    @contextmanager
    def closed_on_failure(self) -> Iterator[Self]:
        """Close them if what is done in here fails; leave them open if it does not."""
        with ExitStack() as stack:
            stack.callback(self.close)
            yield self
            stack.pop_all()

    def measured(self, name: str, response: Response) -> Response:
        """Add the energy that a device tells of a waveform to what it has had; give the response back."""
        self.energy[name] += float(response.energy.sum())
        return response

    def snapshot(self) -> States:
        """Exact state of all; `Unsupported` if one cannot tell its own, for a part of a run is no state of it."""
        states = {name: dict(device.snapshot()) for name, device in self.items()}
        for name, energy in self.energy.items():
            if energy:
                states[name][ENERGY] = np.array(energy)
        return states

    def restore(self, states: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Return to a snapshot; `InputError`, before any device is touched, if it is one of other devices."""
        if states.keys() != self.keys():
            raise InputError(
                f"the checkpoint holds the state of {_listed(states)}, the run has {_listed(self)}: a run goes on with "
                "all its devices as they were, or not at all; begin a new run"
            )
        for name, device in self.items():
            state = dict(states[name])
            self.energy[name] = float(state.pop(ENERGY, 0.0))
            device.restore(state)

    def reset(self) -> None:
        """Bring all back to their pristine states, and count energy anew."""
        for device in self.values():
            device.reset()
        self.energy = dict.fromkeys(self, 0.0)

    def close(self) -> None:
        """Close all, whatever fails; raises the last error there was."""
        with ExitStack() as stack:
            for device in self.values():
                stack.callback(device.close)

    def __getitem__(self, name: str) -> Device:
        """One of them."""
        return self._devices[name]

    def __iter__(self) -> Iterator[str]:
        """Names, in alphabetical order."""
        return iter(self._devices)

    def __len__(self) -> int:
        """Count them."""
        return len(self._devices)

    def __enter__(self) -> Self:
        """Use them in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all on every way out."""
        self.close()


def require_name(name: str) -> None:
    """Refuse what cannot be the name of a device in a section ``[device.NAME]``, on a command line and in a file."""
    if not _NAME.fullmatch(name) or name == "uri":
        raise InputError(
            f"a device cannot be named '{shortened(name)}': a letter, then letters, digits, _, single hyphens; not uri"
        )


def flattened(states: Mapping[str, Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Arrays of a checkpoint for the states of devices: ``device/ARRAY``, or ``device.NAME/ARRAY`` of several."""
    return {f"{_section(name)}/{key}": array for name, state in states.items() for key, array in state.items()}


def gathered(
    arrays: Mapping[str, NDArray[Any]], names: list[str] | None = None
) -> tuple[States, dict[str, NDArray[Any]]]:
    """Take the arrays of a checkpoint apart: states of devices, and all others.

    Parameters
    ----------
    arrays : mapping
        Of the checkpoint.
    names : list of str, optional
        Devices of the checkpoint, whose states may have no array; those that have one if not given.
    """
    states: States = {name: {} for name in names or ()}
    others = {}
    for key, array in arrays.items():
        section, slash, rest = key.partition("/")
        if slash and section.partition(".")[0] == SOLE:
            states.setdefault(section.partition(".")[2] or SOLE, {})[rest] = array
        else:
            others[key] = array
    return states, others


def _section(name: str) -> str:
    return SOLE if name == SOLE else f"{SOLE}.{name}"


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "no device"
