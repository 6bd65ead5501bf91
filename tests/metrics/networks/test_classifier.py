import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from zerosum.data import Data, DataOptions, open_data
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.networks import Classifier, Encoder, classifier_for, kept, train_classifier, train_self_supervised
from zerosum.metrics.networks.classifier import TEMPERATURE, contrast, disguised
from zerosum.metrics.statistics import show

TRAIN: dict[str, Callable[..., Encoder]] = {
    "classifier": lambda shown, **how: train_classifier(shown, torch.arange(len(shown)) % 3, classes=3, **how),
    "self-supervised": train_self_supervised,
}


def striped(n: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Noise with rows or columns that are brighter, and which of the two."""
    draw = Draw("striped", *shape)
    labels = draw.integers(2, n)
    rows, columns = ((torch.arange(side) // 2 % 2).float() for side in shape[1:])
    pictures = torch.stack([rows[:, None].expand(shape[1:]), columns.expand(shape[1:])])
    return (draw.uniform(n, *shape, high=100) + 150 * pictures[labels][:, None]).to(torch.uint8), labels


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return open_data("digits", cache=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def judged(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Encoder, Path]:
    """The network of digits, and where it is kept."""
    cache = tmp_path_factory.mktemp("networks")
    return classifier_for(digits, cache=cache), cache


def of(data: Data) -> tuple[Tensor, Tensor]:
    """What is held out, shown, with labels."""
    assert data.held_out.size is not None
    batch = data.held_out.batch(torch.arange(data.held_out.size), Draw("held out"))
    assert batch.label is not None
    return show(data.space, batch.real), batch.label


def test_digits_are_read(digits: Data, judged: tuple[Encoder, Path]) -> None:
    network, _ = judged
    shown, labels = of(digits)
    assert isinstance(network, Classifier)
    assert network.name == "classifier"
    assert network.classes == digits.space.classes
    assert (network.predict(shown) == labels).double().mean() >= 0.97
    look = network(shown)
    assert look.features.shape == (len(shown), 128)
    assert torch.linalg.matrix_rank(torch.cov(look.features.T.double())) == 128
    torch.testing.assert_close(look.logits, network.logits(shown))


@pytest.mark.parametrize("kind", list(TRAIN))
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 12), (5, 9, 30), (1, 100, 70)])
def test_any_shape_will_do(kind: str, shape: tuple[int, ...], images: Callable[..., Tensor]) -> None:
    shown = images(6, *shape)
    network = TRAIN[kind](shown, steps=2)
    look = network(shown)
    assert network.name == kind
    assert look.features.shape == (6, 128)
    assert (look.logits is None) == (kind == "self-supervised")
    assert ("made smaller to 64" in network.preparation) == (shape == (1, 100, 70))
    alone = torch.cat([network(one[None]).features for one in shown])
    torch.testing.assert_close(alone, look.features, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="was trained on images of shape"):
        network(images(2, shape[0], 7, 7))


@pytest.mark.parametrize("kind", list(TRAIN))
def test_training_repeats_and_leaves_no_trace(kind: str, images: Callable[..., Tensor]) -> None:
    shown = images(10, 1, 8, 8)
    before = torch.get_rng_state()
    first = TRAIN[kind](shown, steps=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    with torch.no_grad():
        assert TRAIN[kind](shown, steps=3).digest == first.digest
    assert TRAIN[kind](shown, steps=3, seed=1).digest != first.digest
    assert not any(parameter.requires_grad for parameter in first.learned.parameters())


@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 70, 36)])
def test_classes_are_learned(shape: tuple[int, ...]) -> None:
    shown, labels = striped(96, *shape)
    network = train_classifier(shown[:64], labels[:64], classes=2, steps=25)
    assert (network.predict(shown[64:]) == labels[64:]).all()


def test_without_labels_kinds_come_apart() -> None:
    shown, labels = striped(96, 1, 12, 12)
    features = F.normalize(train_self_supervised(shown, steps=25)(shown).features)
    alike = (features @ features.T).fill_diagonal_(-1)
    assert (labels[alike.argmax(1)] == labels).double().mean() > 0.95


def test_contrast_is_the_papers() -> None:
    """Equation 1 of Chen 2020, pair by pair, in float64."""
    m = 5
    z = Draw("z").normal(2 * m, 7).double()
    total = 0.0
    for i in range(2 * m):
        j = (i + m) % (2 * m)
        alike = [(torch.cosine_similarity(z[i], z[k], dim=0) / TEMPERATURE).exp() for k in range(2 * m)]
        total += float(-(alike[j] / sum(alike[k] for k in range(2 * m) if k != i)).log())
    assert contrast(z, torch.arange(m)).item() == pytest.approx(total / (2 * m))


def test_an_image_is_not_its_own_contrary() -> None:
    z = Draw("z").normal(6, 4)
    thrice = torch.cat([z[[0, 0, 1]], z[[3, 3, 4]]])
    once = torch.cat([z[[0, 1]], z[[3, 4]]])
    rows = torch.tensor([7, 7, 2])
    assert contrast(thrice, rows).isfinite()
    doubled, single = contrast(once, torch.tensor([7, 7])).item(), contrast(once, torch.tensor([7, 2])).item()
    assert doubled == pytest.approx(0, abs=1e-6)
    assert single > 0.1


def test_disguises_stay_in_range(images: Callable[..., Tensor]) -> None:
    unit = images(4, 3, 9, 9).float() / 255
    views = [disguised(unit, Draw("view", number)) for number in range(2)]
    assert all(view.shape == unit.shape and view.min() >= 0 and view.max() <= 1 for view in views)
    assert not torch.equal(*views)


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (torch.tensor([0, 1, 5]), 3, "from 0 to 5"),
        (torch.tensor([0, -1, 1]), 3, "from -1 to 1"),
        (torch.tensor([0, 1]), 3, r"shape \(3,\)"),
        (torch.tensor([0.0, 1, 1]), 3, "whole"),
        (torch.tensor([0, 0, 0]), 1, "at least 2"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    labels: Tensor, classes: int, message: str, images: Callable[..., Tensor]
) -> None:
    with pytest.raises(UserError, match=message):
        train_classifier(images(3, 1, 8, 8), labels, classes=classes)


def test_one_image_teaches_nothing(images: Callable[..., Tensor]) -> None:
    with pytest.raises(UserError, match="at least 2"):
        train_self_supervised(images(1, 1, 8, 8))


# What is kept


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings of two steps; the list says which took place."""
    took_place: list[str] = []

    def classifier(*given: Tensor, classes: int, steps: int) -> Classifier:
        took_place.append("classifier")
        return train_classifier(*given, classes=classes, steps=2)

    def self_supervised(shown: Tensor, *, steps: int) -> Encoder:
        took_place.append("self-supervised")
        return train_self_supervised(shown, steps=2)

    monkeypatch.setattr(kept, "train_classifier", classifier)
    monkeypatch.setattr(kept, "train_self_supervised", self_supervised)
    return took_place


def labelled(labels: Tensor | None = None) -> Data:
    """Small images that lie in memory."""
    from zerosum.data.packed import PackedSource
    from zerosum.spaces import Images

    shown, kinds = striped(20, 1, 8, 8)
    space = Images((1, 8, 8), classes=("rows", "columns"))
    source = PackedSource(space=space, values=shown, rows=torch.arange(20), labels=kinds if labels is None else labels)
    return Data("striped", source, source, "fingerprint")


def unlabelled() -> Data:
    data = labelled()
    return replace(data, train=replace(data.train, labels=None))  # type: ignore[type-var]


def test_training_happens_once(trainings: list[str], tmp_path: Path) -> None:
    first = classifier_for(labelled(), cache=tmp_path)
    again = classifier_for(labelled(), cache=tmp_path)
    assert trainings == ["classifier"]
    assert again.digest == first.digest
    assert isinstance(again, Classifier)
    assert again.classes == ("rows", "columns")
    shown, _ = striped(5, 1, 8, 8)
    assert torch.equal(again.logits(shown), first(shown).logits)
    assert [path.suffix for path in (tmp_path / "features").iterdir()] == [".safetensors"]


def test_what_is_kept_says_what_it_is(judged: tuple[Encoder, Path]) -> None:
    network, cache = judged
    (path,) = (cache / "features").iterdir()
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["digest"] == network.digest
    assert about["name"] == "classifier"
    assert about["shape"] == [1, 32, 32]


@pytest.mark.parametrize("data", [unlabelled(), labelled(torch.zeros(20, dtype=torch.int64))], ids=["no", "one"])
def test_without_two_classes_it_learns_by_itself(data: Data, trainings: list[str], tmp_path: Path) -> None:
    found = [classifier_for(data, cache=tmp_path) for _ in range(2)]
    assert trainings == ["self-supervised"]
    assert [network.name for network in found] == ["self-supervised"] * 2
    assert found[0].digest == found[1].digest
    assert found[1].classes == ()


@pytest.mark.usefixtures("trainings")
def test_labels_of_another_domain_are_not_used(tmp_path: Path) -> None:
    data = open_data("glyphs:sans-serif", DataOptions(resolution="8"), cache=tmp_path)
    assert classifier_for(data, cache=tmp_path).name == "self-supervised"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def turned(path: Path) -> None:
    """One bit."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 64
    path.write_bytes(content)


def foreign(path: Path) -> None:
    """Sound, but of no network of ours."""
    save_file({"x": torch.zeros(2)}, path)


def shapeless(path: Path) -> None:
    """Sound, but what its head says makes no sense."""
    save_file(load_file(path), path, {"about": json.dumps({"name": "classifier", "shape": [], "digest": ""})})


def stale(path: Path) -> None:
    """Of another architecture."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
    save_file(
        {name: tensor[:1].clone() if tensor.ndim else tensor for name, tensor in load_file(path).items()}, path, about
    )


@pytest.mark.parametrize("harm", [cut, emptied, turned, foreign, shapeless, stale])
def test_damage_is_mended(harm: Callable[[Path], None], trainings: list[str], tmp_path: Path) -> None:
    first = classifier_for(labelled(), cache=tmp_path)
    (path,) = (tmp_path / "features").iterdir()
    harm(path)
    assert classifier_for(labelled(), cache=tmp_path).digest == first.digest
    assert classifier_for(labelled(), cache=tmp_path).digest == first.digest
    assert trainings == ["classifier"] * 2


def test_other_data_have_a_network_of_their_own(trainings: list[str], tmp_path: Path) -> None:
    classifier_for(labelled(), cache=tmp_path)
    classifier_for(replace(labelled(), fingerprint="another"), cache=tmp_path)
    assert trainings == ["classifier"] * 2
    assert len(list((tmp_path / "features").iterdir())) == 2


@pytest.mark.usefixtures("trainings")
def test_who_comes_second_takes_the_firsts_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process trains with other numbers (threads) and is done while this one trains."""
    train, others = kept._trained, []

    def meanwhile(data: Data) -> Encoder:
        monkeypatch.setattr(kept, "_trained", train)
        place = tmp_path / "features" / f"{kept._key(data)}.safetensors"
        other = train_classifier(*striped(20, 1, 8, 8), classes=2, steps=2, seed=1)
        others.append(kept._stored(replace(other, classes=data.space.classes), place))
        return train(data)

    monkeypatch.setattr(kept, "_trained", meanwhile)
    assert classifier_for(labelled(), cache=tmp_path).digest == others[0].digest


def test_two_at_once_do_no_harm(tmp_path: Path) -> None:
    made, found = train_classifier(*striped(20, 1, 8, 8), classes=2, steps=2), []
    threads = [
        threading.Thread(target=lambda: found.append(kept._stored(made, tmp_path / "place.safetensors")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({network.digest for network in found}) == 1
    assert len(found) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["place.safetensors"]


@pytest.mark.usefixtures("trainings")
def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="ZEROSUM_CACHE"):
        network = classifier_for(labelled(), cache=tmp_path)
    assert network.name == "classifier"


@pytest.mark.usefixtures("trainings")
def test_the_usual_cache_is_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    classifier_for(labelled())
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_training_samples_are_few_and_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "MOST", 7)
    monkeypatch.setattr(kept, "SIDE", 4)
    shown, labels = kept.training_samples(labelled())
    assert shown.shape == (7, 1, 4, 4)
    assert shown.dtype == torch.uint8
    assert labels is not None
    assert labels.tolist() == striped(20, 1, 8, 8)[1][[0, 3, 6, 10, 13, 16, 19]].tolist()


def test_points_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="raw"):
        classifier_for(open_data("ring"), cache=tmp_path)


def test_what_is_kept_takes_no_time_and_what_is_not_is_told_from_a_few_steps(
    trainings: list[str], tmp_path: Path
) -> None:
    data = labelled()
    assert kept.preparation_seconds(data, cache=tmp_path) > 0
    assert not (tmp_path / "features").exists()
    classifier_for(data, cache=tmp_path)
    assert kept.preparation_seconds(data, cache=tmp_path) == 0
    assert trainings == ["classifier"] * 3
