"""Copies of training samples are told from new samples of the same distribution."""

import pytest
import torch

import zerosum
from zerosum.data import DataOptions, Density, open_data
from zerosum.diagnosis.features import plain_features
from zerosum.diagnosis.glance import stored
from zerosum.diagnosis.memory import FEWEST, features, memory_of
from zerosum.draw import Draw


@pytest.fixture(scope="module")
def digits():
    return open_data("digits", DataOptions(resolution="16"))


@pytest.fixture(scope="module")
def memory(digits):
    return memory_of(digits)


def test_held_out_samples_are_copies_as_often_as_chance_has_it(digits, memory):
    assert memory.share(features(digits.held_out)).item() == pytest.approx(0.01, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_copies_are_counted_however_many_training_samples_there_are(digits, memory, share):
    known = features(digits.train)
    assert len(known) == digits.train.size > 1_000
    copied = known[:: len(known) // 200][:200]
    new = features(digits.held_out)[:200]
    n = int(share * 200)
    assert memory.share(torch.cat([copied[:n], new[n:]])).item() == pytest.approx(share, abs=0.02)


def test_copies_with_a_little_noise_are_copies(digits, memory):
    source = stored(digits.train)
    images = source.batch(torch.arange(200), Draw("some")).real
    noisy = images + 0.02 * Draw("noise").normal(*images.shape)
    assert memory.share(plain_features(source.space, noisy)).item() > 0.9


def test_one_image_over_and_over_is_no_memory_of_the_data(digits, memory):
    between = features(digits.held_out)[:2].mean(0)
    noisy = between + 0.001 * Draw("noise").normal(200, len(between))
    assert memory.share(noisy).item() < 0.1


def test_of_what_never_ends_nothing_is_learnt_by_heart():
    assert memory_of(open_data(Density(sample=lambda n, draw: draw.normal(n, 2)))) is None


def test_two_domains_and_too_few_samples_have_none():
    assert memory_of(open_data("glyphs:sans-serif", DataOptions(resolution="16"))) is None
    few = Draw("few").normal(FEWEST + 1, 2).numpy()
    assert memory_of(open_data(few)) is None


def test_a_folder_of_training_samples_is_called_a_copy(tmp_path):
    data = open_data("digits")
    real = data.train.batch(torch.arange(300), Draw("some")).real
    levels = (data.space.decode(real) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    found = zerosum.diagnose(samples=levels, against="digits", progress=False).findings
    assert [finding.kind for finding in found if finding.serious] == ["memorising"]
