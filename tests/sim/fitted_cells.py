"""One cell of every model that can be fitted."""

LHB = {"model": "lhb", "alpha": 0.04, "alpha_dep": 0.03, "g_min": 2e-6, "g_max": 2e-5, "w0": 0.1}
NLHB = {
    "model": "nlhb", "alpha": 0.06, "gamma": 2.0, "nstop": 40.0, "alpha_dep": 0.1, "gamma_dep": 3.0, "nstop_dep": 35.0,
    "g_min": 1e-6, "g_max": 1e-5, "w0": 0.05,
}  # fmt: skip

CELLS = {
    "lhb": ({k: v for k, v in LHB.items() if k not in ("model", "w0")}, "w0", 0.5),
    "nlsb": ({k: v for k, v in NLHB.items() if k not in ("model", "w0", "nstop", "nstop_dep")}, "w0", 0.5),
    "nlhb": ({k: v for k, v in NLHB.items() if k not in ("model", "w0")}, "w0", 0.5),
    "flca": ({"A": 1.0, "D": 100.0, "R0": 1e4, "R1": 4e6}, "phi0", 0.0),
    "flca-volatile": ({"A": 1.0, "D": 100.0, "R0": 1e4, "R1": 4e6}, "phi0", 0.0),
    "vteam": ({"v_on": -0.5, "v_off": 0.5, "alpha_on": 1.0, "alpha_off": 1.0, "k_on": -40.0, "k_off": 30.0,
               "r_on": 1e4, "r_off": 1e5}, "x0", 0.5),
    "vteam-biolek": ({"v_on": -0.5, "v_off": 0.5, "alpha_on": 1.0, "alpha_off": 1.0, "k_on": -40.0, "k_off": 30.0,
                      "r_on": 1e4, "r_off": 1e5, "p": 1.5}, "x0", 0.5),
}  # fmt: skip
"""Values of every model, its state, and where a pristine device has that."""
