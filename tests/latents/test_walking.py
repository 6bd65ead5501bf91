"""Levels, truncation, ways between latents, mixed styles."""

import sys

import numpy as np
import pytest
import torch
from scipy import stats

from zerosum.errors import UserError
from zerosum.latents.exhibit import Exhibit
from zerosum.latents.explorer import Latents
from zerosum.latents.truncation import truncated, within
from zerosum.latents.walking import between, interpolate, layers_of, mix, truncate
from zerosum.latents.ways import STEPPING, WAYS
from zerosum.spaces import Images, Points

LEVELS = [("plain", "z"), ("told", "z"), ("styled", "z"), ("styled", "w"), ("styled", "w+")]


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_every_level_makes_the_samples_that_the_latents_make(explorers, name, level):
    explorer = explorers(name)
    z = explorer.draw(5, 3, level="z")
    assert torch.allclose(explorer.make(explorer.raised(z, level)), explorer.make(z), atol=1e-6)
    assert explorer.make(z).shape == (5, *explorer.space.shape)


@pytest.mark.parametrize("name", ["plain", "styled"])
def test_the_usual_level_is_that_of_styles_where_there_are_any(explorers, name):
    assert explorers(name).level() == ("w" if name == "styled" else "z")


@pytest.mark.parametrize("name", ["plain", "told", "styled"])
def test_latents_are_those_of_their_seed_however_many(explorers, name):
    explorer = explorers(name)
    assert torch.allclose(explorer.draw(20, 1).values[:3], explorer.draw(3, 1).values, atol=1e-6)
    assert not torch.equal(explorer.draw(3, 2).values, explorer.draw(3, 1).values)


def test_classes_are_asked_for_in_turn_or_by_name(explorers):
    told = explorers("told")
    assert told.draw(12, 0).labels.tolist() == [*range(10), 0, 1]
    assert told.draw(3, 0, label="7").labels.tolist() == [7, 7, 7]


@pytest.mark.parametrize(("name", "level"), LEVELS)
def test_truncation_leads_to_the_mean(explorers, name, level):
    explorer = explorers(name)
    latents = explorer.draw(4, 0, level=level)
    assert torch.allclose(truncated(explorer, latents, 1.0).values, latents.values)
    centre = truncated(explorer, latents, 0.0).values
    assert torch.allclose(centre, centre[:1].expand_as(centre))
    half = truncated(explorer, latents, torch.full((4,), 0.5)).values
    assert torch.allclose(half - centre, (latents.values - centre) / 2, atol=1e-6)


def test_the_mean_of_styles_is_taken_over_latents(explorers):
    explorer = explorers("styled")
    drawn = explorer.draw(10_000, 0, level="w").values
    assert torch.allclose(explorer.ensemble("w").centres[0], drawn.mean(0), atol=1e-5)
    assert torch.allclose(explorer.ensemble("w").deviation, drawn.std(0), rtol=1e-3)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 2.0])
def test_a_threshold_gives_the_truncated_normal_distribution(explorers, threshold):
    explorer = explorers("plain")
    latents = explorer.draw(5_000, 0)
    inside = within(explorer, latents, threshold).values
    assert inside.abs().max() <= threshold
    assert stats.kstest(inside.flatten().numpy(), stats.truncnorm(-threshold, threshold).cdf).pvalue > 1e-3
    order = latents.values[:, 0].argsort()
    assert (inside[order, 0].diff() >= 0).all()
    wide = within(explorer, latents, 8.0).values
    assert torch.allclose(wide, latents.values, atol=1e-4)


@pytest.mark.parametrize(("name", "level"), LEVELS)
@pytest.mark.parametrize("path", ["auto", "lerp", "slerp"])
def test_a_way_leads_from_one_latent_to_the_other(explorers, name, level, path):
    explorer = explorers(name)
    latents = explorer.draw(6, 0, level=level)
    first, second = latents[slice(0, 3)], latents[slice(3, 6)]
    way = between(explorer, first, second, 5, path)
    rows = way.values.unflatten(0, (3, 5))
    assert torch.allclose(rows[:, 0], first.values, atol=1e-5)
    assert torch.allclose(rows[:, -1], second.values, atol=1e-5)
    assert way.labels is None or torch.equal(way.labels.view(3, 5)[:, 2], first.labels)
    if path == "lerp" or (path == "auto" and level != "z"):
        assert torch.allclose(rows[:, 2], (first.values + second.values) / 2, atol=1e-5)


def test_normal_latents_keep_their_length_on_the_way(explorers):
    explorer = explorers("plain")
    ends = explorer.draw(2, 0)
    ends = ends.at(torch.nn.functional.normalize(ends.values, dim=1))
    way = between(explorer, ends[slice(0, 1)], ends[slice(1, 2)], 7)
    assert torch.allclose(way.values.norm(dim=1), torch.ones(7), atol=1e-5)


