"""Data that is read in shards while it is trained on keeps the promises of all data, in bounded memory."""

import gzip
import http.server
import io
import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import zerosum
from zerosum.cli import main
from zerosum.data import Data, DataOptions, open_data
from zerosum.data.ahead import Ahead
from zerosum.data.recent import Recent
from zerosum.data.shards import expanded
from zerosum.data.streamed import StreamedSource
from zerosum.data.windows import Windows
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.games import Phase, Result
from zerosum.training.dealing import Dealer

SHARDS, EACH = 6, 12
COUNT = SHARDS * EACH
Tar = Callable[..., Path]
PLAIN = DataOptions(preprocessing="[0,1]", shard_window=2, read_ahead=32)


def picture(number: int) -> np.ndarray:
    """Says which sample it is."""
    return np.full((8, 8), number, np.uint8)


def named(numbers: Tensor) -> list[int]:
    return numbers[:, 0, 0, 0].mul(255).round().long().tolist()


def members(shard: int) -> dict[str, np.ndarray | bytes]:
    numbers = range(shard * EACH, (shard + 1) * EACH)
    return {
        f"{n:03}.{end}": content for n in numbers for end, content in (("png", picture(n)), ("cls", b"%d" % (n % 3)))
    }


@pytest.fixture
def tars(tar: Tar) -> Path:
    for shard in range(SHARDS):
        tar(f"set/train-{shard}.tar", members(shard))
    return tar("set/other/empty.tar", {}).parents[1]


def parquet(folder: Path) -> Path:
    """As `datasets` writes it."""
    datasets = pytest.importorskip("datasets", reason="the extra hub is not installed")
    import pyarrow.parquet

    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["0", "1", "2"])})
    images = [{"bytes": encoded(picture(n)), "path": f"{n}.png"} for n in range(COUNT)]
    labels = [n % 3 for n in range(COUNT)]
    table = pyarrow.table({"image": images, "label": labels}, schema=features.arrow_schema)
    folder.mkdir()
    pyarrow.parquet.write_table(table, folder / "train.parquet", row_group_size=EACH)
    return folder


