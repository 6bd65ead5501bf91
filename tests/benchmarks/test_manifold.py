"""Precision and recall of sets whose manifolds are known, and against the definition written out."""

import pytest
import torch
from judges.manifold import precision_and_recall
from torch import Tensor


def normal(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def test_a_set_covers_itself() -> None:
    assert precision_and_recall(normal(50), normal(50)) == (1.0, 1.0)


def test_sets_far_apart_share_nothing() -> None:
    assert precision_and_recall(normal(50), normal(50) + 1_000) == (0.0, 0.0)


def test_lost_modes_cost_recall_and_stray_samples_precision() -> None:
    left, right, stray = normal(40, 1), normal(40, 2) + 100, normal(20, 3) - 1_000
    precision, recall = precision_and_recall(torch.cat([left, right]), torch.cat([left, stray]))
    assert (precision, recall) == (pytest.approx(40 / 60), pytest.approx(0.5))


def test_roles_swapped_swap_the_figures() -> None:
    a, b = normal(60, 4), normal(50, 5) * 0.7
    assert precision_and_recall(a, b) == precision_and_recall(b, a)[::-1]


@pytest.mark.parametrize("k", [1, 3])
def test_as_the_definition_has_it(k: int) -> None:
    real, made = normal(12, 6), normal(9, 7)

    def covered(point: Tensor, support: Tensor) -> bool:
        for index, centre in enumerate(support):
            others = torch.cat([support[:index], support[index + 1 :]])
            radius = sorted((others - centre).norm(dim=1).tolist())[k - 1]
            if (point - centre).norm().item() <= radius:
                return True
        return False

    precision = sum(covered(point, real) for point in made) / len(made)
    recall = sum(covered(point, made) for point in real) / len(real)
    assert precision_and_recall(real, made, k=k) == (pytest.approx(precision), pytest.approx(recall))


def test_large_offsets_do_not_blur_distances() -> None:
    points = torch.arange(8.0)[:, None]
    assert precision_and_recall(points + 1e6, points + 1e6, k=3) == (1.0, 1.0)
    assert precision_and_recall(points + 1e6, points + 1e6 + 100, k=3) == (0.0, 0.0)
