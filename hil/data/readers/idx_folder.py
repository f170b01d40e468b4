"""Folders of four IDX files of any size and any number of classes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from hil.data.datasets import Dataset
from hil.data.idx_sets import idx_files, read_part
from hil.data.labelled import LabelledSamples, class_names, dataset
from hil.data.own import DataReader, ReadSettings
from hil.errors import InputError


class IdxFolder(DataReader):
    """Folder with the four IDX files of a set like MNIST, raw or gzipped, of any size and number of classes."""

    looks: ClassVar = "a folder with the four IDX files of a set like MNIST"

    def recognises(self, path: Path) -> bool:
        """By the names of the files."""
        return path.is_dir() and bool(idx_files(path))

    def read(self, path: Path, name: str, options: ReadSettings) -> Dataset:
        """Read all four; the classes are the labels that occur."""
        files = idx_files(path)
        missing = [part for part in ("train images", "train labels", "test images", "test labels") if part not in files]
        if missing:
            raise InputError(f"{path}: no IDX file of {missing[0]} beside {next(iter(files.values())).name}")
        arrays = {part: read_part(file, part) for part, file in files.items()}
        shapes = {part: arrays[f"{part} images"].shape[1:] for part in ("train", "test")}
        if shapes["train"] != shapes["test"]:
            raise InputError(f"{path}: test images of {shapes['test']} pixels, training images of {shapes['train']}")
        samples = {}
        for part in ("train", "test"):
            images, labels = arrays[f"{part} images"], arrays[f"{part} labels"]
            if len(images) != len(labels):
                raise InputError(f"{files[f'{part} labels']}: {len(labels)} labels, expected {len(images)}")
            samples[part] = LabelledSamples(images, class_names(labels))
        full = int(max(np.max(arrays["train images"]), np.max(arrays["test images"]), 1))
        height, width = (int(side) for side in shapes["train"])
        return dataset(name, (height, width), full, samples["train"], samples["test"], str(path))
