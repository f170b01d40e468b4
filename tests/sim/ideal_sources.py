"""The simplest circuit around an array: lines that ideal sources hold."""

from sim.crossbar.coupled import Held


class IdealSources:
    """Lines at voltages of their own, whatever the cells are."""

    stiff = True

    def __init__(self, rows, cols):
        self._held = Held(rows, cols)

    def hold(self, cells):
        return self._held
