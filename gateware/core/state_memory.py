"""Memory of the states of all cells."""

from __future__ import annotations

from gateware.core.ram import Ram
from gateware.geometry import Geometry


class StateMemory(Ram):
    """rows x cols cells, `lanes` of them a word; word ``group * rows + row`` holds one row of a group of columns.

    The next address follows by addition, so that no multiplier is needed. Columns are padded to whole groups.
    """

    def __init__(self, geometry: Geometry) -> None:
        """Size the memory."""
        super().__init__(geometry.state_bits, geometry.words, geometry.lanes, init=_pristine(geometry))


def _pristine(g: Geometry) -> list[list[int]]:
    """Words of untouched cells, where the emulator is built with them: the lanes that pad the last group stay 0."""
    if g.loaded is None:
        return []
    lanes = range(g.lanes)
    return [
        [g.loaded.pristine if group * g.lanes + lane < g.cols else 0 for lane in lanes]
        for group in range(g.groups)
        for _ in range(g.rows)
    ]
