"""`Experiment`: settings with units, blocks of waveforms, records with units, result rows and a figure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from hil.abilities import BEYOND_THRESHOLD, beyond_thresholds
from hil.device import Device
from hil.errors import InputError
from hil.experiments.bench import CellBench, Samples
from hil.grid import Grid
from hil.needs import require_memory
from hil.runs.results import Row, repeated
from hil.waveform import Waveform

Record = dict[str, float]
"""One measured point: a value for every column of the experiment, NaN where it has none."""

Records = Mapping[str, NDArray[np.float64]]
"""All measured points of a device: an array a column, all of one length."""

Several = Annotated[tuple[float, ...], BeforeValidator(lambda v: (v,) if isinstance(v, int | float) else v)]
"""Setting with several values; one number stands for itself."""

BLOCK_BYTES = 2000.0
"""Rough memory of a block, bytes, without the waveforms that it shares with others."""

GENTLE_AMPLITUDE, GENTLE_WIDTH = 0.1, 1e-3
"""Pulse (V, s) where neither the user nor the device names one."""


def unit(symbol: str) -> JsonDict:
    """Unit of a setting, for `Field(json_schema_extra=...)`."""
    return {"unit": symbol}


def filled(setting: float | None) -> float:
    """Value of a setting that the user may leave open and `Settings.resolved` fills in."""
    if setting is None:
        raise TypeError("settings must be resolved for a device before they are used")
    return setting


@dataclass(frozen=True)
class Column:
    """A column of the records: its SI unit (``1`` for none) and what it is."""

    unit: str
    description: str


@dataclass(frozen=True)
class Block:
    """Part of an experiment that is measured in one go, and recorded as a whole or not at all.

    Attributes
    ----------
    name : str
        Shown beside the progress bar.
    waveforms : tuple of Waveform
        What is played on the cell (1 x 1), in order; a block that adapts lists what it begins with and says so in
        `note`.
    values : mapping
        Columns that have one value in the whole block; what is driven, not what was asked.
    note : str
        A remark for the dry run that the waveforms do not show.
    """

    name: str
    waveforms: tuple[Waveform, ...]
    values: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


class Settings(BaseModel):
    """Settings that every experiment has; None stands for the device's own value until `resolved`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    row: int = Field(
        0,
        ge=0,
        description="row (word line) of the cell; it carries the pulses, so its whole row sees them",
    )
    col: int = Field(0, ge=0, description="column (bit line) of the cell")
    read_voltage: float | None = Field(
        None, description="voltage of a read; the device's own if not given", json_schema_extra=unit("V")
    )
    read_width: float | None = Field(
        None,
        gt=0,
        description="duration of a read; the device's own, but 1e-3 at least, if not given",
        json_schema_extra=unit("s"),
    )
    quantise: bool = Field(True, description="round voltages and times to what the device resolves; else refuse them")

    def resolved(self, device: Device) -> Self:
        """Fill in what the device knows better than we do."""
        return self._filled(read_voltage=device.read_voltage, read_width=max(device.read_width, GENTLE_WIDTH))

    def read(self) -> Waveform:
        """One measured read."""
        if self.read_voltage == 0:
            raise InputError("read_voltage = 0 V: give a voltage other than 0")
        return Waveform.pulse(filled(self.read_voltage), width=filled(self.read_width), measure=True)

    def _filled(self, **values: Any) -> Self:
        return self.model_copy(update={k: v for k, v in values.items() if getattr(self, k) is None})


def own_voltages(device: Device, beyond: float = BEYOND_THRESHOLD) -> tuple[float, float]:
    """Magnitudes of a positive and a negative voltage that move a device's cells, V, as far as it says which do.

    Its own programming voltages; `beyond` times its thresholds, within its limits; else `GENTLE_AMPLITUDE`.
    """
    if device.programming is not None:
        return device.programming.v_set, device.programming.v_reset
    return beyond_thresholds(device, beyond) or (GENTLE_AMPLITUDE, GENTLE_AMPLITUDE)


