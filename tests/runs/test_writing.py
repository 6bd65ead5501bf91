"""Samples are written as they are made: any number of them in the memory of one piece."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import zerosum
from zerosum.runs.writing import Samples, write
from zerosum.spaces import Images
from zerosum.training import sampling

SPACE = Images((1, 8, 8), classes=("no", "yes"))


class Stream:
    """Pieces of samples; counts how many are alive whenever one is asked for."""

    def __init__(self, pieces: int, size: int = 3) -> None:
        self.pieces, self.size, self.alive = pieces, size, []

    def __iter__(self):
        made: list[weakref.ref] = []
        for number in range(self.pieces):
            values = torch.full((self.size, *SPACE.shape), 2 * number / self.pieces - 1)
            made.append(weakref.ref(values))
            yield Samples(values, torch.arange(self.size) % 2, SPACE)
            del values
            gc.collect()
            self.alive.append(sum(reference() is not None for reference in made))


@pytest.mark.parametrize("out", ["made.npz", "made"])
def test_no_more_than_one_piece_is_held_however_many_there_are(tmp_path, out):
    stream = Stream(pieces=40)
    write(tmp_path / out, 120, stream)
    assert len(stream.alive) == 40
    assert max(stream.alive) <= 1


def test_pieces_are_written_as_the_whole_would_be(tmp_path):
    whole = Samples(torch.cat([piece.values for piece in Stream(5)]), torch.arange(15) % 3 % 2, SPACE)
    write(tmp_path / "pieces.npz", 15, Stream(5))
    whole.save(tmp_path / "whole.npz")
    assert (tmp_path / "pieces.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    arrays = np.load(tmp_path / "pieces.npz", allow_pickle=False)
    assert (arrays["samples"] == SPACE.to_array(whole.values)).all()
    assert arrays["labels"].tolist() == whole.labels.tolist()
    write(tmp_path / "pieces", 15, Stream(5))
    names = sorted(path.name for path in (tmp_path / "pieces").iterdir())
    assert names == [f"{name}.png" for name in whole.names()]
    assert np.asarray(Image.open(tmp_path / "pieces" / names[-1])).tolist() == arrays["samples"][-1, :, :, 0].tolist()


def test_an_archive_appears_when_it_is_whole(tmp_path):
    def broken():
        yield Samples(torch.zeros(2, *SPACE.shape), None, SPACE)
        assert not (tmp_path / "made.npz").exists()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "made.npz", 4, broken())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    return zerosum.train(**tiny("cgan", length_samples=16), out=tmp_path_factory.mktemp("runs") / "run")


def test_the_command_line_writes_what_python_samples(trained, tmp_path):
    from zerosum.cli import main

    assert main(["sample", str(trained.path), "--n", "600", "--out", str(tmp_path / "made.npz")]) == 0
    expected = trained.samples(600)
    arrays = np.load(tmp_path / "made.npz", allow_pickle=False)
    assert (arrays["samples"] == expected.space.to_array(expected.values)).all()
    assert arrays["labels"].tolist() == expected.labels.tolist() == [n % 10 for n in range(600)]


def test_the_batch_is_as_large_as_suits_the_memory(trained, monkeypatch):
    """In smaller pieces the same samples are made, up to the rounding of numbers."""
    usual = trained.sample(300)
    sizes = []
    monkeypatch.setattr(sampling, "MEMORY_BYTES", 100_000)

    def noted(batch, draw, count):
        sizes.append(len(batch) // count)
        return cut(batch, draw, count)

    cut = sampling.cut
    monkeypatch.setattr(sampling, "cut", noted)
    torch.testing.assert_close(trained.sample(300), usual, rtol=0, atol=1e-5)
    assert max(sizes[-2:]) < 50


@pytest.mark.parametrize(("out", "message"), [("made.jpg", ".png or .npz"), ("file/made.npz", "Cannot write")])
def test_what_cannot_be_written_is_refused(trained, tmp_path, out, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(zerosum.UserError, match=message):
        zerosum.write_samples(trained, Path(tmp_path, out), 3)


def test_classes_of_nested_folders_become_names_of_files(tmp_path):
    space = Images((1, 8, 8), classes=("a/b", "c:d"))
    Samples(torch.zeros(2, 1, 8, 8), torch.tensor([0, 1]), space).save(tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["000000-a_b.png", "000001-c_d.png"]


def test_a_folder_that_has_files_is_left_as_it_is(trained, tmp_path):
    zerosum.write_samples(trained, tmp_path / "made", 3)
    with pytest.raises(zerosum.UserError, match="is not empty"):
        zerosum.write_samples(trained, tmp_path / "made", 2)
    assert len(list((tmp_path / "made").iterdir())) == 3


def test_endings_may_be_large(trained, tmp_path):
    zerosum.write_samples(trained, tmp_path / "MADE.PNG", 3)
    assert Image.open(tmp_path / "MADE.PNG").format == "PNG"


def test_a_seed_below_nothing_is_refused(trained, tmp_path):
    with pytest.raises(zerosum.UserError, match="seed is -1"):
        zerosum.write_samples(trained, tmp_path / "made.npz", 3, seed=-1)
