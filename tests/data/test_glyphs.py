import string

import numpy as np
import pytest
import torch

from zerosum.data import DataOptions, open_data
from zerosum.data.glyphs import CHARACTERS, SISTERS, STYLE_OF, STYLES, WEIGHTS, Glyph, _Renderer
from zerosum.data.packed import PackedSource, PairedSource, UnpairedSource
from zerosum.draw import Draw
from zerosum.errors import UserError


@pytest.fixture(scope="module")
def renderer() -> _Renderer:
    return _Renderer(32)


@pytest.mark.parametrize("font", STYLE_OF)
def test_every_font_has_every_character(renderer: _Renderer, font: str) -> None:
    pictures = [renderer(Glyph(character, font, 0.0, False)) for character in CHARACTERS]
    missing = renderer(Glyph("\U0010fffd", font, 0.0, False))
    assert len({picture.tobytes() for picture in pictures}) == len(CHARACTERS)
    for picture in pictures:
        assert not np.array_equal(picture, missing)
        assert picture.max() > 128
        edge = np.concatenate([picture[[0, -1]].ravel(), picture[:, [0, -1]].ravel()])
        assert edge.max() == 0  # nothing is cut off


def test_fonts_differ_in_more_than_name(renderer: _Renderer) -> None:
    pictures = {renderer(Glyph("g", font, 0.0, False)).tobytes() for font in STYLE_OF}
    assert len(pictures) == len(STYLE_OF)


def test_strokes_grow_heavier(renderer: _Renderer) -> None:
    ink = [renderer(Glyph("R", "DejaVuSans", weight, False)).astype(int).sum() for weight in WEIGHTS]
    assert ink == sorted(set(ink))


def test_wear_is_always_the_same_and_changes_the_edge_alone(renderer: _Renderer) -> None:
    clean, worn, again = (renderer(Glyph("O", "DejaVuSans-Bold", 0.0, rough)) for rough in (False, True, True))
    assert np.array_equal(worn, again)
    assert (clean != worn).sum() > 30
    assert worn[:3].max() == 0  # no specks on plain paper


def test_classes_are_characters_or_styles() -> None:
    assert set(open_data("glyphs").space.classes) == set(string.ascii_letters + string.digits)
    assert open_data("glyphs", DataOptions(label="style")).space.classes == STYLES


def test_variants_of_a_glyph_stay_on_one_side_of_the_split() -> None:
    data = open_data("glyphs")
    assert isinstance(data.train, PackedSource)
    assert isinstance(data.held_out, PackedSource)
    train, held_out = ({int(row) // len(WEIGHTS) for row in s.rows} for s in (data.train, data.held_out))
    assert not train & held_out


def test_glyphs_vary_from_visit_to_visit_and_by_sample() -> None:
    source = open_data("glyphs", DataOptions(channels=3)).held_out
    one = torch.zeros(2, dtype=torch.int64)
    first, second = source.batch(one, Draw("a")).real, source.batch(one, Draw("b")).real
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("domains", ["sans-serif", "clean-rough"])
def test_pairs_have_one_character_and_one_map(domains: str) -> None:
    source = open_data(f"glyphs:{domains}", DataOptions(paired=True)).train
    assert isinstance(source, PairedSource)
    assert torch.equal(source.condition.rows, source.real.rows)
    assert source.condition.labels is not None
    assert source.real.labels is not None
    assert torch.equal(source.condition.labels, source.real.labels)
    batch = source.batch(torch.linspace(0, source.size - 1, 200).long(), Draw("a"))
    assert batch.condition is not None
    flat = torch.stack([batch.condition.flatten(1), batch.real.flatten(1)])
    flat = flat - flat.mean(2, keepdim=True)
    alike = torch.nn.functional.cosine_similarity(flat[0], flat[1])
    others = torch.nn.functional.cosine_similarity(flat[0], flat[1].roll(50, 0))
    assert alike.mean() > 0.7 > others.mean() + 0.2


def test_unpaired_partners_are_drawn_at_random() -> None:
    source = open_data("glyphs:clean-rough").train
    assert isinstance(source, UnpairedSource)
    first, second = (source.batch(torch.arange(50), Draw(key)) for key in ("a", "b"))
    assert first.label is not None
    assert second.label is not None
    assert torch.equal(first.label, second.label)  # of the condition
    assert not torch.equal(first.real, second.real)


def test_sisters_are_known_fonts() -> None:
    assert set(SISTERS) | set(SISTERS.values()) <= set(STYLE_OF)


@pytest.mark.parametrize(
    ("name", "options", "hint"),
    [
        ("glyphs", {"channels": 4}, "1 channel"),
        ("glyphs:sans-serf", {}, "sans-serif"),
        ("glyphs", {"paired": True}, "two domains"),
    ],
)
def test_mistakes(name: str, options: dict[str, object], hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        open_data(name, DataOptions(**options))  # type: ignore[arg-type]
