"""What is judged and against what: splits, domains, order, and data that came from Python."""

import numpy as np
import pytest
import torch

import zerosum
from zerosum.data import DataOptions, open_data
from zerosum.errors import UserError
from zerosum.metrics.statistics import Shown
from zerosum.runs.evaluating import how_many, matter_of, of_run, of_samples, reference, renumbered

TINY = {"progress": False, "device": "cpu", "length_samples": 16, "batch_size": 8, "width": 4}


def all_of(shown: Shown) -> tuple[torch.Tensor, torch.Tensor | None]:
    values, labels = zip(*shown.chunks(), strict=True)
    return torch.cat(values), None if labels[0] is None else torch.cat(labels)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def digits():
    return open_data("digits", DataOptions(resolution="8"), progress=False)


def test_the_splits_are_those_of_the_data(digits):
    parts = {split: all_of(reference(digits, split)) for split in ("train", "held-out", "all")}
    assert [len(values) for values, _ in parts.values()] == [1438, 359, 1797]
    together = torch.cat([parts["train"][0], parts["held-out"][0]])
    rows = [sorted(map(bytes, values.flatten(1).numpy())) for values in (together, parts["all"][0])]
    assert rows[0] == rows[1]
    assert (
        parts["all"][1].bincount().tolist()
        == torch.cat([parts[s][1] for s in ("train", "held-out")]).bincount().tolist()
    )


def test_the_first_samples_are_of_all_classes_though_files_are_sorted(tmp_path):
    images = np.repeat(np.arange(10, dtype=np.uint8), 100)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    np.save(tmp_path / "sorted.npy", images)
    matter = of_samples(tmp_path / "sorted.npy", against=open_data("digits", DataOptions(resolution="8")), n=100)
    values, _ = all_of(matter.generated)
    assert len(values) == 100
    assert len(values.unique()) == 10


def test_two_looks_see_the_same(digits):
    photos = open_data("photos", progress=False)  # varies from visit to visit by nature
    for data in (digits, photos, open_data("ring")):
        shown = reference(data, "held-out", n=300)
        assert torch.equal(all_of(shown)[0], all_of(shown)[0])


def test_a_density_is_looked_at_anew_each_time():
    shown = reference(open_data("ring"), "held-out", n=700)
    assert shown.fingerprint is None
    assert (shown.n, len(all_of(shown)[0])) == (700, 700)


@pytest.mark.parametrize(
    ("n", "real", "most", "made"),
    [
        (None, 359, None, 2_000),
        (None, 5_000, None, 5_000),
        (None, 50_000, None, 10_000),
        (7, 359, None, 7),
        (None, 9, 40, 40),
    ],
)
def test_about_as_many_are_made_as_are_real(n, real, most, made):
    assert how_many(n, real, most) == made


@pytest.mark.parametrize(("n", "most"), [(0, None), (-1, None), (41, 40)])
def test_an_impossible_number_is_refused(n, most):
    with pytest.raises(UserError, match="must be at least 1"):
        how_many(n, 100, most)


def test_classes_are_matched_by_name_then_by_number():
    assert renumbered(("b", "a"), ("a", "b")).tolist() == [1, 0]
    assert renumbered(("0", "1"), ("cat", "dog")).tolist() == [0, 1]
    assert renumbered(("part1", "part2"), ("cat", "dog")) is None
    with pytest.raises(UserError, match="There is no class 'bird'"):
        renumbered(("bird", "cat"), ("cat", "dog"))


def test_a_translation_is_measured_in_the_domain_it_makes(tmp_path):
    run = zerosum.train("cyclegan", data="glyphs:sans-serif", resolution="16", out=tmp_path / "run", **TINY)
    there, back = (of_run(run.path, sampler=sampler, progress=False) for sampler in ("A2B", "B2A"))
    data = open_data("glyphs:sans-serif", DataOptions(resolution="16"), progress=False)
    assert there.generated.n == data.held_out.size
    assert (there.path, there.real.about.get("domain")) == (None, None)
    assert back.real.about["domain"] == "condition"
    first, second = all_of(there.real)[0], all_of(back.real)[0]
    assert first.shape == second.shape
    assert not torch.equal(first, second)
    assert all_of(there.generated)[0].shape == all_of(there.real)[0].shape
    with pytest.raises(UserError, match=r"at most .*: each sample is made of a held-out one"):
        of_run(run.path, n=100_000, progress=False)


def test_data_from_python_must_be_given_again(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    run = zerosum.train("gan", data=images, out=tmp_path / "run", **TINY)
    with pytest.raises(UserError, match=r"came from Python\. Name the reference"):
        zerosum.evaluate(run, progress=False)
    found = zerosum.evaluate(run, images, metrics=["sharpness"], n=50, progress=False, features="raw")
    assert [record.metric for record in found] == ["sharpness"]


def test_a_game_from_python_is_judged_while_it_lives(tmp_path):
    generator = torch.nn.Linear(4, 2)
    critic = torch.nn.Sequential(torch.nn.Linear(2, 1))
    how = {name: value for name, value in TINY.items() if name != "width"} | {"latent_size": 4, "prior": "normal"}
    run = zerosum.train("wgan", data="ring", generator=generator, critic=critic, out=tmp_path / "run", **how)
    found = zerosum.evaluate(run, metrics=["modes", "path_length"], n=100, progress=False)
    assert [record.metric for record in found] == ["path_length[raw]", "modes"]
    with pytest.raises(UserError, match="made in Python"):
        zerosum.evaluate(run.path, metrics=["modes"], n=100, progress=False)


def test_arrays_and_tensors_are_judged(digits):
    assert matter_of(torch.rand(5, 1, 8, 8) * 2 - 1, against=digits).generated.space.shape == (1, 8, 8)
    assert matter_of(np.zeros((5, 2), np.float32), against="ring").modes is not None
    with pytest.raises(UserError, match="float images must be in"):
        matter_of(torch.full((5, 1, 8, 8), 9.0), against=digits)
