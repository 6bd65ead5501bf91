"""How far slopes are off what penalties want, read from the log, is what it is at the critic itself."""

import pytest
import torch

import zerosum
from zerosum.diagnosis.probe import probe
from zerosum.diagnosis.slopes import WANTED, off_slopes
from zerosum.games import Phase
from zerosum.training.observers import Report


def test_weights_and_lazy_rounds_are_taken_out():
    phases = [Phase("D", ("D",), None), Phase("D_r1", ("D",), None, every=16), Phase("G", ("G",), None)]
    values = {"D/gradient_penalty": 40.0, "control/gradient_penalty": 10.0, "D_r1/r1": 72.0, "control/r1": 0.5}
    values |= {"D/r2": 3.0, "control/r2": 0.0, "G/adversarial": 1.0}
    assert off_slopes(values, phases) == {"off_slope_gradient_penalty": 2.0, "off_slope_r1": 3.0}
    assert off_slopes({}, phases) == {}


def test_every_penalty_has_a_target():
    assert WANTED == {"gradient_penalty": 1.0, "r1": 0.0, "r2": 0.0, "dragan": 1.0}


class Slopes:
    """The slope of the critic at real samples, without a step of the players."""

    every_samples = 640

    def __init__(self) -> None:
        self.found: list[tuple[float, float]] = []

    def __call__(self, state) -> Report:
        if state.values:
            x = state.data.train.batch(torch.arange(512), state.draw).real.requires_grad_()
            critic = state.game.networks["D"]
            (slope,) = torch.autograd.grad(critic(x).sum(), x)
            signals = probe(state, n=64)
            self.found.append((signals["signal/off_slope_r1"], slope.square().sum(1).mean().sqrt().item()))
        return Report()


def test_in_a_training_it_is_the_slope_at_real_samples(tmp_path):
    """Of frozen players; batches differ, which is all the difference."""
    slopes = Slopes()
    how = {"length_samples": 1280, "batch_size": 64, "lr": 0.0, "report_every_samples": 640, "evaluate": "off"}
    zerosum.train(
        "gan", data="ring", r1=0.7, doctor="off", observers=[slopes], out=tmp_path / "run", progress=False, **how
    )
    assert slopes.found
    for told, there in slopes.found:
        assert told == pytest.approx(there, rel=0.1)
