"""Compiled generators make the samples that generators make; what cannot be compiled is made as it is, and said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import zerosum
from zerosum.cli import main
from zerosum.runs.trained import Trained
from zerosum.runs.writing import joined
from zerosum.training import compiling, making
from zerosum.training.sampling import CHUNK

N = 2 * CHUNK + 10
RECIPES = ("cgan", "stylegan2", "cyclegan", "gan")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A run of each recipe, trained when it is first asked for."""
    runs: dict[str, Path] = {}

    def of(recipe: str) -> Trained:
        if recipe not in runs:
            runs[recipe] = zerosum.train(
                **tiny(recipe, length_samples=16), out=tmp_path_factory.mktemp("r") / "run"
            ).path
        return Trained(runs[recipe])

    return of


@pytest.fixture
def traced_only(monkeypatch) -> list:
    """Graphs are run as they are; the list has those that were asked for."""
    asked: list = []
    monkeypatch.setattr("torch._inductor.compile", lambda module, *how: asked.append(module) or module)
    return asked


def assert_same_samples(run: Trained) -> None:
    """In whole batches, and in what is left over."""
    told: list[str] = []
    usual = run.sample(N, seed=3)
    made = joined(run.pieces(N, seed=3, compile="on", tell=told.append))
    torch.testing.assert_close(made.values, usual.values, rtol=1e-4, atol=1e-5)
    assert (made.labels is None) == (usual.labels is None)
    assert len(told) == 1
    assert told[0].startswith("Compiling the generator")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_graph_makes_the_samples_of_the_generator(recipe, trained, traced_only):
    assert_same_samples(trained(recipe))
    assert len(traced_only) == 1


@pytest.mark.compiler
@pytest.mark.parametrize("recipe", RECIPES)
def test_compiled_code_makes_the_samples_of_the_generator(recipe, trained):
    assert_same_samples(trained(recipe))


def test_auto_compiles_only_where_it_pays(trained, traced_only, monkeypatch):
    told: list[str] = []
    run = trained("gan")
    assert len(joined(run.pieces(N, compile="auto", tell=told.append)).values) == N
    assert not told
    monkeypatch.setattr(making, "seconds", lambda make: make() is not None and 1e6)
    joined(run.pieces(N, compile="auto", tell=told.append))
    assert told[0].startswith("Compiling the generator")
    assert told[1:] == ["Not compiled after all: a batch would take 100% of its time."]


def test_a_generator_that_no_graph_can_hold_is_used_as_it_is(trained, traced_only):
    """As one that looks into its samples."""
    run, told = trained("gan"), []
    (name, sampler), *_ = run.game.samplers.items()

    def looking(networks, batch, draw):
        made = sampler.make(networks, batch, draw)
        return made if made.sum() > 0 else -made

    run.game.samplers[name] = replace(sampler, make=looking)
    assert len(joined(run.pieces(N, compile="on", tell=told.append)).values) == N
    assert [line.split(":")[0] for line in told[1:]] == ["Not compiled"]


@pytest.mark.parametrize(("compilers", "n"), [(False, N), (True, 3)])
def test_why_nothing_is_compiled_is_said_in_a_line(trained, tmp_path, capsys, monkeypatch, compilers, n):
    monkeypatch.setattr(compiling.shutil, "which", lambda name: name if compilers else None)
    run, out = trained("gan").run, tmp_path / "made.npz"
    for wanted, says in (("on", 2), ("auto", 1), ("off", 1)):
        assert main(["sample", str(run), "--n", str(n), "--out", str(out), "--compile", wanted]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == says
        why = "there is no whole batch of samples" if compilers else "there is no C++ compiler on this machine"
        assert lines[0] == (f"Not compiled: {why}." if says == 2 else f"{n} samples: {out}")
        assert len(np.load(out, allow_pickle=False)["samples"]) == n
