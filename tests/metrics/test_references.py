"""A look at a reference is kept, used only where it answers, and safe against other writers."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from zerosum.metrics.references import References, default_root
from zerosum.metrics.statistics import Look, Shown, Statistics
from zerosum.spaces import Points

POINTS = torch.arange(12.0).view(6, 2)
LABELS = torch.tensor([0, 1, 0, 1, 0, 1])


@dataclass
class Doubling:
    """A feature network that counts what it sees."""

    name: str = "doubling"
    digest: str = "2"
    preparation: str = "none"
    classes: tuple[str, ...] = ()
    seen: list[int] = field(default_factory=list)

    def __call__(self, shown: Tensor) -> Look:
        self.seen.append(len(shown))
        return Look(2 * shown, -shown)


def chunks() -> Iterator[tuple[Tensor, Tensor | None]]:
    yield POINTS[:4], LABELS[:4]
    yield POINTS[4:], LABELS[4:]


SHOWN = Shown(Points((2,), classes=("a", "b")), 6, chunks, {"data": "six", "split": "held-out"}, "content")


def same(a: Statistics, b: Statistics) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("features", "kept", "logits", "labels")]
    return a.space == b.space and a.fingerprint == b.fingerprint and all(torch.equal(x, y) for x, y in pairs)


def test_the_second_look_is_remembered(tmp_path: Path) -> None:
    store, network = References(tmp_path), Doubling()
    first, second = store.look(SHOWN, network), store.look(SHOWN, network)
    assert network.seen == [4, 2]
    assert torch.equal(second.features, 2 * POINTS)
    assert same(first, second)


@pytest.mark.parametrize(
    "change",
    [
        lambda shown, network: (replace(shown, fingerprint="other"), network),
        lambda shown, network: (replace(shown, about={"data": "six", "split": "train"}), network),
        lambda shown, network: (replace(shown, space=Points((2,))), network),
        lambda shown, network: (shown, replace(network, digest="3")),
    ],
)
def test_another_question_is_not_answered_by_it(
    tmp_path: Path, change: Callable[[Shown, Doubling], tuple[Shown, Doubling]]
) -> None:
    store, network = References(tmp_path), Doubling()
    store.look(SHOWN, network)
    store.look(*change(SHOWN, network))
    assert sum(network.seen) == 12


def test_samples_without_a_fingerprint_are_not_kept(tmp_path: Path) -> None:
    References(tmp_path).look(replace(SHOWN, fingerprint=None), Doubling())
    assert not list(tmp_path.iterdir())


def test_a_look_that_was_cut_short_is_not_kept(tmp_path: Path) -> None:
    References(tmp_path).look(replace(SHOWN, n=9), Doubling())
    assert not list(tmp_path.iterdir())


def damage_a_value(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "harm",
    [
        damage_a_value,
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("something else altogether, and rather long for a header"),
    ],
)
def test_a_damaged_entry_is_made_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    store, network = References(tmp_path), Doubling()
    whole = store.look(SHOWN, network)
    (path,) = tmp_path.iterdir()
    harm(path)
    assert same(store.look(SHOWN, network), whole)
    assert sum(network.seen) == 12
    store.look(SHOWN, network)
    assert sum(network.seen) == 12


def test_an_entry_under_anothers_name_is_not_taken(tmp_path: Path) -> None:
    store, network = References(tmp_path), Doubling()
    store.look(SHOWN, network)
    (mine,) = tmp_path.iterdir()
    other = replace(SHOWN, fingerprint="other")
    store.look(other, network)
    (theirs,) = set(tmp_path.iterdir()) - {mine}
    theirs.write_bytes(mine.read_bytes())
    assert store.look(other, network).fingerprint == "other"
    assert sum(network.seen) == 18


def test_several_writers_leave_one_whole_entry(tmp_path: Path) -> None:
    store, found = References(tmp_path), []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        found.extend(store.look(SHOWN, Doubling()) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert all(same(found[0], other) for other in found)
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".safetensors"
    network = Doubling()
    assert same(store.look(SHOWN, network), found[0])
    assert not network.seen


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = References(tmp_path / "file" / "below").look(SHOWN, Doubling())
    assert found.n == 6


def test_the_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    assert default_root() == tmp_path / "references"
