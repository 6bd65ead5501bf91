"""Faults do what they say, cells are judged as declared, and the page says what the records say."""

import itertools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import curves
import floor
import pytest
import sensitivity
import sensitivity_page
import torch
from curves import Point
from damage import FAULTS, Material, Pictures
from hypothesis import given
from hypothesis import strategies as st
from records import Case, Measured, measure, run
from sensitivity import DECLARED, LEFT_OUT, PICTURES, change, halves, material_of, moved, rank_correlation

from zerosum.data import open_data
from zerosum.data.packed import PackedSource
from zerosum.draw import Draw
from zerosum.metrics import registry
from zerosum.metrics.intervals import Interval
from zerosum.metrics.spectrum import laplacian_variance

N = 40
LADDER = {name: ladder for name, (_, ladder, _) in FAULTS.items()}


def pictures(n: int, key: str) -> Pictures:
    """Smooth pictures of ten classes in turn, all different."""
    coarse = Draw(key).uniform(n, 2, 4, 4)
    images = torch.nn.functional.interpolate(coarse, size=(16, 16), mode="bilinear")
    return Pictures((255 * images).to(torch.uint8), torch.arange(n) % 10)


MATERIAL = Material(pictures(100, "fresh"), pictures(60, "train"))


def made(fault: str, strength: float, seed: int = 0) -> Pictures:
    damage, _, _ = FAULTS[fault]
    return damage(MATERIAL, strength, N, Draw(seed))


def rows(found: Pictures) -> list[bytes]:
    return [image.numpy().tobytes() for image in found.images]


def curve(*values: float, half: float = 0.1) -> list[Point]:
    return [Point(float(rung), value, value - half, value + half) for rung, value in enumerate(values)]


