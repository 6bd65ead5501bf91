import numpy as np
import pytest
import torch

import zerosum
from zerosum.data import DataOptions, open_data
from zerosum.data.balanced import balanced
from zerosum.data.labelled import labels_of
from zerosum.draw import Draw
from zerosum.errors import UserError


def rare(tmp_path, *counts):
    """An archive with so many samples a class."""
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 16, 16), dtype=np.uint8)
    np.savez(tmp_path / "rare.npz", images=images, labels=labels)
    return tmp_path / "rare.npz"


@pytest.fixture
def train(tmp_path):
    return open_data(str(rare(tmp_path, 90, 20, 10)), DataOptions(held_out=0.1), progress=False).train


def test_an_epoch_has_all_classes_equally_often(train):
    dealt = balanced(train, Draw(0)).batch(torch.randperm(train.size), Draw(1))
    assert labels_of(train).bincount().max() > 2 * train.size / 3
    assert max(dealt.label.bincount()) - min(dealt.label.bincount()) <= 1


def test_every_sample_of_a_class_is_dealt_in_time_and_labels_stay_right(train):
    evened, seen = balanced(train, Draw(0)), []
    for epoch in range(20):
        batch = evened.batch(torch.arange(train.size), Draw("epoch", epoch))
        seen += told(batch)
    assert set(seen) == set(told(train.batch(torch.arange(train.size), Draw("all"))))


def told(batch):
    return [(int(label), real.numpy().tobytes()) for label, real in zip(batch.label, batch.real, strict=True)]


def test_processes_share_what_is_drawn(train):
    evened = balanced(train, Draw(0))
    whole = evened.batch(torch.arange(8), Draw(3))
    halves = [evened.batch(torch.arange(4) + 4 * rank, Draw(3, rank=rank, world=2)) for rank in range(2)]
    assert torch.equal(torch.cat([half.real for half in halves]), whole.real)


def test_what_cannot_be_balanced_is_refused(train):
    class Streamed:
        space, size = train.space, train.size

        def order(self, epoch, stream, start, count):
            """As shards are read."""

        def expect(self, positions):
            """So that it counts as ordered."""

    with pytest.raises(UserError, match="leave --balanced out"):
        balanced(Streamed(), Draw(0))
    with pytest.raises(UserError, match="needs one set of samples with labels"):
        balanced(open_data("ring", progress=False).train, Draw(0))


def test_a_balanced_training_sees_each_class_equally_often(tmp_path, tiny):
    how = tiny("biggan", balanced=True) | {"data": str(rare(tmp_path, 90, 20, 10))}
    run = zerosum.train(out=tmp_path / "run", **how)
    assert run.plan["options"]["balanced"] is True
    assert run.sample(6).isfinite().all()
