"""zerosum from Python, as a user's script would use it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import zerosum
from zerosum.cli import main
from zerosum.games import Game, Phase, Player, Result, Sampler, pair
from zerosum.losses import ADVERSARIAL
from zerosum.optimizers import Optimizer
from zerosum.priors import Normal
from zerosum.recipes.groups import Play
from zerosum.recipes.options import Opt

QUICK = {"length_samples": 48, "batch_size": 8, "precision": "float32", "device": "cpu", "progress": False}


def files(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def networks(seed: int = 0) -> dict[str, nn.Module]:
    """A pair of a user's own, for points."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        G = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        D = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.LeakyReLU(), nn.Linear(8, 1))
    return {"generator": G, "critic": D}


def game(seed: int = 0) -> Game:
    """A game of a user's own: a generator alone, which matches the mean of the data."""
    G = networks(seed)["generator"]

    def match(batch, draw, controls) -> Result:
        return Result({"distance": (G(draw.normal(len(batch), 2)).mean(0) - batch.real.mean(0)).square().sum()})

    def make(networks, batch, draw):
        return networks["G"](draw.normal(len(batch), 2))

    return Game(
        players={"G": Player(nn.ModuleDict({"G": G}), Optimizer(lr=0.01), averaged=True)},
        phases=(Phase("G", ("G",), match),),
        samplers={"samples": Sampler(make)},
    )


def plan(seed: int = 0, **how) -> zerosum.Plan:
    return zerosum.Plan(game=game(seed), batch_size=8, **{"length_samples": 48} | how)


def quadratic(space, *, width: Annotated[int, Opt("Units.", 1, 64)] = 8, play: Play = Play()) -> zerosum.Plan:
    """A recipe of a user's own."""
    G, D = nn.Linear(2, space.shape[0]), nn.Sequential(nn.Linear(space.shape[0], width), nn.Tanh(), nn.Linear(width, 1))
    made = pair(generator=G, critic=D, prior=Normal(2), loss=ADVERSARIAL["hinge"], optimizer=play.optimizer_at())
    return play.plan(made)


def no_length(space, *, batch_size: Annotated[int, Opt("A round.", 1)] = 8) -> zerosum.Plan:
    """A recipe whose length cannot be chosen."""
    return zerosum.Plan(game=quadratic(space).game, batch_size=batch_size, length_samples=48)


POINTS = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
PICTURES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
OWN = {
    "own array": lambda: {"recipe": "gan", "data": POINTS, "width": 8, **QUICK},
    "own tensor": lambda: {"recipe": "gan", "data": torch.from_numpy(POINTS), "width": 8, **QUICK},
    "own pictures": lambda: {"recipe": "dcgan", "data": PICTURES, "width": 4, **QUICK},
    "own pictures with labels": lambda: {
        "recipe": "cgan",
        "data": (PICTURES, torch.arange(40) % 3),
        "width": 4,
        **QUICK,
    },
    "own density": lambda: {"recipe": "gan", "data": DENSITY, "width": 8, **QUICK},
    "opened data": lambda: {"recipe": "gan", "data": zerosum.open_data(POINTS), "width": 8, **QUICK},
    "own networks": lambda: {"recipe": "gan", "data": "ring", "latent_size": 2, **networks(), **QUICK},
    "own generator": lambda: {
        "recipe": "r3gan",
        "data": "ring",
        "latent_size": 2,
        "width": 8,
        "generator": networks()["generator"],
        **QUICK,
    },
    "own game": lambda: {"recipe": game(), "data": "ring", **QUICK},
    "own plan": lambda: {"recipe": plan(), "data": "ring", **without("batch_size")},
    "own plan without an average": lambda: {
        "recipe": plan(ema_half_life_samples=0.0),
        "data": "ring",
        **without("batch_size"),
    },
    "own recipe": lambda: {"recipe": quadratic, "data": "ring", "width": 5, **QUICK},
    "own recipe of fixed length": lambda: {"recipe": no_length, "data": "ring", **without("length_samples")},
}
PARTS = ("recipe", "data", "generator", "critic")


def without(name: str) -> dict:
    return {key: value for key, value in QUICK.items() if key != name}


DENSITY = zerosum.Density(sample=lambda n, draw: draw.uniform(n, 2), name="square")
every_own = pytest.mark.parametrize("make", OWN.values(), ids=OWN)


