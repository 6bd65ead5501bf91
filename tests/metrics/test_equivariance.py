"""Equivariance against pictures whose transforms are known in closed form."""

import math

import pytest
import torch
from torch import Tensor

import zerosum
from zerosum.cli import main
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.core import Question
from zerosum.metrics.equivariance import (
    FINER,
    METRICS,
    Inputs,
    common_band,
    decibels,
    lanczos,
    limited,
    moved,
    rotation,
    turned,
)
from zerosum.metrics.statistics import Statistics
from zerosum.runs.evaluations import read
from zerosum.spaces import Images

SIDE, SLOWEST = 40, 8
PLACES = torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2
EVERY = {name: metric for metric in METRICS for name in metric.results}
every_metric = pytest.mark.parametrize("name", EVERY)


def waves(w: Tensor, transform: Tensor) -> Tensor:
    """Pictures of three waves each, at most `SLOWEST` a side, placed exactly: w are their phases, `(n, 3)`."""
    at = torch.stack(torch.meshgrid(PLACES / SIDE, PLACES / SIDE, indexing="xy"), dim=-1)
    transform = transform.double().expand(len(w), 3, 3)
    at = torch.einsum("nij,hwj->nhwi", transform[:, :2, :2], at) + transform[:, None, None, :2, 2]
    frequencies = torch.tensor([[3.0, 1.0], [-2.0, 5.0], [7.0, -3.0]], dtype=torch.float64)
    return torch.sin(2 * math.pi * (at @ frequencies.T + w[:, None, None].double())).sum(-1)[:, None] / 3


def question(make, n: int = 40, shape: tuple[int, int, int] = (1, SIDE, SIDE)) -> Question:
    side = Statistics(Images(shape), torch.zeros(n, 1), torch.zeros(n, *shape), "")
    placing = Inputs(lambda n, draw: draw.uniform(n, 3), make, 2.0)
    return Question(side, side, Draw(0, "test"), lambda shown: shown, placing=placing)


@every_metric
def test_what_follows_its_input_exactly_is_far_above_what_stands_still(name):
    found = EVERY[name].compute(question(waves))[name]
    still = EVERY[name].compute(question(lambda w, transform: waves(w, torch.eye(3))))[name]
    assert found.value > 40
    assert still.value < 20
    assert still.interval.low < still.value < still.interval.high
    assert still.settings == {"samples": 40}


@every_metric
def test_what_moves_the_other_way_does_not_follow(name):
    def against(w: Tensor, transform: Tensor) -> Tensor:
        return waves(w, torch.linalg.inv(transform))

    assert EVERY[name].compute(question(against))[name].value < 20


@pytest.mark.parametrize("name", ["eq_t", "eq_t_frac"])
def test_what_is_wrong_by_a_tenth_everywhere_has_26_decibels(name):
    """10 log₁₀(2² / 0.1²) = 26.02."""

    def off(w: Tensor, transform: Tensor) -> Tensor:
        return waves(w, transform) + 0.1 * (transform != torch.eye(3)).any()

    assert EVERY[name].compute(question(off))[name].value == pytest.approx(26.02, abs=0.01 if name == "eq_t" else 0.2)


def test_whole_translations_copy_and_know_what_came_in():
    pictures = torch.arange(24, dtype=torch.float64).view(1, 1, 4, 6)
    image, known = moved(pictures, torch.tensor([[2.0, -1.0]]), 1)
    assert torch.equal(image[..., :3, 2:], pictures[..., 1:, :4])
    expected = torch.zeros(4, 6, dtype=torch.bool)
    expected[:3, 2:] = True
    assert torch.equal(known[0, 0], expected)


@pytest.mark.parametrize("shift", [0.25, -1.5, 3.75])
def test_translations_by_parts_are_lanczos_filters(shift):
    """A single bright place becomes the filter; what is known lies three places within, or just not."""
    row = torch.zeros(1, 1, 1, 20, dtype=torch.float64)
    row[..., 10] = 1
    image, known = moved(row.expand(1, 1, 20, 20), torch.tensor([[shift, 0.0]]), 3)
    at = torch.arange(20, dtype=torch.float64) - shift
    expected = lanczos(at - 10, 3)
    inside = (at >= 2) & (at <= 17)
    assert torch.equal(known[0, 0, 5], inside)
    sums = torch.stack([lanczos(at - place, 3) for place in range(20)]).sum(0)
    torch.testing.assert_close(image[0, 0, 5][inside], (expected / sums)[inside])


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 4, -2.0])
def test_the_common_band_passes_what_is_flat_and_is_symmetric(angle):
    taps = common_band(torch.tensor(angle, dtype=torch.float64))
    assert len(taps) % 2 == 1
    torch.testing.assert_close(taps, taps.flip(0, 1), rtol=0, atol=1e-6)
    for row in range(FINER):
        for column in range(FINER):
            assert taps[row::FINER, column::FINER].sum().item() == pytest.approx(1)


def test_quarter_turns_are_exact_but_for_the_band():
    pictures = waves(torch.zeros(1, 3), torch.eye(3))
    image, known = turned(pictures, torch.tensor(math.pi / 2, dtype=torch.float64))
    exact = torch.rot90(pictures, -1, (2, 3))
    same, also = limited(exact, torch.tensor(math.pi / 2, dtype=torch.float64))
    both = (known & also)[0, 0]
    assert both.sum() > 400
    torch.testing.assert_close(image[0, 0][both], same[0, 0][both], rtol=0, atol=0.01)


def test_rotations_turn_right_to_down():
    torch.testing.assert_close(rotation(torch.tensor(math.pi / 2)) @ torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))


def test_decibels_weigh_by_the_values_behind_a_square():
    value, error = decibels(torch.tensor([4.0, 0.0]), torch.tensor([1.0, 3.0]), 2.0)
    assert value == pytest.approx(10 * math.log10(4 / 1))
    assert error == pytest.approx(10 / math.log(10) * torch.tensor([3.0, -3.0]).std().item() * 2**0.5 / 4)


def test_images_too_small_for_the_filters_are_refused():
    tiny = question(lambda w, transform: torch.zeros(len(w), 1, 8, 8), shape=(1, 8, 8))
    with pytest.raises(UserError, match="eq_r needs larger images"):
        EVERY["eq_r"].compute(tiny)


def test_a_run_is_asked_from_the_command_line(tiny, tmp_path):
    run = zerosum.train(**tiny("stylegan3", length_samples=8), out=tmp_path / "run").path
    words = ["evaluate", str(run), "--metrics", ",".join(EVERY), "--n", "20", "--features", "raw"]
    assert main(words) == 0
    assert [record.metric for record in read(run)] == list(EVERY)


def test_other_generators_cannot_be_asked(tiny, tmp_path, capsys):
    run = zerosum.train(**tiny("gan", length_samples=8), out=tmp_path / "run").path
    assert main(["evaluate", str(run), "--metrics", "eq_t"]) == 2
    assert "eq_t cannot be had" in capsys.readouterr().err
