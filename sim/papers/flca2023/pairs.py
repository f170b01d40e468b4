"""Figures 3A, 3C and 4: the pair of a volatile and a non-volatile memristor."""

from __future__ import annotations

from functools import partial

import numpy as np

from hil.reproduction.papers import Finding, Scope, above, below
from sim.circuits import Flca
from sim.circuits.bidirectional import pulse_pair, stdp_window
from sim.circuits.desensitisation import VOLATILE, desensitisation
from sim.circuits.figures import RATES, draw_stdp
from sim.papers.canvas import canvas, save
from sim.papers.flca2023.checks import by_lsoda, pair

VOLTS, WIDTH = 1.0, 1e-3
PHI0 = 1e-3
"""Flux of the non-volatile element before a pulse pair, V s; not printed. With 0 nothing can fall below the start."""

OTHER_PHI0 = (1e-4, 1e-2)
NEAR, FAR = 0.010, 0.250
"""Delays that section 4 trains with, inside and outside the temporal window, s."""

NEVER = 60.0
"""A delay after which a volatile element of D = 1 /s has forgotten, s."""

FIXED = Flca(R=(100.0,), A=1.0, D=1.0, volatile=True)
"""100 ohm in place of the volatile memristor."""

WEIGHT = 100.0, 1e6
LOWER = '"lower than its initial state", by the temporal relationship of the pulses'
CLIPPED = "a first pulse of more flux (V T = 1e-3 V s) than the element holds is clipped at 0"


def figure_3a(scope: Scope) -> list[Finding]:
    """Resistance after two pulses over their separation."""
    separation = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10])
    ohm, fixed = desensitisation(separation), desensitisation(separation, volatile=FIXED)
    figure, (axis,) = canvas(1, (5, 3))
    axis.plot(separation, ohm, "C3.-")
    axis.set(xlabel="separation (s)", ylabel="resistance after both pulses (ohm)", title="Figure 3A")
    save(figure, scope.folder / "figure3a.png")
    late = float(desensitisation(100.0))

    def check(gap: float) -> float:
        return WEIGHT[0] + WEIGHT[1] * pair(0, 0, [(VOLTS, WIDTH), (0, gap), (VOLTS, WIDTH)], 1.0)[1]

    curve = ", ".join(f"{t:g} s {r:.0f}" for t, r in zip(separation, ohm, strict=True) if t in (0, 0.1, 0.5, 1, 2, 5))
    return [
        Finding(
            "3A", "resistance after two pulses 10 s apart, minus that without a gap",
            "the final resistance differs: the first pulse desensitises", float(ohm[-1] - ohm[0]), "ohm", above(10.0),
            **by_lsoda(lambda: check(10.0) - check(0.0)), control=float(fixed[-1] - fixed[0]),
            control_is="100 ohm instead of the volatile memristor", note=f"the curve in ohm: {curve}",
        ),
        Finding(
            "3A", "smallest change to the next longer separation", "curve, rising", float(np.diff(ohm).min()), "ohm",
            above(0.0), control=float(np.diff(fixed).min()), control_is="100 ohm instead of the volatile memristor",
        ),
        Finding(
            "3A", "what 100 s add to the resistance after 10 s",
            "\"sufficiently large\" separation: no desensitisation", (late / float(ohm[-1]) - 1) * 100, "%",
            (-1.0, 1.0), control=(float(ohm[-1]) / float(ohm[7]) - 1) * 100, control_is="10 s against 1 s",
        ),
    ]  # fmt: skip


