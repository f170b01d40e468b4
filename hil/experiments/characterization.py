"""Runs an experiment on one or several devices: checks it, records it block by block, stops and resumes.

Everything is checked before anything is driven. Every block is recorded as a whole, with the state of the device, so a
run that was stopped or killed goes on after its last finished block; on a simulated device it ends with the same data,
bit for bit. A device that cannot tell its state, such as a sample on a probe, is taken as it is when the run goes on.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hil.abilities import Identified, Parametrised
from hil.backends import open_device
from hil.config import validated
from hil.device import Device, Unsupported
from hil.errors import HilError, InputError, nearest
from hil.experiments import catalogue
from hil.experiments.bench import CellBench
from hil.experiments.continuing import (
    dose,
    require_answered,
    require_blocks,
    require_given,
    require_room,
    require_same,
    require_whole,
)
from hil.experiments.experiment import Block, Experiment, Records, Settings, check_limits, largest_count
from hil.experiments.export import save_netcdf
from hil.experiments.records import KIND, CharacterizationRun, History, Recorder
from hil.needs import NeedError
from hil.runs import sending
from hil.runs.interrupt import Interrupted, StopRequest, how_to_continue
from hil.runs.progress import Progress
from hil.runs.results import Row, warning
from hil.runs.sending import Sent, once_more, played_again


class CharacterizedDevice(BaseModel):
    """Section [device]: what is characterized, and how far it may be driven."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    uri: tuple[str, ...] = Field(("sim:rram",), min_length=1, description="BACKEND:KIND?NAME=VALUE&..., one or several")
    v_max: float | None = Field(None, gt=0, description="largest magnitude of any voltage, V")
    i_max: float | None = Field(None, gt=0, description="compliance current, A")

    @property
    def defaults(self) -> dict[str, float]:
        """Parameters for `open_device`."""
        return {name: value for name in ("v_max", "i_max") if (value := getattr(self, name)) is not None}


class MeasurementPlan:
    """A checked plan of a run: experiment, settings, addresses of devices; no device is opened yet.

    Parameters
    ----------
    config : mapping
        ``experiment`` (name), section ``device``, a section with the experiment's name; sections of other experiments
        are left alone.

    Raises
    ------
    InputError
        For an unknown experiment or section, a setting out of range, or one beyond the user's limits.
    """

    def __init__(self, config: Mapping[str, Any], where: str = "configuration") -> None:
        """Check the configuration."""
        name = str(config.get("experiment", ""))
        self.experiment: type[Experiment] = catalogue.experiment(name)
        known = {"experiment", "device", *catalogue.EXPERIMENTS.names()}
        for section in config:
            if section not in known:
                raise InputError(f"{where}: unknown section '{section}' {nearest(section, known)}")
        device = dict(config.get("device", {}))
        if isinstance(device.get("uri"), str):
            device["uri"] = (device["uri"],)
        self.device: CharacterizedDevice = validated(CharacterizedDevice, device, f"{where}: device")
        own = config.get(name, {})
        if not isinstance(own, Mapping):
            raise InputError(f"{where}: {name} = {own!r} is a value, a section of settings was expected")
        self.settings: Settings = validated(self.experiment.settings_model, own, f"{where}: {name}")
        self.experiment.require(self.settings)
        check_limits(name, self.settings, self.device.v_max, self.device.i_max)
        if len(set(self.device.uri)) < len(self.device.uri):
            raise InputError(f"--device {self.device.uri[0]} is given twice: a curve a device")

    def dump(self) -> dict[str, Any]:
        """Configuration as TOML can hold it."""
        name = self.experiment.name
        return {
            "experiment": name,
            "device": {**self.device.model_dump(mode="json", exclude_none=True), "uri": list(self.device.uri)},
            name: self.settings.model_dump(mode="json", exclude_none=True),
        }

    def open(self, uri: str, log: Path | None = None) -> Device:
        """Open a device with the user's limits; an instrument appends every exchange to `log`."""
        return open_device(uri, defaults=self.device.defaults | ({} if log is None else {"log": str(log)}))

    def ready(self, device: Device) -> tuple[Experiment, CellBench, Sequence[Block]]:
        """Fill in settings from the device and check every block; nothing is driven."""
        settings = self.settings.resolved(device)
        check_limits(self.experiment.name, settings, self.device.v_max, self.device.i_max)
        experiment = self.experiment(settings)
        try:
            experiment.prepare(device)
            bench = CellBench(device, settings.row, settings.col, v_max=self.device.v_max, quantise=settings.quantise)
            experiment.grid = bench.grid
            blocks = experiment.blocks()
        except NeedError as error:
            raise NeedError(f"{self.experiment.name}.{largest_count(settings)}: {error}") from None
        for block in blocks:
            for waveform in block.waveforms:
                bench.place(waveform)
        return experiment, bench, blocks


