"""The cheap feature space."""

import pytest
import torch

from zerosum.diagnosis.features import CELLS, plain_features, pooled
from zerosum.spaces import Images, Points
from zerosum.spaces.core import Space


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 20), (2, 5, 3), (4, 1, 1), (3, 100, 9)])
@pytest.mark.parametrize("preprocessing", ["[-1,1]", "[0,1]"])
def test_images_have_means_and_edges_in_the_unit_range(shape, preprocessing):
    space = Images(shape, preprocessing=preprocessing)
    found = plain_features(space, space.encode(torch.rand(6, *shape)))
    cells = min(CELLS, shape[1]) * min(CELLS, shape[2])
    assert found.shape == (6, 2 * shape[0] * cells)
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("size", [(8, 8), (32, 64), (28, 20), (9, 100), (3, 3)])
def test_pooling_keeps_the_mean_whatever_the_size(size):
    images = torch.rand(4, 2, *size)
    torch.testing.assert_close(pooled(images).mean((2, 3)), images.mean((2, 3)))


def test_pooling_is_that_of_torch_where_cells_are_whole():
    images = torch.rand(4, 2, 32, 16)
    torch.testing.assert_close(pooled(images), torch.nn.functional.adaptive_avg_pool2d(images, CELLS))


def test_a_flat_image_has_no_edges_and_a_sharp_one_more_than_a_blurred_one():
    space = Images((1, 16, 16), preprocessing="[0,1]")
    flat = torch.full((1, 1, 16, 16), 0.3)
    sharp = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
    of_flat, of_sharp, of_blurred = (plain_features(space, image)[0] for image in (flat, sharp, blurred))
    torch.testing.assert_close(of_flat[:64], torch.full((64,), 0.3))
    assert of_flat[64:].abs().max() < 1e-6
    assert of_sharp[64:].mean() > 1.5 * of_blurred[64:].mean()


def test_an_edge_counts_across_as_much_as_down():
    space = Images((1, 16, 16), preprocessing="[0,1]")
    image = (torch.arange(16) > 6).float().expand(1, 1, 16, 16)
    across, down = (plain_features(space, each)[0, 64:].view(8, 8) for each in (image, image.mT))
    torch.testing.assert_close(across, down.T)
    assert across.max() > 0.5


def test_features_of_a_sample_do_not_depend_on_the_others():
    space = Images((3, 20, 20))
    samples = torch.rand(9, 3, 20, 20) * 2 - 1
    torch.testing.assert_close(plain_features(space, samples)[4:6], plain_features(space, samples[4:6]))


def test_samples_are_left_as_they_were_and_no_gradient_is_kept():
    space = Images((1, 8, 8))
    samples = torch.rand(3, 1, 8, 8, requires_grad=True)
    before = samples.detach().clone()
    assert not plain_features(space, samples).requires_grad
    assert torch.equal(samples, before)


def test_points_are_in_units_of_their_extent_and_other_samples_flat():
    points = torch.tensor([[1.0, -2.0], [4.0, 0.0]])
    torch.testing.assert_close(plain_features(Points((2,), extent=4.0), points), points / 4)
    assert plain_features(Space((3, 4)), torch.rand(5, 3, 4)).shape == (5, 12)


@pytest.mark.gpu
def test_an_accelerator_gives_the_same():
    device = "cuda" if torch.cuda.is_available() else "mps"
    space, samples = Images((3, 28, 20)), torch.rand(9, 3, 28, 20) * 2 - 1
    found = plain_features(space, samples.to(device))
    assert found.device.type == device
    torch.testing.assert_close(found.cpu(), plain_features(space, samples), atol=1e-3, rtol=1e-3)
