"""Checks before a run is resumed, so that no sample is driven twice because a file is gone or was changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hil.errors import HilError, InputError, NoAnswerError
from hil.experiments.experiment import Block, Settings, quantity
from hil.experiments.records import KIND, CharacterizationRun, Recorder
from hil.runs import sending
from hil.runs.interrupt import how_to_continue

PASSING = frozenset({"log"})
"""Parameters of a device that may change when a run is resumed: where its log lies."""

_FLOOR, _POINT, _SEGMENT = 200_000, 60, 80
"""Bytes on disk that a block may need: of its own, per value of a record, and per driven segment, twice over."""


def require_whole(run: CharacterizationRun, experiment: str, uris: Sequence[str], recorder: Recorder | None) -> None:
    """Refuse to go on with a run whose records are less than it has driven, or are not its own.

    `recorder` holds the records, None where there are none.

    Raises
    ------
    InputError
        Saying what is missing.
    """
    meta = run.meta()
    devices = [device if isinstance(device, dict) else {} for device in meta.get("devices", [])]
    begun = [str(device.get("uri")) for device in devices]
    other = meta.get("experiment", experiment)
    if other != experiment:
        raise InputError(f"{run.path} has begun as '{other}', its config.toml now says '{experiment}': begin a new run")
    if recorder is None:
        if begun or meta.get("state") == "finished":
            was = "finished" if meta.get("state") == "finished" else "driven"
            raise InputError(
                f"{run.path} has {was} {', '.join(begun) or experiment}, but its records ({run.records_file.name}) are "
                "gone: nothing is driven again; put them back, or begin a new run"
            )
        return
    noted = dict(recorder.devices())
    for index, (uri, _) in noted.items():
        if index >= len(uris) or uris[index] != uri:
            now = f"'{uris[index]}'" if index < len(uris) else "no such device"
            raise InputError(f"{run.path} has driven '{uri}', its config.toml now says {now}: begin a new run")
    for index, device in enumerate(devices):
        there, told = len(recorder.finished_blocks(index)), device.get("blocks", 0)
        if index not in noted or there < told:
            raise InputError(
                f"{run.path}: {told} blocks of {begun[index]} were measured, its records hold {there}: nothing is "
                "driven again; put the records back, or begin a new run"
            )
    if meta.get("state") == "finished" and not all(info.get("finished") for _, info in noted.values()):
        raise InputError(f"{run.path} is finished, its records are not: nothing is driven again; put the records back")


def require_answered(run: CharacterizationRun, recorder: Recorder, play_again: bool) -> None:
    """Refuse to go on with a run that was driving a sample when it ended, unless the sample may have that again.

    Raises
    ------
    InputError
        Saying what the sample may have had, and how to go on.
    """
    sent = sending.left(run.path) or _left_by_earlier_versions(run.meta())
    if sent is None:
        return
    index, number = sent.place
    if len(recorder.finished_blocks(index)) > number:  # it ended between the records and the end of the note
        sending.forget(run.path)
    elif play_again:
        sending.accept(run, sent)
    else:
        raise InputError(sent.refusal(run.path, KIND))


def _left_by_earlier_versions(meta: Mapping[str, Any]) -> sending.Sent | None:
    """What a run was sending, as earlier versions noted it among its devices."""
    for index, device in enumerate(meta.get("devices", [])):
        block = device.get("unanswered") if isinstance(device, dict) else None
        if isinstance(block, dict):
            words = f"'{block.get('block')}'", "waveforms", (index, int(device.get("blocks", 0)))
            played, why = block.get("played", NoAnswerError.played), str(block.get("error"))
            return sending.Sent(str(device.get("uri")), *words, played, why)
    return None


def dose(block: Block) -> str:
    """What a block gives the cell, in words."""
    across = [np.nan_to_num(w.rows[:, 0] - w.cols[:, 0]) for w in block.waveforms]
    pulses = sum(int(np.count_nonzero((v != 0) & (v != np.append(0.0, v[:-1])))) for v in across)
    peak = max((float(np.abs(v).max(initial=0.0)) for v in across), default=0.0)
    more = " and what it went on with" if block.note else ""
    return f"{pulses:,} pulses and reads of up to {quantity(peak, 'V')}{more}"


def require_same(path: Path, uri: str, noted: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with another instrument, other limits, parameters or settings than those that were recorded.

    Parameters
    ----------
    path : Path
        The run.
    uri : str
        Address of the device.
    noted, now : mapping
        What `describe` said when the device began, and says now.

    Raises
    ------
    InputError
        Naming the first difference.
    """
    now = json.loads(json.dumps(now))
    for part, what in (("identity", "instrument"), ("name", "device"), ("rows", "device"), ("cols", "device")):
        if noted.get(part) != now.get(part):
            raise InputError(
                f"{path} cannot go on: another {what} answers at {uri}: {now.get(part)!r} now, "
                f"{noted.get(part)!r} when it began; begin a new run"
            )
    for part in ("settings", "limits", "parameters"):
        before, after = noted.get(part) or {}, now.get(part) or {}
        for name in sorted((before.keys() | after.keys()) - (PASSING if part == "parameters" else set())):
            if before.get(name) != after.get(name):
                raise InputError(
                    f"{path} cannot go on: {part} of {uri} were changed: {name} = {after.get(name)!r} now, "
                    f"{before.get(name)!r} when it began; begin a new run"
                )


def require_given(path: Path, uri: str, noted: Mapping[str, Any], given: Settings) -> None:
    """Refuse a configuration whose settings are not those that a device was measured with; it need not be open."""
    for name, value in json.loads(given.model_dump_json()).items():
        if value is not None and noted["settings"].get(name) != value:
            raise InputError(
                f"{path} cannot go on: its config.toml was changed: {name} = {value!r} now, "
                f"{noted['settings'].get(name)!r} when {uri} began; begin a new run"
            )


def require_blocks(path: Path, uri: str, done: Sequence[str], blocks: Sequence[Block]) -> None:
    """Refuse records of other blocks than those of the experiment."""
    for number, name in enumerate(done):
        wanted = blocks[number].name if number < len(blocks) else "none"
        if name != wanted:
            raise InputError(
                f"{path} cannot go on: block {number + 1} of {uri} was '{name}', it would be '{wanted}' now; "
                "begin a new run"
            )


def require_room(run: CharacterizationRun, block: Block, columns: int) -> None:
    """Refuse to drive a block for whose records there is no room on the disk; `HilError`, and nothing was driven."""
    points = sum(int(waveform.measure.sum()) for waveform in block.waveforms)
    segments = sum(len(waveform) for waveform in block.waveforms)
    needed = _FLOOR + _POINT * columns * points + _SEGMENT * segments
    try:
        free = shutil.disk_usage(run.path).free
    except OSError:
        return
    if free < needed:
        raise HilError(
            f"no room for the records of '{block.name}' where {run.path} is: {free // 1000} kB are free, "
            f"{needed // 1000} kB may be needed; it was not driven, the outputs are off, what was "
            f"recorded is kept; make room and {how_to_continue(KIND, run.path)}"
        )
