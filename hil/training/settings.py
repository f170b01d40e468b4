"""Settings that every training driver has: which data, which device or devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hil.backends import open_device
from hil.config import CliFlag, Section
from hil.data.datasets import Dataset
from hil.device import Device
from hil.errors import InputError
from hil.fraction import Fraction
from hil.runs.devices import SOLE, Devices

Seed = Annotated[int, CliFlag("First seed.")]
Seeds = Annotated[int, CliFlag("Number of seeds, for the spread.")]
EPOCHS = CliFlag("Passes through the training images; 0.25 is a quarter.")


class DataSettings(Section):
    """Section [data]."""

    dataset: Annotated[
        str, CliFlag("digits, mnist, emnist-digits, ...; or a PATH: .csv, .npz, folder of pictures.", metavar="NAME")
    ] = Field("digits", description="name of the data set, or path of a file or folder, see docs/datasets.md")
    dir: Annotated[str | None, CliFlag("Folder with IDX files (mnist, emnist).", "--data-dir", "DIR")] = Field(
        None, description="folder with IDX files, for the sets that are not bundled"
    )
    holdout: Fraction = Field(0.15, ge=0, lt=1, description="fraction of the training images held out for selection")
    evaluate: Literal["test", "holdout"] = Field(
        "test", description="images that accuracies are reported on; 'holdout' while settings are being chosen"
    )

    def evaluation(self, dataset: Dataset, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Images and labels that accuracies of a seed are reported on."""
        if self.evaluate == "test":
            return dataset.test_images, dataset.test_labels
        held = split(dataset, self.holdout, seed)[1]
        return dataset.train_images[held], dataset.train_labels[held]


LARGEST_SEED = 2**63 - 10_001
"""Largest first seed: all seeds of a run that follow it are numbers that every device takes."""

DEFAULT_DEVICE = "sim:flca-pair"
"""What is trained unless the user names something else."""


class DeviceSettings(Section):
    """Section [device] of a run with one device; [device.NAME] of each of several, as a field or in a mapping."""

    uri: Annotated[str, CliFlag("BACKEND:KIND?NAME=VALUE&..., see `hil devices`.", "--device", "URI")] = Field(
        DEFAULT_DEVICE, description="BACKEND:KIND?NAME=VALUE&...; see `hil devices`"
    )


def split_names(text: str, separator: str = ",") -> list[str]:
    """Parts of `text` between separators; a separator within double quotes does not count.

    Quotes stay in place, so that parts can be split again; `plain_name` takes them off.
    """
    parts, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def plain_name(text: str) -> str:
    """Take spaces and a pair of double quotes off a name."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def addresses(section: Mapping[str, Any]) -> dict[str, str]:
    """Address of every device by name, from a section [device] with its one ``uri``, or from all [device.NAME]."""
    if isinstance(section.get("uri"), str):
        return {SOLE: section["uri"]}
    parts = {name: part for name, part in section.items() if isinstance(part, Mapping)}
    return {name: part["uri"] for name, part in parts.items() if isinstance(part.get("uri"), str)}


def seed_of(name: str, seed: int) -> int:
    """Seed of the device `name` in a run with this seed: another one for each, whatever others there are.

    The device of a run that has only one has the seed of the run.
    """
    if name == SOLE:
        return seed
    drawn = np.random.SeedSequence([seed, *name.encode()]).generate_state(1, np.uint64)[0]
    return int(drawn) % LARGEST_SEED


def open_devices(uris: Mapping[str, str], seed: int, defaults: Mapping[str, Mapping[str, Any]]) -> Devices:
    """Open all devices of a run, each with a seed of its own; an address may set everything itself.

    Parameters
    ----------
    uris : mapping
        Address by name, see `addresses`.
    seed : int
        Of the run.
    defaults : mapping
        Parameters by name of the device, such as its size.
    """
    openers: dict[str, Callable[[], Device]] = {
        name: partial(open_device, uri, defaults={"seed": seed_of(name, seed), **defaults.get(name, {})})
        for name, uri in uris.items()
    }
    return Devices.open(openers)


def open_for(uri: str, dataset: Dataset, layers: int, seed: int, log: Path | None = None) -> Device:
    """Open a device with one row a pixel, one column a layer; the URI may set sizes and seed itself.

    An instrument appends every exchange to `log`.
    """
    # A virtual bench holds what the drivers train by default.
    defaults: dict[str, Any] = {"rows": dataset.inputs, "cols": layers, "seed": seed, "dut": DEFAULT_DEVICE}
    defaults |= {} if log is None else {"log": str(log)}
    device = open_device(uri, defaults=defaults)
    if device.rows != dataset.inputs:
        rows = device.rows
        device.close()
        raise InputError(
            f"{uri} has {rows} rows, the images of '{dataset.name}' have {dataset.inputs} pixels: rows={dataset.inputs}"
        )
    return device


def split(dataset: Dataset, holdout: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the training images to train on and of those held out, drawn from the seed.

    `InputError` if nothing would be left to train on.
    """
    count = len(dataset.train_images)
    cut = round(holdout * count)
    if cut >= count:
        raise InputError(f"data.holdout = {holdout:g} leaves none of {count} images to train on: hold fewer out")
    order = np.random.default_rng([seed, 2]).permutation(count)
    return np.sort(order[cut:]), np.sort(order[:cut])