def encoded(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def server(tars: Path) -> Iterator[str]:
    """The shards behind an address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tars))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture(params=["path", "folder", "file:", "http:", "parquet"])
def name(request: pytest.FixtureRequest, tars: Path, tmp_path: Path) -> str:
    """The same samples, stored and named in every way."""
    if request.param == "parquet":
        return f"hf:{parquet(tmp_path / 'table')}"
    if request.param == "http:":
        return f"shards:{request.getfixturevalue('server')}/train-{{0..5}}.tar"
    pattern = "" if request.param == "folder" else "/train-{0..5}.tar"
    return f"shards:{'file://' if request.param == 'file:' else ''}{tars}{pattern}"


def opened(name: str, **changes: object) -> Data:
    return open_data(name, DataOptions(**{**vars(PLAIN), "streaming": True, **changes}))  # type: ignore[arg-type]


def test_a_position_is_a_picture_however_it_is_reached(name: str) -> None:
    data, again = opened(name), opened(name)
    everything = torch.arange(data.train.size or 0)
    whole = data.train.batch(everything, Draw("a"))
    shuffled = Draw("b").permutation(len(everything))
    assert torch.equal(again.train.batch(shuffled, Draw("a")).real, whole.real[shuffled])
    for position in (70 % len(everything), 0, 33):
        one = again.train.batch(torch.tensor([position]), Draw("c"))
        assert torch.equal(one.real[0], whole.real[position])
        assert one.label is not None
        assert one.label.tolist() == [named(one.real)[0] % 3]


def test_what_is_held_out_is_never_trained_on(name: str) -> None:
    data = opened(name, held_out=0.25)
    train, held_out = (named(s.batch(torch.arange(s.size or 0), Draw("a")).real) for s in (data.train, data.held_out))
    assert len(held_out) == COUNT // 4
    assert sorted(train + held_out) == list(range(COUNT))
    dealt = Dealer(data.train, batch_size=16, seed=1, device=torch.device("cpu"))
    seen = {number for index in range(30) for number in named(dealt.deal(MOVE, index, 0)[0].real)}
    assert seen == set(train)


def test_the_split_follows_from_the_names_wherever_shards_lie(tar: Tar, tars: Path) -> None:
    for shard in range(SHARDS):
        tar(f"elsewhere/x{SHARDS - shard}.tar", members(shard))
    here, there = (opened(f"shards:{folder}") for folder in (tars, tars.parent / "elsewhere"))
    held = [sorted(named(d.held_out.batch(torch.arange(d.held_out.size or 0), Draw(0)).real)) for d in (here, there)]
    assert held[0] == held[1]
    assert here.fingerprint == opened(f"shards:{tars}/train-{{0,1,2}}.tar".replace("{0,1,2}", "{0..5}")).fingerprint
    assert here.fingerprint != opened(f"shards:{tars}", shard_window=3).fingerprint
    assert here.fingerprint == opened(f"shards:{tars}", read_ahead=64).fingerprint


# --- the order of training ---

MOVE = Phase("D", ("D",), lambda batch, draw, controls: Result({}))
OTHER = Phase("G", ("G",), lambda batch, draw, controls: Result({}), every=2)


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=12), width=st.integers(1, 5), cut=st.integers(1, 20))
@settings(max_examples=20)
def test_an_epoch_has_every_sample_once_a_window_at_a_time(counts: list[int], width: int, cut: int) -> None:
    windows = Windows(torch.tensor(counts), width)
    total = sum(counts)
    epoch, streams = Draw(0, "epoch"), [Draw(0, name) for name in "ab"]
    orders = [windows.order(epoch, stream, 0, total + 5).tolist() for stream in streams]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(total))
    pieces = [windows.order(epoch, streams[0], start, cut).tolist() for start in range(0, total, cut)]
    assert [*itertools.chain(*pieces)] == orders[0]
    shard_of = np.repeat(np.arange(len(counts)), counts)
    order = Draw(0, "epoch").permutation(len(counts)).tolist()
    window_of = {shard: place // width for place, shard in enumerate(order)}
    for numbers in orders:
        visited = [window_of[int(shard_of[n])] for n in numbers]
        assert visited == sorted(visited)


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_what_one_process_sees(tars: Path, world: int) -> None:
    data = opened(f"shards:{tars}")
    on = {"batch_size": 8, "seed": 3, "device": torch.device("cpu")}
    one = Dealer(data.train, **on)
    many = [Dealer(opened(f"shards:{tars}").train, **on, rank=rank, world=world) for rank in range(world)]
    for index in (0, 1, 9):
        seen = [number for dealer in many for number in named(dealer.deal(MOVE, index, 0)[0].real)]
        assert seen == named(one.deal(MOVE, index, 0)[0].real)
        assert len(set(seen)) == 8


# --- memory ---


def test_no_more_is_held_than_was_allowed(tars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened shards and decoded samples are counted after every move of two players, one of whom moves twice."""
    source = opened(f"shards:{tars}", read_ahead=40).train
    assert isinstance(source, StreamedSource)
    most = {"samples": 0, "shards": 0}
    begin, shelf = source.ahead._begin, source.ahead.read.shelf  # type: ignore[attr-defined]

    def watched(key: bytes, positions: Tensor) -> None:
        begin(key, positions)
        most["samples"] = max(most["samples"], source.ahead.held)
        most["shards"] = max(most["shards"], len(shelf.open))

    monkeypatch.setattr(source.ahead, "_begin", watched)
    dealt = Dealer(source, batch_size=8, seed=0, device=torch.device("cpu"))
    for index in range(30):
        for phase, repeat in ((MOVE, 0), (MOVE, 1), (OTHER, 0)):
            dealt.deal(phase, index, repeat)
    assert 24 < most["samples"] <= 40
    assert 2 <= most["shards"] <= 4


def test_one_batch_is_held_however_large(tars: Path) -> None:
    source = opened(f"shards:{tars}", read_ahead=1).train
    assert isinstance(source, StreamedSource)
    assert len(source.batch(torch.arange(40), Draw(0))) == 40
    assert not source.expect(torch.arange(5))
    assert source.ahead.held == 40
    source.batch(torch.arange(3), Draw(0))
    assert source.ahead.held == 3


def test_what_was_expected_is_read_before_it_is_asked_for() -> None:
    read: list[int] = []

    def reading(position: int) -> tuple[Tensor, int]:
        read.append(position)
        return torch.full((1,), position), position

    ahead = Ahead(reading, lambda n: torch.zeros(n, 1, dtype=torch.int64), 10)
    assert ahead.expect(torch.arange(4))
    for _ in range(1000):
        if len(read) == 4:
            break
        time.sleep(0.01)
    assert sorted(read) == [0, 1, 2, 3]
    values, labels = ahead.take(torch.arange(4))
    assert values[:, 0].tolist() == labels.tolist() == [0, 1, 2, 3]
    assert len(read) == 4
    assert ahead.take(torch.tensor([7]))[1].tolist() == [7]


def test_recent_values_are_made_once_and_failures_anew() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        if len(made) == 1:
            raise OSError(key)
        return key.upper()

    recent = Recent(make, 2)
    with pytest.raises(OSError, match="a"):
        recent("a")
    assert [recent(key) for key in "aabacab"] == list("AABACAB")
    assert made == ["a", "a", "b", "c", "b"]
    assert len(recent) == 2


def test_fetched_shards_are_kept_only_as_long_as_they_are_open(server: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    data = open_data(f"shards:{server}/train-{{0..5}}.tar", DataOptions(shard_window=1), cache=cache)
    for position in range(data.train.size or 0):
        data.train.batch(torch.tensor([position]), Draw(0))
    assert 1 <= len(list(cache.rglob(".*.tmp"))) <= 2
    del data
    import gc

    gc.collect()
    assert not list(cache.rglob(".*.tmp"))


# --- what is not as it should be ---


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shards:{folder}/no-{{0..3}}.tar", "No shard matches shards:.*no such file"),
        ("shards:{folder}/other/none", "No shard matches"),
        ("shards:s3://bucket/x.tar", "path, file:, http: or https: can"),
        ("shards:{folder}/x-{{0..9999999}}.tar", "stands for 10,000,000 shards"),
        ("shards:{folder}/other", r"None of the 1 shards.*no images in it"),
        ("shards:{folder}/train-{{0..8}}.tar", "3 of 9 shards cannot be read: .*train-6.tar .*No such file.*Mend"),
        ("shards:{folder}/packed.tar", "compressed with gzip"),
        ("shards:{folder}/text.tar", r"None of the 1 shards.*invalid header"),
        ("shards:{folder}/{{train-0,plain}}.tar", "1 of 2 shards .* have no labels; all or none must"),
        ("shards:{folder}/half.tar", "labels for some samples only"),
        ("shards:{folder}/few.tar", "has 4 sample.* at least 5 are needed"),
    ],
)
def test_one_message_says_what_is_wrong(tars: Path, tar: Tar, name: str, message: str) -> None:
    (tars / "packed.tar").write_bytes(gzip.compress(b"much" * 400))
    (tars / "text.tar").write_text("no tar" * 400)
    tar("set/plain.tar", {f"p{n}.png": picture(n) for n in range(12)})
    tar("set/half.tar", {"a.png": picture(0), "a.cls": b"1", "b.png": picture(1)})
    tar("set/few.tar", {f"{n}.png": picture(n) for n in range(4)})
    with pytest.raises(UserError, match=message):
        open_data(name.format(folder=tars))


