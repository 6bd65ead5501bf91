"""Clusters are as far apart as they were put, and what has none is said to have none."""

import pytest
import torch

from zerosum.data import open_data
from zerosum.data.clusters import Clusters, clusters
from zerosum.draw import Draw


@pytest.mark.parametrize("apart", [1.0, 30.0])
@pytest.mark.parametrize("number", [2, 5])
def test_clusters_in_a_row(apart, number):
    noise = 0.01 * Draw(0).uniform(number, 50, 1)
    points = (apart * torch.arange(number)[:, None, None] + noise).reshape(-1, 1)
    assert clusters(points).spacing == pytest.approx(apart, rel=0.02)
    assert clusters(points).width == pytest.approx(0.01 / 12**0.5, rel=0.1)


@pytest.mark.parametrize("unit", [1e-5, 7.0, 1e5])
def test_the_unit_is_that_of_the_points(unit):
    points = torch.cat([Draw(0).normal(40, 3), 50 + Draw(1).normal(40, 3)]).double()
    assert clusters(unit * points) == pytest.approx([unit * length for length in clusters(points)], rel=1e-5)


def test_clusters_of_copies_have_no_width_to_go_by():
    assert clusters(torch.arange(3.0)[:, None].repeat(20, 1)) == Clusters(None, None)


@pytest.mark.parametrize(
    ("data", "between", "std"),
    [("ring", (0.5, 0.62), 0.01), ("grid", (0.3, 0.4), 0.05), ("grid100", (0.14, 0.18), 0.05)],
)
def test_mixtures(data, between, std):
    low, high = between
    space = open_data(data, progress=False).space
    assert low < space.spacing / space.extent < high
    assert space.width == pytest.approx(std, rel=0.1)


def test_one_cloud_has_no_clusters():
    assert clusters(Draw(0).normal(500, 2)) == Clusters(None, None)
    space = open_data("swissroll", progress=False).space
    assert (space.spacing, space.width) == (None, None)
    assert clusters(torch.zeros(2, 2)) == Clusters(None, None)