class Characterization:
    """One run: plays a plan on every device and keeps all measurements in a run folder."""

    def __init__(self, plan: MeasurementPlan, run: CharacterizationRun, play_again: bool = False) -> None:
        """Take a plan and the folder; `play_again` lets a sample have what was cut off a second time."""
        self.plan, self.run, self._play_again = plan, run, play_again

    def complete(self) -> tuple[list[Row], list[Path]]:
        """Play what is left to play, then leave rows, figure and netCDF in the run folder.

        Raises
        ------
        Interrupted
            On Ctrl-C, SIGTERM or SIGHUP, after the block at hand; everything done so far is saved.
        InputError
            If the run's records are not whole, or not of this plan: nothing is driven again.
        HilError
            If the disk is full; what is recorded is kept.
        """
        fresh = not self.run.records_file.exists()
        self._require_whole(fresh)
        try:
            return self._complete(fresh)
        except InputError as error:
            if not isinstance(error.__cause__, OSError) or "--resume" in str(error):
                raise
            self._stopped()
            advice = once_more(self.run.path, KIND) if sending.left(self.run.path) else self._advice
            raise HilError(f"{error}; what was recorded is kept; make room and {advice}") from error.__cause__

    def _require_whole(self, fresh: bool) -> None:
        name, uris = self.plan.experiment.name, self.plan.device.uri
        if fresh:
            require_whole(self.run, name, uris, None)
            return
        with self._recorder() as recorder:
            require_answered(self.run, recorder, self._play_again)
            require_whole(self.run, name, uris, recorder)
            for uri, info in dict(recorder.devices()).values():
                require_given(self.run.path, uri, info, self.plan.settings)

    @property
    def _advice(self) -> str:
        return how_to_continue(KIND, self.run.path)

    def _stopped(self) -> None:
        """Note that the run is stopped, where there is room to note anything."""
        with suppress(InputError):
            self.run.set_state("stopped")

    def _complete(self, fresh: bool) -> tuple[list[Row], list[Path]]:
        if fresh:
            for uri in self.plan.device.uri[1:]:
                with self.plan.open(uri, self.run.command_log) as device:
                    self.plan.ready(device)
        with StopRequest() as stop:
            for index, uri in enumerate(self.plan.device.uri):
                self._play(index, uri, stop)
        rows, curves = self._analyse()
        rows += played_again(self.run.meta())
        self.run.save_results(rows)
        from hil.experiments import figures

        picture = figures.write(self.plan.experiment, curves, self.run.figure(f"{self.plan.experiment.name}.png"))
        self._export()
        self.run.set_state("finished")
        return rows, [picture]

    def _play(self, index: int, uri: str, stop: StopRequest) -> None:
        noted = self._noted(index)
        if noted is not None and noted.get("finished"):
            return
        with self.plan.open(uri, self.run.command_log) as device:
            if noted is not None:
                now = describe(device, self.plan.settings.resolved(device))
                require_same(self.run.path, uri, noted, now)
            experiment, bench, blocks = self.plan.ready(device)
            info = noted or describe(device, experiment.settings)
            with self._recorder() as recorder:
                done = self._restore(index, experiment, bench, blocks, recorder)
                recorder.add_device(index, uri, info)
                self._note(index, uri, info, done)
                done = self._go_on(index, uri, experiment, bench, blocks, recorder, stop, done)
                self._note(index, uri, info, done)
                recorder.add_device(index, uri, {**info, "finished": True})

    def _go_on(
        self,
        index: int,
        uri: str,
        experiment: Experiment,
        bench: CellBench,
        blocks: Sequence[Block],
        recorder: Recorder,
        stop: StopRequest,
        done: int,
    ) -> int:
        """Measure the blocks that are left; return how many there are then."""
        history = History(recorder.columns, recorder.records(index))
        samples = [bench.device] if _state(bench.device) is None else []
        with Progress(len(blocks), "blocks", start=done) as progress:
            for number in range(done, len(blocks)):
                ended = experiment.finished(history.records) if number else None
                if ended is not None:
                    print(f"{uri}: {ended}", file=sys.stderr)
                    return number
                block = blocks[number]
                progress.describe(f"{uri}: {block.name}")
                sent = Sent(uri, f"'{block.name}'", dose(block), (index, number))
                try:
                    require_room(self.run, block, len(recorder.columns))
                    with sending.noted(self.run, KIND, samples, sent):
                        records = list(experiment.measure(block, bench, history.records))
                        recorder.add_block(index, number, block.name, records, bench.taken(), _state(bench.device))
                except HilError:
                    self._stopped()
                    raise
                history.extend(records)
                progress.describe(f"{uri}: {block.name}: {experiment.live(records[-1])}")
                progress.advance(1)
                if stop.requested and number + 1 < len(blocks):
                    self._note(index, uri, recorder.device_info(index), number + 1)
                    self.run.set_state("stopped")
                    raise Interrupted(f"stopped after {number + 1} of {len(blocks)} blocks of {uri}; {self._advice}")
        return len(blocks)

    def _restore(
        self, index: int, experiment: Experiment, bench: CellBench, blocks: Sequence[Block], recorder: Recorder
    ) -> int:
        """Bring the device to where the last finished block left it; return how many blocks are finished."""
        finished = recorder.finished_blocks(index)
        if not finished:
            return 0
        device = bench.device
        require_blocks(self.run.path, bench.device.name, finished, blocks)
        state = recorder.state(index)
        if state is not None:
            with suppress(Unsupported):
                device.restore(state)
                bench.begin()
                return len(finished)
        elif _state(device) is not None:
            raise InputError(f"{self.run.records_file} is damaged: the state in which it left {device.name} is missing")
        if experiment.continuous:
            recorder.supersede(index)
            return 0
        return len(finished)

    def _note(self, index: int, uri: str, info: Mapping[str, Any] | None, blocks: int) -> None:
        devices = [*self.run.meta().get("devices", [])[:index], {"uri": uri, **(info or {}), "blocks": blocks}]
        self.run.note(
            state="running",
            experiment=self.plan.experiment.name,
            units={name: column.unit for name, column in self.plan.experiment.columns.items()},
            devices=devices,
        )

    def _analyse(self) -> tuple[list[Row], dict[str, Records]]:
        measured = []
        with self._recorder() as recorder:
            for index, uri in enumerate(self.plan.device.uri):
                info = recorder.device_info(index)
                if info is None:
                    raise InputError(f"{self.run.records_file} is damaged: what was noted about {uri} is missing")
                measured.append((uri, info["settings"], recorder.records(index)))
        return analysed(self.plan.experiment, measured, f"{self.run.path}")

    def _export(self) -> None:
        meta = self.run.meta()
        attributes = {
            "source": f"memhil {meta.get('versions', {}).get('memhil', '')}",
            "history": f"{meta.get('started', '')} {' '.join(meta.get('command', []))}",
        }
        try:
            save_netcdf(self.run.path, self.plan.experiment.name, self.plan.experiment.columns, attributes)
        except InputError as error:
            print(f"{self.run.records_file}: {error}", file=sys.stderr)

    def _noted(self, index: int) -> dict[str, Any] | None:
        if not self.run.records_file.exists():
            return None
        with self._recorder() as recorder:
            return recorder.device_info(index)

    def _recorder(self) -> Recorder:
        return Recorder(self.run.records_file, self.plan.experiment.columns)