@pytest.mark.parametrize("cut", [700, 1024 + 100])
def test_a_shard_that_is_cut_off_is_listed_and_skipped(tars: Path, cut: int) -> None:
    whole = (tars / "train-3.tar").read_bytes()
    (tars / "train-3.tar").write_bytes(whole[: len(whole) // 2 // 512 * 512 + cut % 512])
    with pytest.raises(UserError, match=r"1 of 6 shards cannot be read: .*train-3.tar"):
        open_data(f"shards:{tars}")
    with pytest.warns(UserWarning, match=r"Skipped unreadable shards: .*train-3.tar"):
        data = open_data(f"shards:{tars}", DataOptions(allow_unreadable=True))
    assert (data.train.size or 0) + (data.held_out.size or 0) == COUNT - EACH


def test_for_an_image_that_cannot_be_decoded_the_next_stands_in(tar: Tar) -> None:
    good = members(0) | members(1) | members(2) | members(3)
    held = opened(f"shards:{tar('good.tar', good)}").held_out
    kept = set(named(held.batch(torch.arange(held.size or 0), Draw(0)).real))
    bad, after = [n for n in range(47) if not {n, n + 1} & kept][1], 0
    after = bad + 1
    shard = tar("bad.tar", good | {f"{bad:03}.png": b"no image"})
    with pytest.warns(UserWarning, match=f"{bad:03} cannot be read .*the next image stands in"):
        batch = opened(f"shards:{shard}").train.batch(torch.arange(38), Draw(0))
    assert bad not in named(batch.real)
    assert named(batch.real).count(after) == 2
    assert batch.label is not None
    assert batch.label.tolist() == [n % 3 for n in named(batch.real)]


def test_too_many_that_cannot_be_decoded_stop_the_training(tar: Tar) -> None:
    good = {f"{n:03}.png": picture(n) for n in range(100)}
    held = opened(f"shards:{tar('good.tar', good)}").held_out
    kept = {f"{n:03}.png" for n in named(held.batch(torch.arange(held.size or 0), Draw(0)).real)}
    shard = tar("bad.tar", {name: image if name in kept else b"broken" for name, image in good.items()})
    with (
        pytest.warns(UserWarning, match="stands in"),
        pytest.raises(UserError, match=r"of 80 images cannot be read|None of the"),
    ):
        opened(f"shards:{shard}").train.batch(torch.arange(80), Draw(0))


def test_names_that_point_outside_are_names_and_nothing_more(tar: Tar, tmp_path: Path) -> None:
    tar("deep/down/x.tar", {f"../../out{n}.png": picture(n) for n in range(9)} | {"/tmp/zerosum-evil.png": picture(9)})
    data = open_data(f"shards:{tmp_path}/deep/down/x.tar")
    data.train.batch(torch.arange(data.train.size or 0), Draw(0))
    assert not list(tmp_path.rglob("*.png"))
    assert not Path("/tmp/zerosum-evil.png").exists()


def test_a_shard_that_vanishes_is_said_to(tars: Path) -> None:
    data = opened(f"shards:{tars}")
    for path in tars.glob("*.tar"):
        path.unlink()
    with pytest.raises(UserError, match="can no longer be read"):
        data.train.batch(torch.arange(4), Draw(0))


@pytest.mark.parametrize(
    ("about", "classes"),
    [
        (b'{"label": "cat"}', ("cat", "dog")),
        (b'{"cls": 10, "text": "x"}', ("10", "dog")),
        (b'{"text": "x"}', None),
    ],
)
def test_labels_are_read_from_json(tar: Tar, about: bytes, classes: tuple[str, ...] | None) -> None:
    first = {f"a{n}.{end}": content for n in range(5) for end, content in (("jpeg", picture(n)), ("json", about))}
    other = json.dumps({"label": "dog"}).encode() if classes else about
    second = {f"b{n}.{end}": content for n in range(5) for end, content in (("jpeg", picture(n)), ("json", other))}
    assert open_data(f"shards:{tar('x.tar', first | second)}").space.classes == (classes or ())


def test_only_shards_and_tables_can_be_streamed() -> None:
    with pytest.raises(UserError, match="digits cannot be streamed"):
        open_data("digits", DataOptions(streaming=True))


def test_damaged_tables_are_listed(tmp_path: Path) -> None:
    folder = parquet(tmp_path / "table")
    (folder / "train-2.parquet").write_bytes((folder / "train.parquet").read_bytes()[:-100])
    with pytest.raises(UserError, match=r"1 of 2 files cannot be read: .*train-2.parquet"):
        opened(f"hf:{folder}")
    with pytest.warns(UserWarning, match=r"Skipped unreadable files: .*train-2.parquet"):
        data = opened(f"hf:{folder}", allow_unreadable=True)
    assert (data.train.size or 0) + (data.held_out.size or 0) == COUNT


def test_tables_of_other_kinds_are_not_streamed(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the extra hub is not installed")
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="not stored as parquet; leave streaming out"):
        open_data(f"hf:{tmp_path}", DataOptions(streaming=True))


def test_patterns_without_choices_are_taken_as_they_are() -> None:
    assert expanded("a{x}{1..}.tar") == ["a{x}{1..}.tar"]


def test_standardised_images_are_measured(tars: Path) -> None:
    space = opened(f"shards:{tars}", preprocessing="standardised").space
    source = opened(f"shards:{tars}").train
    values = source.batch(torch.arange(source.size or 0), Draw(0)).real
    assert space.mean == pytest.approx([float(values.mean())], abs=1e-4)  # type: ignore[attr-defined]


# --- training ---


def arguments(tiny: Callable[..., dict], tars: Path) -> dict:
    return tiny("cgan", data=f"shards:{tars}/train-{{0..5}}.tar", shard_window=2, flip=True)


def test_a_resumed_run_equals_an_uninterrupted_one(tiny, tars: Path, tmp_path: Path, content) -> None:
    whole = zerosum.train(**arguments(tiny, tars), out=tmp_path / "whole")
    cut = shutil.copytree(whole.path, tmp_path / "cut")
    shutil.rmtree(max((cut / "checkpoints").iterdir()))
    assert content(zerosum.resume(cut, progress=False).path) == content(whole.path)


def test_the_command_line_trains_on_shards(tiny, as_flags, tars: Path, tmp_path: Path, capsys) -> None:
    assert main(["train", *as_flags(**arguments(tiny, tars)), "--out", str(tmp_path / "run")]) == 0
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert plan["data"]["train_size"] + plan["data"]["held_out_size"] == COUNT
    assert plan["data"]["classes"] == ["0", "1", "2"]
    assert main(["train", "gan", "--data", f"shards:{tmp_path}/none.tar"]) == 2
    assert "No shard matches" in capsys.readouterr().err
