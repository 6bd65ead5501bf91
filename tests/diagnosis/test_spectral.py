"""Spectral norms are those of the weights as layers use them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from zerosum.diagnosis.probe import undisturbed
from zerosum.diagnosis.spectral import matrices, spectral_norms
from zerosum.games import Player

LAYERS = {
    "linear": nn.Linear(3, 5),
    "convolution": nn.Conv2d(3, 5, 4),
    "grouped convolution": nn.Conv1d(4, 6, 3, groups=2),
    "transposed convolution": nn.ConvTranspose2d(3, 5, 4),
    "embedding": nn.Embedding(7, 3),
}


def of(network: nn.Module) -> dict[str, float]:
    return {one.weight: one.value for one in spectral_norms({"D": Player(nn.ModuleDict({"net": network}), None)})}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_it_is_the_largest_singular_value_of_the_weight_as_a_matrix(layer):
    weight = layer.weight.detach().double().numpy()
    if isinstance(layer, nn.ConvTranspose2d):
        weight = weight.swapaxes(0, 1)  # (in, out, …)
    expected = np.linalg.svd(weight.reshape(len(weight), -1), compute_uv=False).max()
    assert of(layer) == {"net.weight": pytest.approx(expected)}


@pytest.mark.parametrize("layer", [nn.Linear(6, 4), nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 3)])
def test_what_is_normalised_has_the_norm_one_and_is_left_as_it_was(layer):
    network = spectral_norm(layer, n_power_iterations=200)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with undisturbed([network]):
        assert of(network) == {"net.weight": pytest.approx(1, rel=1e-3)}
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_vectors_have_none_and_layers_keep_their_order():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 1, bias=False)))
    assert [name for name, _, _ in matrices(network)] == ["0.weight", "2.0.weight"]


def test_what_is_not_finite_has_no_norm():
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight[0, 0] = float("inf")
    (one,) = spectral_norms({"D": Player(nn.ModuleDict({"net": layer}), None)})
    assert np.isnan(one.value)
    assert one.document()["norm"] is None
