"""Nodal analysis, compiled: the voltages of the floating nodes of any ohmic network, for use inside other kernels."""

from __future__ import annotations

from hil.compiling import njit


@njit(cache=True, inline="always", error_model="numpy")
def node_voltages(plus, minus, slot, g, matrix, rhs, volt, injected):
    """Fill in the floating nodes of `volt` (N,), V, whose other nodes are driven.

    `plus` and `minus` (E,) are the nodes that the branches of conductance `g` (E,), S, join, and `slot` (N,) tells
    which unknown every node is, -1 for a driven one. `injected` (N,) is the current fed into the nodes from outside, A,
    or None. `matrix` (n, n) and `rhs` (n,) are scratch arrays for n unknowns, so that nothing is allocated here.
    """
    unknowns = rhs.size
    for i in range(unknowns):
        rhs[i] = 0.0
        for j in range(unknowns):
            matrix[i, j] = 0.0
    for e in range(plus.size):
        a, b = plus[e], minus[e]
        i, j = slot[a], slot[b]
        if i >= 0:
            matrix[i, i] += g[e]
            if j >= 0:
                matrix[i, j] -= g[e]
                matrix[j, i] -= g[e]
            else:
                rhs[i] += g[e] * volt[b]
        elif j >= 0:
            rhs[j] += g[e] * volt[a]
        if j >= 0:
            matrix[j, j] += g[e]
    if injected is not None:
        for n in range(volt.size):
            if slot[n] >= 0:
                rhs[slot[n]] += injected[n]
    _eliminate(matrix, rhs, unknowns)
    for n in range(volt.size):
        if slot[n] >= 0:
            volt[n] = rhs[slot[n]]


@njit(cache=True, inline="always", error_model="numpy")
def _eliminate(matrix, rhs, n):
    """Gaussian elimination in place; a Laplacian with a driven neighbour is positive definite and needs no pivots."""
    for k in range(n):
        for i in range(k + 1, n):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k + 1, n):
                matrix[i, j] -= factor * matrix[k, j]
            rhs[i] -= factor * rhs[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            rhs[i] -= matrix[i, j] * rhs[j]
        rhs[i] /= matrix[i, i]
