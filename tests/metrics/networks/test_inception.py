import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from zerosum.draw import Draw
from zerosum.errors import UserError
from zerosum.metrics.networks import Inception, inception
from zerosum.metrics.networks.inception import FILES, InceptionV3, prepare, resize_like_tensorflow


def random_state() -> dict[str, Tensor]:
    """Weights by which activations keep their size."""
    draw = Draw("weights")
    with torch.device("meta"):
        shapes = InceptionV3().state_dict()
    return {name: _random(name, like, draw) for name, like in shapes.items()}


def _random(name: str, like: Tensor, draw: Draw) -> Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if like.ndim == 4:
        return draw.normal(*like.shape) * math.sqrt(2 / like[0].numel())
    if name.endswith(("bn.weight", "running_var")):
        return draw.uniform(*like.shape, low=0.5, high=1.5)
    return draw.normal(*like.shape) * (0.02 if name == "fc.weight" else 0.1)


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return random_state()


@pytest.fixture(scope="module")
def path(state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(state, file)
    return file


@pytest.fixture(scope="module")
def network(path: Path) -> Inception:
    return Inception(path)


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No weights of the machine's own."""
    monkeypatch.delenv("ZEROSUM_INCEPTION", raising=False)
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield
    torch.hub.set_dir(before)


class Transcription:
    """The graph once more, in float64, written line by line from the definition (Szegedy 2016, with the oddities)."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {name: tensor.double() for name, tensor in state.items()}

    def conv(self, name: str, x: Tensor, stride: int = 1, same: bool = True) -> Tensor:
        weight = self.state[f"{name}.conv.weight"]
        pad = tuple(side // 2 for side in weight.shape[2:]) if same and stride == 1 else (0, 0)
        x = F.conv2d(x, weight, stride=stride, padding=pad)
        of = {part: self.state[f"{name}.bn.{part}"].view(-1, 1, 1) for part in ("weight", "bias", "running_mean")}
        std = (self.state[f"{name}.bn.running_var"].view(-1, 1, 1) + 0.001).sqrt()
        return ((x - of["running_mean"]) / std * of["weight"] + of["bias"]).clamp_min(0)

    def chain(self, block: str, x: Tensor, *names: str, last_stride: int = 1) -> Tensor:
        for name in names[:-1]:
            x = self.conv(f"{block}.{name}", x)
        return self.conv(f"{block}.{names[-1]}", x, last_stride)

    def numbered(self, block: str, branch: str, x: Tensor, count: int, last_stride: int = 1) -> Tensor:
        return self.chain(block, x, *(f"{branch}_{i + 1}" for i in range(count)), last_stride=last_stride)

    def pooled(self, block: str, x: Tensor, largest: bool = False) -> Tensor:
        if largest:
            pooled = F.max_pool2d(x, 3, 1, 1)
        else:
            ones = F.avg_pool2d(torch.ones_like(x), 3, 1, 1)
            pooled = F.avg_pool2d(x, 3, 1, 1) / ones
        return self.conv(f"{block}.branch_pool", pooled)

    def block_35(self, b: str, x: Tensor) -> Tensor:
        one = self.conv(f"{b}.branch1x1", x)
        five, three = self.numbered(b, "branch5x5", x, 2), self.numbered(b, "branch3x3dbl", x, 3)
        return torch.cat([one, five, three, self.pooled(b, x)], 1)

    def block_17(self, b: str, x: Tensor) -> Tensor:
        one = self.conv(f"{b}.branch1x1", x)
        seven, double = self.numbered(b, "branch7x7", x, 3), self.numbered(b, "branch7x7dbl", x, 5)
        return torch.cat([one, seven, double, self.pooled(b, x)], 1)

    def block_8(self, b: str, x: Tensor, largest: bool) -> Tensor:
        one, three = self.conv(f"{b}.branch1x1", x), self.conv(f"{b}.branch3x3_1", x)
        double = self.numbered(b, "branch3x3dbl", x, 2)
        sides = [self.conv(f"{b}.branch3x3_2{side}", three) for side in "ab"]
        doubles = [self.conv(f"{b}.branch3x3dbl_3{side}", double) for side in "ab"]
        return torch.cat([one, *sides, *doubles, self.pooled(b, x, largest)], 1)

    def __call__(self, x: Tensor) -> Tensor:
        x = self.conv("Conv2d_2a_3x3", self.conv("Conv2d_1a_3x3", x, 2), same=False)
        x = F.max_pool2d(self.conv("Conv2d_2b_3x3", x), 3, 2)
        x = F.max_pool2d(self.conv("Conv2d_4a_3x3", self.conv("Conv2d_3b_1x1", x), same=False), 3, 2)
        for block in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self.block_35(block, x)
        halved = self.conv("Mixed_6a.branch3x3", x, 2)
        x = torch.cat([halved, self.numbered("Mixed_6a", "branch3x3dbl", x, 3, 2), F.max_pool2d(x, 3, 2)], 1)
        for block in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self.block_17(block, x)
        three, seven = (
            self.numbered("Mixed_7a", "branch3x3", x, 2, 2),
            self.numbered("Mixed_7a", "branch7x7x3", x, 4, 2),
        )
        x = torch.cat([three, seven, F.max_pool2d(x, 3, 2)], 1)
        return self.block_8("Mixed_7c", self.block_8("Mixed_7b", x, False), True).mean((2, 3))


def test_the_graph_is_the_definition(
    network: Inception, state: dict[str, Tensor], images: Callable[..., Tensor]
) -> None:
    shown = images(2, 3, 40, 28)
    look = network(shown)
    wanted = Transcription(state)(prepare(shown).double())
    assert look.features.shape == (2, 2048)
    assert (wanted[0] - wanted[1]).abs().max() > 0.01 * wanted.abs().max()
    torch.testing.assert_close(look.features.double(), wanted, rtol=1e-4, atol=1e-4 * wanted.abs().max().item())


def test_logits_have_no_bias(network: Inception, state: dict[str, Tensor], images: Callable[..., Tensor]) -> None:
    look = network(images(1, 3, 20, 20))
    assert look.logits is not None
    assert look.logits.shape == (1, 1008)
    torch.testing.assert_close(look.logits, look.features @ state["fc.weight"].T)
    torch.testing.assert_close(
        network.module.fc(look.features) - look.logits, state["fc.bias"][None], atol=1e-4, rtol=0
    )


def test_the_network_has_the_published_size() -> None:
    with torch.device("meta"):
        module = InceptionV3()
    convolutions = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    assert len(convolutions) == 94
    assert (
        sum(p.numel() for name, p in module.named_parameters() if "fc" not in name) == 21_785_568
    )  # torchvision's too
    assert "Mixed_7c.branch3x3dbl_3b.conv.weight" in module.state_dict()


@settings(max_examples=40)
@given(height=st.integers(1, 40), width=st.integers(1, 40), size=st.tuples(st.integers(1, 25), st.integers(1, 25)))
def test_resizing_is_that_of_tensorflow(height: int, width: int, size: tuple[int, int]) -> None:
    image = Draw(height, width).uniform(1, 2, height, width, high=255.0)
    wanted = torch.empty(1, 2, *size, dtype=torch.float64)
    for i in range(size[0]):
        for j in range(size[1]):
            y, x = i * height / size[0], j * width / size[1]
            top, left, dy, dx = int(y), int(x), y % 1, x % 1
            rows, columns = (top, min(top + 1, height - 1)), (left, min(left + 1, width - 1))
            (a, b), (c, d) = ([image[0, :, row, column].double() for column in columns] for row in rows)
            wanted[0, :, i, j] = (a * (1 - dx) + b * dx) * (1 - dy) + (c * (1 - dx) + d * dx) * dy
    torch.testing.assert_close(resize_like_tensorflow(image, size).double(), wanted, atol=1e-2, rtol=0)


def test_values_are_centred_at_128() -> None:
    levels = torch.tensor([0, 128, 255], dtype=torch.uint8).view(3, 1, 1, 1).expand(-1, 1, 5, 7)
    prepared = prepare(levels)
    assert prepared.shape == (3, 3, 299, 299)
    assert prepared.unique().tolist() == [-1, 0, 127 / 128]


def test_looks_do_not_depend_on_company(
    network: Inception, images: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = images(3, 1, 8, 8)
    together = network(shown)
    monkeypatch.setattr(inception, "AT_ONCE", 2)
    torch.testing.assert_close(network(shown).features, together.features, rtol=1e-4, atol=1e-5)
    assert not together.features.requires_grad


def test_safetensors_and_old_files_load_too(state: dict[str, Tensor], network: Inception, tmp_path: Path) -> None:
    bare = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    save_file(bare, tmp_path / "weights.safetensors")
    other = Inception(tmp_path / "weights.safetensors")
    assert other.digest == network.digest
    assert not other.module.training


def test_only_the_published_file_is_standard(network: Inception, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not network.standard
    monkeypatch.setattr(inception, "STANDARD", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    assert Inception(path).standard


def test_absent_weights_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"https://\S+6726825d\.pth.*checkpoints.*ZEROSUM_INCEPTION"):
        Inception()
    with pytest.raises(UserError, match=r"nowhere\.pth.*https://"):
        Inception(tmp_path / "nowhere.pth")


@pytest.mark.parametrize("name", FILES)
def test_usual_places_are_searched(name: str, path: Path) -> None:
    place = Path(torch.hub.get_dir(), "checkpoints", name)
    place.parent.mkdir(parents=True)
    place.symlink_to(path)
    assert inception.find() == place


def test_the_environment_comes_before_the_cache(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEROSUM_INCEPTION", str(path))
    assert inception.find() == path
    assert inception.find(__file__) == Path(__file__)


def test_other_files_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    less = {name: tensor for name, tensor in state.items() if not name.startswith("Mixed_7c")}
    torch.save(less, tmp_path / "less.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"model": Path("/")}, tmp_path / "code.pth")
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "text.safetensors").write_text("no weights")
    messages = {
        "less.pth": "another network",
        "list.pth": "no weights",
        "code.pth": "more than weights",
        "text.pth": r"text\.pth",
        "text.safetensors": "cannot be read",
    }
    for name, message in messages.items():
        with pytest.raises(UserError, match=message):
            Inception(tmp_path / name)


def test_what_is_no_image_is_refused(network: Inception) -> None:
    with pytest.raises(UserError, match="uint8"):
        network(torch.zeros(2, 2))
    with pytest.raises(UserError, match="5 channels"):
        network(torch.zeros(2, 5, 8, 8, dtype=torch.uint8))
