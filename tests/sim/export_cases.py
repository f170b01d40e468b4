"""Every law that can be exported, with a drive that moves it: amplitude (V), frequency (Hz), steps of a point."""

CASES = {
    "ion-drift?window=none": (1.0, 1.0, 10),
    "ion-drift?window=strukov": (1.0, 1.0, 10),
    "ion-drift?window=joglekar&p=2": (1.0, 1.0, 10),
    "ion-drift?window=biolek": (1.0, 1.0, 10),
    "ion-drift?window=prodromakis&p=2.5&j=1.1": (1.0, 1.0, 10),
    "ion-drift?window=zha&p=10": (1.0, 1.0, 10),
    "nonlinear-drift": (1.0, 1.0, 20),
    "team?k_off=2e-9&k_on=-2e-11&x0=3e-10": (4.0, 1.0, 10),
    "team?k_off=2e-9&k_on=-2e-11&x0=3e-10&resistance=exponential&set=positive&window=none": (1.0, 1.0, 10),
    "vteam": (1.4, 50.0, 10),
    "vteam?window=biolek&p=1.5&resistance=exponential&set=positive": (1.4, 50.0, 10),
    "yakopcic": (0.45, 100.0, 10),
    "yakopcic?set=negative&a2=0.1&x0=0.4": (0.45, 100.0, 10),
    "mss": (0.5, 100.0, 10),
    "mss?phi=0.8&x0=0.3": (0.5, 100.0, 10),
    "stanford": (1.8, 1e6, 40),
    "hysteretic": (1.0, 1e3, 10),
    "threshold?preset=slow": (2.2, 1e3, 10),
    "threshold?alpha=1e6&beta=2e7&v_t=1": (2.2, 1e3, 10),
    "flca": (0.1, 1.0, 10),
    "flca?R=100,1e6,1e9&D=3&phi_min=-0.001&phi_max=0.01&phi0=0.0002": (0.1, 1.0, 10),
    "flca?kind=volatile&phi_max=0.02": (0.1, 1.0, 40),
    "flca-pair?preset=figure3": (1.0, 1.0, 10),
    "flca-pair?preset=perceptron": (0.1, 100.0, 10),
    "diffusive": (1.0, 0.5, 400),
    "mott?u0=0.05": (0.5, 1e7, 10),
    "simmons": (0.9, 100.0, 40),
    "jart-vcm": (1.3, 1e3, 10),
}

IMPLICIT = ("simmons", "jart-vcm")