class PulseSettings(Settings):
    """Settings of experiments with programming pulses of both signs."""

    amplitude: float | None = Field(
        None,
        gt=0,
        description="height of a positive pulse; the device's own (programming voltage, or 1.5 times its threshold), "
        "else 0.1, if not given",
        json_schema_extra=unit("V"),
    )
    amplitude_negative: float | None = Field(
        None,
        gt=0,
        description="magnitude of a negative pulse; as amplitude, or the device's own, if not given",
        json_schema_extra=unit("V"),
    )
    width: float | None = Field(
        None,
        gt=0,
        description="width of a pulse; the device's own, else 1e-3, if not given",
        json_schema_extra=unit("s"),
    )
    gap: float = Field(1e-3, ge=0, description="time at 0 V after every pulse and read", json_schema_extra=unit("s"))

    def resolved(self, device: Device) -> Self:
        """Fill in the device's own programming pulse and read, or a pulse beyond its thresholds."""
        own, given = device.programming, self.amplitude
        own_set, own_reset = own_voltages(device)
        return (
            super()
            .resolved(device)
            ._filled(
                amplitude=own_set,
                amplitude_negative=own_reset if given is None else given,
                width=own.width if own else GENTLE_WIDTH,
            )
        )

    def pulse(self, voltage: float, width: float | None = None, measure: bool = True) -> Waveform:
        """One pulse of a signed voltage on the row and the gap after it."""
        width = filled(self.width if width is None else width)
        return self._with_gap(Waveform.pulse(voltage, width=width, measure=measure))

    def pulse_and_read(self, voltage: float, width: float | None = None) -> Waveform:
        """A pulse, the gap, a read, the gap: two measured segments."""
        return self.pulse(voltage, width) + self.read_and_gap()

    def read_and_gap(self) -> Waveform:
        """A read and the gap after it."""
        return self._with_gap(self.read())

    def signed(self, polarity: float) -> float:
        """Voltage of a pulse of that polarity, V."""
        return filled(self.amplitude) if polarity > 0 else -filled(self.amplitude_negative)

    def _with_gap(self, waveform: Waveform) -> Waveform:
        return waveform + Waveform.rest(self.gap) if self.gap > 0 else waveform


class Experiment(ABC):
    """Base of all experiments, with their settings; made for a device with `resolved` settings, all None filled in.

    Attributes
    ----------
    name : str
        Name on the command line.
    settings_model : type
        Its settings.
    columns : mapping
        Columns of its records.
    continuous : bool
        Whether time goes on between blocks, so that an interrupted measurement on a device that cannot restore its
        state begins anew instead of going on.
    reading : str or None
        Column without which a point tells nothing, where an instrument may have had none.
    grid : Grid
        Rounds to what the device can drive; values of blocks and of records are on it.
    """

    name: ClassVar[str]
    settings_model: ClassVar[type[Settings]]
    columns: ClassVar[Mapping[str, Column]]
    continuous: ClassVar[bool] = False
    reading: ClassVar[str | None] = None
    grid: Grid = Grid()

    def __init__(self, settings: Any) -> None:
        """Keep the settings."""
        self.settings = settings

    @classmethod
    def require(cls, settings: Any) -> None:
        """Raise `InputError` where settings do not make sense together; no device is open yet."""
        return

    def prepare(self, device: Device) -> None:
        """Raise `InputError` where a device cannot do this experiment; nothing has been driven yet."""
        return

    @abstractmethod
    def blocks(self) -> Sequence[Block]:
        """All blocks, in order."""

    @abstractmethod
    def measure(self, block: Block, bench: CellBench, past: Records) -> Iterator[Record]:
        """Play a block; `past` holds what was measured on this device before."""

    def finished(self, past: Records) -> str | None:
        """Say why the blocks that are left need not be played, or None."""
        return None

    @classmethod
    def with_reading(cls, records: Records) -> Records:
        """Leave out the points at which an instrument had no reading; those at the compliance are readings."""
        if cls.reading is None:
            return records
        kept = np.isfinite(records[cls.reading]) | (records["tripped"] > 0)
        return records if kept.all() else {name: column[kept] for name, column in records.items()}

    @abstractmethod
    def analyse(self, records: Records) -> list[Row]:
        """Report the numbers that a device physicist looks for."""

    @classmethod
    def still(cls, records: Records) -> str | None:
        """Say, where nothing moves, that it does not and what to change; None where something does."""
        return None

    @classmethod
    @abstractmethod
    def draw(cls, curves: Mapping[str, Records], path: Path) -> None:
        """Draw the figure, the curves of all devices laid over each other; the keys are their names."""

    def live(self, record: Record) -> str:
        """Say the last record in a few words."""
        name = next(n for n in ("conductance", "current") if n in self.columns)
        return quantity(record[name], self.columns[name].unit)


VOLTAGE = Column("V", "voltage of the pulse, as it was driven")
WIDTH = Column("s", "width of the pulse, as it was driven")
TIME = Column("s", "device time at the end of the measurement")
TRIPPED = Column("1", "1 where the compliance current was reached")


