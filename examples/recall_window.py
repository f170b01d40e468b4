"""Where halves of patterns are completed, and how many patterns fit, beside what the overlap predicts: a figure.

    python examples/recall_window.py [FILE.png] [--draw 100]

The network of `hil train recall` with ideal weights. Left: sets of four shapes, drawn from seeds that no report uses,
and ratios of inhibition to bound; a dot is the part of the sets' half cues that were completed, the shaded band the
predicted window, a mean over the sets. Right: sets of random pixels, three of each size. Two passes of training, one
left-half cue each.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hil.data.outlines import drawn, random_pixels
from hil.files import write_figure
from hil.spiking.alpha.network import AlphaNetwork
from hil.spiking.alpha.settings import AlphaNetworkSettings
from hil.training.recall_measures import CompletionWindow, cue, score

RATIOS = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)
COUNTS = (4, 8, 12, 16, 24)
SHAPES, SETS, PASSES = 4, 3, 2


def completed(patterns: np.ndarray, settings: AlphaNetworkSettings, seed: int) -> float:
    """Part of the left halves of all patterns that are completed after a few passes through them, in percent."""
    network, rng = AlphaNetwork(settings, 1024, 1024, True, seed), np.random.default_rng(seed)
    for pattern in np.tile(patterns, (PASSES, 1)):
        network.present(pattern.astype(float), rng, True)
    network.rest()
    found = []
    for k, pattern in enumerate(patterns):
        shown = cue(pattern, "left", 32, rng)
        found.append(score(network.present(shown.astype(float), rng, False).counts, patterns, k, shown).completed)
    return 100 * float(np.mean(found))


def main() -> None:
    """Measure, print and draw."""
    first = int(sys.argv[sys.argv.index("--draw") + 1]) if "--draw" in sys.argv else 100
    names = [word for word in sys.argv[1:] if word.endswith((".png", ".pdf", ".svg"))]
    usual, figure = AlphaNetworkSettings(), Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    sets = [drawn(4, first + k)[1] for k in range(SHAPES)]
    means = []
    for ratio in RATIOS:
        settings = usual.model_copy(update={"inhibition": ratio * usual.bound})
        means.append(np.mean([completed(patterns, settings, k) for k, patterns in enumerate(sets)]))
        print(f"inhibition / bound {ratio:.2f}: {means[-1]:.0f} % of {4 * SHAPES} halves", flush=True)
    windows = [CompletionWindow.of(patterns, usual) for patterns in sets]
    low, high = np.mean([w.low for w in windows]), np.mean([w.high for w in windows])
    print(f"predicted window, mean of the sets: {low:.2f} to {high:.2f}")
    left.axvspan(low, high, color="0.88")
    left.plot(RATIOS, means, "o-")
    left.axvline(20 / 13, color="C3", linestyle="--")
    left.annotate("paper's inhibition over 13 uA", (20 / 13, 50), rotation=90, ha="right", va="center", fontsize=8)
    left.set(xlabel="inhibition / bound of a weight", ylabel="halves completed (%)", ylim=(-4, 104))
    shares, rates = [], []
    for count in COUNTS:
        many = [random_pixels(count, first + k) for k in range(SETS)]
        shares.append([CompletionWindow.of(patterns, usual).low for patterns in many])
        rates.append([completed(patterns, usual, k) for k, patterns in enumerate(many)])
        told = ", ".join(f"{rate:.0f} % (f {f:.2f})" for rate, f in zip(rates[-1], shares[-1], strict=True))
        print(f"{count} patterns of 200 random pixels: {told}", flush=True)
    for count, f, rate in zip(COUNTS, shares, rates, strict=True):
        right.plot(f, rate, "o", label=f"{count}")
    right.axvline(usual.inhibition / usual.bound, color="0.5", linestyle="--")
    right.set(xlabel="largest shared fraction f of the set", ylabel="halves completed (%)", ylim=(-4, 104))
    right.legend(title="patterns", frameon=False, fontsize=8)
    target = Path(names[0] if names else "recall-window.png")
    write_figure(target, figure, dpi=130)
    print(f"picture: {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
