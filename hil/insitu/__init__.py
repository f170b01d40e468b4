"""Networks whose weights are conductances and are trained where they are: layers, gradients, pulses.

`layers` holds one array of weights, `network` several of them with their activations, `updates` the rules that turn an
error into pulses, `software` the same network in floating point, for comparison.
"""
