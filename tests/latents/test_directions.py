"""Directions with and without labels, and arithmetic with classes."""

import numpy as np
import pytest
import torch
from torch import nn

from zerosum.errors import UserError
from zerosum.latents.arithmetic import arithmetic, combined, terms_of
from zerosum.latents.directions import components, ganspace, sefa
from zerosum.latents.explorer import Latents
from zerosum.latents.labelling import boundary, by_labels
from zerosum.latents.layers import first_activations, meeting


def first_linear(explorer) -> nn.Linear:
    return next(layer for layer in explorer.networks["G"].modules() if isinstance(layer, nn.Linear))


@pytest.mark.parametrize("name", ["plain", "told"])
def test_the_layer_that_meets_the_latent_is_found_without_what_stands_beside(explorers, name):
    explorer = explorers(name)
    A = meeting(explorer, "z")
    assert torch.allclose(A, first_linear(explorer).weight[:, : explorer.latent.prior.size], atol=1e-6)


@pytest.mark.parametrize(("layers", "which"), [(None, [0, 1, 2]), (slice(1, 2), [1]), (slice(0, 2), [0, 1])])
def test_the_layers_that_read_styles_are_found_one_by_one(explorers, layers, which):
    explorer = explorers("styled")
    affine = explorer.networks["G"].affine
    wanted = torch.cat([affine[number].weight for number in which])
    assert torch.allclose(meeting(explorer, "w", layers), wanted, atol=1e-6)


@pytest.mark.parametrize(("name", "level"), [("plain", "z"), ("styled", "w")])
def test_sefa_gives_the_right_singular_vectors(explorers, name, level):
    explorer = explorers(name)
    A = meeting(explorer, level).double().numpy()
    _, _, right = np.linalg.svd(A)
    found = sefa(explorer, 3, level)
    assert np.allclose(np.abs(found.vectors.numpy() @ right[:3].T), np.eye(3), atol=1e-4)
    assert found.captions[0].startswith("0: ")


@pytest.mark.parametrize(("name", "level"), [("plain", "z"), ("styled", "w")])
def test_directions_are_of_unit_length_with_the_deviations_of_latents(explorers, name, level):
    explorer = explorers(name)
    for found in (sefa(explorer, 2, level), ganspace(explorer, 2, level, n=200)):
        assert torch.allclose(found.vectors.norm(dim=1), torch.ones(2), atol=1e-5)
        drawn = explorer.draw(5_000, 5, level=level).values @ found.vectors.T
        assert torch.allclose(found.deviations, drawn.std(0), rtol=0.1)


def test_ganspace_of_styles_gives_their_principal_components(explorers):
    explorer = explorers("styled")
    styles = explorer.draw(500, 0, level="w").values
    _, _, right = torch.linalg.svd(styles - styles.mean(0), full_matrices=False)
    found = ganspace(explorer, 2, "w", n=500)
    assert torch.allclose((found.vectors @ right[:2].T).abs(), torch.eye(2), atol=1e-3)


def test_ganspace_regresses_components_of_activations_to_latents(explorers):
    explorer = explorers("plain")
    latents = explorer.draw(300, 0)
    seen = first_activations(explorer, latents)
    basis, _ = components(seen, 1)
    x = ((seen - seen.mean(0)) @ basis.T)[:, 0].double().numpy()
    slope = np.array([np.linalg.lstsq(x[:, None], column, rcond=None)[0][0] for column in latents.values.double().T])
    found = ganspace(explorer, 1, n=300).vectors[0].numpy()
    assert abs(found @ slope / np.linalg.norm(slope)) > 0.999


def test_a_step_moves_only_the_chosen_layers(explorers):
    explorer = explorers("styled")
    found, latents = sefa(explorer, 1, "w"), explorer.draw(2, 0, level="w+")
    which, far = torch.zeros(2, dtype=torch.int64), torch.tensor([0.0, 2.0])
    moved = found.moved(latents, which, far, slice(1, 2)).values - latents.values
    assert torch.equal(moved[0], torch.zeros(3, 5))
    assert torch.allclose(moved[1, 1], 2 * found.deviations[0] * found.vectors[0], atol=1e-6)
    assert not moved[1, [0, 2]].any()


