"""Configuration of `hil train wta`: neurons, rule, code and training."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from hil.config import CliFlag, Section
from hil.fraction import Fraction
from hil.spiking.encoding import SpikeCode
from hil.spiking.neurons import Lif
from hil.spiking.rules import MOST_PULSES, PairStdp, Rule, Stdp
from hil.training.settings import EPOCHS, LARGEST_SEED, DataSettings, DeviceSettings, Seed, Seeds

THRESHOLD_SHARE = 0.585
"""Default threshold over the mean total intensity of an image: 60 full weights on MNIST."""


class NeuronSettings(Section):
    """Section [neuron]; see `hil.spiking.neurons.Lif`."""

    threshold: float | None = Field(
        None, gt=0, description="full weights; 0.585 of the mean total intensity of an image if not given"
    )
    leak: float = Field(120e-6, gt=0, description="time constant of the membrane, s")
    refractory: float = Field(1e-9, ge=0, description="a neuron ignores inputs after its own spike, s")
    inhibition: float = Field(10e-6, ge=0, description="all others ignore inputs after it, s; 0 for none")
    reset: Literal["all", "own"] = Field("all", description="membranes that a spike sets to 0")
    tie: Literal["rank", "membrane", "margin"] = Field(
        "rank", description="who wins among several: a fixed order, the highest, or the furthest above its threshold"
    )
    theta_plus: float = Field(0.0, ge=0, description="adaptive threshold: added by every spike, full weights")
    theta_plus_end: float | None = Field(
        None,
        gt=0,
        description="what theta_plus falls to during the run, full weights; not given: it stays",
    )
    theta_mean: Literal["free", "zero"] = Field(
        "free", description="zero: a spike takes theta_plus / N from all thresholds, so that their mean stays"
    )
    theta_decay: float = Field(1e9, gt=0, description="time constant of forgetting it, s of presentation")
    reference: Literal["exact", "column", "none"] = Field(
        "exact", description="subtracted from a column's current: g_min exactly, a column set to g_min, or none"
    )

    def lif(self, mean_intensity: float, seed: int) -> Lif:
        """Neurons for images of this mean total intensity."""
        values = self.model_dump() | {"threshold": self.threshold or THRESHOLD_SHARE * mean_intensity}
        return Lif(**values, seed=seed)


class StdpSettings(Section):
    """Section [stdp]; see `hil.spiking.rules.Stdp` and `hil.spiking.rules.PairStdp`."""

    rule: Literal["rectangular", "pair"] = Field(
        "rectangular", description="one pulse up or down on an output spike, or pulses by an exponential of the delay"
    )
    window: float = Field(60e-6, ge=0, description="rectangular: inputs this recent are potentiated, s")
    n_plus: float = Field(2.0, ge=0, le=MOST_PULSES, description="pair: potentiation pulses at no delay")
    n_minus: float = Field(1.0, ge=0, le=MOST_PULSES, description="pair: depression pulses at no delay")
    tau_plus: float = Field(60e-6, gt=0, description="pair: time constant of potentiation, s")
    tau_minus: float = Field(200e-6, gt=0, description="pair: time constant of depression, s")
    pulse_probability: Fraction = Field(
        1.0, gt=0, le=1, description="probability with which a cell gets what a spike asks for it, drawn each time"
    )
    pulse_probability_end: Fraction | None = Field(
        None, gt=0, le=1, description="to which it falls during the run; not given: it stays"
    )

    def learning_rule(self, seed: int = 0) -> Rule:
        """Build the rule that is asked for; `seed` is that of the draws."""
        rule: Rule = Stdp(self.window)
        if self.rule == "pair":
            rule = PairStdp(self.n_plus, self.n_minus, self.tau_plus, self.tau_minus)
        start, end = self.pulse_probability, self.pulse_probability_end
        return replace(rule, pulse_probability=start, pulse_probability_end=end, seed=seed)


class WtaSettings(Section):
    """Section [train]."""

    neurons: Annotated[int, CliFlag("Output neurons, one a column.")] = Field(
        100, ge=1, description="output neurons, one a column"
    )
    seed: Seed = Field(0, ge=0, le=LARGEST_SEED, description="first seed: order, spikes, ranks, device spread")
    seeds: Seeds = Field(3, ge=1, le=10_000, description="number of seeds, for the spread")
    epochs: Annotated[float | None, EPOCHS] = Field(
        None, gt=0, description="passes through the training images; if not given, one or as many as show 30,000"
    )
    batch: int = Field(500, ge=1, description="digits between looks at Ctrl-C and checkpoints")
    labelling: int = Field(10_000, ge=1, description="training digits that give the neurons their classes")
    readout: Literal["winner", "probability"] = Field(
        "winner", description="what decides: the label of the most active neuron, or P(class | neuron) of all spikes"
    )
    curve: int = Field(10, ge=0, description="points of the learning curve; 0 for none")
    curve_images: int = Field(2000, ge=1, description="digits that a point of the curve is measured on, at most")
    curve_labelling: int = Field(4000, ge=1, description="training digits that label the neurons for a point, at most")


class UnsupervisedData(DataSettings):
    """Section [data]; nothing is held out unless asked for, since nothing is selected."""

    holdout: Fraction = Field(0.0, ge=0, lt=1, description="fraction of the training images held out for selection")


class WtaConfig(Section):
    """Configuration of `hil train wta`."""

    data: UnsupervisedData = Field(default_factory=UnsupervisedData)
    device: DeviceSettings = Field(default_factory=lambda: DeviceSettings(uri="sim:rram?alpha=0.01"))
    train: WtaSettings = Field(default_factory=WtaSettings)
    neuron: NeuronSettings = Field(default_factory=NeuronSettings)
    stdp: StdpSettings = Field(default_factory=StdpSettings)
    code: SpikeCode = Field(default_factory=SpikeCode)
