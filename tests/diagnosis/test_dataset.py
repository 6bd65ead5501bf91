"""Sound data have no finding; every fault that is put into data is found, with the samples concerned."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum
from zerosum.data import Data, DataOptions, Density, density, open_data
from zerosum.data.core import Batch
from zerosum.data.samples import Domains, Samples
from zerosum.diagnosis.content import effective_number
from zerosum.diagnosis.dataset import Examination, examine
from zerosum.diagnosis.duplicates import is_in
from zerosum.diagnosis.glance import domains, glance, hashed
from zerosum.diagnosis.labels import K, against_all, contradicted, others
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.spaces import Images


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """800 digits, 16 x 16, and their labels."""
    data = open_data("digits", DataOptions(resolution="16"), progress=False)
    return data.train.values.numpy()[:800].copy(), data.train.labels.numpy()[:800].copy()


def made(values: np.ndarray, labels: np.ndarray | None = None, options: DataOptions | None = None) -> Data:
    """Data from an array, split as any other."""
    classes = () if labels is None else tuple(map(str, range(labels.max() + 1)))
    samples = Samples(values=values, labels=labels, classes=classes, fingerprint="made")
    return Data("made", *samples.sources(options or DataOptions()), "made")


def found(data: Data) -> dict[str, str]:
    """Kind of finding -> its detail."""
    return {finding.kind: finding.detail for finding in examine(data).findings}


def value(examination: Examination, name: str) -> float:
    return next(figure.value for figure in examination.figures if figure.name == name)


def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits", {"resolution": "16"}),
        ("glyphs", {"resolution": "16"}),
        ("glyphs", {"resolution": "16", "label": "style", "channels": 3}),
        ("glyphs:sans-serif", {"resolution": "16"}),
        ("photos", {"resolution": "32"}),
        ("digits", {"resolution": "16", "preprocessing": "standardised", "flip": True, "rotate": 10}),
        ("ring", {}),
        ("grid", {}),
        ("grid100", {}),
        ("swissroll", {}),
    ],
)
def test_sound_data_have_no_finding(name, options):
    seen = examine(open_data(name, DataOptions(**options), progress=False))
    assert seen.findings == ()
    assert all(figure.n > 0 and np.isfinite(figure.value) for figure in seen.figures)


def test_sound_digits_in_an_array_have_no_finding():
    assert found(made(*digits())) == {}


def test_sixty_images_are_too_few():
    values, labels = digits()
    assert "48 training samples" in found(made(values[:60]))["few"]
    assert "few" in found(made(values[:60], labels[:60]))


def test_a_class_of_95_percent_is_found():
    values, labels = digits()
    kept = np.concatenate([np.flatnonzero(labels == 0)[:76], np.flatnonzero(labels)[:4]])
    assert "class '0' has 94% of the samples" in found(made(values[kept], labels[kept]))["imbalance"]


def test_small_classes_are_named():
    values, labels = digits()
    kept = np.flatnonzero((labels != 7) | (np.cumsum(labels == 7) <= 6))
    assert found(made(values[kept], labels[kept]))["few"].endswith("10 samples: '7'")


@pytest.mark.parametrize("order", ["blocks", "side by side"])
def test_samples_that_are_there_twice_are_found_with_their_positions(order):
    values, _ = digits()
    twice = np.tile(values, (2, 1, 1, 1)) if order == "blocks" else np.repeat(values, 2, axis=0)
    seen = examine(made(twice))
    kinds = {finding.kind for finding in seen.findings}
    assert kinds == {"duplicates", "leakage"}
    copies = next(figure for figure in seen.figures if "copies" in figure.name)
    for pair in copies.samples:
        copy, original = map(int, pair.split(" = "))
        assert copy != original
        assert np.array_equal(twice[copy], twice[original])


def test_a_few_copies_are_counted_without_a_finding():
    values, _ = digits()
    seen = examine(made(np.concatenate([values, values[:8]])))
    assert "duplicates" not in {finding.kind for finding in seen.findings}
    assert 0 < value(seen, "share of training samples that are copies") <= 8 / 640


def test_shuffled_labels_of_some_samples_are_found_and_named():
    values, labels = digits()
    rows = random().choice(len(labels), 240, replace=False)
    wrong = labels.copy()
    wrong[rows] = labels[random().permutation(rows)]
    seen = examine(made(values, wrong))
    assert [finding.kind for finding in seen.findings] == ["label noise"]
    named = next(figure for figure in seen.figures if "contradict" in figure.name).samples
    assert np.mean([wrong[int(place)] != labels[int(place)] for place in named]) > 0.9


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_wrong_labels_are_found_however_many_they_are(share):
    values, labels = digits()
    rows = random().choice(len(labels), int(share * len(labels)), replace=False)
    wrong = labels.copy()
    wrong[rows] = labels[random().permutation(rows)]
    assert found(made(values, wrong)).keys() == {"label noise"}


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("distance", [0.5, 1.0, 2.0, 3.0, 5.0])
def test_classes_that_overlap_in_many_dimensions_are_no_noise(classes, distance):
    """Normal distributions so many deviations apart, each in a direction of its own."""
    labels = np.arange(2000) % classes
    centres = np.eye(20)[labels] * distance / np.sqrt(2)
    points = (random().normal(size=(2000, 20)) + centres).astype(np.float32)
    figure = contradicted(torch.from_numpy(labels), others(torch.from_numpy(points)))
    assert figure.finding is None


def test_labels_in_another_order_are_found():
    values, labels = digits()
    assert "another order" in found(made(values, random().permutation(labels)))["label noise"]


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("distance", [1.0, 2.0, 3.0])
def test_classes_that_overlap_are_no_noise(classes, distance):
    """Normal distributions around a circle, neighbours so many deviations apart."""
    labels = np.arange(3000) % classes
    angle = labels * (2 * np.pi / classes)
    centres = np.stack([np.cos(angle), np.sin(angle)], axis=1) * distance / (2 * np.sin(np.pi / classes))
    points = random().normal(size=(3000, 2)) + centres
    assert found(made(points.astype(np.float32), labels)) == {}


def test_images_without_content_are_found_and_named():
    values, _ = digits()
    values = values.copy()
    values[:40] = 17
    detail = found(made(values))["constant"]
    assert int(detail.split(": ")[1].split(",")[0]) < 40


def test_data_that_were_divided_twice_are_found():
    values, _ = digits()
    assert "black to white" in found(made((values / 255 / 255).astype(np.float32)))["range"]


def test_outliers_and_points_far_off_are_found():
    points = random().normal(size=(800, 2)).astype(np.float32)
    assert found(made(points)) == {}
    assert "range" in found(made(np.concatenate([points, [[1e4, 0]]]).astype(np.float32)))
    assert "range" in found(made(points + 1000))


class Raw:
    """A source of the user's own, which gives values from 0 to 255 where -1 to 1 are wanted."""

    space, size = Images((1, 16, 16)), 640

    def batch(self, positions, draw):
        return Batch(torch.from_numpy(digits()[0])[positions].float())


