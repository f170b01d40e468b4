"""A network of memristive neurons through time, compiled: what `hil.spiking.alpha.network` plays.

Steps are 50 ns unless told otherwise. In each, the memristors move with the voltage in the middle of their step
(exponential, rates from a table with linear interpolation), then the voltage with the memristors in the middle of its
own (exponential). Synaptic charge is the closed form of equation 2; a kick of W brings W tau_syn in all.

Row order of the state of a layer: v, x1, x2, a, I. An inhibitory spike reaches all excitatory neurons through one
shared current and is taken off its own partner again by a kick of the same size.
"""

from __future__ import annotations

import numpy as np

from hil.compiling import njit

V, X1, X2, A, CURRENT = range(5)
ROWS = 5

IDLE = 25e-6
"""Inhibitory neurons that have had no input for so long are at rest, and are not computed, s."""

BLOCK = 16
"""Inhibitory neurons that are computed together."""

NOTHING = 1e-24
"""A trace below it, A, is 0."""


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz", "arcp", "nnan", "ninf"})
def _move(v, x1, x2, a, current, total_a, total_i, table, low, per, p):
    """All neurons through one step; p as in `hil.spiking.alpha.network.constants`."""
    last = np.float64(table.shape[0] - 2) + 0.999
    e1, e2, scale, g_off, g_more, in_i, in_a, u, decay = p[0], p[1], p[2], p[3], p[4], p[6], p[7], p[8], p[9]
    for i in range(v.size):
        at = min(max((v[i] - low) * per, 0.0), last)
        k = np.uint32(at)
        f = at - np.float64(k)
        end = table[k, 0] + f * table[k, 1]
        y1 = end + (x1[i] - end) * (table[k, 2] + f * table[k, 3])
        end = table[k, 4] + f * table[k, 5]
        y2 = end + (x2[i] - end) * (table[k, 6] + f * table[k, 7])
        x1[i], x2[i] = y1, y2
        g1, g2 = (g_off + g_more * y1) * scale, (g_off + g_more * y2) * scale
        mean = in_i * (current[i] - total_i) + in_a * (a[i] - total_a)
        g = g1 + g2
        flow = mean * scale - g1 * (v[i] - e1) - g2 * (v[i] - e2)
        v[i] += flow / (1.0 + g * (0.5 + g / 12.0))
        current[i] = (current[i] + a[i] * u) * decay
        a[i] *= decay