@pytest.fixture(scope="module")
def gan(tmp_path_factory) -> zerosum.Run:
    return zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path_factory.mktemp("gan") / "run")


@pytest.fixture(scope="module")
def cgan(tmp_path_factory) -> zerosum.Run:
    out = tmp_path_factory.mktemp("cgan") / "run"
    return zerosum.train("cgan", data="digits", resolution="16", width=4, **QUICK, out=out)


@pytest.fixture(scope="module")
def cyclegan(tmp_path_factory) -> zerosum.Run:
    out = tmp_path_factory.mktemp("cyclegan") / "run"
    how = {"resolution": "16", "width": 4, "blocks": 1}
    return zerosum.train("cyclegan", data="glyphs:sans-serif", **how, **QUICK, out=out)


# --- what costs nothing ---


def test_importing_zerosum_imports_nothing_slow():
    probe = "import sys, zerosum; print(*sys.modules); zerosum.UserError; print(*sys.modules)"
    lines = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert not {"torch", "numpy", "PIL", "matplotlib", "rich", "lightning_fabric"} & set(line.split())


def test_all_that_is_promised_is_there():
    for name in zerosum.__all__:
        assert getattr(zerosum, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = zerosum.trian


def test_describing_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = zerosum.describe("gan", data="ring", width=8, length_samples=48, seed=3)
    assert list(tmp_path.iterdir()) == []
    assert document["options"]["width"] == 8
    assert document["training"]["seed"] == 3
    json.dumps(document)


def test_describing_is_what_training_does(gan):
    how = {name: value for name, value in QUICK.items() if name != "progress"}
    document = json.loads(json.dumps(zerosum.describe("gan", data="ring", width=8, **how)))
    assert (document["training"].pop("compile"), gan.plan["training"]["compile"]) == ("auto", "off")  # settled by time
    played = {name: value for name, value in gan.plan["training"].items() if name != "compile"}
    assert document | {"created": ""} == gan.plan | {"created": "", "training": played}


def test_seeds_side_by_side_are_described_with_the_precision_that_suits_all_of_them(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    how = {"data": "ring", "width": 8, "batch_size": 64, "device": "cpu"}
    found = [zerosum.describe("r3gan", **how, seeds=seeds)["training"]["precision"] for seeds in (None, 7, 8)]
    assert found == ["float32", "float32", "bfloat16"]
    assert zerosum.describe("r3gan", **how, seeds=8, precision="float32")["training"]["precision"] == "float32"


# --- training ---


def test_a_run_is_found_where_it_was_asked_for(gan):
    assert gan.plan["recipe"] == "gan"
    assert gan.log[-1]["samples_seen"] == 48
    assert gan.report.is_file()
    assert gan.grid.name == "000000048.png"
    assert gan.sample().shape == (64, 2)


def test_a_run_is_opened_by_its_name_or_path_and_shown_in_a_line(gan, monkeypatch):
    monkeypatch.chdir(gan.path.parent)
    for name in (gan.path, str(gan.path), gan.path.name):
        opened = zerosum.Run(name)
        assert opened.plan == gan.plan
        assert repr(opened) == f"Run(path={opened.path!r})"
    with pytest.raises(zerosum.UserError, match="There is no run 'nothing'"):
        zerosum.Run("nothing")


def test_runs_are_numbered_and_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [zerosum.train("gan", data="ring", width=8, **QUICK) for _ in range(2)]
    assert [str(run.path) for run in runs] == ["runs/gan-ring-1", "runs/gan-ring-2"]
    before = files(tmp_path)
    with pytest.raises(zerosum.UserError, match="already holds a run"):
        zerosum.train("gan", data="ring", width=8, **QUICK, out="runs/gan-ring-1")
    assert files(tmp_path) == before
    assert torch.equal(runs[0].sample(8), runs[1].sample(8))


def test_a_recipe_that_suits_is_taken_when_none_is_named():
    assert zerosum.describe(data="ring")["recipe"] == "r3gan"
    assert zerosum.describe(data="digits")["recipe"] == "r3gan"
    assert zerosum.describe(data="glyphs:sans-serif", resolution="16")["recipe"] == "cyclegan"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"recipe": "gna"}, r"Unknown recipe 'gna'\. Did you mean 'gan'"),
        ({"recipe": 5}, "A recipe is a name, a function, a Plan or a Game, not int"),
        ({"data": "rign"}, "Unknown data 'rign'.*Did you mean 'ring'"),
        ({"data": 5}, "int is no data"),
        ({"widht": 8}, r"Unknown option 'widht'\. Did you mean 'width'"),
        ({"width": 0}, "out of range"),
        ({"length_samples": 0}, "out of range"),
        ({"batch_size": -8}, "out of range"),
        ({"seed": -1}, "seed is -1"),
        ({"device": "cudaa"}, "Unknown device"),
        ({"device": "mps"}, "not on this machine"),
        ({"devices": 0}, "at least 1"),
        ({"devices": 3}, "A batch of 8 cannot be shared evenly by 3 processes"),
        ({"precision": "float64"}, "Unknown precision"),
        ({"preprocessing": "[0,2]"}, "Unknown preprocessing"),
        ({"held_out": 2.0}, "held_out is 2.0"),
        ({"recipe": "cgan"}, "needs labels"),
        ({"recipe": "dcgan"}, "is for images"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(tmp_path, monkeypatch, wrong, message):
    monkeypatch.chdir(tmp_path)
    how = {"recipe": "gan", "data": "ring", "width": 8, **QUICK} | wrong
    if wrong.get("device") == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.train(**how)
    assert list(tmp_path.iterdir()) == []


def test_the_callers_random_numbers_are_left_alone(tmp_path, gan):
    torch.manual_seed(5)
    numpy_state = np.random.get_state()[1].copy()
    expected = torch.rand(3)
    torch.manual_seed(5)
    run = zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path / "run")
    run.sample(4)
    zerosum.resume(run, length_samples=64, progress=False)
    assert torch.equal(torch.rand(3), expected)
    assert (np.random.get_state()[1] == numpy_state).all()


