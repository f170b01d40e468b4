"""Cellular networks against the differential equation and the template's rule, transforms against numpy's."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.ndimage import binary_erosion

from hil.backends import open_device
from hil.data.datasets import load
from hil.insitu.cellular import EDGE, CellularNetwork, edges, patches, saturated
from hil.insitu.fourier import FourierArrays, inverse_matrix, peak_signal_to_noise
from hil.insitu.layers import ArrayLayer

CELLS = "sim:rram?alpha=0.001&synapse="


def template(uri=f"{CELLS}bridge"):
    return ArrayLayer(open_device(uri, defaults={"rows": 19, "cols": 1}), 19, 1, weight_max=8.5)


def test_the_rule_of_the_edges_is_what_erosion_takes_away():
    black = load("shapes32").test_images[3].reshape(32, 32) >= 128
    assert (edges(black) == (black & ~binary_erosion(black, np.ones((3, 3)), border_value=0))).all()


@pytest.mark.parametrize("synapse", ["bridge", "differential"])
def test_bridges_find_the_edges_and_unwritten_ones_do_not(synapse):
    black = load("shapes32").test_images[5].reshape(32, 32) >= 128
    network = CellularNetwork(template(f"sim:rram?alpha=0.005&c2c=0.3&d2d=0.1&synapse={synapse}"))
    image = np.where(black, 1.0, -1.0)
    assert not ((network.outputs(image) > 0) == edges(black)).all()
    network.write(*EDGE)
    assert ((network.outputs(image) > 0) == edges(black)).all()


def test_the_outputs_follow_chua_and_yangs_equation():
    """scipy's integrator with the weights as they are read; Euler's steps are small."""
    luck = np.random.default_rng(3)
    layer = template(f"{CELLS}differential")
    network = CellularNetwork(layer, step=0.002, steps=400)
    network.write(luck.normal(0, 0.5, (3, 3)), luck.normal(0, 0.5, (3, 3)), 0.2, tolerance=0.002)
    w, u = layer.weights()[:, 0], luck.uniform(-1, 1, (4, 5))

    def slope(t, x):
        seen = np.hstack([patches(saturated(x.reshape(4, 5)), -1.0), patches(u, -1.0), np.ones((20, 1))])
        return seen @ w - x

    wanted = solve_ivp(slope, (0, 0.8), np.zeros(20), rtol=1e-8, atol=1e-10).y[:, -1]
    assert network.outputs(u) == pytest.approx(saturated(wanted).reshape(4, 5), abs=2e-3)


def arrays(parts, tolerance, alpha=0.001):
    def opened(rows, cols, part):
        uri = f"sim:rram?alpha={alpha}&d2d=0.1&seed={part}&synapse=differential"
        return open_device(uri, defaults={"rows": rows, "cols": cols})

    return FourierArrays(opened, 8, parts=parts, tolerance=tolerance)


def test_a_product_of_the_array_is_numpys_inverse_transform():
    luck = np.random.default_rng(1)
    x = luck.random((3, 8)) + 1j * luck.random((3, 8))
    assert x @ inverse_matrix(8) / 8 == pytest.approx(np.fft.ifft(x), abs=1e-12)
    fine = arrays(2, 0.01)
    assert fine.inverse(x) == pytest.approx(np.fft.ifft(x), abs=0.01)
    image = luck.random((8, 8))
    assert fine.image(np.fft.fft2(image)) == pytest.approx(image, abs=0.03)


def test_a_second_pair_of_cells_holds_what_the_first_has_left():
    one, two = (arrays(parts, 0.05, 0.005) for parts in (1, 2))
    assert two.error < 0.25 * one.error
    held = two.layers[0][1] * two.layers[0][0].weights() + two.layers[1][1] * two.layers[1][0].weights()
    f = inverse_matrix(8)
    wanted = np.block([[f.real, f.imag], [-f.imag, f.real]])
    assert two.error == pytest.approx(np.sqrt(((held - wanted) ** 2).mean()))


def test_noise_in_decibels():
    image = np.zeros((10, 10))
    assert peak_signal_to_noise(image + 0.1, image) == pytest.approx(20.0)
