"""What families of source-measure units that speak SCPI have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from instruments.link.message import Message, confirm, together
from instruments.link.scpi import parse_error
from instruments.smu.capability import MAINS, which_terminals
from instruments.smu.driver import ChannelSettings, SmuDriver


class ScpiDriver(SmuDriver):
    """A family that speaks SCPI; it differs in how some settings are called.

    Attributes
    ----------
    root : str
        What a message begins with: a colon, or nothing.
    function, remote, limit : str
        Questions for the source's function, remote sensing and the current limit; ``{sour}`` and ``{sens}`` stand for
        the beginning of a message about the source, or the measurement, of the channel.
    """

    root: ClassVar[str] = ":"
    function: ClassVar[str] = "{sour}:FUNC?"
    remote: ClassVar[str]
    limit: ClassVar[str]

    sync: ClassVar[str] = "scpi"

    def identify(self) -> tuple[Message, ...]:
        """Ask whether the instrument is idle; one that speaks SCPI alone need not be asked for its language."""
        return (confirm("*OPC?", "1"),)

    def is_off(self, settings: ChannelSettings) -> Message:
        """Ask for the state of the output."""
        return confirm(f"{self.root}OUTP{self._suffix(settings)}?", 0.0)

    def parse_error(self, reply: str) -> tuple[int, str] | None:
        """Take ``-222,"Parameter data out of range"`` apart, with or without a date behind it; number 0 is no error."""
        return parse_error(reply)

    def _suffix(self, settings: ChannelSettings) -> str:
        """Number of the channel behind ``SOUR``, ``SENS`` and ``OUTP``, where there are several."""
        return ""

    def _standing(
        self,
        settings: ChannelSettings,
        source: float,
        measure: float,
        *,
        protection: Sequence[Message] = (),
        more: Sequence[Message] = (),
        tolerance: float = 1e-6,
    ) -> Message:
        """Ask for function, terminals, sensing, protection, ranges, limit, integration time, mains and output.

        Parameters
        ----------
        settings : ChannelSettings
            What was set.
        source, measure : float
            Source range, V, and measure range, A.
        protection : sequence of Message
            Questions for the overvoltage protection.
        more : sequence of Message
            What else this family must be asked, before mains and output.
        tolerance : float
            Part of itself that a range may differ by from its name.
        """
        sour, sens = (f"{self.root}{part}{self._suffix(settings)}" for part in ("SOUR", "SENS"))
        return together(
            confirm(self.function.format(sour=sour, sens=sens), "VOLT|VOLTAGE"),
            confirm(f"{sens}:FUNC?", "CURR:DC|CURR"),
            *which_terminals(f"{self.root}ROUT:TERM?", settings),
            confirm(self.remote.format(sour=sour, sens=sens), float(settings.four_wire)),
            *protection,
            confirm(f"{sour}:VOLT:RANG?", source, tolerance),
            confirm(f"{sour}:VOLT:RANG:AUTO?", 0.0),
            confirm(f"{sens}:CURR:RANG?", measure, tolerance),
            confirm(f"{sens}:CURR:RANG:AUTO?", 0.0),
            confirm(self.limit.format(sour=sour, sens=sens), settings.compliance),
            confirm(f"{sens}:CURR:NPLC?", settings.nplc),
            *more,
            confirm(f"{self.root}SYST:LFR?", settings.mains, hint=MAINS),
            self.is_off(settings),
        )
