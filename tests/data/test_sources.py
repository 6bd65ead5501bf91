"""What every source promises, whatever lies behind it."""

import atexit
import functools
import io
import itertools
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from zerosum.data import DATA, Batch, Data, DataOptions, Density, open_data
from zerosum.data.packed import PackedSource
from zerosum.draw import Draw

NAMES = [name for name in DATA if not name.startswith(("hf:", "shards:"))]
VARIED = DataOptions(flip=True, shift=0.1, rotate=10, scale=0.1, crop=0.2)


def uint8_images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 12, 8, 3)).astype(np.uint8)


def own_density() -> Density:
    return Density(name="line", dimensions=3, sample=lambda n, draw: draw.uniform(n, 3))


@functools.cache
def shards() -> str:
    """The same images in two tar files."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    for shard in range(2):
        with tarfile.open(Path(folder.name, f"{shard}.tar"), "w") as archive:
            for number, image in enumerate(uint8_images()[10 * shard :][:10]):
                buffer = io.BytesIO()
                Image.fromarray(image).save(buffer, "PNG")
                entry = tarfile.TarInfo(f"{shard}{number}.png")
                entry.size = buffer.tell()
                buffer.seek(0)
                archive.addfile(entry, buffer)
    return f"shards:{folder.name}"


CASES: dict[str, Callable[[], Data]] = {
    **{name: lambda name=name: open_data(name) for name in NAMES},
    "glyphs in colour": lambda: open_data("glyphs", DataOptions(channels=3, resolution="24x40")),
    "glyphs, paired": lambda: open_data("glyphs:sans-serif", DataOptions(paired=True, channels=3)),
    "grey photos": lambda: open_data("photos", DataOptions(channels=1, resolution="20x30")),
    "digits, varied": lambda: open_data("digits", VARIED),
    "photos, varied": lambda: open_data("photos", VARIED),
    "uint8 array": lambda: open_data(uint8_images()),
    "uint16 array": lambda: open_data(uint8_images().astype(np.uint16) * 257),
    "float array": lambda: open_data((uint8_images() / 255).astype(np.float64)),
    "tensor": lambda: open_data(torch.linspace(-1, 1, 4320).view(9, 5, 8, 12)),
    "data set": lambda: open_data([(image, index % 2) for index, image in enumerate(uint8_images())]),
    "shards": lambda: open_data(shards()),
    "shards, varied": lambda: open_data(shards(), VARIED),
    "points": lambda: open_data(np.random.default_rng(0).normal(size=(30, 4))),
    "own density": lambda: open_data(own_density()),
}


@pytest.fixture(scope="module", params=CASES)
def data(request: pytest.FixtureRequest) -> Data:
    return CASES[request.param]()


def positions(data: Data, n: int = 6) -> Tensor:
    return torch.arange(n) % (data.train.size or n)


def tensors(batch: Batch) -> list[Tensor]:
    return [value for value in (batch.real, batch.label, batch.condition) if value is not None]


def assert_equal(a: Batch, b: Batch) -> None:
    for one, other in zip(tensors(a), tensors(b), strict=True):
        assert torch.equal(one, other)


def test_batches_have_the_shape_and_range_of_the_space(data: Data) -> None:
    for source in (data.train, data.held_out):
        assert source.space == data.space
        batch = source.batch(positions(data) % (source.size or 6), Draw("test"))
        for samples in (batch.real, batch.condition):
            if samples is not None:
                assert samples.shape == (6, *data.space.shape)
                assert samples.dtype == torch.float32
                assert samples.isfinite().all()
                assert data.space.kind == "points" or -1 <= samples.min() < samples.max() <= 1
        assert (batch.label is not None) == bool(data.space.classes)


def test_one_key_gives_one_batch(data: Data) -> None:
    first, again = (data.train.batch(positions(data), Draw(3, "data", 8)) for _ in range(2))
    assert_equal(first, again)


def test_two_processes_see_what_one_sees(data: Data) -> None:
    whole = data.train.batch(positions(data), Draw("data", 1))
    halves = [
        data.train.batch(positions(data)[3 * rank :][:3], Draw("data", 1, rank=rank, world=2)) for rank in range(2)
    ]
    for one, parts in zip(tensors(whole), zip(*map(tensors, halves), strict=True), strict=True):
        assert torch.allclose(one, torch.cat(parts), atol=1e-6)


def test_reading_leaves_the_source_as_it_was(data: Data) -> None:
    before = data.train.batch(positions(data), Draw("a"))
    data.train.batch(positions(data), Draw("b")).real.zero_()
    assert_equal(before, data.train.batch(positions(data), Draw("a")))


def test_densities_never_give_the_held_out_what_they_gave_for_training(data: Data) -> None:
    if data.train.size is None:
        train, held_out = (source.batch(positions(data), Draw("a")).real for source in (data.train, data.held_out))
        assert not torch.equal(train, held_out)


@pytest.mark.parametrize("case", CASES)
def test_fingerprint_is_of_the_content(case: str) -> None:
    assert CASES[case]().fingerprint == CASES[case]().fingerprint


def test_fingerprints_tell_all_cases_apart() -> None:
    prints = {case: CASES[case]().fingerprint for case in CASES}
    for one, other in itertools.combinations(prints, 2):
        assert prints[one] != prints[other], (one, other)


@pytest.mark.parametrize("change", [{"held_out": 0.3}, {"preprocessing": "[0,1]"}, {"flip": True}, {"channels": 3}])
def test_fingerprint_changes_with_what_is_trained_on(change: dict[str, object]) -> None:
    assert open_data("glyphs", DataOptions(**change)).fingerprint != open_data("glyphs").fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["digits", "glyphs"])
def test_held_out_has_every_class_and_no_trained_sample(name: str) -> None:
    data = open_data(name)
    assert isinstance(data.train, PackedSource)
    assert isinstance(data.held_out, PackedSource)
    train, held_out = data.train.rows.tolist(), data.held_out.rows.tolist()
    assert sorted(train + held_out) == list(range(len(data.train.values)))
    assert len(held_out) / len(data.train.values) == pytest.approx(0.2, abs=0.03)
    assert data.train.labels is not None
    for rows in (train, held_out):
        assert set(data.train.labels[rows].tolist()) == set(range(len(data.space.classes)))


@pytest.mark.parametrize("name", ["digits", "glyphs", "photos", "glyphs:clean-rough"])
def test_standardised_data_has_mean_0_and_deviation_1(name: str) -> None:
    data = open_data(name, DataOptions(preprocessing="standardised", channels=3))
    count = min(data.train.size or 1500, 1500)
    spread = torch.linspace(0, (data.train.size or count) - 1, count).long()
    real = data.train.batch(spread, Draw("standard")).real
    assert real.mean((0, 2, 3)).abs().max() < 0.1
    assert (real.std((0, 2, 3)) - 1).abs().max() < 0.1


def test_preprocessing_is_undone_for_people() -> None:
    arrays = {}
    for preprocessing in ("[-1,1]", "[0,1]", "standardised"):
        data = open_data("digits", DataOptions(preprocessing=preprocessing))  # type: ignore[arg-type]
        arrays[preprocessing] = data.space.to_array(data.train.batch(torch.arange(9), Draw("a")).real)
    assert np.array_equal(arrays["[-1,1]"], arrays["[0,1]"])
    assert np.array_equal(arrays["[-1,1]"], arrays["standardised"])


def test_augmentation_is_for_training_only() -> None:
    plain, varied = open_data("digits"), open_data("digits", VARIED)
    ten = torch.arange(10)
    assert not torch.equal(varied.train.batch(ten, Draw("a")).real, varied.train.batch(ten, Draw("b")).real)
    assert torch.equal(varied.held_out.batch(ten, Draw("a")).real, plain.held_out.batch(ten, Draw("b")).real)


def test_a_position_beyond_the_end_is_an_error() -> None:
    source = open_data(uint8_images()).train
    with pytest.raises(IndexError):
        source.batch(torch.tensor([source.size or 0]), Draw("a"))


def test_data_that_is_open_is_passed_on() -> None:
    data = open_data("ring")
    assert open_data(data) is data


@pytest.mark.gpu
@pytest.mark.parametrize("case", CASES)
def test_batches_come_on_the_device_that_draws(case: str) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "mps", 0)
    data = CASES[case]()
    batch, again = (data.train.batch(positions(data), Draw("a", device=device)) for _ in range(2))
    assert_equal(batch, again)
    for value in tensors(batch):
        assert value.device == device
    if isinstance(data.train, PackedSource) and not data.train.variations:
        assert torch.allclose(batch.real.cpu(), data.train.batch(positions(data), Draw("a")).real, atol=1e-6)
