"""Every pair can be played in every way, from the command line too, and goes on where it stopped."""

import itertools
import json

import pytest
import torch

import zerosum
from zerosum import recipes
from zerosum.cli import main
from zerosum.games import PLAYS
from zerosum.runs.setup import settle
from zerosum.training.devices import make_fabric
from zerosum.training.engine import Engine
from zerosum.training.progress import Progress

PAIRS = [name for name in recipes.names() if name != "cyclegan"]
WAYS = ("consensus", "symplectic", "extragradient")
TAMED = {"betas": (-0.3, 0.9), "optimistic": True, "lookahead": 2, "lookahead_rate": 0.7}


@pytest.fixture
def run_cli(capsys):
    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def make_engine(tiny, tmp_path):
    """An engine at the beginning of a tiny training."""
    fabric = make_fabric("cpu", 1, "float32")

    def make(name: str, **changes) -> Engine:
        how = tiny(name, **changes)
        for other in ("precision", "device", "progress", "evaluate"):
            how.pop(other)
        setup = settle(how.pop("recipe"), how.pop("data"), how)
        plan = setup.plan()
        return Engine(plan, setup.data, run=tmp_path, fabric=fabric, seed=0, identity={}, listener=Progress(1))

    return make


def weights(engine: Engine) -> torch.Tensor:
    return torch.cat([mover.weights() for mover in engine.position.movers.values()])


@pytest.mark.parametrize(("name", "order"), list(zip(PAIRS, itertools.cycle(WAYS), strict=False)))
def test_every_pair_can_be_played_otherwise(make_engine, name, order):
    engine = make_engine(name, order=order)
    before = {name: mover.weights() for name, mover in engine.position.movers.items()}
    engine.round()
    assert engine.position.tally.first_bad() is None
    assert not any(torch.equal(before[name], mover.weights()) for name, mover in engine.position.movers.items())


def test_a_run_goes_on_exactly_whatever_its_way(tiny, content, tmp_path):
    """Slow weights, last updates and negative momentum are resumed."""
    how = tiny("gan", order="extragradient, consensus@16, symplectic@32", **TAMED)
    whole = zerosum.train(**how, out=tmp_path / "whole")
    zerosum.train(**how | {"length_samples": 24}, out=tmp_path / "part")
    part = zerosum.resume(tmp_path / "part", length_samples=48, progress=False)
    ours, theirs = content(part.path), content(whole.path)
    last = [name for name in theirs if name.startswith("checkpoints/000000048")]
    assert len(last) == 2
    assert all(ours[name] == theirs[name] for name in last)
    assert part.log[-1]["control/consensus"] == 10.0
    assert torch.equal(part.sample(3), whole.sample(3))


def test_ways_lead_elsewhere(make_engine):
    """Else the tests above could not tell them apart."""
    plain = {"order": "simultaneous", "betas": (0.5, 0.9)}
    single = ({name: value} for name, value in TAMED.items() if name != "lookahead_rate")
    ends = []
    for way in [*({"order": order} for order in PLAYS), *single]:
        engine = make_engine("gan", **plain | way)
        for _ in range(2):
            engine.round()
        ends.append(weights(engine))
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(ends, 2))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--order", "consenus"], "Did you mean 'consensus'"),
        (["--betas", "-1", "0.9"], "betas"),
        (["--betas", "0.5", "-0.9"], "the second between 0 and 1"),
        (["--lookahead", "-1"], "out of range"),
        (["--order", "consensus", "--microbatch", "8"], "cannot be played with --microbatch"),
        (["--microbatch", "0"], "at least one sample"),
    ],
)
def test_what_cannot_be_played_is_refused_in_a_sentence(run_cli, flags, message):
    code, _, error = run_cli("train", "gan", "--data", "ring", "--dry-run", *flags)
    assert code == 2
    assert message in error
    assert error.count("\n") == 1


def test_the_command_line_plays_otherwise(run_cli, tmp_path):
    out = tmp_path / "run"
    code, _, error = run_cli(
        *("train", "gan", "--data", "ring", "--width", "8", "--batch-size", "8", "--length-samples", "24"),
        *("--order", "symplectic", "--optimizer", "momentum", "--betas", "-0.3", "0.9", "--optimistic"),
        *("--lookahead", "2", "--evaluate", "off", "--out", str(out)),
    )
    assert code == 0, error
    options = json.loads((out / "plan.json").read_text())["options"]
    assert (options["order"], options["betas"], options["optimistic"]) == ("symplectic", [-0.3, 0.9], True)
