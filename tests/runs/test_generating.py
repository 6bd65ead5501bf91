"""Samples piece by piece and along paths, from any game's sampler."""

import pytest
import torch
from torch import nn

from zerosum.data import open_data
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Latent, Sampler
from zerosum.priors import Normal, Uniform
from zerosum.runs.generating import Generator
from zerosum.spaces import Images, Points
from zerosum.training.sampling import Requests


def generator(make=None, given: str = "number", space=None, latent: Latent | None = None, **requests) -> Generator:
    sampler = Sampler(make, given, latent)
    return Generator(sampler, {"G": nn.Identity()}, Requests(**requests), space or Points((2,)), torch.device("cpu"), 0)


def through(networks, z, batch):
    return networks["G"](z)


@pytest.mark.parametrize(("prior", "kind"), [(Normal(2), "slerp"), (Uniform(2), "lerp")])
def test_steps_on_a_path_are_small(prior, kind):
    made = generator(latent=Latent(prior, through))
    assert made.path.interpolation == kind
    a, b = made.path(600, 1e-3, Draw(1))
    assert a.shape == b.shape == (600, 2)
    distances = (a - b).norm(dim=1)
    assert 0 < distances.max() < 0.03
    again, _ = made.path(600, 1e-3, Draw(1))
    assert torch.equal(a, again)


def test_pictures_on_a_path_are_not_rounded():
    made = generator(
        space=Images((1, 2, 2)), latent=Latent(Normal(4), lambda networks, z, batch: z.view(-1, 1, 2, 2).tanh())
    )
    a, b = made.path(50, 1e-4, Draw(0))
    assert a.dtype == torch.float32
    assert 0 <= a.min() < 0.5 < a.max() <= 1
    assert 0 < (a - b).abs().max() < 1 / 255


def test_classes_stay_along_a_path():
    latent = Latent(Normal(1), lambda networks, z, batch: batch.label[:, None] + 0 * z)
    a, b = generator(given="label", latent=latent, classes=3).path(300, 0.1, Draw(0))
    assert torch.equal(a, b)
    assert a[:6, 0].tolist() == [0, 1, 2, 0, 1, 2]


def test_samples_made_from_samples_are_at_most_as_many():
    source = open_data("glyphs:sans-serif", progress=False).held_out
    made = generator(lambda networks, batch, draw: batch.real, "condition", source=source)
    assert made.most == source.size
    assert made.path is None


def test_there_is_no_path_without_latents():
    made = generator(lambda networks, batch, draw: torch.zeros(len(batch), 2))
    assert made.path is None


def test_samples_come_in_pieces_with_their_labels():
    made = generator(lambda networks, batch, draw: draw.normal(len(batch), 2), "label", classes=3)
    shown = made.shown(600, 0, {"run": "x"})
    parts = list(shown.chunks())
    assert [len(values) for values, _ in parts] == [250, 250, 100]
    assert torch.cat([labels for _, labels in parts]).tolist() == [n % 3 for n in range(600)]
    assert all(torch.equal(a[0], b[0]) for a, b in zip(parts, shown.chunks(), strict=True))


def test_samples_that_are_not_finite_are_refused():
    made = generator(lambda networks, batch, draw: torch.full((len(batch), 2), torch.inf))
    with pytest.raises(UserError, match="250 of 250 generated samples are not finite"):
        list(made.shown(300, 0, {}).chunks())