def test_the_callers_random_numbers_do_not_matter(tmp_path, gan):
    torch.manual_seed(99)
    run = zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path / "run")
    assert torch.equal(run.sample(4), gan.sample(4))
    other = zerosum.train("gan", data="ring", width=8, **QUICK, seed=1, out=tmp_path / "other")
    assert not torch.equal(run.sample(4), other.sample(4))


# --- what users bring ---


@every_own
def test_what_users_bring_trains_samples_and_resumes_exactly(stop_at, make, tmp_path, content):
    """With the same parts again; weights, log and pictures are those of an uninterrupted run."""
    whole = zerosum.train(**make(), out=tmp_path / "whole")
    samples = whole.sample(5)
    assert samples.isfinite().all()
    assert whole.plan["resumable"] is False
    cut = zerosum.train(**make(), out=tmp_path / "cut", observers=[stop_at(24)])
    assert max(path.name for path in (cut.path / "checkpoints").iterdir()) == "000000024"
    again = {name: value for name, value in make().items() if name in PARTS and not isinstance(value, str)}
    resumed = zerosum.resume(cut, **again, progress=False)
    ours, theirs = content(resumed.path), content(whole.path)
    last = [name for name in theirs if "000000048" in name]
    assert len(last) == 3
    assert [name for name in last if ours[name] != theirs[name]] == []
    assert [line for line in ours["log"] if "note" not in line] == theirs["log"]
    assert torch.equal(resumed.sample(5), samples)


@every_own
def test_what_users_bring_resumes_from_python_only_and_says_so(stop_at, make, tmp_path, capsys):
    run = zerosum.train(**make(), out=tmp_path / "run", observers=[stop_at(24)])
    before = files(run.path)
    with pytest.raises(zerosum.UserError, match="parts made in Python; resume it from Python with the same parts"):
        zerosum.resume(run.path, progress=False)
    assert main(["resume", str(run.path)]) == 2
    assert "resume it from Python with the same parts" in capsys.readouterr().err
    assert files(run.path) == before
    assert main(["show", str(run.path)]) == 0
    assert "from Python only" in capsys.readouterr().out


