"""`cgan` on digits, as it comes: a classifier that has seen nothing but its samples is tested on real digits.

The same classifier, trained for as many steps on the real training split, shows what is possible.
"""

from functools import partial

from judges import train_classifier
from judges.classifier import everything
from records import Case, Measured, Target, run
from trainings import training
from zerosum.data import open_data
from zerosum.spaces import Images

SAMPLES = 2_000
TRIAL = {"length_samples": 1_280}


def measure(seed: int, trial: bool) -> Measured:
    """Train the pair, sample, train two classifiers and test both."""
    with training("cgan", data="digits", seed=seed, **(TRIAL if trial else {})) as (played, took):
        made = played.samples(SAMPLES, seed=seed)
    assert made.labels is not None
    data = open_data("digits", progress=False)
    assert isinstance(data.space, Images)
    school = partial(train_classifier, space=data.space, classes=10, seed=seed, steps=10 if trial else 300)
    taught, reference = school(made.values, made.labels), school(*everything(data.train))
    held_out = everything(data.held_out)
    figures = {
        "accuracy": taught.accuracy(*held_out),
        "accuracy_by_real": reference.accuracy(*held_out),
        "samples_as_asked": reference.accuracy(made.values, made.labels),
        "seconds": took,
    }
    return Measured(figures, made.space.picture(made.values[:100], columns=10))


CASES = [
    Case(
        name="default",
        measure=measure,
        options={"samples": SAMPLES},
        targets={"accuracy": Target(low=0.95), "seconds": Target(high=180)},
    )
]

if __name__ == "__main__":
    run("cgan", __doc__, CASES)