@njit(cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _fade(t, a, keep, mix):
    """Traces through one step."""
    for k in range(t.size):
        now = a[k] * keep + t[k] * mix
        a[k] = now if abs(now) > NOTHING else 0.0
        later = t[k] * keep
        t[k] = later if abs(later) > NOTHING else 0.0


@njit(cache=True, error_model="numpy")
def present(
    steps, exc, inh, total, idle, free, traces, ring, ring_count, clock, w, delay, in_step, in_line, recurrent, learn,
    table, low, per, p, q, strobe_step, counts, spike_step, spike_line,
):  # fmt: skip
    """Play `steps` steps; the number of output spikes that were written down.

    Parameters
    ----------
    steps : int
        How many.
    exc, inh : (5, N) arrays
        Both layers.
    total : (2,) array
        Shared inhibition, a and I.
    idle : (B,) array
        Time since the last input of each block of inhibitory neurons, s.
    free : (2, N) int array
        Step from which each neuron of the two layers may fire again.
    traces : (4, K) array
        T and A of the M presynaptic lines, then of the N neurons.
    ring, ring_count : (D, M) and (D,) int arrays
        Presynaptic lines whose spikes arrive in each of the next D steps.
    clock : (1,) int array
        Steps since the network was made.
    w : (M, N) array
        Plastic weights, A; within 0 .. q[1].
    delay : (M,) int array
        Steps from a presynaptic spike to its arrival, 1 .. D - 1.
    in_step, in_line : (K,) int arrays
        Input spikes, in order of their steps.
    recurrent, learn : bool
        Whether the presynaptic lines are the excitatory neurons themselves; whether weights change.
    table, low, per : (B, 8) array, float, float
        Over the voltage, from `low`, `per` entries a volt: end of x1 and its rise to the next entry, decay in a step
        and its rise, then the same of x2.
    p : (14,) array
        As in `hil.spiking.alpha.network.constants`.
    q : (9,) array
        Threshold, bound, input weight, excitatory-to-inhibitory weight, inhibition, refractory time, U_pre, U_post,
        strobe.
    strobe_step : int
        Step in which every excitatory neuron gets the strobe; -1 for none.
    counts : (N,) int array
        Spikes of every excitatory neuron are added.
    spike_step, spike_line : (L,) int arrays
        First L output spikes.
    """
    n, m, depth = exc.shape[1], w.shape[0], ring.shape[0]
    keep_pre, mix_pre, keep_post, mix_post = p[10], p[11], p[12], p[13]
    t_pre, a_pre, t_post, a_post = traces[0, :m], traces[1, :m], traces[2, :n], traces[3, :n]
    refractory = int(np.rint(q[5] / p[5]))
    at, written = 0, 0
    fired = np.empty(n, np.int64)
    kicks = exc[A]
    for t in range(steps):
        now = clock[0] % depth
        for k in range(ring_count[now]):
            line = ring[now, k]
            for i in range(n):
                kicks[i] += w[line, i]
        ring_count[now] = 0
        while at < in_step.size and in_step[at] <= t:
            line = in_line[at]
            at += 1
            if recurrent:
                kicks[line] += q[2]
                continue
            there = (clock[0] + delay[line]) % depth
            ring[there, ring_count[there]] = line
            ring_count[there] += 1
            if learn:
                for i in range(n):
                    w[line, i] = min(max(w[line, i] + a_post[i], 0.0), q[1])
            t_pre[line] += q[6]
        if t == strobe_step:
            for i in range(n):
                kicks[i] += q[8]
        _move(exc[V], exc[X1], exc[X2], exc[A], exc[CURRENT], total[0], total[1], table, low, per, p)
        total[1] = (total[1] + total[0] * p[8]) * p[9]
        total[0] *= p[9]
        for b in range(idle.size):
            if idle[b] < IDLE:
                first, end = b * BLOCK, min((b + 1) * BLOCK, n)
                _move(
                    inh[V, first:end], inh[X1, first:end], inh[X2, first:end], inh[A, first:end],
                    inh[CURRENT, first:end], 0.0, 0.0, table, low, per, p,
                )  # fmt: skip
                idle[b] += p[5]
                for i in range(first, end):
                    if inh[V, i] >= q[0] and free[1, i] <= clock[0]:
                        free[1, i] = clock[0] + refractory
                        total[0] += q[4]
                        kicks[i] += q[4]
        _fade(t_pre, a_pre, keep_pre, mix_pre)
        _fade(t_post, a_post, keep_post, mix_post)
        count = 0
        for i in range(n):
            if exc[V, i] >= q[0] and free[0, i] <= clock[0]:
                fired[count] = i
                count += 1
        for k in range(count):
            i = fired[k]
            free[0, i] = clock[0] + refractory
            inh[A, i] += q[3]
            idle[i // BLOCK] = 0.0
            counts[i] += 1
            if written < spike_step.size:
                spike_step[written], spike_line[written] = t, i
                written += 1
            if recurrent:
                there = (clock[0] + delay[i]) % depth
                ring[there, ring_count[there]] = i
                ring_count[there] += 1
                if learn:
                    for j in range(n):
                        w[i, j] = min(max(w[i, j] + a_post[j], 0.0), q[1])
            if learn:
                for j in range(m):
                    if a_pre[j] != 0.0:
                        w[j, i] = min(max(w[j, i] + a_pre[j], 0.0), q[1])
                if recurrent:
                    w[i, i] = 0.0
        for k in range(count):
            i = fired[k]
            if recurrent:
                t_pre[i] += q[6]
            t_post[i] += q[7]
        clock[0] += 1
    return written