def analysed(
    experiment: type[Experiment], measured: Sequence[tuple[str, Mapping[str, Any], Records]], where: str = ""
) -> tuple[list[Row], dict[str, Records]]:
    """Rows and curves of all devices: address, settings and records of each; the rows of several are told apart."""
    rows: list[Row] = []
    curves: dict[str, Records] = {}
    for uri, settings, records in measured:
        curves[uri] = experiment.with_reading(records)
        found = experiment(validated(experiment.settings_model, settings, where)).analyse(curves[uri])
        rows += [row.under(f"{uri}  " if len(measured) > 1 else "", device=uri) for row in found]
        still = experiment.still(curves[uri])
        rows += [] if still is None else [warning(f"{uri}: {still}").under(device=uri)]
    return rows, curves


def describe(device: Device, settings: Settings) -> dict[str, Any]:
    """Facts about a device that are kept with its data: identity, limits, parameters with their seed, settings."""
    parameters = device.parameters if isinstance(device, Parametrised) else None
    return {
        "name": device.name,
        "identity": device.identity if isinstance(device, Identified) else None,
        "rows": device.rows,
        "cols": device.cols,
        "limits": {k: _finite(v) for k, v in asdict(device.limits).items()},
        "parameters": json.loads(parameters.model_dump_json()) if isinstance(parameters, BaseModel) else {},
        "settings": settings.model_dump(mode="json"),
    }


def _state(device: Device) -> dict[str, NDArray[Any]] | None:
    try:
        return {name: np.asarray(array) for name, array in device.snapshot().items()}
    except Unsupported:
        return None


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