class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_without_strength_nothing_happens(self, fault: str) -> None:
        found = made(fault, 0.0)
        assert torch.equal(found.images, MATERIAL.fresh.images[:N])
        assert torch.equal(found.labels, MATERIAL.fresh.labels[:N])

    @pytest.mark.parametrize("fault", FAULTS)
    def test_each_step_gives_as_many_levels_and_the_same_again(self, fault: str) -> None:
        assert len(LADDER[fault]) == 6
        assert LADDER[fault][0] == 0
        assert list(LADDER[fault]) == sorted(set(LADDER[fault]))
        for strength in LADDER[fault]:
            found = made(fault, strength)
            assert found.images.dtype == torch.uint8
            assert found.images.shape == (N, 2, 16, 16)
            assert found.labels.shape == (N,)
            assert torch.equal(found.images, made(fault, strength).images)

    def test_blur_takes_detail_and_leaves_brightness(self) -> None:
        found = [made("blur", sigma).images for sigma in LADDER["blur"]]
        detail = [laplacian_variance(images).mean().item() for images in found]
        assert detail == sorted(detail, reverse=True)
        assert len(set(detail)) == len(detail)
        for images in found:
            assert images.float().mean().item() == pytest.approx(found[0].float().mean().item(), abs=2)

    def test_blur_is_a_gaussian(self) -> None:
        point = torch.zeros(1, 1, 31, 31, dtype=torch.uint8)
        point[0, 0, 15, 15] = 255
        damage, _, _ = FAULTS["blur"]
        found = damage(Material(Pictures(point, torch.zeros(1)), MATERIAL.train), 1.5, 1, Draw(0)).images[0, 0].double()
        place = torch.arange(31.0) - 15
        variance = (found.sum(0) * place.square()).sum() / found.sum()
        assert variance.item() == pytest.approx(1.5**2, rel=0.1)
        assert torch.equal(found, found.T)

    @pytest.mark.parametrize("std", LADDER["noise"][1:])
    def test_noise_has_the_deviation_it_says(self, std: float) -> None:
        grey = Pictures(torch.full((N, 1, 16, 16), 128, dtype=torch.uint8), torch.zeros(N))
        damage, _, _ = FAULTS["noise"]
        found = damage(Material(grey, grey), std, N, Draw(0)).images.float() / 255
        kept = found[(found > 0) & (found < 1)]
        assert found.mean().item() == pytest.approx(0.5, abs=0.01)
        assert kept.std().item() <= std * 1.02
        if std <= 0.15:  # beyond, much is cut off
            assert found.std().item() == pytest.approx(std, rel=0.03)

    @pytest.mark.parametrize("share", LADDER["dropped"])
    def test_dropped_classes_are_gone_and_nothing_repeats(self, share: float) -> None:
        found = made("dropped", share)
        assert len(found.labels.unique()) == 10 - round(10 * share)
        assert len(set(rows(found))) == N
        assert set(rows(found)) <= set(rows(MATERIAL.fresh))

    def test_which_classes_are_dropped_is_drawn_and_more_strength_drops_more_of_the_same(self) -> None:
        left = [set(made("dropped", share).labels.tolist()) for share in LADDER["dropped"]]
        assert all(more < less for less, more in itertools.pairwise(left))
        assert len({tuple(made("dropped", 0.5, seed).labels.unique().tolist()) for seed in range(5)}) > 1

    @pytest.mark.parametrize("share", LADDER["duplicated"])
    def test_so_many_samples_are_different(self, share: float) -> None:
        found = made("duplicated", share)
        assert len(set(rows(found))) == round((1 - share) * N)
        assert set(rows(found)) <= set(rows(MATERIAL.fresh))

    @pytest.mark.parametrize("share", LADDER["memorised"])
    def test_so_many_samples_are_training_images(self, share: float) -> None:
        found = rows(made("memorised", share))
        known = set(rows(MATERIAL.train))
        assert sum(row in known for row in found) == round(share * N)
        assert len(set(found)) == N

    @pytest.mark.parametrize("fault", FAULTS)
    def test_labels_stay_with_their_pictures(self, fault: str) -> None:
        if fault in ("blur", "noise"):
            expected = MATERIAL.fresh.labels[:N]
            assert torch.equal(made(fault, LADDER[fault][-1]).labels, expected)
            return
        label = {
            row: number
            for side in (MATERIAL.fresh, MATERIAL.train)
            for row, number in zip(rows(side), side.labels.tolist(), strict=True)
        }
        found = made(fault, LADDER[fault][3])
        assert [label[row] for row in rows(found)] == found.labels.tolist()