def figure_3c(scope: Scope) -> list[Finding]:
    """A presynaptic and a postsynaptic pulse, and what their order and delay change."""
    figure, (axis,) = canvas(1, (5.5, 3))
    for k, delay in enumerate((NEAR, FAR, 1.0)):
        run = pulse_pair(delay, record=60)
        axis.plot(np.linspace(0, 3, run.time.size), run.memristance["weight"], f"C{k}", label=f"{delay * 1e3:g} ms")
    axis.axhline(WEIGHT[0] + WEIGHT[1] * PHI0, color="k", lw=0.5)
    axis.set(xticks=[0.5, 1.5, 2.5], xticklabels=["PRE 1 ms", "delay", "POST 1 ms"], ylabel="resistance (ohm)")
    axis.set_title("Figure 3C, non-volatile element")
    axis.legend(frameon=False, title="delay", loc="lower center")
    end = axis.inset_axes([0.4, 0.55, 0.2, 0.35])
    for line in axis.get_lines():
        end.plot(*line.get_data(), color=line.get_color(), lw=line.get_linewidth())
    end.set(xlim=(2.97, 3.005), ylim=(1080, 1125), xticks=[])
    end.tick_params(labelsize=6)
    axis.indicate_inset_zoom(end)
    save(figure, scope.folder / "figure3c.png")

    def timing(delay: float, sign: float, phi0: float = PHI0, volatile: Flca = VOLATILE) -> float:
        """Resistance at the end minus that for pulses that do not know of each other, ohm."""
        end = pulse_pair([sign * delay, sign * NEVER], phi0=phi0, volatile=volatile).memristance["weight"][:, -1]
        return float(end[0] - end[1])

    def check(delay: float, sign: float) -> float:
        ends = [
            WEIGHT[1] * pair(0, PHI0, [(sign * VOLTS, WIDTH), (0, gap), (-sign * VOLTS, WIDTH)], 1.0)[1]
            for gap in (delay, NEVER)
        ]
        return ends[0] - ends[1]

    left = pulse_pair([NEAR, FAR, 1.0]).memristance["weight"]
    note = (
        f"from {left[0, 0]:.4g} ohm PRE sets {left[0, 1]:.5g}, POST after 10 ms, 250 ms, 1 s leaves "
        f"{left[0, -1]:.6g}, {left[1, -1]:.6g}, {left[2, -1]:.6g}"
    )
    rows = []
    for delay, words in ((NEAR, note), (FAR, "")):
        for sign, order, accept, claim in (
            (1.0, "PRE then POST", below(0.0), LOWER),
            (-1.0, "POST then PRE", above(0.0), '"a net increase in the resistance"'),
        ):
            rows.append(
                Finding(
                    "3C", f"{order}, {delay * 1e3:g} ms: final resistance minus that for {NEVER:g} s", claim,
                    timing(delay, sign), "ohm", accept,
                    open={f"initial flux {phi0:g} V s": timing(delay, sign, phi0) for phi0 in OTHER_PHI0},
                    **by_lsoda(partial(check, delay, sign)),
                    control=timing(delay, sign, volatile=FIXED) if abs(
                        timing(delay, sign, volatile=FIXED)) > 1e-5 else 0.0,
                    control_is="100 ohm instead of the volatile memristor", note=words if sign > 0 else CLIPPED,
                )
            )  # fmt: skip
    return rows


def effect(delay: np.ndarray, rate: float) -> np.ndarray:
    """Change of conductance in % at each delay, less what pulses that do not know of each other change."""
    sign = np.where(np.signbit(delay), -1.0, 1.0)
    far = stdp_window(sign * NEVER / min(rate, 1.0), rate).change
    return (stdp_window(delay, rate).change - far) * 100


def figure_4(scope: Scope) -> list[Finding]:
    """Spike-timing window: signs, the dead zone at zero delay, and the paper's own delays."""
    import matplotlib

    matplotlib.use("agg")
    draw_stdp(scope.folder / "figure4.png")
    delay = np.geomspace(1e-3, 20, 80 if scope.quick else 200)
    peak = {d: effect(delay, d) for d in RATES}
    least = {d: effect(-delay, d) for d in RATES}
    at = {d: float(delay[peak[d].argmax()]) for d in RATES}
    zero = {d: float(effect(np.array([0.0]), d)[0] / peak[d].max()) for d in RATES}
    ratio = {}
    for d in RATES:
        inside, outside = effect(np.array([NEAR, FAR]), d)
        ratio[d] = float(inside / outside)

    def others(values: dict[float, float]) -> dict[str, float]:
        return {f"D = {d:g} /s": v for d, v in values.items() if d != 1.0}

    def check(delay: float) -> float:
        def change(gap: float) -> float:
            end = pair(0, PHI0, [(VOLTS, WIDTH), (0, gap), (-VOLTS, WIDTH)], 1.0)[1]
            return (WEIGHT[0] + WEIGHT[1] * PHI0) / (WEIGHT[0] + WEIGHT[1] * end) * 100

        return change(delay) - change(NEVER)

    where = ", ".join(f"{t:.2g} s for D = {d:g} /s" for d, t in at.items())
    return [
        Finding("4", "largest change of conductance, PRE before POST", "conductance increases", float(peak[1.0].max()),
                "%", above(0.0), open=others({d: float(p.max()) for d, p in peak.items()}),
                **by_lsoda(lambda: check(at[1.0])), control=0.0, control_is=f"{NEVER:g} s apart", note=f"at {where}"),
        Finding("4", "largest change of conductance, POST before PRE", "conductance decreases", float(least[1.0].min()),
                "%", below(0.0), open=others({d: float(p.min()) for d, p in least.items()}), control=0.0,
                control_is=f"{NEVER:g} s apart"),
        Finding("4", "effect without a gap over the largest", "\"shorter delays result in larger changes\"", zero[1.0],
                accept=above(0.9), open=others(zero), note=(
                    "dead zone: both elements carry one current, so opposed pulses go there and back on the same curve "
                    "and cancel exactly; the effect needs partial relaxation and peaks at 0.7 to 1 / D")),
        Finding("4", "effect at 10 ms over that at 250 ms, printed D = 1 /s",
                "10 ms inside the window, 250 ms outside", ratio[1.0], accept=above(1.0),
                **by_lsoda(lambda: check(NEAR) / check(FAR)),
                note=f"at D = 1 /s 10 ms are in the dead zone; D = 20 /s gives {ratio[20.0]:.3g}, "
                     f"70 /s {min(ratio[70.0], 1e3):.4g}{' and more' * (ratio[70.0] > 1e3)}"),
    ]  # fmt: skip
