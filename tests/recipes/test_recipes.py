"""Every recipe trains, samples, saves, and goes on as if it had never been interrupted."""

import json
import os
import signal

import pytest
import torch
from safetensors.torch import load_file

import zerosum
from zerosum import recipes
from zerosum.draw import Draw
from zerosum.networks import NormConditionedGenerator
from zerosum.penalties.constraints import SpectralNorm
from zerosum.recipes.options import options
from zerosum.runs.setup import settle
from zerosum.spaces import restore
from zerosum.training.observers import Report

every_recipe = pytest.mark.parametrize("name", recipes.names())
PAIRS = [name for name in recipes.names() if name != "cyclegan"]
TERMS = {
    "acgan": {"G/adversarial", "D/classes", "G/classes", "accuracy/held_out"},
    "infogan": {"G/adversarial", "G/information"},
    "sgan": {"G/matching", "D/supervised", "accuracy/labelled", "accuracy/held_out"},
}
"""What the log tells of a pair that lowers more than its scores, or other things."""
PENALISED = {"dragan": {"dragan"}, "wgan-gp": {"gradient_penalty"}, "r3gan": {"r1", "r2"}}


class Terminate:
    """Sends SIGTERM to this process at some moment; the training ends after the round that follows."""

    every_samples = 8

    def __init__(self, samples_seen: int) -> None:
        self.samples_seen = samples_seen

    def __call__(self, state) -> Report:
        if state.samples_seen == self.samples_seen:
            os.kill(os.getpid(), signal.SIGTERM)
        return Report()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A run of each recipe, trained when it is first asked for: `trained("wgan")`."""
    runs = {}

    def of(name, **changes):
        key = (name, *sorted(changes.items()))
        if key not in runs:
            out = tmp_path_factory.mktemp("runs") / "run"
            runs[key] = zerosum.train(**tiny(name, **changes), out=out)
        return runs[key]

    return of


@every_recipe
def test_a_training_leaves_finite_losses_pictures_and_a_page(trained, name):
    run = trained(name)
    assert [line["samples_seen"] for line in run.log] == [16, 32, 48]
    assert all(value is not None for line in run.log for value in line.values())
    last = run.log[-1]
    assert {"samples_per_second", "seconds", "D/grad_norm", "G/grad_norm"} <= last.keys()
    if name in PAIRS:
        assert {"D/adversarial", "d_real", "d_fake", "value"} | TERMS.get(name, {"G/adversarial"}) <= last.keys()
        assert {f"D/{term}" for term in PENALISED.get(name, ())} <= last.keys()
    else:
        assert {"G/adversarial", "G/cycle", "G/identity", "D/A", "D/B", "d_real_A", "d_fake_B"} <= last.keys()
    pictures = sorted(path.name for path in (run.path / "samples").iterdir())
    assert pictures == ["000000000.png", "000000024.png", "000000048.png", "real.png"]
    assert run.report.is_file()
    assert run.grid.name == "000000048.png"


@every_recipe
def test_every_option_stands_in_the_plan(trained, name, tiny):
    plan, given = trained(name).plan, tiny(name)
    assert plan["recipe"] == name
    assert plan["options"].keys() == options(recipes.recipe(name)).keys()
    for option, value in plan["options"].items():
        if option in given:
            assert value == given[option]
    assert plan["training"]["precision"] == "float32"
    assert plan["resumable"] is True


@every_recipe
def test_samples_are_finite_in_range_and_of_the_spaces_shape(trained, name):
    run = trained(name)
    space = restore(run.plan["data"])
    samplers = ["samples"] if name in PAIRS else ["A2B", "B2A"]
    for sampler in samplers:
        samples = run.sample(5, sampler=sampler)
        assert samples.shape == (5, *space.shape)
        assert samples.dtype == torch.float32
        assert samples.isfinite().all()
        if space.kind == "images":
            assert samples.abs().max() <= 1
        assert samples.std(0).max() > 0  # not one and the same
        assert torch.equal(samples, run.sample(5, sampler=sampler))


@every_recipe
def test_an_interrupted_run_ends_like_an_uninterrupted_one(trained, tiny, content, tmp_path, name):
    check_exactness(trained(name), tiny(name), content, tmp_path)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dcgan", {"precision": "bfloat16"}),
        ("r3gan", {"precision": "bfloat16", "penalty_every": 4}),
        ("r3gan", {"data": "digits", "resolution": "16", "precision": "bfloat16", "penalty_every": 4}),
        ("dcgan", {"order": "simultaneous", "optimizer": "momentum", "lr_decay": "cosine", "flip": True, "shift": 0.1}),
        ("lsgan", {"order": "critic-first, generator-first@24", "critic_steps": "3, 1@24", "optimizer": "adamw"}),
        ("cyclegan", {"pool_size": 8, "precision": "bfloat16"}),
        ("sngan", {"ema_half_life_samples": 0.0, "prior": "uniform"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_exactness_holds_under_other_options(trained, tiny, content, tmp_path, name, changes):
    check_exactness(trained(name, **changes), tiny(name, **changes), content, tmp_path)


def check_exactness(whole, how, content, tmp_path) -> None:
    """Stopped after four of six rounds, between two reports; then resumed."""
    cut = tmp_path / "cut"
    with pytest.raises(zerosum.Interrupted) as stop:
        zerosum.train(**how, out=cut, observers=[Terminate(32)])
    assert stop.value.signal == signal.SIGTERM
    assert (cut / "checkpoints" / "000000040").is_dir()
    resumed = zerosum.resume(cut, progress=False)
    ours, theirs = content(cut), content(whole.path)
    for run in (ours, theirs):  # the interruption left one more checkpoint and pushed an older one out
        for name in [name for name in run if name.startswith(("checkpoints/000000024", "checkpoints/000000040"))]:
            del run[name]
    assert len([name for name in ours if name.startswith("checkpoints/000000048")]) == 2
    assert ours.keys() == theirs.keys()
    assert ours["log"] == theirs["log"]
    assert [name for name in ours if ours[name] != theirs[name]] == []
    state = [json.loads((p / "checkpoints/000000048/state.json").read_text()) for p in (cut, whole.path)]
    for entry in state:
        for clocked in (entry, entry["values"]):
            clocked.pop("seconds"), clocked.pop("samples_per_second", None), clocked.pop("waiting", None)
        entry.pop("seal")
    assert state[0] == state[1]
    assert torch.equal(resumed.sample(3), whole.sample(3))


@every_recipe
def test_a_run_goes_on_beyond_its_end(trained, tiny, name, tmp_path):
    run = zerosum.train(**tiny(name, length_samples=16), out=tmp_path / "run")
    longer = zerosum.resume(run, length_samples=48, progress=False)
    assert longer.log[-1]["samples_seen"] == 48
    assert longer.plan["training"]["length_samples"] == longer.plan["options"]["length_samples"] == 48
    assert longer.plan["revisions"] == [{"samples_seen": 16, "length_samples": 48}]
    if tiny(name).get("lr_decay", options(recipes.recipe(name))["lr_decay"].default) == "none":
        assert torch.equal(longer.sample(3), trained(name).sample(3))


def game_of(tiny, name: str, **changes):
    """The game that a tiny training would play."""
    how = tiny(name, **changes)
    recipe, data = how.pop("recipe"), how.pop("data")
    played = {"precision", "device", "progress", "evaluate"}
    return settle(recipe, data, {key: value for key, value in how.items() if key not in played}).plan().game


@pytest.mark.parametrize("name", PENALISED)
def test_penalties_are_controls_of_the_game(tiny, name):
    game = game_of(tiny, name)
    assert {term for term, weight in game.controls.items() if weight} == PENALISED[name] | {"top_k"}


def test_lazy_penalties_are_phases_of_their_own(tiny):
    game = game_of(tiny, "r3gan", penalty_every=4)
    assert [(phase.name, phase.every) for phase in game.phases] == [("D", 1), ("D_r1", 4), ("D_r2", 4), ("G", 1)]


def test_the_critic_of_wgan_stays_in_its_box(trained):
    run = trained("wgan")
    model = load_file(run.path / "checkpoints" / "000000048" / "model.safetensors")
    learnt = [v for key, v in model.items() if key.startswith("live/D.") and key.endswith(("weight", "bias"))]
    assert max(value.abs().max() for value in learnt) == pytest.approx(run.plan["options"]["clip"])


def test_every_layer_of_sngans_critic_is_normalised_and_none_of_its_generator(tiny):
    networks = game_of(tiny, "sngan").networks
    layers = [m for m in networks["D"].modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == sum(isinstance(m, SpectralNorm) for m in networks["D"].modules()) > 2
    assert not any(isinstance(m, SpectralNorm) for m in networks["G"].modules())


@pytest.mark.parametrize("name", ["wgan-gp", "dragan", "r3gan"])
def test_critics_whose_slope_is_penalised_do_not_mix_samples(name):
    plan = settle(name, "digits", {"resolution": "16", "width": 4}).plan()
    critic = plan.game.networks["D"]
    assert not any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in critic.modules())


@pytest.mark.parametrize("name", ["cgan", "acgan", "projection"])
def test_a_conditional_model_makes_what_is_asked_for(trained, name):
    run = trained(name)
    three = run.samples(4, label=3)
    assert three.labels.tolist() == [3] * 4
    assert torch.equal(three.values, run.sample(4, label="3"))
    assert not torch.equal(three.values, run.sample(4, label=4))
    assert run.samples(12).labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


@pytest.mark.parametrize("conditioning", ["concatenation", "batch-norm"])
def test_samples_of_a_class_are_the_same_however_they_are_asked_for(tiny, tmp_path, conditioning):
    """Standing statistics are those of all classes."""
    run = zerosum.train(**tiny("cgan", conditioning=conditioning), out=tmp_path / "run")
    assert torch.equal(run.sample(14)[3::10], zerosum.sample(run, 14, label=3)[3::10])


def test_a_code_is_asked_for_like_a_class(trained):
    run = trained("infogan")
    three = run.samples(4, label=3)
    assert three.labels is None  # a code is no class
    assert not torch.equal(three.values, run.sample(4, label="4"))
    with pytest.raises(zerosum.UserError, match="There is no class 10"):
        run.sample(4, label=10)


def test_the_critic_of_projection_is_normalised_throughout_and_its_generator_told_by_norms(tiny):
    networks = game_of(tiny, "projection").networks
    layers = (torch.nn.Conv2d, torch.nn.Linear, torch.nn.Embedding)
    weights = [m for m in networks["D"].modules() if isinstance(m, layers)]
    assert len(weights) == sum(isinstance(m, SpectralNorm) for m in networks["D"].modules())
    assert isinstance(networks["G"], NormConditionedGenerator)
    assert any(isinstance(m, torch.nn.Embedding) for m in networks["D"].modules())


def test_classifiers_that_were_learned_can_be_asked(trained, tmp_path):
    for name in ("acgan", "sgan"):
        run = trained(name)
        found = zerosum.classify(run, out=tmp_path / "classes.csv")
        assert found.accuracy == pytest.approx(run.log[-1]["accuracy/held_out"])
        torch.testing.assert_close(found.probabilities.sum(1), torch.ones(len(found.labels)))
        lines = (tmp_path / "classes.csv").read_text().splitlines()
        assert lines[0] == "sample,class,0,1,2,3,4,5,6,7,8,9"
        assert len(lines) == len(found.labels) + 1
        elsewhere = zerosum.classify(run, "digits")
        assert len(elsewhere.labels) == 1797
        assert zerosum.classify(run, torch.rand(5, 1, 16, 16)).accuracy is None
    with pytest.raises(zerosum.UserError, match="has learned no classifier: cgan trains none"):
        zerosum.classify(trained("cgan"))


def test_few_labels_are_really_few(tiny):
    setup = settle("sgan", "digits", {"resolution": "16", "width": 4, "labelled_per_class": 3})
    source = setup.plan().source(setup.data.train, Draw(0, "source"))
    assert len(source.known) == 30


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("digits", {"labelled_per_class": 500}, "labelled_per_class asks for 500"),
        ("ring", {}, "needs labels, and the data has none"),
        ("glyphs:sans-serif", {"resolution": "16"}, "the data have two: name one of them"),
    ],
)
def test_labels_that_are_missing_are_told_before_anything_is_written(data, options, message, tmp_path):
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.train("sgan", data=data, width=4, **options, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
