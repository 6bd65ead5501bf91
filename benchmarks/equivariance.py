"""How well pictures follow their input, of StyleGAN3-T and of the same network with unfiltered nonlinearities.

Both are trained on digits for the same number of samples; EQ-T by whole and by parts of a pixel, and EQ-R, in dB, of
the averaged generators (Karras 2021, appendix E). The picture has three rows of the filtered network and three of
the plain one: samples as they are, moved by half a pixel to the right, and what that changed, three times as strong.
"""

import torch
from torch import Tensor

import zerosum
from records import Case, Measured, Target, run
from trainings import training
from zerosum import Run
from zerosum.draw import Draw
from zerosum.runs.trained import Trained
from zerosum.spaces import Images

DIGITS = Images((1, 32, 32))
LENGTH, TRIAL_LENGTH = 10_000, 128
SHOWN, SHIFT = 10, 0.5
METRICS = ("eq_t", "eq_t_frac", "eq_r")
AHEAD = 10.0
"""Decibels of EQ-T that filters must be worth."""


def compared(seed: int, trial: bool) -> Measured:
    """Figures of both networks, and how far apart they are."""
    figures: dict[str, float] = {}
    rows = []
    for nonlinearity in ("filtered", "plain"):
        with training("stylegan3", data="digits", seed=seed, **how(nonlinearity, trial)) as (played, took):
            figures |= {f"{name}_{nonlinearity}": value for name, value in measured(played, trial).items()}
            figures[f"seconds_{nonlinearity}"] = took
            rows.append(shifted(played))
    for name in ("eq_t", "eq_t_frac"):
        figures[f"{name}_ahead"] = figures[f"{name}_filtered"] - figures[f"{name}_plain"]
    return Measured(figures, DIGITS.picture(torch.cat(rows), columns=SHOWN))


def how(nonlinearity: str, trial: bool) -> dict[str, object]:
    """Options of a training."""
    length = {"length_samples": TRIAL_LENGTH, "width": 2, "layers": 3} if trial else {"length_samples": LENGTH}
    return {"nonlinearity": nonlinearity, "evaluate": "off", "doctor": "off"} | length


def measured(played: Run, trial: bool) -> dict[str, float]:
    """Of the averaged generator."""
    records = zerosum.evaluate(played, metrics=list(METRICS), n=20 if trial else 1_000, features="raw", progress=False)
    return {record.metric: float("nan") if record.value is None else record.value for record in records}


@torch.no_grad()
def shifted(played: Run) -> Tensor:
    """Samples, the same moved by half a pixel, and three times what moving them changed."""
    generator = Trained(played.path).generator(None, "cpu")
    placing = generator.placing
    assert placing is not None
    w = placing.styles(SHOWN, Draw(0, "shown"))
    still = torch.eye(3)
    moved = torch.eye(3)
    moved[0, 2] = -SHIFT / DIGITS.shape[1]
    first, second = (placing.samples(w, transform).float() for transform in (still, moved))
    return torch.cat([first, second, 3 * (second - first)]).clamp(*DIGITS.range)


CASES = [
    Case(
        name="digits",
        measure=compared,
        options={"length_samples": LENGTH},
        targets={"eq_t_ahead": Target(low=AHEAD)},
    )
]

if __name__ == "__main__":
    run("equivariance", __doc__, CASES)
