import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zerosum.errors import UserError
from zerosum.training import checkpoints
from zerosum.training.checkpoints import MODEL, STATE, TRAINING, Checkpoint, Damaged
from zerosum.training.position import load_networks, put


def checkpoint(number: int = 0) -> Checkpoint:
    model = {"live/G.weight": torch.full((3, 2), float(number)), "live/G.count": torch.tensor(number)}
    training = {"optimizer/G/G.weight/step": torch.tensor(float(number))}
    return Checkpoint(model, training, {"samples_seen": number, "controls": {"lr": 0.1}})


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return checkpoints.save(tmp_path_factory.mktemp("saved"), 8, checkpoint(8))


def flip(path: Path, place: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


DAMAGES = {
    "cut short": lambda folder, name: os.truncate(folder / name, (folder / name).stat().st_size // 2),
    "emptied": lambda folder, name: os.truncate(folder / name, 0),
    "last byte flipped": lambda folder, name: flip(folder / name, -1),
    "first byte flipped": lambda folder, name: flip(folder / name, 0),
    "gone": lambda folder, name: (folder / name).unlink(),
    "replaced by nonsense": lambda folder, name: (folder / name).write_text('{"format": '),
    "replaced by a list": lambda folder, name: (folder / name).write_text("[1]"),
}


def test_what_is_saved_is_loaded(tmp_path):
    path = checkpoints.save(tmp_path / "checkpoints", 64, checkpoint(64))
    assert path.name == "000000064"
    assert {file.name for file in path.iterdir()} == {MODEL, TRAINING, STATE}
    loaded = checkpoints.load(path)
    for ours, saved in ((loaded.model, checkpoint(64).model), (loaded.training, checkpoint(64).training)):
        assert ours.keys() == saved.keys()
        assert all(torch.equal(ours[name], saved[name]) and ours[name].dtype == saved[name].dtype for name in saved)
    assert loaded.state.items() >= checkpoint(64).state.items()


@pytest.mark.parametrize("name", [MODEL, TRAINING, STATE])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_left_out_for_the_one_before(tmp_path, name, damage):
    for number in (8, 16):
        path = checkpoints.save(tmp_path, number, checkpoint(number))
    damage(path, name)
    with pytest.raises(Damaged, match=path.name):
        checkpoints.load(path)
    told: list[str] = []
    found = checkpoints.newest(tmp_path, tell=told.append)
    assert found.state["samples_seen"] == 8
    assert len(told) == 1
    assert str(path) in told[0]


@given(name=st.sampled_from([MODEL, TRAINING, STATE]), share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_bit_can_be_flipped_unnoticed(saved, name, share, bit):
    path = saved / name
    whole = path.read_bytes()
    try:
        flip(path, int(share * len(whole)), bit)
        with pytest.raises((Damaged, UserError)):
            checkpoints.load(saved)
    finally:
        path.write_bytes(whole)
    checkpoints.load(saved)


def test_another_format_is_refused_rather_than_left_out(tmp_path):
    for number in (8, 16):
        path = checkpoints.save(tmp_path, number, checkpoint(number))
    state = json.loads((path / STATE).read_text())
    (path / STATE).write_text(json.dumps(state | {"format": 99}))
    with pytest.raises(UserError, match="has format 99; this version of zerosum reads format 1"):
        checkpoints.newest(tmp_path)


def test_the_newest_is_the_one_that_saw_most(tmp_path):
    """Numbers, not words: a billion has a digit more."""
    for number in (999_999_999, 1_000_000_000):
        checkpoints.save(tmp_path, number, checkpoint(number))
    assert checkpoints.names(tmp_path) == ["999999999", "1000000000"]
    assert checkpoints.newest(tmp_path).state["samples_seen"] == 1_000_000_000
    assert checkpoints.newest(tmp_path, at_most=999_999_999).state["samples_seen"] == 999_999_999
    assert checkpoints.newest(tmp_path, at_most=5) is None
    assert checkpoints.newest(tmp_path / "nothing") is None


def test_the_latest_two_and_the_best_are_kept(tmp_path):
    kept = []
    for number, best in ((8, None), (16, 16), (24, 16), (32, 16), (40, 16), (48, 48), (56, 48), (64, 48)):
        checkpoints.save(tmp_path, number, checkpoint(number), best=best)
        kept.append([int(name) for name in checkpoints.names(tmp_path)])
    assert kept == [[8], [8, 16], [16, 24], [16, 24, 32], [16, 32, 40], [40, 48], [48, 56], [48, 56, 64]]


def test_what_was_given_up_goes_with_the_next_one(tmp_path):
    for number in (8, 16, 24):
        checkpoints.save(tmp_path, number, checkpoint(number), keep=9)
    checkpoints.save(tmp_path, 16, checkpoint(17))
    assert checkpoints.names(tmp_path) == ["000000008", "000000016"]
    assert checkpoints.newest(tmp_path).state["samples_seen"] == 17


def test_leftovers_of_a_killed_writer_are_no_checkpoints_and_are_swept(tmp_path):
    leftover = tmp_path / f"{checkpoints.TEMPORARY}999"
    leftover.mkdir()
    (leftover / MODEL).write_text("half")
    assert checkpoints.names(tmp_path) == []
    checkpoints.save(tmp_path, 8, checkpoint())
    assert [path.name for path in tmp_path.iterdir()] == ["000000008"]


@pytest.mark.parametrize("name", ["write_tensors", "write_durably", "sync"])
def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch, name):
    checkpoints.save(tmp_path, 8, checkpoint(8))
    real, calls = getattr(checkpoints, name), []

    def fails_late(*given):
        calls.append(given)
        if len(calls) == (1 if name == "write_durably" else 2):
            raise OSError(28, "No space left on device")
        return real(*given)

    monkeypatch.setattr(checkpoints, name, fails_late)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, 16, checkpoint(16))
    assert [path.name for path in tmp_path.iterdir()] == ["000000008"]
    assert checkpoints.newest(tmp_path).state["samples_seen"] == 8


def test_what_the_tensor_writer_tells_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(OSError, match="rror"):
        checkpoints.write_tensors(tmp_path / "no such folder" / "x", {"a": torch.zeros(2)})


class Tied(nn.Module):
    """Two layers with one weight, a view of it, and a buffer without elements."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("row", self.first.weight.data[0])
        self.register_buffer("empty", torch.zeros(0))
        self.register_buffer("also_empty", torch.zeros(0, 4))


def test_weights_that_are_shared_are_stored_once_and_come_back_shared(tmp_path):
    one, other = Tied(), Tied()
    tensors = {f"T.{key}": value for key, value in one.state_dict().items()}
    checkpoints.write_tensors(tmp_path / MODEL, tensors)
    stored = checkpoints.load_file(tmp_path / MODEL)
    assert ("T.first.weight" in stored) + ("T.second.weight" in stored) == 1
    load_networks({"T": other}, stored)
    assert all(torch.equal(other.state_dict()[key], value) for key, value in one.state_dict().items())
    assert other.second.weight is other.first.weight


def test_a_tensor_in_channels_last_memory_keeps_its_values_and_its_target_its_layout(tmp_path):
    weight = torch.randn(4, 3, 2, 2).to(memory_format=torch.channels_last)
    checkpoints.write_tensors(tmp_path / MODEL, {"w": weight})
    target = torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last)
    put({"w": target}, checkpoints.load_file(tmp_path / MODEL))
    assert torch.equal(target, weight)
    assert target.is_contiguous(memory_format=torch.channels_last)


def test_a_text_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "plan.json"
    checkpoints.write_atomically(path, "one")
    checkpoints.write_atomically(path, "two")

    def fail(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "sync", fail)
    with pytest.raises(OSError, match="No space"):
        checkpoints.write_atomically(path, "three")
    assert path.read_text() == "two"
    assert [file.name for file in tmp_path.iterdir()] == ["plan.json"]
