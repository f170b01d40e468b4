"""Front and rear terminals: a channel reaches the device under test through those that it is wired to, or not at all.

One pair is selected at a time, the front after ``*RST`` (2400S-900-01 p. 16-4, 2450-901-01 p. 8-124); whatever hangs
on the other is an open circuit. Selecting another pair switches the output off.
"""

from __future__ import annotations

from typing import Any

from hil.errors import InputError, nearest
from instruments.virtual.scpi import ScpiCommand, setting
from instruments.virtual.scpi_parameters import choice
from instruments.virtual.source import Channel

WORDS = {"front": "FRON", "rear": "REAR"}
"""What a bench is told, and what ``ROUTe:TERMinals?`` answers."""


class Terminals:
    """Which terminals of a channel are selected, and which lead to the device under test.

    Parameters
    ----------
    channel : Channel
        On the port of the device.
    wired : {"front", "rear"}
        Where the device is.

    Raises
    ------
    InputError
        If there are no such terminals.
    """

    def __init__(self, channel: Channel, wired: str) -> None:
        if wired not in WORDS:
            raise InputError(f"dut_terminals = {wired} {nearest(wired, WORDS)}")
        self._channel, self._port, self._wired = channel, channel.port, WORDS[wired]
        self._selected = ""
        self.reset()

    @property
    def selected(self) -> str:
        """FRON or REAR."""
        return self._selected

    @selected.setter
    def selected(self, word: str) -> None:
        if word != self._selected:
            # A port that nobody connects is an open circuit.
            self._channel.move_to(self._port if word == self._wired else f"{self._port} {word} open")
        self._selected = word

    def reset(self) -> None:
        """Select the front."""
        self.selected = "FRON"


def _word(text: str) -> Any:
    return choice(text, ("FRONt", "REAR"))


TERMINAL_COMMANDS: tuple[ScpiCommand, ...] = (setting("ROUTe:TERMinals", "terminals.selected", _word, str),)
"""Messages of a model whose attribute `terminals` is a `Terminals`."""
