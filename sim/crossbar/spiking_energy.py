"""Energy of what a compiled spiking core did: reads of rows by input spikes, pulses that the rule asked for.

The core calculates in weights; pulses and reads are found again from its spikes, and their energy follows from the
conductances of the cells, the mean before and after. Pulses are those of `hil.spiking.host.HostCore`, biased by V/2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hil.compiling import njit


class SpikeEnergy(NamedTuple):
    """What was found.

    Attributes
    ----------
    reads : float
        Of the input spikes.
    read : float
        Conductances that they saw, summed up, S.
    pulses : (2,) array
        Potentiation and depression pulses, each on any number of cells.
    cells : (2,) array
        Cells that they were meant for, counted.
    lines : (2,) array
        Columns that they selected, counted.
    meant, half : (2,) arrays
        Conductances of the cells that were meant, and of half-selected ones, summed up over pulses, S.
    """

    reads: float
    read: float
    pulses: np.ndarray
    cells: np.ndarray
    lines: np.ndarray
    meant: np.ndarray
    half: np.ndarray


@njit(cache=True, error_model="numpy")
def spike_energy(
    time, line, start, out_time, out_line, out_start, duration, g, potentiating, depressing, others, learn, odds
):
    """Go through spikes again; `g` is (cols, rows), S, its first columns those of neurons; see `SpikeEnergy`.

    With `odds` (B,), the probability that a cell gets a pulse that is asked for, what is expected.
    """
    cols, rows = g.shape
    of_row, of_col = np.zeros(rows), np.zeros(cols)
    for c in range(cols):
        for r in range(rows):
            of_row[r] += g[c, r]
            of_col[c] += g[c, r]
    pulses, cells, lines, meant, half = np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2), np.zeros(2)
    last_in, last_out = np.empty(rows, potentiating.dtype), np.empty(cols, potentiating.dtype)
    now = np.empty(1, potentiating.dtype)
    reads, read = 0.0, 0.0
    for b in range(start.size - 1):
        p = odds[b]
        last_in[:] = -np.inf
        last_out[:] = -np.inf
        j = out_start[b]
        for k in range(start[b], start[b + 1]):
            if time[k] >= duration:
                break
            row = line[k]
            now[0] = time[k]
            last_in[row] = now[0]
            reads += 1
            read += of_row[row]
            if not learn:
                continue
            for w in range(depressing.size):
                chosen, own, others_of = 0, 0.0, 0.0
                for n in range(cols):
                    if now[0] - last_out[n] <= depressing[w]:
                        chosen += 1
                        own += g[n, row]
                        others_of += of_col[n] - g[n, row]
                if chosen:
                    pulses[1] += 1
                    cells[1] += p * chosen
                    lines[1] += p * chosen
                    meant[1] += p * own
                    half[1] += of_row[row] - p * own + p * others_of
            last = k + 1 == start[b + 1] or time[k + 1] > time[k]
            while last and j < out_start[b + 1] and out_time[j] <= time[k]:
                n = out_line[j]
                last_out[n] = now[0]
                for w in range(potentiating.size):
                    inside, own, seen = 0, 0.0, 0.0
                    for r in range(rows):
                        if now[0] - last_in[r] <= potentiating[w]:
                            inside += 1
                            own += g[n, r]
                            seen += of_row[r]
                    if inside:
                        pulses[0] += 1
                        cells[0] += p * inside
                        lines[0] += 1
                        meant[0] += p * own
                        half[0] += p * (seen - own) + of_col[n] - p * own
                    if others and inside < rows:
                        outside = of_col[n] - own
                        pulses[1] += 1
                        cells[1] += p * (rows - inside)
                        lines[1] += 1
                        meant[1] += p * outside
                        half[1] += p * (of_row.sum() - seen - outside) + of_col[n] - p * outside
                j += 1
    return reads, read, pulses, cells, lines, meant, half