def test_values_up_to_255_are_found_where_they_come_through_and_refused_where_they_do_not():
    assert "values from 0.5 to 128" in found(Data("raw", Raw(), Raw(), "raw"))["range"]
    with pytest.raises(UserError, match="division by 255"):
        zerosum.check(digits()[0].astype(np.float32), progress=False)


def test_held_out_samples_in_training_are_found():
    sound = made(*digits())
    everything = replace(sound.train, rows=torch.arange(800))
    assert "held-out samples are training samples" in found(replace(sound, train=everything))["leakage"]


def test_near_copies_across_the_split_are_found():
    values, _ = digits()
    noisy = np.clip(values.astype(int) + random().integers(-1, 2, values.shape), 0, 255).astype(np.uint8)
    sound = made(values)
    both = torch.from_numpy(np.concatenate([values, noisy]))
    copied = 800 + sound.held_out.rows[::4]
    train = replace(sound.train, values=both, rows=torch.cat([sound.train.rows, copied]))
    leaky = replace(sound, train=train, held_out=replace(sound.held_out, values=both))
    assert "near copies" in found(leaky)["leakage"]


def test_images_that_are_all_nearly_the_same_are_few():
    same = digits()[0][:1].astype(int) + random().integers(-2, 3, (400, 1, 16, 16))
    assert "as varied as" in found(made(np.clip(same, 0, 255).astype(np.uint8)))["few"]


