"""Measured data as netCDF: one file that xarray, MATLAB, Origin and every HDF5 reader open, with units and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.errors import InputError
from hil.experiments.experiment import Column
from hil.experiments.records import BLOCK, DEVICE, load, load_devices
from hil.files import replacing

if TYPE_CHECKING:
    import xarray

FILE = "data.nc"

_CF_UNITS = {"S": "siemens", "1": "1"}


def datasets() -> type[xarray.Dataset]:
    """The class of xarray's data sets; `InputError` where it is not installed."""
    try:
        import xarray
    except ImportError:
        raise InputError("no data set without xarray: pip install 'memhil[lab]'") from None
    return xarray.Dataset


def dataset(run: Path, experiment: str, columns: Mapping[str, Column], attributes: Mapping[str, Any]) -> xarray.Dataset:
    """Records of a run as a data set of xarray.

    One dimension ``record``; a variable a column with ``units`` and ``long_name``, as the CF conventions 1.11 ask;
    the coordinate ``device`` names devices by ``flag_values`` and ``flag_meanings``, and the attribute ``devices``
    holds their addresses, limits, parameters and settings as JSON.

    Raises
    ------
    InputError
        If xarray is not installed.
    """
    import numpy as np

    made = datasets()
    records, devices = load(run), load_devices(run)
    variables = {
        name: (
            "record",
            records[name],
            {"units": _CF_UNITS.get(column.unit, column.unit), "long_name": column.description},
        )
        for name, column in columns.items()
    }
    flags = {
        "units": "1",
        "long_name": "device",
        "flag_values": np.arange(len(devices), dtype=np.int32),
        "flag_meanings": " ".join(uri.replace(" ", "_") for uri, _ in devices),
    }
    return made(
        variables,
        coords={
            DEVICE: ("record", records[DEVICE].astype(np.int32), flags),
            BLOCK: ("record", records[BLOCK].astype(np.int32), {"units": "1", "long_name": "number of the block"}),
        },
        attrs={
            "Conventions": "CF-1.11",
            "title": f"memhil characterization: {experiment}",
            "experiment": experiment,
            "devices": json.dumps([{"uri": uri, **info} for uri, info in devices]),
            **attributes,
        },
    )


def save_netcdf(run: Path, experiment: str, columns: Mapping[str, Column], attributes: Mapping[str, Any]) -> Path:
    """Write ``data.nc`` of a run folder from its records (`dataset`), replacing one that is there; return its path.

    Raises
    ------
    InputError
        If xarray or h5netcdf is not installed.
    """
    try:
        import h5netcdf  # noqa: F401
        import xarray  # noqa: F401
    except ImportError as error:
        raise InputError(f"no {FILE} without {error.name}: pip install 'memhil[lab]', then resume the run") from None
    data = dataset(run, experiment, columns, attributes)
    path = Path(run) / FILE
    with replacing(path) as file:
        data.to_netcdf(file, engine="h5netcdf")
    return path
