"""What every feature network keeps to, and how one is chosen."""

import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from zerosum.data import Data, open_data
from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.networks import NETWORKS, Raw, kept, network, own, train_classifier, train_self_supervised
from zerosum.metrics.networks.preparation import at_most, digest_of, exactly, to_rgb
from zerosum.metrics.statistics import FeatureNetwork, Shown, look
from zerosum.spaces import Images


class Small(nn.Module):
    """Images to whatever `wrap` makes of features and logits; batch normalisation tells training from judging."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any] = lambda features, logits: features) -> None:
        super().__init__()
        self.convolution, self.norm, self.wrap = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), wrap

    def forward(self, images: Tensor) -> Any:
        features = self.norm(self.convolution(images)).mean((2, 3))
        return self.wrap(features, features[:, :2])


def every(images: Callable[..., Tensor]) -> dict[str, FeatureNetwork]:
    shown = images(6, 3, 9, 9, seed=1)
    return {
        "raw": Raw(),
        "classifier": train_classifier(shown, torch.arange(6) % 2, classes=2, steps=2),
        "self-supervised": train_self_supervised(shown, steps=2),
        "own": own(Small(lambda features, logits: (features, logits))),
    }


@pytest.mark.parametrize("kind", ["raw", "classifier", "self-supervised", "own"])
def test_every_network_keeps_the_contract(kind: str, images: Callable[..., Tensor]) -> None:
    tested, shown = every(images)[kind], images(7, 3, 9, 9)
    before = shown.clone()
    found = tested(shown)
    assert tested.name == kind
    assert found.features.dtype == torch.float32
    assert found.features.ndim == 2
    assert not found.features.requires_grad
    assert len(tested.digest) == 64
    assert tested.preparation
    assert torch.equal(shown, before)
    order = torch.tensor([3, 6, 0])
    torch.testing.assert_close(tested(shown[order]).features, found.features[order], rtol=1e-4, atol=1e-5)
    chunks = Shown(Images((3, 9, 9)), 7, lambda: iter([(shown[:4], None), (shown[4:], None)]))
    torch.testing.assert_close(look(chunks, tested).features, found.features, rtol=1e-4, atol=1e-5)


def test_raw_is_what_is_shown(images: Callable[..., Tensor]) -> None:
    points = Draw("points").normal(5, 2)
    assert torch.equal(Raw()(points).features, points)
    shown = images(2, 1, 4, 3)
    torch.testing.assert_close(Raw()(shown).features, shown.reshape(2, 12) / 255)
    assert Raw()(shown).logits is None


# A network of the user's own


@pytest.mark.parametrize(
    ("wrap", "logits"),
    [
        (lambda features, logits: features, False),
        (lambda features, logits: (features, logits), True),
        (lambda features, logits: [features, logits], True),
        (lambda features, logits: {"features": features}, False),
        (lambda features, logits: OrderedDict(features=features, logits=logits, more=1), True),
    ],
)
def test_results_are_understood(
    wrap: Callable[[Tensor, Tensor], Any], logits: bool, images: Callable[..., Tensor]
) -> None:
    module, shown = Small(wrap), images(70, 3, 8, 8)
    found = own(module)(shown)
    wanted = module.norm.eval()(module.convolution(shown / 255)).mean((2, 3))
    torch.testing.assert_close(found.features, wanted)
    assert (found.logits is not None) == logits
    if found.logits is not None:
        torch.testing.assert_close(found.logits, wanted[:, :2])


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda features, logits: features[:, :, None], r"a tensor \(2, 5, 1\)"),
        (lambda features, logits: features.sum(0), r"a tensor \(5,\)"),
        (lambda features, logits: (features,), "a tuple of a tensor"),
        (lambda features, logits: (features, logits, logits), "a tuple of"),
        (lambda features, logits: (features, "no"), "a tuple of.*a str"),
        (lambda features, logits: {"pooled": features}, "a dictionary of 'pooled'"),
        (lambda features, logits: None, "a NoneType"),
    ],
)
def test_other_results_are_refused(
    wrap: Callable[[Tensor, Tensor], Any], message: str, images: Callable[..., Tensor]
) -> None:
    with pytest.raises(UserError, match=f"'mine' gave {message}.*features"):
        own(Small(wrap), name="mine")(images(2, 3, 8, 8))


def test_the_users_module_stays_as_it_is(images: Callable[..., Tensor]) -> None:
    module = Small()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    judge = own(module)
    judge(images(3, 3, 8, 8))
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    with torch.no_grad():
        module.convolution.weight.zero_()
    assert judge(images(3, 3, 8, 8)).features.std() > 0


def halved(values: Tensor) -> Tensor:
    return values / 2


def test_preprocessing_comes_first_and_shapes_the_digest() -> None:
    points = Draw("points").normal(4, 2)
    plain, half = own(nn.Identity()), own(nn.Identity(), preprocessing=halved)
    assert torch.equal(plain(points).features, points)
    assert torch.equal(half(points).features, points / 2)
    assert "halved" in half.preparation
    assert len({plain.digest, half.digest, own(nn.Flatten()).digest}) == 3
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = nn.Linear(2, 2)
    first = own(linear).digest
    assert own(linear).digest == first
    with torch.no_grad():
        linear.weight.add_(1e-3)
    assert own(linear).digest != first


# How one is chosen


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Data:
    """Digits whose classifier takes two steps."""

    def quick(*given: Tensor, classes: int, steps: int) -> Any:
        return train_classifier(*given, classes=classes, steps=2)

    monkeypatch.setattr(kept, "train_classifier", quick)
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path))
    return open_data("digits")


@pytest.mark.parametrize(("name", "wanted"), [("auto", "classifier"), ("classifier", "classifier"), ("raw", "raw")])
def test_images_have_a_classifier(name: str, wanted: str, digits: Data) -> None:
    assert network(name, digits).name == wanted


@pytest.mark.parametrize("name", ["auto", "raw"])
def test_points_are_their_own_features(name: str) -> None:
    assert network(name, open_data("ring")).name == "raw"


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"auto", "raw"}))
def test_points_suit_no_other_network(name: str) -> None:
    with pytest.raises(UserError, match="'ring' has points"):
        network(name, open_data("ring"))


def test_unknown_names_get_the_nearest(digits: Data) -> None:
    with pytest.raises(UserError, match=r"Did you mean 'inception'\?"):
        network("inceptoin", digits)


@pytest.mark.parametrize("name", ["auto", "classifier", "raw"])
def test_weights_are_for_networks_that_have_any(name: str, digits: Data) -> None:
    with pytest.raises(UserError, match="takes no weights; inception, dinov2, clip do"):
        network(name, digits, weights="weights.pth")


def test_weights_are_handed_on(digits: Data, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mine\.pth"):
        network("inception", digits, weights=tmp_path / "mine.pth")


def test_nothing_slow_is_imported() -> None:
    code = (
        "import sys, zerosum.metrics.networks; print([m for m in ('transformers', 'torchvision') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What they share


def test_colours_and_transparency() -> None:
    grey = torch.tensor([[[[10]]]], dtype=torch.uint8)
    assert to_rgb(grey)[0, :, 0, 0].tolist() == [10, 10, 10]
    alpha = torch.tensor([10, 20, 30, 51], dtype=torch.uint8).view(1, 4, 1, 1)
    assert to_rgb(alpha)[0, :, 0, 0].tolist() == [206, 208, 210]  # a fifth of the colour, four fifths of 255
    assert to_rgb(alpha[:, 2:])[0, :, 0, 0].tolist() == [210, 210, 210]
    assert torch.equal(to_rgb(alpha[:, :3]), alpha[:, :3])


@given(height=st.integers(1, 200), width=st.integers(1, 200))
def test_large_images_become_small(height: int, width: int) -> None:
    shown = torch.full((1, 2, height, width), 77, dtype=torch.uint8)
    small = at_most(shown, 64)
    assert (small == 77).all()
    assert max(small.shape[2:]) == min(64, max(height, width))
    assert torch.equal(at_most(small, 64), small)
    share = min(1, 64 / max(height, width))
    assert abs(small.shape[2] - height * share) <= 1
    assert abs(small.shape[3] - width * share) <= 1


def test_arithmetic_is_exact_and_put_back() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    a, b = Draw("a").normal(64, 64), Draw("b").normal(64, 64)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16), exactly(torch.device("cpu")):
            assert torch.get_float32_matmul_precision() == "highest"
            assert not torch.is_grad_enabled()
            torch.testing.assert_close((a @ b).double(), a.double() @ b.double(), rtol=1e-5, atol=1e-5)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_digests_tell_names_shapes_types_and_values_apart() -> None:
    zeros = torch.zeros(4)
    states = [
        {"a": zeros},
        {"b": zeros},
        {"a": zeros.view(2, 2)},
        {"a": zeros.double()},
        {"a": zeros + 1e-30},
        {"a": zeros, "b": torch.tensor(0)},
        {},
    ]
    assert len({digest_of(state) for state in states}) == len(states)
    assert digest_of({}, "a", "b") != digest_of({}, "ab")
    assert digest_of({"a": zeros, "b": zeros + 1}) == digest_of({"b": zeros + 1, "a": zeros})
    assert digest_of({"a": torch.arange(6.0).view(2, 3).T}) == digest_of(
        {"a": torch.arange(6.0).view(2, 3).T.contiguous()}
    )