def test_samples_that_are_not_finite_are_refused():
    endless = Density(sample=lambda n, draw: draw.normal(n, 2).log())
    with pytest.raises(UserError, match="not finite"):
        zerosum.check(endless)


def test_a_density_of_ones_own_is_checked_on_draws():
    seen = zerosum.check(Density(sample=lambda n, draw: 1e-3 * draw.normal(n, 2)))
    assert [finding.kind for finding in seen.findings] == ["range"]
    assert "drawn anew" in seen.examination.notes[0]


def test_of_large_data_evenly_spaced_samples_are_looked_at(monkeypatch):
    monkeypatch.setattr("zerosum.diagnosis.glance.MOST", 100)
    seen = glance(domains(made(*digits()))[""][0])
    assert (seen.n, seen.size) == (100, 640)
    assert seen.positions.diff().min() > 0
    assert seen.positions[-1] > 700


def test_augmentation_does_not_hide_copies():
    twice = np.tile(digits()[0], (2, 1, 1, 1))
    assert "duplicates" in found(made(twice, options=DataOptions(rotate=20, flip=True)))


def test_files_are_named(tmp_path):
    for number, image in enumerate(digits()[0][:60]):
        Image.fromarray(image[0] if number % 2 else 0 * image[0]).save(tmp_path / f"picture-{number:02}.png")
    details = {finding.kind: finding.detail for finding in zerosum.check(tmp_path, progress=False).findings}
    assert "picture-" in details["constant"]
    assert "picture-" in details["duplicates"]
    assert " = picture-" in details["duplicates"]


def test_the_effective_number_counts_what_differs():
    far = 10 * torch.eye(7, dtype=torch.float64)
    assert effective_number(torch.cdist(far, far)) == pytest.approx(7)
    assert effective_number(torch.zeros(7, 7, dtype=torch.float64)) == pytest.approx(1)
    ring = examine(open_data("ring"))
    assert value(ring, "effective number of samples") == pytest.approx(8, rel=0.25)


def test_hashes_are_of_values():
    weights = Draw("hashes").integers(2**63 - 1, 50, 2)
    values = Draw("values").normal(1000, 50)
    assert len(torch.unique(hashed(values, weights), dim=0)) == 1000
    assert torch.equal(hashed(torch.zeros(1, 50), weights), hashed(-torch.zeros(1, 50), weights))
    nearly = values.clone()
    nearly[:, 0] = torch.nextafter(nearly[:, 0], torch.tensor(torch.inf))
    assert not is_in(hashed(nearly, weights), hashed(values, weights)).any()


def test_neighbours_are_others_even_among_copies():
    features = torch.cat([torch.zeros(40, 3), Draw("features").normal(20, 3)])
    near = others(features)
    assert near.shape == (60, K)
    assert not (near == torch.arange(60)[:, None]).any()


def test_a_rare_class_is_not_in_doubt():
    own = torch.tensor([1] * K + [0] * 30)
    around = torch.zeros(40, K, dtype=torch.int64)
    assert not against_all(own, around).any()
    own[10] = 1
    assert against_all(own, around)[:11].all()


def test_both_domains_are_tested():
    values = digits()[0]
    options = DataOptions(target="x")
    first, second = (
        Samples(values=part, fingerprint="x") for part in (values[:400], np.tile(values[:200], (2, 1, 1, 1)))
    )
    data = Data("two", *Domains(first, second, False).sources(options), "two")
    assert {finding.detail.split(":")[0] for finding in examine(data).findings} == {"second domain"}


def test_a_density_by_name_has_no_size():
    seen = examine(open_data(density("ring")))
    assert seen.train_size is None
    assert not any("copies" in figure.name or "held-out" in figure.name for figure in seen.figures)