class TestMaterial:
    @pytest.mark.parametrize("name", PICTURES)
    def test_halves_share_nothing_and_are_enough(self, name: str) -> None:
        data = open_data(name, progress=False)
        assert isinstance(data.train, PackedSource)
        variants = sensitivity.VARIANTS[name]
        for seed in range(sensitivity.SEEDS):
            first, second = halves(data.train, variants, Draw(seed))
            assert sorted(torch.cat([first, second]).tolist()) == list(range(data.train.size))
            groups = [set((data.train.rows[part] // variants).tolist()) for part in (first, second)]
            assert not groups[0] & groups[1]
            fresh = material_of(data, seed).fresh
            assert len(FAULTS["dropped"][0](Material(fresh, fresh), 0.5, PICTURES[name], Draw(seed))) == PICTURES[name]
        assert PICTURES[name] <= (data.held_out.size or 0)

    def test_other_seeds_halve_otherwise(self) -> None:
        source = open_data("digits", progress=False).train
        assert isinstance(source, PackedSource)
        found = [set(halves(source, 1, Draw(seed))[0].tolist()) for seed in range(3)]
        assert found[0] != found[1] != found[2] != found[0]


class TestDeclared:
    def test_every_result_is_declared_or_left_out_for_a_reason(self) -> None:
        assert {*DECLARED, *LEFT_OUT} == set(registry.results())
        assert not DECLARED.keys() & LEFT_OUT.keys()
        assert all(each.why for each in DECLARED.values())

    @pytest.mark.parametrize("case", sensitivity.cases(), ids=lambda case: case.name)
    def test_a_case_aims_at_each_cell_once(self, case: Case) -> None:
        fault = str(case.options["fault"])
        apart = case.name.endswith("-tstr")
        wanted = {name for name in DECLARED if (name in sensitivity.APART) == apart}
        aimed = {target.split("_", 1)[1] for target in case.targets}
        assert aimed == {name for name in wanted if DECLARED[name].under(fault) != "free"}
        for name in aimed:
            expected = {"up": "rho", "down": "rho", "blind": "change"}[DECLARED[name].under(fault)]
            target = case.targets[f"{expected}_{name}"]
            assert (target.low, target.high) == {
                "up": (0.9, None),
                "down": (None, -0.9),
                "blind": (None, 1.0),
            }[DECLARED[name].under(fault)]

    def test_cells_have_names_of_their_own(self) -> None:
        names = [case.name for case in sensitivity.cases()]
        assert len(names) == len(set(names)) == 2 * len(PICTURES) * len(FAULTS)


class TestJudging:
    @given(st.lists(st.integers(-50, 50), min_size=3, max_size=8))
    def test_rank_correlation_is_pearsons_of_ranks(self, values: list[int]) -> None:
        def ranks(numbers: list[float]) -> list[float]:
            return [
                sum(other < number for other in numbers) + (sum(other == number for other in numbers) - 1) / 2
                for number in numbers
            ]

        x, y = ranks([float(rung) for rung in range(len(values))]), ranks([float(value) for value in values])
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        spread = math.sqrt(sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y))
        expected = covariance / spread if spread else 0.0
        assert rank_correlation(curve(*values)) == pytest.approx(expected, abs=1e-9)

    @given(*[st.tuples(st.floats(-5, 5), st.floats(0.01, 3), st.floats(0.01, 3))] * 2)
    def test_up_to_one_intervals_overlap(self, first: tuple[float, ...], second: tuple[float, ...]) -> None:
        a, b = (Point(0.0, value, value - below, value + above) for value, below, above in (first, second))
        if abs(moved(a, b) - 1) > 1e-6:
            assert (moved(a, b) <= 1) == (a.low <= b.high and b.low <= a.high)
        assert moved(a, b) == moved(b, a) >= 0

    def test_without_intervals_any_change_is_one(self) -> None:
        assert moved(Point(0, 1, 1, 1), Point(1, 2, 2, 2)) == math.inf
        assert moved(Point(0, 1, 1, 1), Point(1, 1, 1, 1)) == 0

    def test_a_bound_may_be_anything_above(self) -> None:
        bound = Point.of(0, 5.0, None)
        assert (bound.low, bound.high) == (5, math.inf)
        assert moved(bound, Point.of(1, 50.0, Interval(40, 60, "x"))) == 0
        assert moved(bound, Point.of(1, 2.0, Interval(1, 3, "x"))) == pytest.approx(3)

    def test_the_largest_change_counts(self) -> None:
        assert change(curve(1.0, 1.1, 1.5, 1.2)) == pytest.approx(2.5)


def test_curves_are_kept_as_they_are(tmp_path: Path) -> None:
    found = {"support": [Point(0, 3, 3, math.inf), Point(0.5, 2, 1, 4)]}
    path = curves.path_of(tmp_path, "case", 1)
    curves.write(path, found)
    assert curves.read(path) == found
    assert "Infinity" not in path.read_text()


def falls(rung: int) -> float:
    return 1.0 - 0.1 * rung


def stays(rung: int) -> float:
    return 0.5


def records_of(folder: Path, shapes: Mapping[str, Callable[[int], float]]) -> None:
    """Records of all cheap cases on digits; results that are not in `shapes` stay where they are."""
    for case in [case for case in sensitivity.cases() if case.name in {f"digits-{fault}" for fault in FAULTS}]:
        names = [name for name in DECLARED if name not in sensitivity.APART]
        found = {name: curve(*(shapes.get(name, stays)(rung) for rung in range(6)), half=0.04) for name in names}
        for seed in range(2):
            measured = Measured(sensitivity.figures(found))
            again = Case(case.name, lambda seed, trial, it=measured: it, case.options, case.targets)
            measure("sensitivity", 0, again, seed, folder / "sensitivity" / f"{case.name}-seed{seed}.json")
            curves.write(curves.path_of(folder / "sensitivity", case.name, seed), found)


class TestPage:
    def test_without_records_it_declares_and_has_no_figures(self, tmp_path: Path) -> None:
        page = sensitivity_page.page(tmp_path, tmp_path)
        assert all(f"| `{name}` |" in page for name in DECLARED)
        assert "Nothing is on record" in page
        assert "ρ 0." not in page
        assert "![" not in page
        assert not list(tmp_path.glob("*.png"))

    def test_a_cell_that_fails_says_what_was_declared(self, tmp_path: Path) -> None:
        records_of(tmp_path, {"precision": falls})
        page = sensitivity_page.page(tmp_path, tmp_path)
        row = next(line for line in page.split("## Measured")[1].splitlines() if line.startswith("| `precision`"))
        assert [cell.strip() for cell in row.split("|")[2:-1]] == [
            "↓ ρ -1.00",
            "↓ ρ -1.00",
            *["**declared blind 6.25 ×, ρ -1.00**"] * 3,
        ]
        assert "- `precision` under dropped on digits: declared blind 6.25 ×, ρ -1.00" in page
        assert "- `precision` under blur" not in page
        assert "- `fd` under blur on digits: declared ↑ ρ 0.00, 0.00 ×" in page

    def test_cells_are_counted(self, tmp_path: Path) -> None:
        records_of(tmp_path, {})
        page = sensitivity_page.page(tmp_path, tmp_path)
        said = [each.under(fault) for name, each in DECLARED.items() if name != "tstr" for fault in FAULTS]
        claimed = len(said) - said.count("free")
        assert f"{said.count('blind')} of {claimed} cells are as declared" in page

    def test_plots_are_pictures_of_moderate_size(self, tmp_path: Path) -> None:
        records_of(tmp_path, {"score": falls})
        page = sensitivity_page.page(tmp_path, tmp_path)
        assert "(pictures/sensitivity-digits.png)" in page
        assert "glyphs.png" not in page
        assert 10_000 < (tmp_path / "sensitivity-digits.png").stat().st_size < 400_000


class TestFloor:
    def test_halves_share_nothing(self) -> None:
        data = open_data("digits", progress=False)
        scored, reference = floor.sides(data, "held-out", 0)
        values = [torch.cat([part for part, _ in side.chunks()]) for side in (scored, reference)]
        assert len(values[0]) == len(values[1]) == (data.held_out.size or 0) // 2
        assert scored.n == len(values[0])
        shown = [{image.numpy().tobytes() for image in side} for side in values]
        assert not shown[0] & shown[1]

    def test_training_samples_are_scored_against_the_whole_held_out_split(self) -> None:
        data = open_data("digits", progress=False)
        scored, reference = floor.sides(data, "train", 0)
        assert scored.n == reference.n == data.held_out.size
        assert all(labels is not None for _, labels in scored.chunks())

    def test_the_page_has_values_and_intervals(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(floor, "POINTS", 120)
        case = next(case for case in floor.cases(tmp_path / "floor") if case.name == "ring-held-out")
        run("floor", "About.", [case], ["--results", str(tmp_path), "--seeds", "2"])
        record: dict[str, Any] = json.loads((tmp_path / "floor" / "ring-held-out-seed0.json").read_text())
        assert record["figures"]["scored"] == record["figures"]["reference"] == 120
        assert record["figures"]["modes"] == 8
        assert "path_length" not in record["figures"]
        page = sensitivity_page.page(tmp_path, tmp_path)
        (hq,) = [line for line in page.split("## The floor")[1].splitlines() if line.startswith("| `hq`")]
        assert " to " in hq
        assert "120 against 120" in page
