"""Tricks as options: refused where they cannot be had, and random pairs of them train, save and resume exactly."""

import functools
import itertools
import os
import random
import signal

import pytest
import torch

import zerosum
from zerosum import recipes
from zerosum.errors import UserError
from zerosum.recipes.groups import SlopeTricks, Tricks
from zerosum.recipes.options import build, group_of, options
from zerosum.spaces import Images, Points
from zerosum.training.observers import Report, SetControl

IMAGES, POINTS = Images((1, 16, 16), classes=("a", "b")), Points((2,))
AWAKE = {
    "instance_noise": {"instance_noise": 0.1},
    "label_smoothing": {"label_smoothing": 0.1},
    "feature_matching": {"feature_matching": 0.5},
    "mode_seeking": {"mode_seeking": 0.5},
    "historical_averaging": {"historical_averaging": 0.5},
    "top_k": {"top_k": 0.5},
    "unrolled": {"unrolled": 2, "unrolled_lr": 0.01},
    "pac": {"pac": 2},
    "minibatch deviation": {"minibatch": "deviation"},
    "minibatch discrimination": {"minibatch": "discrimination"},
    "r1": {"r1": 0.5, "slope_begin": 4.0},
    "r2": {"r2": 0.5},
    "diffaugment": {"augment": 0.5},
    "ada": {"augment": 0.3, "augment_policy": "ada", "augment_target": 0.6, "augment_rise_samples": 100},
}
"""Options that wake each trick."""
ON_POINTS = [name for name in AWAKE if name not in ("diffaugment", "ada")]
chosen = random.Random(0)
COUPLES = [
    *(("dcgan", couple) for couple in chosen.sample(list(itertools.combinations(AWAKE, 2)), 5)),
    *(("gan", couple) for couple in chosen.sample(list(itertools.combinations(ON_POINTS, 2)), 4)),
    ("gan", tuple(ON_POINTS)),
    ("dcgan", ("ada", "historical_averaging", "unrolled")),
]
PAIRS = [
    name for name in recipes.names() if any(isinstance(v, Tricks) for v in recipes.recipe(name).__kwdefaults__.values())
]


class Terminate:
    """Sends SIGTERM to this process after four of six rounds, between two lines of the log."""

    every_samples = 8

    def __call__(self, state) -> Report:
        if state.samples_seen == 32:
            os.kill(os.getpid(), signal.SIGTERM)
        return Report()


@pytest.fixture(scope="module")
def plain(tmp_path_factory, tiny):
    """A run of each recipe without any trick."""
    return functools.cache(lambda recipe: zerosum.train(**tiny(recipe), out=tmp_path_factory.mktemp("plain") / "run"))


def test_every_trick_is_tried():
    tried = {trick for _, couple in COUPLES for trick in couple}
    assert tried == {*AWAKE}
    awake = {option for options in AWAKE.values() for option in options}
    assert awake | {"anneal"} == {*group_of(SlopeTricks())}


