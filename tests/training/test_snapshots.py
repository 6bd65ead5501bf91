import numpy as np
import pytest
import torch
from PIL import Image

from zerosum.data.core import Batch, Data
from zerosum.draw import Draw
from zerosum.games import Game, Sampler
from zerosum.spaces import Images, Points
from zerosum.training.observers import State
from zerosum.training.sampling import Requests, chunks
from zerosum.training.snapshots import Snapshots, a_class_a_column, layout, real_picture, stack

DIGITS = Images((1, 8, 8), classes=tuple("abc"))


class Shades:
    """Sample i shows the shade of its class i % 3; of two domains, the first is its negative."""

    def __init__(self, space, domains: bool = False, size: int = 40) -> None:
        self.space, self.domains, self.size = space, domains, size

    def batch(self, positions, draw: Draw) -> Batch:
        label = positions % 3
        real = torch.ones(len(positions), *self.space.shape) * (label.view(-1, 1, 1, 1) - 1)
        return Batch(real, label if self.space.classes else None, -real if self.domains else None)


def state_of(samplers: dict[str, Sampler], space=DIGITS, domains: bool = False, samples_seen: int = 24) -> State:
    source = Shades(space, domains)
    game = Game(players={}, phases=(), samplers=samplers)

    def sample(n, name, draw):
        requests = Requests(classes=len(space.classes), source=source)
        return torch.cat(list(chunks(samplers[name], {}, n, requests, draw)))

    data = Data("shades", source, source, "fingerprint")
    return State(samples_seen, 100, {}, game, data, lambda name: {}, sample, Draw(0, "observers"))


def tiles(picture: Image.Image, columns: int, size: int = 8, gap: int = 2) -> list[list[int]]:
    """The shade in the middle of every tile."""
    values = np.asarray(picture)
    middle = np.arange(size // 2, picture.height, size + gap)
    across = np.arange(columns) * (size + gap) + size // 2
    return [[int(values[y, x]) for x in across] for y in middle]


NOISE = Sampler(lambda networks, batch, draw: draw.normal(len(batch), 1, 8, 8))


def test_a_picture_is_named_by_the_samples_seen():
    assert list(Snapshots(10)(state_of({"samples": NOISE})).pictures) == ["000000024"]


def test_the_latents_are_the_same_all_through_the_training():
    early, late = (Snapshots(10)(state_of({"s": NOISE}, samples_seen=seen)).pictures for seen in (0, 99))
    assert early["000000000"].tobytes() == late["000000099"].tobytes()


def test_a_conditional_model_shows_a_class_a_column():
    told = Sampler(lambda networks, batch, draw: (batch.label - 1.0).view(-1, 1, 1, 1).expand(-1, 1, 8, 8), "label")
    picture = Snapshots(10)(state_of({"s": told})).pictures["000000024"]
    assert tiles(picture, 3) == [[0, 128, 255]] * 8


def test_a_translation_shows_each_sample_beside_what_it_was_made_from():
    turned = Sampler(lambda networks, batch, draw: -batch.condition, "condition")
    picture = Snapshots(10)(state_of({"s": turned}, Images((1, 8, 8)), domains=True)).pictures["000000024"]
    rows = tiles(picture, 8)
    assert len(rows) == 8
    assert all(source + made in (255, 256) for row in rows for source, made in zip(row[::2], row[1::2], strict=True))
    assert rows[0][:6] == [255, 0, 128, 128, 0, 255]


def test_real_samples_are_laid_out_alike():
    told = state_of({"s": Sampler(NOISE.make, "label")})
    rows = tiles(real_picture(told.data, told.game, Draw(0)), 3)
    assert rows == [[0, 128, 255]] * 8
    free = state_of({"s": NOISE}, Images((1, 8, 8)))
    assert [v for row in tiles(real_picture(free.data, free.game, Draw(0)), 8) for v in row][:4] == [0, 128, 255, 0]
    both = state_of({"s": Sampler(NOISE.make, "condition")}, Images((1, 8, 8)), domains=True)
    picture = real_picture(both.data, both.game, Draw(0))
    height = (picture.height - 6) // 2
    first, second = (picture.crop((0, top, picture.width, top + height)) for top in (0, height + 6))
    assert tiles(first, 8)[0][:4] == [255, 128, 0, 255]
    assert tiles(second, 8)[0][:4] == [0, 128, 255, 0]


def test_rows_of_real_samples_are_whole():
    """The rarest class says how many."""
    state = state_of({"s": Sampler(NOISE.make, "label")})
    state.data.held_out.size = 7
    positions = a_class_a_column(state.data, 3, 24, Draw(0))
    assert positions.tolist() == [0, 1, 2, 3, 4, 5]


def test_where_a_class_is_not_held_out_any_real_samples_are_shown():
    data = state_of({"samples": Sampler(None, given="label")}).data
    columns = len(DIGITS.classes) + 1
    assert torch.equal(a_class_a_column(data, columns, 12, Draw(0)), torch.arange(min(12, data.held_out.size)))


def test_every_sampler_is_shown_one_below_the_other():
    one, two = (Snapshots(10)(state_of(dict.fromkeys(names, NOISE))).pictures["000000024"] for names in ("a", "ab"))
    assert two.height == 2 * one.height + 6
    assert two.crop((0, 0, *one.size)).tobytes() == one.tobytes()


@pytest.mark.parametrize(
    ("space", "given", "expected"),
    [
        (Points((2,)), "number", (2500, None)),
        (DIGITS, "label", (24, 3)),
        (Images((1, 8, 8), classes=tuple(map(str, range(62)))), "label", (128, 16)),
        (DIGITS, "condition", (32, 8)),
        (DIGITS, "number", (64, 8)),
    ],
)
def test_how_many_samples_a_picture_shows(space, given, expected):
    assert layout(space, Sampler(NOISE.make, given)) == expected


def test_pictures_of_unequal_width_are_stacked():
    whole = stack([Image.new("L", (4, 3), 1), Image.new("L", (6, 2), 2)], gap=1)
    assert whole.size == (6, 6)
    assert np.asarray(whole)[:, 0].tolist() == [1, 1, 1, 128, 2, 2]
    colour = stack([Image.new("RGB", (1, 1)), Image.new("RGB", (2, 1), (9, 9, 9))], gap=0)
    assert colour.getpixel((1, 0)) == (128, 128, 128)