def test_there_is_no_way_between_coins(explorers):
    explorer = explorers("points")
    with pytest.raises(UserError, match="separate pieces"):
        interpolate(explorer)
    assert interpolate(explorer, path="lerp", rows=2, steps=3).samples.shape == (2, 3, 2)


def test_mixed_styles_are_the_rows_but_for_the_chosen_layers(explorers):
    explorer = explorers("styled")
    shown = mix(explorer, rows=2, columns=3, layers="1-2").samples
    assert shown.shape[:2] == (3, 4)
    drawn = explorer.raised(explorer.draw(5, 0), "w+").values
    crossed = torch.stack([drawn[1, 0], drawn[4, 1], drawn[4, 2]])[None]
    assert torch.allclose(shown[2, 3], explorer.make(Latents(crossed, "w+"))[0], atol=1e-6)
    assert torch.allclose(shown[1, 0], explorer.make(Latents(drawn[:1], "w+"))[0], atol=1e-6)


@pytest.mark.parametrize("layers", ["3", "0-3", "2-1", "x", "-1", "1-"])
def test_layers_that_are_not_there_are_refused(explorers, layers):
    if layers == "1-":
        assert layers_of(explorers("styled"), layers) == slice(1, 2)
    else:
        with pytest.raises(UserError, match="from 0 to 2"):
            layers_of(explorers("styled"), layers)


def test_truncation_is_shown_in_falling_degrees(explorers):
    found = truncate(explorers("plain"), rows=2, steps=3)
    assert found.captions == ("columns: psi 1, 0.5, 0",)
    assert torch.allclose(found.samples[0, -1], found.samples[1, -1], atol=1e-5)


def exhibit(steps: bool) -> Exhibit:
    return Exhibit(torch.zeros(2, 3, 2), Points((2,)), steps=steps)


@pytest.mark.parametrize("ending", [".png", ".gif", ".npz"])
def test_an_exhibit_is_written_by_its_ending(tmp_path, ending):
    path = tmp_path / "below" / f"x{ending}"
    exhibit(steps=True).save(path)
    assert path.stat().st_size


@pytest.mark.parametrize(
    ("name", "steps", "message"),
    [
        ("x.mp4", False, "It has no steps"),
        ("x.gif", False, "It has no steps"),
        ("x.pngg", True, "Did you mean '.png'"),
        ("x", True, "Endings: .png a grid, .npz arrays, .gif an animation, .mp4 a video"),
    ],
)
def test_an_ending_that_is_not_possible_is_refused(tmp_path, name, steps, message):
    with pytest.raises(UserError, match=message):
        exhibit(steps).save(tmp_path / name)


def test_a_video_shows_every_frame(tmp_path):
    """Read back by the encoder's own program: as many frames as an animation has, of even sides."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason='pip install "zerosum[video]"')
    shown = Exhibit(torch.linspace(-1, 1, 2 * 3 * 225).view(2, 3, 1, 15, 15), Images((1, 15, 15)), steps=True)
    path = tmp_path / "below" / "x.mp4"
    shown.save(path)
    about, *frames = ffmpeg.read_frames(str(path))
    first = np.asarray(shown.frames()[0].convert("RGB"))
    width, height = about["size"]
    assert (height - first.shape[0], width - first.shape[1]) == (first.shape[0] % 2, first.shape[1] % 2)
    assert len(frames) == len(shown.frames()) == 4
    seen = np.frombuffer(frames[0], np.uint8).reshape(height, width, 3)[: first.shape[0], : first.shape[1]]
    assert np.abs(seen.astype(int) - first).mean() < 8  # lossy


def test_a_video_that_cannot_be_made_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(UserError, match=r"video.*pip install \"zerosum\[video\]\".*\.gif needs nothing more"):
        exhibit(steps=True).save(tmp_path / "below" / "x.mp4")
    assert not (tmp_path / "below").exists()


def test_an_animation_goes_there_and_back():
    assert len(exhibit(steps=True).frames()) == 2 * 3 - 2


def test_columns_that_are_no_steps_are_no_frames():
    assert len(Exhibit(torch.zeros(2, 5, 2), Points((2,)), steps=True, still=2).frames()) == 2 * 3 - 2


def test_what_has_steps_is_known_before(explorers):
    explorer = explorers("styled")
    quick = {"interpolate": {"rows": 1, "steps": 2}, "truncate": {"rows": 1, "steps": 2}, "mix": {"rows": 1}}
    for name, how in quick.items():
        assert WAYS[name](explorer, **how).steps == (name in STEPPING)
    assert set(WAYS) > STEPPING