def points(block: Block, samples: Samples, **columns: ArrayLike) -> Iterator[Record]:
    """Records of a block: its values; time, compliance, driven voltage and width of the samples; further columns."""
    table = {name: getattr(samples, name) for name in ("time", "tripped", "voltage", "width")} | columns
    arrays = {
        name: np.broadcast_to(np.asarray(column, np.float64), samples.time.shape) for name, column in table.items()
    }
    for k in range(len(samples.time)):
        yield {**block.values, **{name: float(column[k]) for name, column in arrays.items()}}


def settings_in(settings: Settings, symbol: str) -> Iterator[tuple[str, float]]:
    """(name, value) of all settings in the unit `symbol`, those of lists one by one; None is left out."""
    for name, info in type(settings).model_fields.items():
        extra = info.json_schema_extra
        value = getattr(settings, name)
        if isinstance(extra, dict) and extra.get("unit") == symbol and value is not None:
            yield from ((name, v) for v in (value if isinstance(value, tuple) else (value,)))


def check_limits(name: str, settings: Settings, v_max: float | None, i_max: float | None) -> None:
    """Raise `InputError` if a setting asks for more than the user's limits in V and A."""
    for symbol, limit, option in (("V", v_max, "--v-max"), ("A", i_max, "--i-max")):
        for field_name, value in settings_in(settings, symbol):
            if limit is not None and abs(value) > limit:
                raise InputError(
                    f"{name}.{field_name} = {value:g} {symbol} is outside {-limit:g} {symbol} .. {limit:g} {symbol} "
                    f"({option} {limit:g})"
                )


def largest_count(settings: Settings) -> str:
    """Name and value of the setting that makes an experiment longest: its largest whole number."""
    counts = {name: value for name, value in settings if type(value) is int and name not in ("row", "col")}
    name = max(counts, key=lambda k: counts[k], default=None)
    return "settings" if name is None else f"{name} = {counts[name]}"


def require_blocks(count: float) -> None:
    """Raise `NeedError` where so many blocks do not fit into memory."""
    require_memory(f"a plan of {count:,.4g} blocks", BLOCK_BYTES * count)


def quantity(value: float, symbol: str) -> str:
    """Number with its unit and an engineering prefix, such as ``52.3 µS``."""
    if not np.isfinite(value) or value == 0 or symbol == "1":
        return f"{value:.4g}{'' if symbol == '1' else ' ' + symbol}"
    power = int(np.clip(np.floor(np.log10(abs(value)) / 3), -5, 3))
    prefix = {-5: "f", -4: "p", -3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}[power]
    return f"{value / 1000.0**power:.4g} {prefix}{symbol}"


def where(records: Records, **values: float) -> dict[str, NDArray[np.float64]]:
    """Records in which the named columns have these values."""
    chosen = np.ones(len(next(iter(records.values()))), dtype=bool)
    for name, value in values.items():
        chosen &= records[name] == value
    return {name: column[chosen] for name, column in records.items()}


AT_COMPLIANCE = "not known: a current there was at the compliance (raise i_max, or lower the voltage)"
"""Why a number is not given that would come of currents at the compliance."""

NOT_A_RATIO = f"{AT_COMPLIANCE} or not above 0"
"""Why such a ratio is not given."""


def tripped_rows(records: Records, left_out: str = "") -> list[Row]:
    """Warn where the compliance current was reached, and say what is `left_out`; no row where it never was."""
    count = int(np.nansum(records["tripped"]))
    note = "a current at compliance is a bound on the cell's current, not its value"
    return [Row("points at compliance", count, note=f"{note}; {left_out}" if left_out else note)] if count else []


def known(
    name: str, value: float, unit: str = "", note: str = "", why: str = AT_COMPLIANCE, headline: bool = False
) -> Row:
    """Report a number, or `why` it is NaN."""
    told = np.isfinite(value)
    return Row(name, float(value) if told else None, unit, note=note if told else why, headline=headline)


def known_repeats(
    name: str, values: ArrayLike, unit: str = "", note: str = "", why: str = AT_COMPLIANCE, headline: bool = False
) -> Row:
    """Report the mean of those of the values that are known, and how many are not; see `known`."""
    values = np.asarray(values, np.float64)
    told = values[np.isfinite(values)]
    if not len(told):
        return Row(name, None, unit, note=why, headline=headline)
    if len(told) < len(values):
        note = f"{note}; " * bool(note) + f"{len(values) - len(told)} of {len(values)} left out, {why}"
    return repeated(name, told.tolist(), unit, note=note, headline=headline)