@pytest.mark.parametrize(
    ("recipe", "couple"), COUPLES, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_pairs_of_tricks_train_and_resume_exactly(recipe, couple, tiny, content, plain, tmp_path):
    given = {name: value for trick in couple for name, value in AWAKE[trick].items()}
    how = tiny(recipe, **given)
    whole = zerosum.train(**how, out=tmp_path / "whole")
    with pytest.raises(zerosum.Interrupted):
        zerosum.train(**how, out=tmp_path / "cut", observers=[Terminate()])
    resumed = zerosum.resume(tmp_path / "cut", progress=False)
    ours, theirs = content(resumed.path), content(whole.path)
    assert ours["log"] == theirs["log"]
    last = [name for name in theirs if name.startswith("checkpoints/000000048")]
    assert [name for name in last if ours[name] != theirs[name]] == []
    assert len(last) == 2
    assert not torch.equal(whole.sample(3), plain(recipe).sample(3))
    assert all(value is not None for line in whole.log for value in line.values())


@pytest.mark.parametrize("recipe", PAIRS)
def test_what_is_dormant_can_be_woken_and_put_to_sleep_while_a_training_goes_on(recipe, tiny, content, tmp_path):
    """By anybody who may set a control: each of them, between two lines of the log, too."""
    awake = {"top_k": 0.5, "unrolled": 1.0}
    neutral = {"top_k": 1.0}
    plan = tiny(recipe)

    class Waker:
        every_samples = 8

        def __call__(self, state) -> Report:
            names = [name for name in state.controls if name in group_of(SlopeTricks()) and "/" not in name]
            set_to = {8: awake, 24: neutral}.get(state.samples_seen)
            if set_to is None:
                return Report()
            rest = 0.05 if set_to is awake else 0.0
            return Report(requests=tuple(SetControl(name, set_to.get(name, rest)) for name in names))

    run = zerosum.train(**plan, out=tmp_path / "run", observers=[Waker()])
    assert all(value is not None for line in run.log for value in line.values())
    assert "G/mode_seeking" in run.log[0]
    assert "G/mode_seeking" not in run.log[-1]


@pytest.mark.parametrize("recipe", PAIRS)
def test_every_trick_of_a_recipe_is_a_control_and_dormant(recipe):
    space = POINTS if recipe in ("gan", "wgan", "wgan-gp", "r3gan") else IMAGES
    game = build(recipes.recipe(recipe), space, {"width": 4, "batch_size": 8}).game
    always = {"instance_noise", "feature_matching", "mode_seeking", "historical_averaging"}
    always |= {"r1", "r2"} & options(recipes.recipe(recipe)).keys()
    assert always <= game.controls.keys()
    for name in always:
        assert game.controls[name] == options(recipes.recipe(recipe))[name].default == 0
    assert ("augment" in game.controls) == (space is IMAGES)
    assert ("unrolled" in game.controls) == (recipe != "wgan")


def test_noise_falls_over_the_training_and_the_share_that_counts_too():
    given = {"instance_noise": 0.2, "top_k": 0.5, "anneal": 0.5, "length_samples": 1000, "batch_size": 8}
    plan = build(recipes.recipe("gan"), POINTS, given)
    assert [plan.in_force(plan.game.controls, seen)["instance_noise"] for seen in (0, 250, 500, 1000)] == [
        0.2,
        0.1,
        0,
        0,
    ]
    shares = [plan.in_force(plan.game.controls, seen)["top_k"] for seen in (0, 250, 500, 1000)]
    assert shares == pytest.approx([1.0, 0.5**0.5, 0.5, 0.5])
    woken = build(recipes.recipe("gan"), POINTS, {"length_samples": 1000})
    assert woken.in_force({"instance_noise": 0.1}, 900) == {"instance_noise": 0.1}


@pytest.mark.parametrize(
    ("recipe", "space", "given", "message"),
    [
        (
            "wgan",
            POINTS,
            {"label_smoothing": 0.1},
            "label_smoothing = 0.1 is not possible here: the loss has no targets",
        ),
        ("sngan", POINTS, {"label_smoothing": 0.1}, "the loss has no targets"),
        ("wgan", POINTS, {"unrolled": 2}, "weights are clipped after each step"),
        ("gan", POINTS, {"augment": 0.5}, "these are points"),
        ("gan", POINTS, {"augment_target": 0.6}, "these are points"),
        ("wgan-gp", IMAGES, {"augment_target": 0.6}, "a boundary between real and generated scores"),
        ("r3gan", IMAGES, {"augment_target": 0.6}, "a boundary between real and generated scores"),
        ("dcgan", IMAGES, {"augment": 0.9, "augment_policy": "ada"}, "beyond 0.8"),
        ("cgan", IMAGES, {"pac": 2}, "the critic is told one label for each sample"),
        ("gan", POINTS, {"pac": 3, "batch_size": 64}, "a multiple of 3, not 64"),
        ("gan", POINTS, {"minibatch": "deviation", "critic": torch.nn.Linear(2, 1)}, "put it into your own"),
        ("gan", POINTS, {"feature_matching": 1.0, "critic": torch.nn.Linear(2, 1)}, "no method 'features'"),
    ],
)
def test_what_cannot_be_had_is_refused_in_a_sentence(recipe, space, given, message):
    with pytest.raises(UserError, match=message):
        build(recipes.recipe(recipe), space, {"width": 4} | given)
