"""What a run sends to a sample: noted before it is sent, so that no resume gives it a second time unasked.

runs/NAME/sending.json   which step of the run it is, and why it ended; there from just before the first train of the
                         step until what came of it is recorded, so after any end in between, `kill -9` included

A device that can be set back to a saved state (`Device.snapshot`) needs none of it: what is played again is played from
where it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hil.abilities import Announcing
from hil.device import Device
from hil.errors import InputError, NoAnswerError
from hil.files import read_json, write_json
from hil.runs.interrupt import Interrupted, how_to_continue
from hil.runs.results import Row, warning
from hil.runs.run import Run

FILE = "sending.json"

FLAG = "--play-again"
"""Option by which a user lets a sample have a second time what it may have had."""

AGAIN = "again"
"""Key of meta.json: what was played a second time by the user's leave."""

PERHAPS = "perhaps in part, perhaps to its end"
"""How much of a step was played, where nobody knows."""

UNSAID = "the program was killed, or the power failed"
"""Why a step ended, where it said nothing."""


@dataclass(frozen=True)
class Sent:
    """A step of a run, of which a sample may have had something.

    Attributes
    ----------
    device : str
        Address of the device.
    what : str
        The step, in quotes: ``'cycles 7 to 8'``.
    dose : str
        What it gives the sample: ``12 pulses of up to 1.1 V``.
    place : (int, int)
        Where the run was: index of the device and number of the block, or of the stage and its images.
    played : str
        How much of it was played, as words that follow "was driven".
    why : str
        Why it ended.
    """

    device: str
    what: str
    dose: str
    place: tuple[int, int]
    played: str = PERHAPS
    why: str = UNSAID

    def ended(self, error: BaseException) -> Sent:
        """The same, with what is known of its end."""
        played = error.played if isinstance(error, NoAnswerError) else PERHAPS
        told = str(error) or ("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
        return replace(self, played=played, why=" ".join(told.split()))

    def refusal(self, path: Path, verb: str) -> str:
        """Sentence on why a run does not go on, and how it can."""
        return (
            f"{path} has driven {self.what} on {self.device} {self.played}, without records: {self.why}; it is not "
            f"driven again, for the cells may have had its {self.dose}; what was recorded before is kept; begin a new "
            f"run, or let them have it a second time and {once_more(path, verb)}"
        )


def once_more(path: Path, verb: str) -> str:
    """Words of the command that goes on with a run by playing again what was cut off."""
    return f"{how_to_continue(verb, path)} {FLAG}"


def left(path: Path) -> Sent | None:
    """What the run in a folder was sending when it ended, None where nothing is open.

    Raises
    ------
    InputError
        If the note is damaged.
    """
    file = path / FILE
    if not file.exists():
        return None
    try:
        found = read_json(file)
        stage, step = (int(n) for n in found.pop("place"))
        texts = {name: value for name, value in found.items() if isinstance(value, str)}
        return Sent(**texts, place=(stage, step))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(
            f"{file} is damaged ({error}): the run was driving a sample when it ended, and cannot say what; begin a "
            "new run"
        ) from None


def forget(path: Path) -> None:
    """Take the note back: what came of it is recorded."""
    (path / FILE).unlink(missing_ok=True)


def require_answered(run: Run, verb: str, play_again: bool = False) -> None:
    """Refuse to go on with a run that was driving a sample when it ended, unless the sample may have that again.

    Raises
    ------
    InputError
        Saying what the sample may have had, and how to go on.
    """
    sent = left(run.path)
    if sent is not None and play_again:
        accept(run, sent)
    elif sent is not None:
        raise InputError(sent.refusal(run.path, verb))


def accept(run: Run, sent: Sent) -> None:
    """Let the sample have again what it may have had already; the run keeps that, and its results say so."""
    run.note(**{AGAIN: [*run.meta().get(AGAIN, []), asdict(sent)]})
    forget(run.path)


def played_again(meta: Mapping[str, Any], device: str | None = None) -> list[Row]:
    """A warning for everything that a sample (`device` alone, if given) had a second time, from a run's meta.json."""
    found = [sent for sent in meta.get(AGAIN, []) if isinstance(sent, dict) and device in (None, sent.get("device"))]
    return [
        warning(
            f"{sent.get('device')}: {sent.get('what')} was cut off and played again ({FLAG}): the cells have had some "
            "of it twice, and no record tells how much"
        )
        for sent in found
    ]


@contextmanager
def noted(run: Run, verb: str, devices: Sequence[Device], sent: Sent) -> Iterator[None]:
    """Note `sent` before the first train that `devices` play in here; take the note back once all in here is done.

    A device that is `Announcing` says itself when it drives; for any other, all that is done in here counts.

    Raises
    ------
    Interrupted
        In place of a request to stop that came after something was sent: with how to go on.
    """
    begun: list[Sent] = []

    def begin() -> None:
        if not begun:
            write_json(run.path / FILE, asdict(sent))
            begun.append(sent)

    try:
        with announced(devices, begin):
            yield
    except BaseException as error:
        if begun:
            _keep_why(run, sent.ended(error))
        if begun and isinstance(error, Interrupted | KeyboardInterrupt):
            raise Interrupted(
                f"{sent.ended(error).why}; {sent.what} on {sent.device} was played {PERHAPS}: begin a new run, or let "
                f"the cells have it a second time and {once_more(run.path, verb)}"
            ) from None
        raise
    forget(run.path)


@contextmanager
def announced(devices: Sequence[Device], begin: Callable[[], None]) -> Iterator[None]:
    """Call `begin` before every train of these devices; at once where one does not announce its trains."""
    with ExitStack() as stack:
        for device in devices:
            if isinstance(device, Announcing):
                stack.callback(setattr, device, "before_train", None)
                device.before_train = begin
            else:
                begin()
        yield


def _keep_why(run: Run, sent: Sent) -> None:
    """Note why it ended, and that the run is stopped, where there is room to note anything."""
    with suppress(InputError):
        write_json(run.path / FILE, asdict(sent))
        run.set_state("stopped")