@pytest.mark.parametrize(
    "make", [lambda: {"recipe": "gan", "latent_size": 2, **networks()}, lambda: {"recipe": game()}]
)
def test_the_very_same_objects_can_be_trained_on(make, tmp_path):
    """What was frozen in the last move is thawed again, and the networks at hand are the trained ones."""
    parts = make()
    own = {name: value for name, value in parts.items() if not isinstance(value, str | int)}
    first = zerosum.train(**parts, data="ring", **QUICK, out=tmp_path / "twice")
    second = zerosum.resume(first, **own, length_samples=96, progress=False)
    straight = zerosum.train(**make(), data="ring", **QUICK | {"length_samples": 96}, out=tmp_path / "straight")
    assert second.log[-1]["samples_seen"] == 96
    assert torch.equal(second.sample(4), straight.sample(4))
    for name, network in second.game.networks.items():
        assert network is first.game.networks[name]
        trained = straight.game.networks[name].state_dict()
        assert all(torch.equal(value, trained[key]) for key, value in network.state_dict().items())


def test_own_networks_that_differ_are_refused(tmp_path):
    run = zerosum.train("gan", data="ring", latent_size=2, **networks(), **QUICK, out=tmp_path / "run")
    other = networks() | {"critic": nn.Linear(2, 1)}
    with pytest.raises(zerosum.UserError, match=r"This run was trained otherwise\. networks: "):
        zerosum.resume(run, **other, length_samples=96, progress=False)


def test_own_data_that_differs_is_refused(tmp_path):
    run = zerosum.train("gan", data=POINTS, width=8, **QUICK, out=tmp_path / "run")
    with pytest.raises(zerosum.UserError, match=r"This run was trained otherwise\. data: "):
        zerosum.resume(run, data=POINTS + 1, length_samples=96, progress=False)


def test_only_one_network_can_be_ones_own(tmp_path):
    D = networks()["critic"]
    run = zerosum.train("gan", data="ring", critic=D, width=8, **QUICK, out=tmp_path / "run")
    assert run.game.networks["D"] is D
    assert run.sample(3).shape == (3, 2)


@pytest.mark.parametrize(
    ("misfit", "message"),
    [
        ({"critic": torch.nn.Linear(3, 1)}, r"do not fit samples of the shape \(2,\)"),
        ({"generator": torch.nn.Linear(2, 5)}, r"makes samples of the shape \(5,\); those of the data: \(2,\)"),
        ({"generator": torch.nn.Linear(7, 2)}, r"do not fit samples of the shape \(2,\)"),
    ],
)
def test_networks_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, misfit, message):
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.train("gan", data="ring", latent_size=2, **(networks() | misfit), **QUICK, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda found: found.terms["distance"], r"The loss of phase 'G' gives Tensor; it must give a Result"),
        (lambda found: Result({}), "The loss of phase 'G' has no terms"),
        (
            lambda found: Result({"a": torch.ones(3)}),
            r"The term 'a' of phase 'G' is of shape \(3,\); it must be a scalar",
        ),
        (lambda found: Result({"a": 1.5}), "The term 'a' of phase 'G' is float; it must be a scalar tensor"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused_before_anything_is_written(tmp_path, loss, message):
    made = game()
    (phase,) = made.phases
    other = replace(made, phases=(replace(phase, loss=lambda *seen: loss(phase.loss(*seen))),))
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.train(replace(plan(), game=other), data=POINTS, progress=False, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_player_without_weights_is_refused_before_anything_is_written(tmp_path):
    made = game()
    made.players["G"].networks.requires_grad_(False)
    with pytest.raises(zerosum.UserError, match="Player 'G' has no parameters that learn"):
        zerosum.train(replace(plan(), game=made), data=POINTS, progress=False, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_labels_can_be_ones_own(tmp_path):
    labels = np.arange(40) % 3
    np.savez(tmp_path / "mine.npz", images=PICTURES, labels=labels)
    run = zerosum.train("cgan", data=str(tmp_path / "mine.npz"), width=4, **QUICK, out=tmp_path / "run")
    assert run.plan["resumable"] is True
    assert run.samples(4).labels.tolist() == [0, 1, 2, 0]


# --- going on ---


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"width": 9}, "width: 8 in the run, 9 given"),
        ({"lr": 1.0, "seed": 5}, r"lr: 0\.0002 in the run, 1\.0 given; seed: 0 in the run, 5 given"),
        ({"flip": True}, "flip: False in the run, True given"),
        ({"betas": (0.1, 0.2)}, r"betas: \[0\.5, 0\.999\] in the run, \[0\.1, 0\.2\] given"),
        ({"precision": "bfloat16"}, "precision: 'float32' in the run, 'bfloat16' given"),
        ({"widht": 8}, "widht"),
        ({"data": "grid"}, "data: 'ring' in the run, 'grid' given"),
        ({"data": "nowhere"}, "data: 'ring' in the run, 'nowhere' given"),
        (
            {"out": "elsewhere", "seeds": 3},
            "out: .*run' in the run, 'elsewhere' given; seeds: None in the run, 3 given",
        ),
        ({"microbatch": 4}, "microbatch: None in the run, 4 given.*train anew with `zerosum train`"),
    ],
)
def test_another_option_is_refused_with_the_difference(gan, other, message):
    before = files(gan.path)
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.resume(gan, length_samples=96, progress=False, **other)
    assert files(gan.path) == before


