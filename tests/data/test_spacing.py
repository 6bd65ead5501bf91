"""Clusters are as far apart as they were put, and what has none is said to have none."""

import pytest
import torch

from zerosum.data import open_data
from zerosum.data.spacing import spacing
from zerosum.draw import Draw


@pytest.mark.parametrize("apart", [1.0, 30.0])
@pytest.mark.parametrize("clusters", [2, 5])
def test_clusters_in_a_row(apart, clusters):
    noise = 0.01 * Draw(0).uniform(clusters, 50, 1)
    points = (apart * torch.arange(clusters)[:, None, None] + noise).reshape(-1, 1)
    assert spacing(points) == pytest.approx(apart, rel=0.02)


@pytest.mark.parametrize("unit", [1e-5, 7.0, 1e5])
def test_the_unit_is_that_of_the_points(unit):
    points = torch.cat([Draw(0).normal(40, 3), 50 + Draw(1).normal(40, 3)]).double()
    assert spacing(unit * points) == pytest.approx(unit * spacing(points), rel=1e-5)


@pytest.mark.parametrize(("data", "between"), [("ring", (0.5, 0.62)), ("grid", (0.3, 0.4)), ("grid100", (0.14, 0.18))])
def test_mixtures(data, between):
    low, high = between
    space = open_data(data, progress=False).space
    assert low < space.spacing / space.extent < high


def test_one_cloud_has_no_spacing():
    assert spacing(Draw(0).normal(500, 2)) is None
    assert open_data("swissroll", progress=False).space.spacing is None
    assert spacing(torch.zeros(2, 2)) is None
