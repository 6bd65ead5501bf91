import pytest
import torch

from zerosum.data import Batch, DataOptions, open_data
from zerosum.data.labelled import few_labelled, labels_of
from zerosum.draw import Draw
from zerosum.errors import UserError


@pytest.fixture(scope="module")
def train():
    return open_data("digits", DataOptions(resolution="8"), progress=False).train


def test_as_many_labels_of_each_class_are_known(train):
    few = few_labelled(train, Draw(0), per_class=7)
    assert labels_of(train)[few.known].bincount().tolist() == [7] * 10
    assert few.known.unique().numel() == 70
    assert (few.size, few.space) == (train.size, train.space)


def test_which_they_are_is_a_matter_of_the_draw(train):
    known = [few_labelled(train, Draw(seed), per_class=7).known for seed in (0, 0, 1)]
    assert torch.equal(known[0], known[1])
    assert not torch.equal(known[0], known[2])


def test_a_batch_has_any_samples_and_labelled_ones(train):
    few = few_labelled(train, Draw(0), per_class=2)
    batch = few.batch(torch.arange(50), Draw(3))
    assert torch.equal(batch.real, train.batch(torch.arange(50), Draw(9)).real)
    known = train.batch(few.known, Draw(9))
    for picture, label in zip(batch.condition, batch.label, strict=True):
        (place,) = (known.real == picture).flatten(1).all(1).nonzero()[0].tolist()
        assert known.label[place] == label


def test_processes_share_what_is_drawn(train):
    few = few_labelled(train, Draw(0), per_class=2)
    whole = few.batch(torch.arange(8), Draw(3))
    halves = [few.batch(torch.arange(4) + 4 * rank, Draw(3, rank=rank, world=2)) for rank in range(2)]
    assert torch.equal(torch.cat([half.condition for half in halves]), whole.condition)
    assert torch.equal(torch.cat([half.label for half in halves]), whole.label)


def test_labels_are_read_from_any_source(train):
    class Wrapped:
        space, size = train.space, 30

        def batch(self, positions, draw) -> Batch:
            return train.batch(positions, draw)

    assert torch.equal(labels_of(Wrapped()), labels_of(train)[:30])


def test_too_few_labels_are_refused(train):
    with pytest.raises(UserError, match=r"Class '\d' has 1\d\d training samples; labelled_per_class asks for 500"):
        few_labelled(train, Draw(0), per_class=500)


@pytest.mark.parametrize("name", ["ring", "glyphs:sans-serif"])
def test_what_has_no_labels_of_its_own_is_refused(name):
    with pytest.raises(UserError, match="needs one set of samples with labels"):
        labels_of(open_data(name, progress=False).train)