def test_the_same_options_may_be_given_again(tmp_path):
    run = zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path / "run")
    how = {"width": 8, "seed": 0, "betas": (0.5, 0.999), "flip": False, "precision": "auto", "compile": "auto"}
    how |= {"data": "ring", "out": str(tmp_path / "run" / "samples" / ".."), "microbatch": None}
    assert zerosum.resume(run, **how, length_samples=64, progress=False).log[-1]["samples_seen"] == 64


def test_data_that_was_moved_is_named_anew_and_other_data_refused(tmp_path):
    np.save(tmp_path / "points.npy", POINTS)
    np.save(tmp_path / "others.npy", POINTS + 1)
    run = zerosum.train("gan", data=tmp_path / "points.npy", width=8, **QUICK, out=tmp_path / "run")
    again = tmp_path / "run" / ".." / "points.npy"  # the same by another spelling
    assert zerosum.resume(run, data=again, length_samples=64, progress=False).log[-1]["samples_seen"] == 64
    (tmp_path / "points.npy").rename(tmp_path / "moved.npy")
    before = files(run.path)
    with pytest.raises(zerosum.UserError, match=r"data: '.*points.npy \(.*\)' in the run, '.*others.npy \(.*\)' given"):
        zerosum.resume(run, data=tmp_path / "others.npy", length_samples=96, progress=False)
    gone = r"no longer at .*points.npy. Say where it is now: zerosum resume .*run --data PATH\."
    with pytest.raises(zerosum.UserError, match=gone):
        zerosum.resume(run, length_samples=96, progress=False)
    assert files(run.path) == before
    moved = zerosum.resume(run, data=tmp_path / "moved.npy", length_samples=96, progress=False)
    assert moved.log[-1]["samples_seen"] == 96
    assert moved.plan["resumable"] is True
    assert zerosum.resume(run, length_samples=128, progress=False).log[-1]["samples_seen"] == 128