def test_a_boundary_is_where_the_sides_meet(explorers):
    explorer = explorers("plain")
    latents = explorer.draw(2_000, 0)
    normal = torch.nn.functional.normalize(torch.tensor([1.0, 2.0, 0.0, -1.0]), dim=0)
    side = latents.values @ normal > 0
    found = boundary(explorer, latents, side, ~side, "one against other")
    assert found.vectors[0] @ normal > 0.99


def test_classes_are_needed_for_directions_by_labels(explorers):
    with pytest.raises(UserError, match="told the class beside its latents"):
        by_labels(explorers("told"), "z", "7", None)
    with pytest.raises(UserError, match="There is no class 'seven'"):
        by_labels(explorers("plain"), "z", "seven", None, n=100)
    points = explorers("points")
    with pytest.raises(UserError, match="needs labels, and the run's data has none"):
        by_labels(points, "z", "7", None)


@pytest.fixture
def told_by_light(monkeypatch):
    """A classifier that takes lighter samples for a 7 and darker ones for a 1."""

    def predict(samples):
        light = samples.flatten(1).mean(1)
        return torch.where(light > light.median(), 7, 1)

    monkeypatch.setattr("zerosum.latents.labelling.predictor", lambda explorer: predict)


@pytest.mark.parametrize("name", ["plain", "styled"])
def test_a_direction_by_labels_leads_from_class_to_class(explorers, told_by_light, name):
    explorer = explorers(name)
    found = by_labels(explorer, explorer.level(), "7", "1", n=500)
    latents, which = explorer.draw(100, 9), torch.zeros(100, dtype=torch.int64)
    dark, light = (explorer.make(found.moved(latents, which, torch.full((100,), far))).mean() for far in (-2.0, 2.0))
    assert dark < light
    assert "7 against 1" in found.captions[0]


@pytest.mark.parametrize("name", ["plain", "styled"])
def test_arithmetic_shows_every_term_and_the_result(explorers, told_by_light, name):
    found = arithmetic(explorers(name), expression="7 - 1 + 7", n=200, examples=3)
    assert found.samples.shape == (4, 4, 1, 16, 16)
    assert found.captions == ("+ 7", "- 1", "+ 7", "= 7 - 1 + 7")
    with pytest.raises(UserError, match="Only 0 of 200 samples are of class '3'"):
        arithmetic(explorers(name), expression="7 - 3", n=200)


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("7 - 1 + 4", [(1, "7"), (-1, "1"), (1, "4")]),
        ("- a + b", [(-1, "a"), (1, "b")]),
        ("smiling woman - woman + man", [(1, "smiling woman"), (-1, "woman"), (1, "man")]),
        ("sans-serif + x", [(1, "sans-serif"), (1, "x")]),
    ],
)
def test_an_expression_is_signs_and_names(expression, terms):
    assert terms_of(expression) == terms


@pytest.mark.parametrize("expression", ["", "7", "7 -", "7 + - 1", "+", "7 -1"])
def test_what_is_no_sum_is_refused(expression):
    with pytest.raises(UserError, match="no sum of classes"):
        terms_of(expression)


def test_a_sum_of_styles_counts_from_their_mean(explorers):
    explorer = explorers("styled")
    means = explorer.draw(3, 0, level="w").values
    total = combined(explorer, means, [1, -1, 1], "w")
    assert torch.allclose(total, means[0] - means[1] + means[2], atol=1e-5)
    centre = explorer.ensemble("w").centres[0]
    assert torch.allclose(combined(explorer, means[:2], [1, 1], "w"), means[0] + means[1] - centre, atol=1e-5)


def test_a_sum_of_latents_is_as_long_as_latents_are(explorers):
    explorer = explorers("plain")
    total = combined(explorer, 0.1 * explorer.draw(2, 0).values, [1, -1], "z")
    assert abs(total.norm() - 2) < 0.05  # √4
    assert Latents(total[None], "z").values.shape == (1, 4)