def test_data_is_found_again_from_another_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("points.npy", POINTS)
    run = zerosum.train("gan", data="points.npy", width=8, **QUICK, out="run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert zerosum.resume(tmp_path / run.path, length_samples=64, progress=False).log[-1]["samples_seen"] == 64


def test_a_recipe_on_ones_own_array_is_sampled_by_its_name_alone(tmp_path):
    """Only its data cannot be described by a file, and samples need none."""
    run = zerosum.train("gan", data=POINTS, width=8, **QUICK, out=tmp_path / "run")
    assert run.plan["resumable"] is False
    assert torch.equal(zerosum.Run(run.path).sample(4), run.sample(4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": 1.5}, "seed = 1.5 is not possible: it takes a whole number"),
        ({"seed": None}, "seed = None is not possible"),
        ({"devices": "2"}, "devices = '2' is not possible"),
        ({"doctor": False}, "doctor"),
        ({"compile": False}, "Unknown compile False"),
        ({"device": torch.device("cpu")}, "Unknown device"),
        ({"evaluate": None}, "evaluate is None; it takes auto, off, or names of metrics"),
        ({"flip": "no"}, "flip = 'no' is not possible: it takes true or false"),
        ({"held_out": "0.2"}, "held_out = '0.2' is not possible: it takes a number"),
        ({"observers": 3}, "observers is 3; it takes a list"),
        ({"observers": [print]}, "is no observer"),
    ],
)
def test_values_of_another_type_are_refused_and_leave_nothing(tmp_path, wrong, message):
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.train("gan", **{"data": "ring", "width": 8, **QUICK, "out": tmp_path / "run"} | wrong)
    assert not (tmp_path / "run").exists()


def test_what_cannot_act_on_a_ready_game_is_no_option_of_it(tmp_path):
    with pytest.raises(zerosum.UserError, match="Unknown option 'lr'"):
        zerosum.train(game(), data="ring", lr=1.0, **QUICK, out=tmp_path / "run")
    run = zerosum.train(game(), data="ring", **QUICK, out=tmp_path / "run")
    assert not {"lr", "optimizer", "betas"} & run.plan["options"].keys()


def test_a_phase_of_nobody_is_refused():
    phase = Phase("P", ("H",), lambda *what: Result({}))
    with pytest.raises(zerosum.UserError, match="Unknown player in phase 'P': 'H'"):
        Game(players={}, phases=(phase,), samplers={})


def test_a_game_that_averages_nothing_samples_from_what_is_played(tmp_path):
    made = game()
    players = {name: replace(player, averaged=False) for name, player in made.players.items()}
    run = zerosum.train(replace(made, players=players), data="ring", **QUICK, out=tmp_path / "run")
    assert run.sample(3).shape == (3, 2)


@pytest.mark.parametrize("length", [None, 48, 8])
def test_a_finished_run_needs_a_larger_length(gan, length):
    before = files(gan.path)
    with pytest.raises(zerosum.UserError, match=r"has already seen 48 samples of .*give a larger --length-samples"):
        zerosum.resume(gan, length_samples=length, progress=False)
    assert files(gan.path) == before


def test_a_finished_run_whose_last_checkpoint_is_damaged_is_finished_anew(tmp_path, gan, capsys):
    how = {"data": "ring", "width": 8, **QUICK, "checkpoint_every_samples": 24}
    run = zerosum.train("gan", **how, out=tmp_path / "run")
    path = run.path / "checkpoints" / "000000048" / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    again = zerosum.resume(run)
    assert "A damaged checkpoint is left out: " in capsys.readouterr().err
    assert path.read_bytes() == whole
    assert torch.equal(again.sample(3), gan.sample(3))


def test_lengths_are_put_on_record(tmp_path):
    run = zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path / "run")
    for length in (64, 80):
        run = zerosum.resume(run, length_samples=length, progress=False)
    assert run.plan["revisions"] == [
        {"samples_seen": 48, "length_samples": 64},
        {"samples_seen": 64, "length_samples": 80},
    ]
    assert run.plan["training"]["length_samples"] == 80


@pytest.mark.parametrize("call", [zerosum.resume, zerosum.sample])
def test_a_directory_that_is_no_run_is_refused(tmp_path, call):
    with pytest.raises(zerosum.UserError, match="is no run"):
        call(tmp_path)
    with pytest.raises(zerosum.UserError, match="There is no run"):
        call(tmp_path / "nothing")


def test_another_format_of_checkpoint_is_refused_and_kept(tmp_path):
    run = zerosum.train("gan", data="ring", width=8, **QUICK, out=tmp_path / "run")
    state = run.path / "checkpoints" / "000000048" / "state.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"format": 99}))
    before = files(run.path)
    for call in (lambda: zerosum.resume(run, length_samples=96, progress=False), lambda: run.sample(1)):
        with pytest.raises(zerosum.UserError, match="has format 99; this version of zerosum reads format 1"):
            call()
    assert files(run.path) == before


# --- sampling ---


def test_a_seed_means_the_same_samples_whatever_was_sampled_before(gan):
    assert torch.equal(gan.sample(7, seed=3), gan.sample(7, seed=3))
    assert not torch.equal(gan.sample(7, seed=3), gan.sample(7, seed=4))
    assert torch.equal(zerosum.sample(gan, 7, seed=3), zerosum.sample(str(gan.path), 7, seed=3))


@pytest.mark.parametrize("n", [1, 3, 250, 251])
def test_the_first_samples_do_not_depend_on_how_many_are_asked_for(gan, cgan, n):
    """Up to rounding: matrices of other sizes are multiplied in another order."""
    for run in (gan, cgan):
        torch.testing.assert_close(run.sample(n), run.sample(300)[:n], rtol=1e-5, atol=1e-6)


def test_the_averaged_generator_is_the_default(gan):
    assert torch.equal(gan.sample(5), gan.sample(5, averaged=True))
    assert not torch.equal(gan.sample(5), gan.sample(5, averaged=False))


@pytest.mark.parametrize("label", [3, "3", np.int64(3)])
def test_a_class_is_asked_for_by_name_or_number(cgan, label):
    samples = cgan.samples(4, label=label)
    assert samples.labels.tolist() == [3, 3, 3, 3]
    assert torch.equal(samples.values, cgan.sample(4, label=3))


@pytest.mark.parametrize("label", [10, -1, "ten", "", "²", 2.5])
def test_a_class_that_does_not_exist_is_refused(cgan, label):
    with pytest.raises(zerosum.UserError, match=r"There is no class .*Allowed: 0, 1, .*or a number from 0 to 9"):
        cgan.sample(1, label=label)


def test_a_model_without_classes_has_no_labels(gan):
    assert gan.samples(3).labels is None
    with pytest.raises(zerosum.UserError, match="not trained on labels"):
        gan.sample(1, label=0)


@pytest.mark.parametrize("n", [0, -3])
def test_at_least_one_sample_is_made(gan, n):
    with pytest.raises(zerosum.UserError, match=f"n is {n}"):
        gan.sample(n)


def test_both_directions_of_a_translation_can_be_sampled(cyclegan):
    forth, back = cyclegan.sample(4, sampler="A2B"), cyclegan.sample(4, sampler="B2A")
    assert torch.equal(cyclegan.sample(4), forth)
    assert not torch.equal(forth, back)
    with pytest.raises(zerosum.UserError, match=r"Unknown sampler 'A2C'\. Did you mean 'A2B'\?"):
        cyclegan.sample(4, sampler="A2C")


def test_a_run_that_has_nothing_saved_says_so(tmp_path, gan):
    (tmp_path / "plan.json").write_text((gan.path / "plan.json").read_text())
    with pytest.raises(zerosum.UserError, match="no whole checkpoint yet"):
        zerosum.sample(tmp_path, 1)


def test_samples_are_written_by_the_ending(cgan, gan, tmp_path):
    values = zerosum.sample(cgan, 5, out=tmp_path / "deep" / "grid.png")
    assert values.shape == (5, 1, 16, 16)
    assert min(Image.open(tmp_path / "deep" / "grid.png").size) >= 2 * 16
    zerosum.sample(cgan, 12, out=tmp_path / "array.npz")
    with np.load(tmp_path / "array.npz", allow_pickle=False) as stored:
        assert set(stored.files) == {"samples", "labels"}
        assert stored["samples"].shape == (12, 16, 16, 1)
        assert stored["samples"].dtype == np.uint8
        assert stored["labels"].tolist() == [*range(10), 0, 1]
        levels = ((cgan.sample(12) + 1) * 127.5).round().permute(0, 2, 3, 1)
        assert np.abs(stored["samples"].astype(int) - levels.numpy()).max() <= 1
    zerosum.sample(cgan, 3, label=7, out=tmp_path / "folder")
    assert sorted(p.name for p in (tmp_path / "folder").iterdir()) == [f"00000{i}-7.png" for i in range(3)]
    zerosum.sample(gan, 4, out=tmp_path / "points.npz")
    with np.load(tmp_path / "points.npz", allow_pickle=False) as stored:
        assert stored.files == ["samples"]
        assert stored["samples"].dtype == np.float32
        assert np.array_equal(stored["samples"], gan.sample(4).numpy())


@pytest.mark.parametrize("ending", [".jpg", ".npy", ".PNG.txt"])
def test_another_ending_is_refused(gan, tmp_path, ending):
    with pytest.raises(zerosum.UserError, match=r"take an ending \.png or \.npz, or none for a folder"):
        zerosum.sample(gan, 2, out=tmp_path / f"samples{ending}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.png", "x.npz", "x"])
def test_a_place_that_cannot_be_written_is_told(gan, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(zerosum.UserError, match="Cannot write"):
        zerosum.sample(gan, 2, out=tmp_path / "file" / name)


def test_sampling_changes_nothing_in_the_run(gan):
    before = files(gan.path)
    gan.sample(3)
    assert files(gan.path) == before
